"""What a page in a real browser can read through the real command."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import tornado.web
from websockets.asyncio.server import ServerConnection, serve

from tests.support.browser import BROWSER, NAME, PAGES, SECONDS, browser, listening
from tests.support.needs import needs
from tests.support.process import command

PAGE = PAGES / "reader.html"
CUT = {"chromium": "TypeError", "firefox": "AbortError"}


class Targets(tornado.web.RequestHandler):
    """Another origin, which has never heard of CORS."""

    async def get(self, name: str) -> None:
        self.set_header("X-Of-Target", "yes")
        if name == "redirect":
            self.redirect("/plain")
        elif name == "cut":
            self.set_header("Content-Length", "100")
            self.write("begun")
            await self.flush()
            self.request.connection.stream.close()  # type: ignore[union-attr]
        else:
            self.write("plain text")

    def put(self, _: str) -> None:
        self.write(f"{self.request.headers['X-Mine']} {self.request.body.decode()}")


class Page(tornado.web.RequestHandler):
    """The page's own origin: the page, what it is to ask for, and where it tells."""

    def initialize(self, config: dict[str, str], seen: asyncio.Future[Any]) -> None:
        self.config, self.seen = config, seen

    def get(self, name: str) -> None:
        self.finish(self.config if name == "config" else PAGE.read_text())

    def post(self, _: str) -> None:
        self.seen.set_result(json.loads(self.request.body))


async def echo(socket: ServerConnection) -> None:
    async for message in socket:
        await socket.send(message)


async def what_the_page_saw(profile: Path) -> tuple[dict[str, Any], str]:
    """What the page told, and the target's origin."""
    loop = asyncio.get_running_loop()
    seen: asyncio.Future[Any] = loop.create_future()
    config: dict[str, str] = {}
    pages = tornado.web.Application([(r"/(.*)", Page, {"config": config, "seen": seen})])
    targets = tornado.web.Application([(r"/(.*)", Targets)])
    with command() as proxy:
        async with (
            listening(targets) as target,
            listening(pages) as page,
            serve(echo, "127.0.0.1", 0) as sockets,
        ):
            socket = next(iter(sockets.sockets)).getsockname()[1]
            config |= {
                "proxy": f"http://127.0.0.1:{proxy.port}",
                "target": f"http://127.0.0.1:{target}",
                "denied": "http://10.0.0.1/",
                "socket": f"ws://127.0.0.1:{socket}/",
            }
            async with browser(f"http://localhost:{page}/", profile), asyncio.timeout(SECONDS):
                return await seen, config["target"]


def test_a_page_reads_replies_errors_and_ends_as_they_are(tmp_path: Path) -> None:
    needs(BROWSER, NAME)
    seen, target = asyncio.run(what_the_page_saw(tmp_path))
    assert seen == {
        "direct": "TypeError",
        "get": [200, "plain text", f"{target}/plain", "yes"],
        "preflighted": [200, '1 {"a": 1}'],
        "redirected": ["plain text", f"302 {target}/plain"],
        "refused": [403, "error=destination_ip_prohibited"],
        "cut": CUT[NAME],
        "webSocket": "hello",
    }
