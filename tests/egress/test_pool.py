"""Connections that wait for their next exchange: which are kept, for whom, and which give way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from cors_anywhere.egress.pool import Pool
from cors_anywhere.http1.client import TargetConnection
from cors_anywhere.http1.target_life import TargetLimits
from tests.support.facing import SWITCH
from tests.support.listening import stop_listening
from tests.support.loopback import in_loop
from tests.support.target import Do, Script, Target, target
from tests.support.wire import until

HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
SERVES: Script = (Do.REQUEST, HELLO, Do.REQUEST, HELLO)


async def used(server: Target, length: int = 0) -> TargetConnection:
    """A connection whose first exchange has ended."""
    loop = asyncio.get_running_loop()
    _, made = await loop.create_connection(
        lambda: TargetConnection(TargetLimits()), "127.0.0.1", server.port
    )
    made.send_head("PUT", "/", [("Host", "a.test")], length)
    if length:
        await made.send(b"x" * length)
        made.end_request()
    while await made.read():
        pass
    return made


def nobody() -> str:
    return "nobody"


def taken(
    pool: Pool, key: str, client: str = "nobody", *, with_body: bool = False
) -> TargetConnection | None:
    return pool.take(key, lambda: client, with_body=with_body)


@asynccontextmanager
async def some(
    count: int, *scripts: Script, lengths: Sequence[int] = ()
) -> AsyncIterator[tuple[Target, list[TargetConnection]]]:
    """Connections that have served once."""
    async with target(*(scripts or (SERVES,))) as server:
        made = [await used(server, length) for length in (lengths or [0] * count)]
        yield server, made
        for connection in made:
            connection.abort()


@in_loop
async def test_the_most_recently_used_connection_is_taken_first() -> None:
    async with some(2) as (_, (one, two)):
        pool = Pool()
        pool.release("a", nobody, one)
        pool.release("a", nobody, two)
        assert taken(pool, "b") is None
        assert [taken(pool, "a") for _ in range(3)] == [two, one, None]
        assert len(pool) == 0


@in_loop
async def test_the_least_recently_used_connection_gives_way_whatever_its_target() -> None:
    async with some(4) as (_, made):
        pool = Pool(total=3)
        for key, connection in zip("abba", made, strict=True):
            pool.release(key, nobody, connection)
        assert made[0].transport.is_closing()
        assert len(pool) == 3
        assert [taken(pool, "a"), taken(pool, "a")] == [made[3], None]
        assert [taken(pool, "b"), taken(pool, "b")] == [made[2], made[1]]


@in_loop
async def test_one_target_may_have_all_places() -> None:
    async with some(80) as (_, made):
        pool = Pool()
        for connection in made:
            pool.release("a", nobody, connection)
        assert len(pool) == 80
        pool.close()


@in_loop
async def test_a_pool_without_places_keeps_nothing() -> None:
    async with some(1) as (_, (made,)):
        pool = Pool(total=0)
        pool.release("a", nobody, made)
        assert made.transport.is_closing()


@in_loop
async def test_closing_the_pool_ends_its_connections() -> None:
    async with some(1) as (_, (made,)):
        pool = Pool()
        pool.release("a", nobody, made)
        pool.close()
        assert made.transport.is_closing()
        assert len(pool) == 0


@in_loop
async def test_an_idle_connection_expires() -> None:
    async with some(1) as (server, (made,)):
        pool = Pool(idle_seconds=0.01)
        pool.release("a", nobody, made)
        await asyncio.wait_for(server.ended.wait(), 2)
        assert await until(lambda: len(pool) == 0)
        assert taken(pool, "a") is None


@in_loop
async def test_a_connection_that_its_target_closes_is_forgotten() -> None:
    async with some(1, (Do.REQUEST, HELLO, Do.FIN)) as (_, (made,)):
        pool = Pool()
        pool.release("a", nobody, made)
        assert await until(lambda: len(pool) == 0)
        assert taken(pool, "a") is None


# --- whose connection it is -----------------------------------------------------------------------


@pytest.mark.parametrize("with_body", [False, True])
@in_loop
async def test_a_connection_that_has_carried_a_body_serves_the_same_client_only(
    with_body: bool,
) -> None:
    async with some(1, lengths=[3]) as (_, (made,)):
        pool = Pool()
        pool.release("a", lambda: "one", made)
        assert taken(pool, "a", "other", with_body=with_body) is None
        assert taken(pool, "a", "one", with_body=with_body) is made
        made.send_head("GET", "/", [("Host", "a.test")], 0)
        while await made.read():
            pass
        pool.release("a", lambda: "one", made)  # a request without a body does not clean it
        assert taken(pool, "a", "other", with_body=with_body) is None


@in_loop
async def test_a_request_with_a_body_leaves_the_shared_connections_to_others() -> None:
    async with some(2, lengths=[3, 0]) as (_, (own, shared)):
        pool = Pool()
        pool.release("a", lambda: "one", own)
        pool.release("a", lambda: "one", shared)
        assert taken(pool, "a", "one", with_body=True) is own
        pool.release("a", lambda: "one", own)
        assert taken(pool, "a", "one") is shared


# --- what is looked at ----------------------------------------------------------------------------


@pytest.mark.parametrize("said", [b"HTTP/1.1 200 OK\r\n\r\n", b""], ids=["octets", "an-end"])
@in_loop
async def test_what_waits_on_an_idle_connection_spoils_it_before_any_event(said: bytes) -> None:
    with_peer: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        with_peer.append(writer)
        writer.write(HELLO)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    _, made = await asyncio.get_running_loop().create_connection(
        lambda: TargetConnection(TargetLimits()), "127.0.0.1", port
    )
    made.send_head("GET", "/", [("Host", "a.test")], 0)
    while await made.read():
        pass
    pool = Pool()
    pool.release("a", nobody, made)
    (writer,) = with_peer
    if said:
        writer.write(said)  # at once, into the kernel
    else:
        writer.write_eof()
    assert taken(pool, "a") is None  # no turn of the event loop has passed
    assert made.transport.is_closing()
    writer.transport.abort()
    await stop_listening(server)


# --- a reply that nobody read ---------------------------------------------------------------------


@in_loop
async def test_a_connection_is_kept_when_the_rest_of_an_unwanted_reply_has_come() -> None:
    async with target((Do.REQUEST, HELLO)) as server:
        _, made = await asyncio.get_running_loop().create_connection(
            lambda: TargetConnection(TargetLimits()), "127.0.0.1", server.port
        )
        made.send_head("GET", "/", [("Host", "a.test")], 0)
        await made.reply()
        pool = Pool()
        pool.release("a", nobody, made)
        assert await until(lambda: len(pool) == 1)
        assert taken(pool, "a") is made
        made.abort()


@in_loop
async def test_a_connection_is_given_up_when_the_rest_of_an_unwanted_reply_does_not_come() -> None:
    async with target((Do.REQUEST, HELLO[:-1], Do.WAIT)) as server:
        _, made = await asyncio.get_running_loop().create_connection(
            lambda: TargetConnection(TargetLimits()), "127.0.0.1", server.port
        )
        made.send_head("GET", "/", [("Host", "a.test")], 0)
        await made.reply()
        pool = Pool()
        pool.release("a", nobody, made)
        await asyncio.wait_for(server.ended.wait(), 5)
        assert len(pool) == 0


@in_loop
async def test_a_tunnel_that_is_ending_does_not_outlive_the_pool() -> None:
    async with target((Do.REQUEST, SWITCH, Do.WAIT)) as server:
        _, made = await asyncio.get_running_loop().create_connection(
            lambda: TargetConnection(TargetLimits()), "127.0.0.1", server.port
        )
        made.send_head("GET", "/", [("Host", "a.test")], 0, upgrade=True)
        await made.reply()
        pool = Pool()
        pool.release("a", nobody, made)
        await asyncio.sleep(0)
        assert not made.closed  # its last frame has half a second
        pool.close()
        await asyncio.sleep(0)
        assert made.closed
