"""What a real browser lets a page do with credentials, and which cookies it keeps for a mount."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import tornado.web

from tests.support.browser import BROWSER, NAME, PAGES, listening
from tests.support.needs import needs
from tests.support.process import started
from tests.support.tls import Tls
from tests.system.test_browser_origins import LOOPBACK, World

PAGE = PAGES / "credentials.html"
NOT_READ = "TypeError"


@pytest.fixture(autouse=True)
def there_is_a_browser() -> None:
    needs(BROWSER, NAME)


class Api(tornado.web.RequestHandler):
    """A target with sessions, which has never heard of CORS."""

    def get(self, name: str) -> None:
        self.set_header("X-Of-Target", "yes")
        if name == "events":
            self.set_header("Content-Type", "text/event-stream")
            self.write("data: hello\n\n")
        elif name == "base/login":
            self.set_cookie("session", "1", domain="127.0.0.1", httponly=True, samesite="Lax")
            self.redirect("/base/cookies")
        elif name == "base/logout":
            self.clear_cookie("session")
        else:
            self.write(self.request.headers.get("Cookie", "no cookie"))

    post = put = get

    def check_xsrf_cookie(self) -> None:
        pass


class Page(tornado.web.RequestHandler):
    """The page's own origin."""

    def get(self) -> None:
        self.write(PAGE.read_text())


async def seen(profile: Path, *options: str, tls: Tls | None = None) -> Any:
    """What a page of an allowed origin could read; over TLS the proxy is another site to it."""
    pages, targets = (tornado.web.Application([rule]) for rule in (("/", Page), ("/(.*)", Api)))
    async with World() as world, listening(pages) as page, listening(targets) as target:
        mounted = ("--open-proxy", "--mount", f"/api=http://127.0.0.1:{target}/base")
        allowed = (*LOOPBACK, "--allow-origin", f"http://localhost:{page}", *mounted, *options)
        secure: Sequence[str] = (
            () if tls is None else ("--tls-cert", tls.cert, "--tls-key", tls.key)
        )
        with started(*allowed, *secure) as running:
            site = "https://127.0.0.1" if tls else "http://localhost"
            proxy = f"{site}:{running.port}"
            where: Any = {
                "proxy": proxy,
                "mount": f"{proxy}/api",
                "target": f"http://127.0.0.1:{target}",
            }
            flag = "--ignore-certificate-errors"
            return await world.seen(f"http://localhost:{page}/", where, profile, flag)


READ = {
    "fetch": [200, "no cookie"],
    "preflighted": [200, "yes"],
    "events": "hello",
    "beacon": True,
    "login": [200, "session=1"],
    "again": [200, "session=1"],
    "withoutCredentials": [200, "no cookie"],
    "besideTheMount": [200, "no cookie"],
    "logout": [200, ""],
    "after": [200, "no cookie"],
}


@pytest.mark.parametrize("cross_site", [False, True], ids=["same-site", "cross-site"])
def test_a_page_sends_credentials_and_has_a_session_at_a_mount(
    cross_site: bool, tls: Tls, tmp_path: Path
) -> None:
    told = asyncio.run(seen(tmp_path, "--allow-credentials", tls=tls if cross_site else None))
    status, why = told.pop("refusal")
    assert (status, "10.0.0.1" in why) == (403, True)
    assert told == READ


def test_without_the_option_it_reads_nothing_that_it_asks_for_so(tmp_path: Path) -> None:
    told = asyncio.run(seen(tmp_path))
    assert told.pop("beacon") is True  # nobody reads what comes of it
    assert told.pop("withoutCredentials") == [200, "no cookie"]
    assert told.pop("preflighted") == [0, None]
    assert told.pop("events") == "error"
    assert set(told.values()) == {NOT_READ}
