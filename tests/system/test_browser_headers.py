"""Headers that a page has sent though its browser lets it set none of them, and a key that it never
sees, in a real browser."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import tornado.web

from tests.support.browser import CHROMIUM, listening
from tests.support.needs import needs
from tests.support.process import started
from tests.system.test_browser_origins import LOOPBACK, Asking, Requests, World

NAMES = ("Origin", "Referer", "User-Agent", "Cookie", "X-Key")
KEY = "s3cret"


class Api(tornado.web.RequestHandler):
    """A target that knows its key, and tells what else it was sent."""

    def get(self) -> None:
        sent = self.request.headers
        self.write(json.dumps([*map(sent.get, NAMES[:4]), sent.get("X-Key") == KEY]))

    def delete(self) -> None:
        raise AssertionError("it was asked")


def test_a_page_says_by_x_cors_headers_what_its_browser_does_not_let_it_say(tmp_path: Path) -> None:
    needs(CHROMIUM, "chromium")
    said = {"origin": "https://a.test", "referer": "https://a.test/", "user-agent": None}
    wanted = json.dumps({**said, "cookie": "a=b"})

    async def run() -> Any:
        pages, api = (tornado.web.Application([("/", page)]) for page in (Asking, Api))
        async with World() as world, listening(pages) as port, listening(api) as target:
            page, url = f"http://localhost:{port}", f"http://127.0.0.1:{target}"
            allowed = [
                word for name in (*said, "cookie") for word in ("--allow-header-override", name)
            ]
            keyed = ("--allow-target", "127.0.0.1", "--target-header", f"{url}: X-Key: {KEY}")
            chosen = (
                *LOOPBACK,
                "--allow-origin",
                page,
                *allowed,
                *keyed,
                "--deny-method",
                "DELETE",
            )
            with started(*chosen) as proxy:
                through = f"http://127.0.0.1:{proxy.port}/{url}/"
                requests: Requests = {
                    "set": (through, {"headers": {"x-cors-headers": wanted}}),
                    "not-listed": (through, {"headers": {"x-cors-headers": '{"x-key": "mine"}'}}),
                    "malformed": (through, {"headers": {"x-cors-headers": "{referer: 1}"}}),
                    "denied-method": (through, {"method": "DELETE"}),
                }
                return await world.seen(f"{page}/", requests, tmp_path)

    seen = asyncio.run(run())
    status, text = seen["set"]
    assert (status, json.loads(text)) == (
        200,
        ["https://a.test", "https://a.test/", None, "a=b", True],
    )
    assert seen["not-listed"] == [403, 'The header "x-key" may not be set by x-cors-headers.']
    assert (seen["malformed"][0], "character 2" in seen["malformed"][1]) == (400, True)
    assert (seen["denied-method"][0], "does not serve" in seen["denied-method"][1]) == (405, True)
