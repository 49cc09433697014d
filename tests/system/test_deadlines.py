"""Every deadline is a setting, is met within half a second, and says its name (B6)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from cors_anywhere.egress.resolver import CachingResolver
from tests.support.dns import SILENT, StubDns
from tests.support.target import Do, Drip, Endless, Pause, Script, full_backlog, target
from tests.support.wire import Client, Proxy, Seen, client, fetch, proxied

SHORT = 0.6
"""The deadline under test, in seconds; the others keep their defaults."""

HELLO = (Do.REQUEST, b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")


def timed(conversation: Callable[[], Awaitable[Any]]) -> tuple[Any, float]:
    """What the conversation returns, and the seconds it took."""

    async def run() -> tuple[Any, float]:
        begun = asyncio.get_running_loop().time()
        return await conversation(), asyncio.get_running_loop().time() - begun

    return asyncio.run(run())


def check(seen: Seen, seconds: float, status: int, error: str) -> None:
    assert (seen.end, seen.status, seen.error) == ("whole", status, error)
    assert seen.fields["access-control-allow-origin"] == "*"
    assert SHORT - 0.1 <= seconds <= SHORT + 0.5


# --- the target's side ------------------------------------------------------------------------


def test_a_connection_that_is_not_made_times_out() -> None:
    with full_backlog() as port:

        async def conversation() -> Seen:
            async with proxied(connect_timeout=SHORT) as proxy:
                return await fetch(proxy, f"http://127.0.0.1:{port}/")

        check(*timed(conversation), 504, "connection_timeout")


def test_a_name_that_is_not_resolved_times_out() -> None:
    with StubDns({"slow.example": SILENT}) as dns:

        async def conversation() -> Seen:
            resolver = CachingResolver(servers=(dns.server,))
            async with proxied(connect_timeout=SHORT, resolver=resolver) as proxy:
                return await fetch(proxy, "http://slow.example/")

        check(*timed(conversation), 504, "dns_timeout")


async def of_target(
    script: Script, scheme: str = "http", body: bytes = b"", **settings: Any
) -> Seen:
    """What a client sees of a target that plays the script; with a body it is a POST."""
    async with proxied(**settings) as proxy, target(script, limit=4096) as server:
        url = server.url.replace("http", scheme, 1)
        async with client(proxy) as connection:
            head = f"{'POST' if body else 'GET'} /{url} HTTP/1.1\r\nHost: p.test\r\n"
            length = f"Content-Length: {len(body)}\r\n" if body else ""
            connection.writer.write(f"{head}{length}\r\n".encode() + body)
            return await connection.reply()


@pytest.mark.parametrize(
    ("setting", "error", "script", "scheme", "body"),
    [
        ("connect_timeout", "connection_timeout", (Do.WAIT,), "https", b""),
        ("head_timeout", "http_response_timeout", (Do.REQUEST, Do.WAIT), "http", b""),
        ("head_timeout", "http_response_timeout", (Do.REQUEST, Do.WAIT), "http", b"x" * 9),
        ("idle_timeout", "connection_write_timeout", (Do.REQUEST, Do.HOLD), "http", b"x" * 9**7),
    ],
    ids=["TLS", "head", "head-after-upload", "upload-not-read"],
)
def test_a_target_that_keeps_the_proxy_waiting_is_a_504_with_its_type(
    setting: str, error: str, script: Script, scheme: str, body: bytes
) -> None:
    seen, seconds = timed(lambda: of_target(script, scheme, body, **{setting: SHORT}))
    check(seen, seconds, 504, error)


def test_silence_within_a_body_ends_in_a_reset() -> None:
    script = (Do.REQUEST, b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello", Do.WAIT)
    seen, seconds = timed(lambda: of_target(script, idle_timeout=SHORT))
    assert (seen.status, seen.end) == (200, "reset")
    assert SHORT - 0.1 <= seconds <= SHORT + 0.5


@pytest.mark.parametrize(
    "script",
    [
        (Do.REQUEST, b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", Drip(b"longlives", 0.2)),
        (*HELLO[:1], Pause(1.0), *HELLO[1:]),
    ],
    ids=["long-body", "long-poll"],
)
def test_no_other_deadline_cuts_a_reply_that_takes_long(script: Script) -> None:
    short: dict[str, Any] = dict.fromkeys(
        ("connect_timeout", "client_header_timeout", "client_idle_timeout", "client_stall_timeout"),
        SHORT,
    )
    seen, seconds = timed(lambda: of_target(script, **short))
    assert (seen.status, seen.end) == (200, "whole")
    assert seconds > SHORT + 0.3


@pytest.mark.parametrize(
    ("head", "event"),
    [
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"7\r\ndata: 1\r\n"),
        (b"HTTP/1.1 200 OK\r\n\r\n", b"data: 1"),
    ],
    ids=["chunked", "until-close"],
)
def test_an_event_passes_at_once_though_the_reply_goes_on(head: bytes, event: bytes) -> None:
    async def conversation() -> list[float]:
        loop = asyncio.get_running_loop()
        script = (Do.REQUEST, head, *(event, Pause(0.2)) * 3, Do.WAIT)
        async with connected() as (_, connection), target(script) as server:
            await connection.ask(server.url)
            await connection.reader.readuntil(b"\r\n\r\n")
            times = []
            for _number in range(3):
                assert await connection.reader.readexactly(12) == b"7\r\ndata: 1\r\n"
                times.append(loop.time())
            return times

    first, second, third = asyncio.run(conversation())
    assert 0.1 < second - first < 0.3
    assert 0.1 < third - second < 0.3


# --- the client's side ------------------------------------------------------------------------


@asynccontextmanager
async def connected(**settings: Any) -> AsyncIterator[tuple[Proxy, Client]]:
    async with proxied(**settings) as proxy, client(proxy, limit=4096) as connection:
        yield proxy, connection


@pytest.mark.parametrize("octets", [b"G", b"GET / HTTP/1.1\r\nX-Slow: y"], ids=["begun", "half"])
def test_a_head_that_stops_is_a_408(octets: bytes) -> None:
    async def conversation() -> Seen:
        async with connected(client_header_timeout=SHORT) as (_, connection):
            connection.writer.write(octets)
            return await connection.reply()

    check(*timed(conversation), 408, "http_request_error")


def test_a_head_that_drips_is_a_408_in_the_same_time() -> None:
    async def conversation() -> Seen:
        async with connected(client_header_timeout=SHORT) as (_, connection):
            reply = asyncio.ensure_future(connection.reply())
            while not reply.done():
                connection.writer.write(b"X")
                await asyncio.wait((reply,), timeout=0.05)
            return await reply

    check(*timed(conversation), 408, "http_request_error")


def test_a_connection_without_a_request_is_closed_without_an_octet() -> None:
    async def conversation() -> str:
        async with connected(client_idle_timeout=SHORT) as (_, connection):
            return await connection.closed()

    end, seconds = timed(conversation)
    assert end == "fin"
    assert SHORT - 0.1 <= seconds <= SHORT + 0.5


def test_a_connection_that_is_idle_after_a_reply_is_closed_without_an_octet() -> None:
    async def conversation() -> tuple[str, float]:
        async with connected(client_idle_timeout=SHORT) as (_, connection), target(HELLO) as server:
            await connection.ask(server.url)
            assert (await connection.reply()).body == b"hello"
            begun = asyncio.get_running_loop().time()
            return await connection.closed(), asyncio.get_running_loop().time() - begun

    end, seconds = asyncio.run(conversation())
    assert end == "fin"
    assert SHORT - 0.1 <= seconds <= SHORT + 0.5


def test_an_upload_that_stops_is_a_408_and_ends_the_targets_side() -> None:
    async def conversation() -> Seen:
        async with (
            connected(idle_timeout=SHORT) as (_, connection),
            target((Do.REQUEST, Do.WAIT)) as server,
        ):
            head = f"POST /{server.url} HTTP/1.1\r\nHost: p.test\r\nContent-Length: 9\r\n\r\nhello"
            connection.writer.write(head.encode())
            seen = await connection.reply()
            await asyncio.wait_for(server.ended.wait(), 1)
            return seen

    check(*timed(conversation), 408, "http_request_error")


def test_a_client_that_does_not_read_is_reset_and_ends_the_targets_side() -> None:
    async def conversation() -> str:
        script = (
            Do.REQUEST,
            b"HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n",
            Endless(b"x" * 65536),
        )
        async with (
            connected(client_stall_timeout=SHORT) as (_, connection),
            target(script) as server,
        ):
            await connection.ask(server.url)
            await asyncio.wait_for(server.ended.wait(), SHORT + 2)
            try:
                await connection.reader.read(-1)
            except ConnectionResetError:
                return "reset"
            return "fin"

    end, seconds = timed(conversation)
    assert end == "reset"
    assert SHORT - 0.1 <= seconds <= SHORT + 1.0
