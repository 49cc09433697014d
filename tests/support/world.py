"""A world for the command: a target on every address, a stub name server.

Owns: starting them inside a namespace (netns.py) and recording what reaches the target. Must not
know: what is asked (egress.py).
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple
from urllib.parse import unquote

from tests.support.dns import StubDns, Zone
from tests.support.listening import stop_listening

PORTS = (80, 8000)
"""On which the target listens."""


class Request(NamedTuple):
    """What the target saw."""

    address: str  # to which the connection was made
    port: int
    path: str
    fields: list[str]


class Target:
    """Listens on every address; keeps a connection only after a reply to /keep."""

    def __init__(self) -> None:
        self.connections: list[str] = []
        self.requests: list[Request] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answers with the address it was reached at, or with the redirect that the path names."""
        address, port = writer.get_extra_info("sockname")[:2]
        self.connections.append(address)
        try:
            while await self._answer(reader, writer, address, port):
                pass
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _answer(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, address: str, port: int
    ) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        path = head[0].split(" ")[1]
        self.requests.append(Request(address, port, path, head[1:-2]))
        to, keep = unquote(path.partition("?to=")[2]), path == "/keep"
        status = f"302 Found\r\nLocation: {to}" if to else "200 OK"
        fields = f"Content-Length: {len(address)}" + ("" if keep else "\r\nConnection: close")
        writer.write(f"HTTP/1.1 {status}\r\n{fields}\r\n\r\n{address}".encode())
        await writer.drain()
        return keep


class World(NamedTuple):
    """What a scenario plays in."""

    target: Target
    dns: StubDns


@asynccontextmanager
async def world(zone: Zone) -> AsyncIterator[World]:
    """The target and the name server."""
    target = Target()
    servers = [
        await asyncio.start_server(target.serve, host, port, family=family, backlog=1000)
        for port in PORTS
        for host, family in (("0.0.0.0", socket.AF_INET), ("::", socket.AF_INET6))
    ]
    with StubDns(zone, port=53) as dns:
        yield World(target, dns)
    for server in servers:
        await stop_listening(server)
