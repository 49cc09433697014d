"""Every deadline is a setting, is met to the moment, and says its name (B6).

By a clock that is set by hand they are met to a tenth of a second, at their defaults; by real
sockets not before their time, and in the end.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import pytest

from cors_anywhere.egress.resolver import CachingResolver
from tests.support import PATIENCE
from tests.support.clock import hasty
from tests.support.dns import SILENT, StubDns
from tests.support.pipe import HandSetLoop, Sandbox
from tests.support.target import Do, Drip, Endless, Pause, Script, Until, full_backlog, target
from tests.support.wire import Client, Proxy, Seen, client, fetch, proxied

SHORT = 0.6
"""The deadline under test, in seconds; the others keep their defaults."""

HELLO = (Do.REQUEST, b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")


def timed(conversation: Callable[[], Awaitable[Any]]) -> tuple[Any, float]:
    """What the conversation returns, and the seconds it took."""

    async def run() -> tuple[Any, float]:
        begun = asyncio.get_running_loop().time()
        return await conversation(), asyncio.get_running_loop().time() - begun

    return hasty(run())


def check(seen: Seen, seconds: float, status: int, error: str) -> None:
    assert (seen.end, seen.status, seen.error) == ("whole", status, error)
    assert seen.fields["access-control-allow-origin"] == "*"
    assert seconds >= SHORT


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
    assert seconds >= SHORT


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
    async def conversation() -> None:
        here = [asyncio.Event() for _ in range(3)]
        steps = [step for event_is_here in here for step in (event, Until(event_is_here))]
        async with connected() as (_, connection), target((Do.REQUEST, head, *steps)) as server:
            await connection.ask(server.url)
            async with asyncio.timeout(PATIENCE):
                await connection.reader.readuntil(b"\r\n\r\n")
                for event_is_here in here:  # the next is not sent before
                    assert await connection.reader.readexactly(12) == b"7\r\ndata: 1\r\n"
                    event_is_here.set()

    asyncio.run(conversation())


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
    assert seconds >= SHORT


def test_a_connection_that_is_idle_after_a_reply_is_closed_without_an_octet() -> None:
    idle = 10 * SHORT

    async def conversation() -> tuple[str, float]:
        async with connected(client_idle_timeout=idle) as (_, connection), target(HELLO) as server:
            await asyncio.sleep(idle / 2)  # the clock that ran before the request is not this one
            begun = asyncio.get_running_loop().time()
            await connection.ask(server.url)
            assert (await connection.reply()).body == b"hello"
            return await connection.closed(), asyncio.get_running_loop().time() - begun

    end, seconds = hasty(conversation())
    assert end == "fin"
    assert seconds >= idle


def test_an_upload_that_stops_is_a_408_and_ends_the_targets_side() -> None:
    async def conversation() -> Seen:
        async with (
            connected(idle_timeout=SHORT) as (_, connection),
            target((Do.REQUEST, Do.WAIT)) as server,
        ):
            head = f"POST /{server.url} HTTP/1.1\r\nHost: p.test\r\nContent-Length: 9\r\n\r\nhello"
            connection.writer.write(head.encode())
            seen = await connection.reply()
            await asyncio.wait_for(server.ended.wait(), PATIENCE)
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
            await asyncio.wait_for(server.ended.wait(), PATIENCE)
            try:
                await connection.reader.read(-1)
            except ConnectionResetError:
                return "reset"
            return "fin"

    end, seconds = timed(conversation)
    assert end == "reset"
    assert seconds >= SHORT


# --- to the moment --------------------------------------------------------------------------------

EARLY, LATE = -0.1, 0.2
"""Seconds, from the deadline and from there."""

ASKED = b"GET /http://a.test/ HTTP/1.1\r\nHost: p.test\r\nOrigin: https://page.test\r\n\r\n"
SENDS = ASKED.replace(b"GET", b"POST").replace(b"\r\n\r\n", b"\r\nContent-Length: 5\r\n\r\n")
OK = b"HTTP/1.1 200 OK\r\n"


class Moment(NamedTuple):
    """What the client and the target have sent when the silence begins, and what comes of it."""

    setting: str
    client: bytes
    target: bytes = b""
    ends: str = ""  # of the client's connection
    says: bytes = b""  # a beginning of what the client is sent


MOMENTS = {
    "head": Moment("head_timeout", ASKED, says=b"HTTP/1.1 504 "),
    "head-begun": Moment("head_timeout", ASKED, b"HTTP/1.1 2", says=b"HTTP/1.1 504 "),
    "head-after-1xx": Moment(
        "head_timeout", ASKED, b"HTTP/1.1 103 X\r\n\r\n", says=b"HTTP/1.1 504 "
    ),
    "head-after-upload": Moment("head_timeout", SENDS + b"hello", says=b"HTTP/1.1 504 "),
    "body": Moment("idle_timeout", ASKED, OK + b"Content-Length: 9\r\n\r\nhello", "reset"),
    "chunk": Moment(
        "idle_timeout", ASKED, OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", "reset"
    ),
    "until-close": Moment("idle_timeout", ASKED, OK + b"\r\nhello", "reset"),
    "upload": Moment("idle_timeout", SENDS + b"hel", says=b"HTTP/1.1 408 "),
    "client-head": Moment("client_header_timeout", ASKED[:-2], says=b"HTTP/1.1 408 "),
    "client-line": Moment("client_header_timeout", b"G", says=b"HTTP/1.1 408 "),
    "client-idle": Moment("client_idle_timeout", b"", ends="fin"),
    "client-idle-again": Moment(
        "client_idle_timeout", ASKED, OK + b"Content-Length: 0\r\n\r\n", "fin"
    ),
}


@pytest.mark.parametrize("name", MOMENTS)
def test_nothing_happens_before_the_deadline_and_at_it_all_that_should(name: str) -> None:
    moment = MOMENTS[name]

    async def wait(loop: HandSetLoop, sandbox: Sandbox) -> None:
        client = sandbox.client()
        client.feed(moment.client)
        await loop.settle()
        for pipe in sandbox.targets:
            pipe.feed(moment.target)
        await loop.settle()
        known = bytes(client.sent)
        await loop.pass_time(getattr(sandbox.cors.settings, moment.setting) + EARLY)
        assert (bytes(client.sent), client.end) == (known, "")
        await loop.pass_time(LATE)
        assert bytes(client.sent[len(known) :]).startswith(moment.says)
        if moment.ends:
            assert client.end == moment.ends

    async def play(loop: HandSetLoop) -> None:
        sandbox = Sandbox(loop)
        try:
            await wait(loop, sandbox)
        finally:
            sandbox.server.abort()
            await sandbox.cors.close()
            await loop.settle()

    loop = HandSetLoop()
    try:
        loop.run_until_complete(play(loop))
    finally:
        loop.close()
