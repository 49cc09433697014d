"""A place lasts from the accept to the connection's end, whatever comes of it."""

from __future__ import annotations

import asyncio
import socket
from typing import Any, cast

import pytest

from cors_anywhere.http1.server import Registry, ServerConnection
from cors_anywhere.process.places import ClientPlace
from tests.support.loopback import in_loop
from tests.support.tls import Tls
from tests.support.wire import until


class Landlord:
    """Keeps count."""

    def __init__(self) -> None:
        self.connections: list[ServerConnection] = []
        self.free: list[ClientPlace] = []

    def opened(self, connection: ServerConnection, /) -> None:
        self.connections.append(connection)

    def freed(self, place: ClientPlace, /) -> None:
        self.free.append(place)


class Connection(asyncio.Protocol):
    """Tells its place of its beginning and end, as every connection does."""

    gave_way = False

    def __init__(self, registry: Any) -> None:
        self.registry = registry

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.registry.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.registry.discard(self)

    def kept_waiting(self) -> float:
        return 3.0

    def stalled_for(self) -> float:
        return 4.0

    def give_way(self) -> None:
        self.gave_way = True


def make(registry: Registry) -> ServerConnection:
    return cast(ServerConnection, Connection(registry))


def taken(landlord: Landlord, tls: Tls | None = None) -> tuple[socket.socket, ClientPlace]:
    """A client's end, and its place."""
    here, there = socket.socketpair()
    there.setblocking(False)
    place = ClientPlace("192.0.2.1", landlord)
    place.begin(there, make, tls.context if tls else None)
    return here, place


@in_loop
async def test_the_connection_tells_how_slow_it_is_and_ends_the_place() -> None:
    landlord = Landlord()
    client, place = taken(landlord)
    assert await until(lambda: landlord.connections)
    assert (place.kept_waiting(), place.stalled_for()) == (3.0, 4.0)
    place.give_way()
    assert landlord.connections[0].gave_way  # type: ignore[attr-defined]
    assert landlord.free == []
    client.close()
    assert await until(lambda: landlord.free == [place])


def test_a_handshake_that_takes_its_time_keeps_us_waiting_and_can_give_way(tls: Tls) -> None:
    @in_loop
    async def handshake() -> None:
        landlord = Landlord()
        client, place = taken(landlord, tls)
        assert await until(lambda: place.kept_waiting() > 0.01)
        assert place.stalled_for() >= 0.01
        assert landlord.free == []
        place.give_way()
        assert await until(lambda: landlord.free == [place])
        client.setblocking(False)
        with client:
            assert await asyncio.get_running_loop().sock_recv(client, 9) == b""

    handshake()


@pytest.mark.parametrize("octets", [b"", b"GET / HTTP/1.1\r\n\r\n"])
def test_a_handshake_that_fails_frees_the_place(octets: bytes, tls: Tls) -> None:
    @in_loop
    async def handshake() -> None:
        landlord = Landlord()
        client, place = taken(landlord, tls)
        client.send(octets)
        client.close()
        assert await until(lambda: landlord.free == [place])
        assert landlord.connections == []

    handshake()


@in_loop
async def test_a_place_that_is_given_up_before_its_handshake_began_keeps_no_socket() -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        place = ClientPlace("192.0.2.1", landlord := Landlord())
        place.begin(ours, make, None)
        place.give_way()
        assert await until(lambda: landlord.free)
        assert ours.fileno() == -1
