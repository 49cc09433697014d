"""A real browser, and the servers whose pages it opens.

Owns: starting and ending them. Must not know: what a page does.
"""

from __future__ import annotations

import asyncio
import shutil
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import tornado.web
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port

PAGES = Path(__file__).parents[1] / "pages"
CHROMIUM = shutil.which("chromium")
# Without these, Chromium keeps looking for services of its maker; without a sandbox, it runs as
# root too.
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
SECONDS = 60.0


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


@asynccontextmanager
async def browser(url: str, profile: Path, *flags: str) -> AsyncIterator[None]:
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
