"""Both ends of a proxy that runs in the test's own event loop, octet by octet.

Owns: starting the proxy, a client that reports exactly what its socket saw, and what a proxy
must not leave behind. Must not know: what a target does (faults.py).
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from cors_anywhere import proxy as whole
from cors_anywhere import serve
from cors_anywhere.config.settings import Settings
from cors_anywhere.process.serving import ProxyServer
from tests.support import PATIENCE

ANSWERS = 100
"""Turns, at the least, of the loop of a proxy in another process: so many, that what the kernel
hands on late, behind buffers of megabytes, falls into one of them too."""


class Seen(NamedTuple):
    """A reply as the client's socket saw it."""

    status: int
    fields: dict[str, str]  # lower-case names; repeated values joined by ", "
    body: bytes
    end: str  # "whole", or how it was cut: "fin" or "reset"
    reason: str = ""

    @property
    def error(self) -> str:
        """The RFC 9209 error type."""
        return self.fields.get("proxy-status", "").partition("error=")[2].partition(";")[0]


class Listening(Protocol):
    """A proxy, in this process or in another."""

    @property
    def port(self) -> int: ...


class Proxy(NamedTuple):
    """A running proxy."""

    port: int
    server: ProxyServer
    cors: whole.Proxy


@asynccontextmanager
async def proxied(**settings: Any) -> AsyncIterator[Proxy]:
    """A proxy that may reach loopback targets. What asyncio reports as lost fails the test."""
    reports: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, report: reports.append(report))
    hooks = {name: settings.pop(name, None) for name in ("resolver", "on_outcome")}
    chosen = {"allow_networks": ("127.0.0.0/8",), "require_headers": (), "port": 0, **settings}
    async with serve(Settings(**chosen), **hooks) as server:
        try:
            yield Proxy(server.port, server, server.proxy)
        finally:
            server.abort()  # nothing to drain
    await asyncio.sleep(0)
    assert not reports, reports


class Client:
    """A client's connection to the proxy."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def ask(
        self, url: str, method: str = "GET", body: bytes = b"", fields: tuple[str, ...] = ()
    ) -> None:
        """Sends a request."""
        lines = [f"{method} /{url} HTTP/1.1", "Host: proxy.test", "Origin: https://page.test"]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        head = "\r\n".join([*lines, *fields, "", ""]).encode("latin-1")
        self.writer.write(head + body)
        await self.writer.drain()

    async def reply(self, method: str = "GET") -> Seen:
        """Reads one reply to its end, or to the end of the connection."""
        async with asyncio.timeout(PATIENCE):
            return await self._reply(method)

    async def _reply(self, method: str) -> Seen:
        try:
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        except (asyncio.IncompleteReadError, ConnectionResetError) as error:
            return Seen(0, {}, b"", "reset" if isinstance(error, ConnectionResetError) else "fin")
        lines = head.split("\r\n")
        fields: dict[str, str] = {}
        for line in lines[1:-2]:
            name, _, value = line.partition(": ")
            known = fields.get(name.lower())
            fields[name.lower()] = value if known is None else f"{known}, {value}"
        _, status, reason = lines[0].split(" ", 2)
        body, end = await self._body(method, int(status), fields)
        return Seen(int(status), fields, body, end, reason)

    async def _body(self, method: str, status: int, fields: dict[str, str]) -> tuple[bytes, str]:
        got = bytearray()
        try:
            if method == "HEAD" or status in (204, 304):
                return b"", "whole"
            if fields.get("transfer-encoding") == "chunked":
                while size := int(await self.reader.readuntil(b"\r\n"), 16):
                    await self._take(got, size)
                    await self.reader.readexactly(2)
                await self.reader.readexactly(2)
            elif "content-length" in fields:
                await self._take(got, int(fields["content-length"]))
            else:
                got += await self.reader.read(-1)
        except asyncio.IncompleteReadError as error:
            return bytes(got + error.partial), "fin"
        except ConnectionResetError:
            return bytes(got), "reset"
        return bytes(got), "whole"

    async def _take(self, got: bytearray, size: int) -> None:
        while size:
            piece = await self.reader.read(min(size, 65536))
            if not piece:
                raise asyncio.IncompleteReadError(b"", size)
            got += piece
            size -= len(piece)

    async def closed(self) -> str:
        """How the proxy ends the connection: "fin" or "reset". Octets before the end fail."""
        async with asyncio.timeout(PATIENCE):
            try:
                assert await self.reader.read(-1) == b""
            except ConnectionResetError:
                return "reset"
            return "fin"

    def leave(self) -> None:
        """Goes away at once."""
        self.writer.transport.abort()


@asynccontextmanager
async def client(proxy: Listening, *, limit: int = 2**16) -> AsyncIterator[Client]:
    """A connection to the proxy; `limit` bounds what it reads ahead."""
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port, limit=limit)
    try:
        yield Client(reader, writer)
    finally:
        writer.transport.abort()
        await asyncio.sleep(0)


async def fetch(proxy: Proxy, url: str, method: str = "GET", body: bytes = b"") -> Seen:
    """One request on a connection of its own."""
    async with client(proxy) as connection:
        await connection.ask(url, method, body)
        return await connection.reply(method)


def descriptors() -> int:
    """How many this process has open."""
    return len(os.listdir("/proc/self/fd"))


class Held(NamedTuple):
    """What a process holds that a request could leave behind."""

    tasks: int
    timers: int
    descriptors: int
    connections: int
    idle: int

    @classmethod
    def by(cls, proxy: Proxy) -> Held:
        """Counted now."""
        loop: Any = asyncio.get_running_loop()
        timers = [timer for timer in loop._scheduled if not timer.cancelled()]
        return cls(
            len(asyncio.all_tasks()),
            len(timers),
            descriptors(),
            len(proxy.server.connections),
            len(proxy.cors.egress._pool),
        )


async def taken(writer: asyncio.StreamWriter) -> None:
    """Returns when the proxy, in another process, has read all that was written."""
    port, there = (writer.get_extra_info(name)[1] for name in ("sockname", "peername"))
    line = re.compile(rf"[0-9A-F]{{8}}:{there:04X} [0-9A-F]{{8}}:{port:04X} \S+ \S+:(\S+)")
    await writer.drain()

    def waiting() -> bool:
        found = line.search(Path("/proc/net/tcp").read_text())
        return found is not None and int(found[1], 16) > 0

    assert await until(lambda: not waiting())


async def stands_still(proxy: Listening, figure: Callable[[], int]) -> int:
    """A figure once it no longer changes while the proxy, which may be in another process, answers
    others: a proxy that still had something to do would have done it in between."""
    known = None
    async with client(proxy) as other:
        while known != (now := figure()):
            known = now
            for _ in range(ANSWERS):
                await other.ask("")
                await other.reply()
    return now


async def until(condition: Any, *, within: float = PATIENCE) -> bool:
    """Whether `condition()` becomes true in time. For what no event announces."""
    loop = asyncio.get_running_loop()
    end = loop.time() + within
    while not condition():
        if loop.time() > end:
            return False
        await asyncio.sleep(0.005)
    return True
