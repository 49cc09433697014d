"""A forward proxy: requests in absolute form, and CONNECT.

Owns: carrying octets, and recording the heads that came. Must not know: who asks for what.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from tests.support.listening import stop_listening


class ForwardProxy:
    """Listens on 127.0.0.1. A `refusal` is answered to every CONNECT instead of a tunnel."""

    def __init__(self, refusal: bytes = b"") -> None:
        self.heads: list[str] = []
        self.port = 0
        self._refusal = refusal

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serves one connection, which carries one request or one tunnel."""
        try:
            await self._carry(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        self.heads.append(head)
        method, wanted, _ = head.split(" ", 2)
        if method == "CONNECT" and self._refusal:
            writer.write(self._refusal)
            return
        parts = urlsplit(f"//{wanted}" if method == "CONNECT" else wanted)
        there, back = await asyncio.open_connection(parts.hostname, parts.port or 80)
        if method == "CONNECT":
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            path = wanted.partition("://")[2].partition("/")[2]
            back.write(head.replace(wanted, f"/{path}", 1).encode("latin-1"))
        try:
            await asyncio.gather(_pipe(reader, back), _pipe(there, writer))
        finally:
            back.close()


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


@asynccontextmanager
async def forward_proxy(refusal: bytes = b"") -> AsyncIterator[ForwardProxy]:
    """A running forward proxy."""
    proxy = ForwardProxy(refusal)
    serving: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        serving.add(task)
        await proxy.serve(reader, writer)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        await stop_listening(server)
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)
