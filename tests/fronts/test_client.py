"""The queue of a request's body, whatever kind of connection it comes on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager

from cors_anywhere.config.settings import Settings
from cors_anywhere.fronts.client import UPLOAD_QUEUE_BYTES
from cors_anywhere.fronts.wire import WireClient, WireService
from cors_anywhere.http1.head import ClientHead
from cors_anywhere.http1.life import ClientLimits, Context
from cors_anywhere.http1.server import ServerConnection
from cors_anywhere.proxy import Proxy
from tests.support.loopback import in_loop, refusal
from tests.support.target import Do, target


def silent(proxy: Proxy) -> WireClient:
    """One that is told nothing, and comes from a front server that is trusted."""
    connection = ServerConnection(WireService(proxy), refusal, ClientLimits(), set())
    connection.context = Context("10.0.0.1", "http", 8080)
    return WireClient(proxy, connection)


def head(url: str, length: int, *fields: tuple[str, str]) -> ClientHead:
    return ClientHead("POST", f"/{url}", "HTTP/1.1", fields, length, True, False)


@asynccontextmanager
async def fed(length: int) -> AsyncIterator[tuple[WireClient, list[Awaitable[None]]]]:
    """A client whose target takes nothing until the end, after a body of this length."""
    proxy = Proxy(Settings(allow_networks=("127.0.0.0/8",), require_headers=()))
    async with target((Do.REQUEST, Do.HOLD)) as holding:
        client = silent(proxy)
        client.take_head(head(holding.url, length))
        client.start()
        rooms = []
        for _ in range(length // 1000):
            room = client.data_received(bytes(1000))
            if room is not None:
                rooms.append(room)
        yield client, rooms
        client.gone()
    await proxy.close()


@in_loop
async def test_a_body_that_fits_the_queue_is_taken_at_once() -> None:
    async with fed(UPLOAD_QUEUE_BYTES // 1000 * 1000) as (_, rooms):
        assert rooms == []


@in_loop
async def test_a_larger_one_waits_until_it_is_read() -> None:
    async with fed(UPLOAD_QUEUE_BYTES + 1000) as (client, rooms):
        assert len(rooms) == 1
        assert len(await client.read()) >= UPLOAD_QUEUE_BYTES
        await rooms[0]


@in_loop
async def test_nobody_waits_for_room_for_a_client_that_has_left() -> None:
    async with fed(UPLOAD_QUEUE_BYTES + 1000) as (client, rooms):
        client.gone()
        await rooms[0]


@in_loop
async def test_the_end_of_a_body_is_read_behind_it() -> None:
    client = silent(Proxy(Settings()))
    reading = asyncio.ensure_future(client.read())
    await asyncio.sleep(0)
    client.data_received(b"a")
    client.data_received(b"b")
    client.ended()
    assert [await reading, await client.read(), await client.read()] == [b"ab", b"", b""]


@in_loop
async def test_a_trusted_front_server_is_believed_whom_it_speaks_for() -> None:
    told = (("X-Forwarded-For", "192.0.2.7"), ("X-Forwarded-Proto", "https"))
    client = silent(Proxy(Settings(trusted_proxies=("10.0.0.0/8",))))
    client.take_head(head("", 0, *told))
    assert (client.head.peer, client.head.scheme) == ("192.0.2.7", "https")
    assert client.head.front == "10.0.0.1"
    stranger = silent(Proxy(Settings()))
    stranger.take_head(head("", 0, *told))
    assert (stranger.head.peer, stranger.head.scheme) == ("10.0.0.1", "http")


@in_loop
async def test_a_request_is_mounted_where_it_has_a_base_even_an_empty_one() -> None:
    client = silent(Proxy(Settings()))
    for base, mounted in ((None, False), ("", True), ("/proxy", True)):
        client.take_head(head("", 0), base)
        assert (client.head.base, client.head.mounted) == (base or "", mounted)
