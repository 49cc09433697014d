"""A mount as a real browser's pages see it: those of the proxy's own origin, and others."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
import tornado.web

from cors_anywhere import CorsProxy, CorsProxyHandler, Settings
from tests.support.browser import BROWSER, NAME, PAGES, listening
from tests.support.needs import needs
from tests.support.process import started
from tests.system.test_browser_origins import Asking, Requests, Target, World

PAGE = PAGES / "asks.html"
API = tornado.web.Application(
    [
        ("/base/x", Target),
        ("/base/moved", tornado.web.RedirectHandler, {"url": "/base/x", "permanent": False}),
    ]
)
PUT = {"method": "PUT", "headers": {"x-mine": "1"}}


def requests(at: str) -> Requests:
    """What a page asks of a mount that is here."""
    return {
        "get": (f"{at}/x", {}),
        "put": (f"{at}/x", PUT),
        "moved": (f"{at}/moved", {}),
        "moved-after-a-preflight": (f"{at}/moved", {"headers": {"x-mine": "1"}}),
    }


READ = {name: [200, "content"] for name in requests("")}


@pytest.fixture(autouse=True)
def there_is_a_browser() -> None:
    needs(BROWSER, NAME)


def test_a_page_of_the_proxys_own_origin_reads_what_is_mounted_there(tmp_path: Path) -> None:
    async def run() -> Any:
        async with World() as world, listening(API) as port:
            mount = ("--mount", f"/api=http://127.0.0.1:{port}/base")
            page = ("--help-file", str(PAGE), "--allow-origin", "self")
            with started(*mount, *page) as proxy:
                at = f"http://localhost:{proxy.port}/"
                return await world.seen(at, requests("/api"), tmp_path)

    assert asyncio.run(run()) == READ


def test_a_page_of_an_application_reads_what_it_mounts(tmp_path: Path) -> None:
    async def run() -> Any:
        async with World() as world, listening(API) as port:
            mounts = {"/api": f"http://127.0.0.1:{port}/base"}
            proxy = CorsProxy(Settings(mounts=mounts, allow_origins=("https://app.test",)))
            route = (r"/proxy/(.*)", CorsProxyHandler, {"proxy": proxy})
            application = tornado.web.Application([("/", Asking), route])
            async with listening(application) as here:
                page = f"http://localhost:{here}/"
                return await world.seen(page, requests("/proxy/api"), tmp_path)

    assert asyncio.run(run()) == READ


def test_a_page_of_another_origin_reads_the_one_target_redirects_included(tmp_path: Path) -> None:
    async def run() -> Any:
        async with (
            World() as world,
            listening(API) as port,
            listening(tornado.web.Application([("/", Asking)])) as here,
        ):
            page = f"http://localhost:{here}"
            target = ("--target", f"http://localhost:{port}/base", "--allow-origin", page)
            with started(*target) as proxy:
                at = f"http://127.0.0.1:{proxy.port}"
                return await world.seen(f"{page}/", requests(at), tmp_path)

    assert asyncio.run(run()) == READ
