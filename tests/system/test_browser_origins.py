"""Which pages a real browser lets read through the proxy, and what the others are told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import tornado.web

from cors_anywhere import CorsProxy, CorsProxyHandler, Settings
from tests.support.browser import BROWSER, NAME, PAGES, SECONDS, browser, listening
from tests.support.needs import needs
from tests.support.process import started

PAGE = PAGES / "asks.html"
LOOPBACK = ("--allow-network", "127.0.0.0/8")
PUT = {"method": "PUT", "headers": {"x-mine": "1"}}

Requests = Mapping[str, tuple[str, dict[str, Any]]]
"""The arguments of fetch() by name."""


@pytest.fixture(autouse=True)
def there_is_a_browser() -> None:
    needs(BROWSER, NAME)


class Target(tornado.web.RequestHandler):
    """Another origin, which has never heard of CORS."""

    def get(self) -> None:
        self.write("content")

    post = put = get

    def check_xsrf_cookie(self) -> None:
        pass


class Asking(tornado.web.RequestHandler):
    """A page's own origin."""

    def get(self) -> None:
        self.write(PAGE.read_text())


class Told(tornado.web.RequestHandler):
    """Where the page tells what it saw."""

    def initialize(self, seen: asyncio.Future[Any]) -> None:
        self.seen = seen

    def post(self) -> None:
        self.seen.set_result(json.loads(self.request.body))


class World:
    """A target, and where a page tells what it saw."""

    async def __aenter__(self) -> World:
        self._open = AsyncExitStack()
        self._seen: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        told = tornado.web.Application([("/", Told, {"seen": self._seen})])
        targets = tornado.web.Application([("/", Target)])
        self._tell = await self._open.enter_async_context(listening(told))
        self.target = await self._open.enter_async_context(listening(targets))
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._open.aclose()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.target}/"

    async def seen(self, page: str, requests: Requests, profile: Path, *flags: str) -> Any:
        """What the page at this URL could read of each request."""
        asked = {"tell": f"http://127.0.0.1:{self._tell}/", "requests": requests}
        url = f"{page}#{quote(json.dumps(asked))}"
        async with browser(url, profile, *flags), asyncio.timeout(SECONDS):
            return await self._seen


LISTS = {
    "denied": ("--deny-origin", "blacklisted"),
    "not-allowed": ("--allow-origin", "not whitelisted"),
}


@pytest.mark.parametrize(("option", "word"), LISTS.values(), ids=LISTS)
def test_a_page_that_is_not_served_can_read_why_with_and_without_a_preflight(
    option: str, word: str, tmp_path: Path
) -> None:
    async def run() -> tuple[Any, str]:
        async with World() as world, listening(tornado.web.Application([("/", Asking)])) as port:
            page = f"http://localhost:{port}"
            listed = page if option == "--deny-origin" else "https://other.test"
            with started(*LOOPBACK, option, listed) as proxy:
                through = f"http://127.0.0.1:{proxy.port}/{world.url}"
                requests: Requests = {"simple": (through, {}), "preflighted": (through, PUT)}
                return await world.seen(f"{page}/", requests, tmp_path), page

    seen, page = asyncio.run(run())
    why = f'The origin "{page}" was {word} by the operator of this proxy.'
    assert seen == {"simple": [403, why], "preflighted": [403, why]}


def test_the_proxys_own_page_reads_through_it_where_self_is_allowed(tmp_path: Path) -> None:
    async def run() -> Any:
        async with World() as world:
            with started(*LOOPBACK, "--allow-origin", "self", "--help-file", str(PAGE)) as proxy:
                requests: Requests = {
                    "get": (f"/{world.url}", {}),
                    "post": (f"/{world.url}", {"method": "POST", "body": "x"}),
                    "put": (f"/{world.url}", PUT),
                    "cors-mode-off": (f"/{world.url}", {"mode": "same-origin"}),
                }
                return await world.seen(f"http://localhost:{proxy.port}/", requests, tmp_path)

    content = [200, "content"]
    assert asyncio.run(run()) == dict.fromkeys(("get", "post", "put", "cors-mode-off"), content)


def test_without_self_the_proxys_own_page_is_told_its_origin(tmp_path: Path) -> None:
    async def run() -> tuple[Any, int]:
        async with World() as world:
            allowed = ("--allow-origin", "https://app.test", "--help-file", str(PAGE))
            with started(*LOOPBACK, *allowed) as proxy:
                page = f"http://localhost:{proxy.port}/"
                return await world.seen(page, {"get": (f"/{world.url}", {})}, tmp_path), proxy.port

    seen, port = asyncio.run(run())
    why = f'The origin "http://localhost:{port}" was not whitelisted by the operator of this proxy.'
    assert seen == {"get": [403, why]}


def test_the_pages_of_an_application_read_through_the_proxy_that_it_mounts(tmp_path: Path) -> None:
    # To a browser "app.test" over plain HTTP is not trustworthy: it sends no Sec-Fetch-Site there.
    async def run() -> Any:
        settings = Settings(
            allow_origins=("https://app.example.com",), allow_networks=("127.0.0.0/8",)
        )
        mount = (r"/proxy/(.*)", CorsProxyHandler, {"proxy": CorsProxy(settings)})
        application = tornado.web.Application([("/", Asking), mount])
        async with World() as world, listening(application) as port:
            through = f"/proxy/{world.url}"
            requests: Requests = {
                "post": (through, {"method": "POST", "body": "x"}),
                "marked": (through, {"headers": {"x-requested-with": "fetch"}}),
            }
            rules = "--host-resolver-rules=MAP app.test 127.0.0.1"
            return await world.seen(f"http://app.test:{port}/", requests, tmp_path, rules)

    assert asyncio.run(run()) == {"post": [200, "content"], "marked": [200, "content"]}


def test_the_pages_of_an_application_on_localhost_need_no_header(tmp_path: Path) -> None:
    async def run() -> Any:
        settings = Settings(
            allow_origins=("https://app.example.com",), allow_networks=("127.0.0.0/8",)
        )
        mount = (r"/proxy/(.*)", CorsProxyHandler, {"proxy": CorsProxy(settings)})
        application = tornado.web.Application([("/", Asking), mount])
        async with World() as world, listening(application) as port:
            requests: Requests = {"get": (f"/proxy/{world.url}", {})}
            return await world.seen(f"http://localhost:{port}/", requests, tmp_path)

    assert asyncio.run(run()) == {"get": [200, "content"]}
