"""A real browser, and the servers whose pages it opens.

Owns: starting and ending them, and which browser a run is about: Chromium, or what
CORSANYWHERE_TEST_BROWSER says. Must not know: what a page does.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import ssl
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import tornado.web
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port

from tests.support import firefox

PAGES = Path(__file__).parents[1] / "pages"
CHROMIUM = shutil.which("chromium")
# Without these, Chromium keeps looking for services of its maker; without a sandbox, it runs as
# root too.
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
SECONDS = 60.0
NAME = os.environ.get("CORSANYWHERE_TEST_BROWSER", "chromium")
BROWSER = {"chromium": CHROMIUM, "firefox": firefox.FIREFOX}[NAME]
"""The command of the browser that the run is about; None where there is none."""


@asynccontextmanager
async def listening(
    application: tornado.web.Application, tls: ssl.SSLContext | None = None
) -> AsyncIterator[int]:
    server = HTTPServer(application, ssl_options=tls)
    sock, port = bind_unused_port()
    server.add_socket(sock)
    yield port
    server.stop()
    await server.close_all_connections()


def browser(url: str, profile: Path, *flags: str) -> AbstractAsyncContextManager[None]:
    """A browser that has opened a URL, its files in `profile`. The flags are Chromium's; Firefox
    needs none of them."""
    if NAME == "firefox":
        return firefox.browser(url, profile)
    return chromium(url, profile, *flags)


@asynccontextmanager
async def chromium(url: str, profile: Path, *flags: str) -> AsyncIterator[None]:
    assert CHROMIUM is not None
    process = await asyncio.create_subprocess_exec(
        *(CHROMIUM, *FLAGS, *flags),
        *(f"--user-data-dir={profile}", "--remote-debugging-port=0", url),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
