"""Tornado's client, as a page asks through a proxy in the test's own loop.

Owns: how it asks. Must not know: how the proxy is served.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any

from tornado.httpclient import AsyncHTTPClient, HTTPResponse
from tornado.httputil import HTTPHeaders

from tests.support import PATIENCE
from tests.support.site import Site, Wire, read_chunk, reply

ORIGIN = {"Origin": "https://page.test"}


async def ask(client: AsyncHTTPClient, url: str, **options: Any) -> HTTPResponse:
    """One request with any method, and its reply, whatever it says."""
    headers = ORIGIN | options.pop("headers", {})
    return await client.fetch(
        url,
        headers=HTTPHeaders(headers),
        raise_error=False,
        allow_nonstandard_methods=True,
        follow_redirects=False,
        **options,
    )


async def assert_streams(client: AsyncHTTPClient, proxy: str, target: Site) -> None:
    """Fails unless the target has the first piece of a body before the second is sent; `proxy` is
    what the target's URL is put behind."""
    came = threading.Event()

    def answer(wire: Wire) -> None:
        assert read_chunk(wire.reader) == b"first "
        came.set()
        assert read_chunk(wire.reader) == b"second"
        assert read_chunk(wire.reader) == b""
        wire.send(reply(b"whole"))

    async def produce(write: Callable[[bytes], Awaitable[None]]) -> None:
        await write(b"first ")
        assert await asyncio.to_thread(came.wait, PATIENCE)  # not if the proxy waits
        await write(b"second")

    url = f"{proxy}/{target.on('/', answer)}"
    got = await ask(client, url, method="POST", body_producer=produce)
    assert got.body == b"whole"
    assert target.last.get("transfer-encoding") == "chunked"
