"""What a client sees of targets that break the rules, or bend them (faults.py has the table)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from tests.faults import FAULTS, SILENCE, Cut, Fault, Refusal, Whole, said
from tests.support import PATIENCE
from tests.support.clock import hasty
from tests.support.target import Do, Pause, Script, target
from tests.support.tls import Tls
from tests.support.wire import Held, Seen, client, fetch, proxied, until


async def suffer(fault: Fault, tls: Tls) -> tuple[Seen, float]:
    """What a client sees of the fault, and after how many seconds. Nothing may be left behind."""
    deadline = SILENCE if fault.after else 6 * PATIENCE  # not met unless it has to be
    settings = {"head_timeout": deadline, "idle_timeout": deadline, "ca_file": tls.ca_file}
    loop = asyncio.get_running_loop()
    async with (
        proxied(**settings) as proxy,
        target(fault.script, tls=tls.context if fault.tls else None) as server,
    ):
        before = Held.by(proxy)
        begun = loop.time()
        seen, seconds = await fetch(proxy, server.url, fault.method), loop.time() - begun
        proxy.cors.egress._pool.close()
        assert await until(lambda: Held.by(proxy) == before), (before, Held.by(proxy))
        return seen, seconds


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_the_client_sees_what_the_table_says_in_time(fault: Fault, tls: Tls) -> None:
    seen, seconds = hasty(suffer(fault, tls))
    expected = fault.expected
    if isinstance(expected, Cut):
        check_cut(seen, expected)
    elif isinstance(expected, Refusal):
        assert (seen.end, seen.status, seen.error) == ("whole", *expected)
    else:
        check_whole(seen, expected)
    if seen.status:
        assert seen.fields["access-control-allow-origin"] == "*"
    assert seconds >= fault.after


def check_cut(seen: Seen, expected: Cut) -> None:
    if seen.end == "whole":
        assert (seen.status, seen.error) == (502, "http_response_transfer_coding")
    else:
        assert seen.end == "reset"
        assert seen.status in (expected.status, 0)  # a reset may overtake the head


def check_whole(seen: Seen, expected: Whole) -> None:
    assert (seen.end, seen.status, seen.body) == ("whole", expected.status, expected.body)
    assert {name: seen.fields.get(name) for name, _ in expected.has} == dict(expected.has)
    assert not [name for name in expected.lacks if name in seen.fields]
    assert expected.reason in (None, seen.reason)


def test_the_table_has_its_rows_under_names_of_their_own() -> None:
    assert len({fault.name for fault in FAULTS}) == len(FAULTS) >= 50


@pytest.mark.parametrize("junk", ["", "http://[", "javascript:x", "//"])
def test_a_redirect_that_cannot_be_followed_leads_no_browser_there_either(junk: str) -> None:
    async def redirected() -> Seen:
        reply = f"HTTP/1.1 302 Found\r\nLocation: {junk}\r\nContent-Length: 0\r\n\r\n"
        async with proxied() as proxy, target(said(reply.encode())) as server:
            return await fetch(proxy, server.url)

    seen = hasty(redirected())
    assert (seen.status, seen.fields.get("location")) == (302, None)


def test_a_redirect_to_octets_that_are_no_utf_8_is_followed_as_they_are() -> None:
    async def followed() -> list[bytes]:
        script = (
            *said(b"HTTP/1.1 302 Found\r\nLocation: /\xff\xfe\r\nContent-Length: 0\r\n\r\n"),
            *HELLO,
        )
        async with proxied() as proxy, target(script) as server:
            assert (await fetch(proxy, server.url)).body == b"hello"
            return server.requests

    assert hasty(followed())[1].startswith(b"GET /%FF%FE HTTP/1.1\r\n")


HELLO: Script = said(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")


async def twice(*scripts: Script, method: str = "GET", body: bytes = b"") -> tuple[Seen, Seen, int]:
    """Two requests on one client connection, and how many connections they took to the target."""
    async with proxied() as proxy, target(*scripts) as server, client(proxy) as connection:
        await connection.ask(server.url)
        first = await connection.reply()
        await connection.ask(server.url, method, body)
        return first, await connection.reply(method), server.connections


def test_a_connection_that_ended_well_serves_again() -> None:
    _, second, connections = hasty(twice((*HELLO, *HELLO)))
    assert (second.body, connections) == (b"hello", 1)


@pytest.mark.parametrize(
    "first",
    [
        said(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nhello"),
        said(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 Forged\r\n\r\n"),
        said(b"HTTP/1.1 204 OK\r\n\r\nhello"),
        said(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nhello"),
        said(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"),
        said(b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n"),
    ],
    ids=["more-than-length", "a-reply-ahead", "204-body", "after-last-chunk", "close", "1.0"],
)
def test_a_connection_that_cannot_be_trusted_serves_no_other_request(first: Script) -> None:
    _, second, connections = hasty(twice(first, HELLO))
    assert (second.status, second.body, connections) == (200, b"hello", 2)


@pytest.mark.parametrize("late", [b"x", b"HTTP/1.1 200 Forged\r\nContent-Length: 0\r\n\r\n"])
def test_a_reply_that_comes_before_it_is_asked_for_serves_nobody(late: bytes) -> None:
    async def idle_noise() -> tuple[bytes, int]:
        async with proxied() as proxy, target((*HELLO, late), HELLO) as server:
            await fetch(proxy, server.url)
            await asyncio.wait_for(server.ended.wait(), PATIENCE)
            return (await fetch(proxy, server.url)).body, server.connections

    assert hasty(idle_noise()) == (b"hello", 2)


@pytest.mark.parametrize("end", [Do.FIN, Do.RST], ids=["FIN", "RST"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "DELETE", "PROPFIND"])
def test_an_idempotent_request_that_met_a_closed_connection_is_sent_once_more(
    method: str, end: Do
) -> None:
    dying = (*HELLO, Do.REQUEST, end)
    _, second, connections = hasty(twice(dying, HELLO, method=method))
    assert (second.status, second.end, connections) == (200, "whole", 2)


@pytest.mark.parametrize("end", [Do.FIN, Do.RST], ids=["FIN", "RST"])
@pytest.mark.parametrize(
    ("method", "body"), [("POST", b""), ("PATCH", b""), ("POST", b"x"), ("PUT", b"x")]
)
def test_no_other_request_is_sent_twice(method: str, body: bytes, end: Do) -> None:
    dying = (*HELLO, Do.REQUEST, end)
    _, second, connections = hasty(twice(dying, HELLO, method=method, body=body))
    assert (second.status, second.error, connections) == (502, "connection_terminated", 1)


def test_a_request_is_sent_once_more_but_not_twice_more() -> None:
    dying = (*HELLO, Do.REQUEST, Do.FIN)
    _, second, connections = hasty(twice(dying, (Do.REQUEST, Do.FIN), HELLO))
    assert (second.status, second.error, connections) == (502, "connection_terminated", 2)


@pytest.mark.parametrize("end", [Do.FIN, Do.RST], ids=["FIN", "RST"])
def test_a_request_that_met_the_end_of_a_fresh_connection_is_not_sent_again(end: Do) -> None:
    async def asked() -> tuple[Seen, int]:
        async with proxied() as proxy, target((Do.REQUEST, end), HELLO) as server:
            return await fetch(proxy, server.url), server.connections

    seen, connections = hasty(asked())
    assert (seen.status, seen.error, connections) == (502, "connection_terminated", 1)


def test_a_request_that_was_half_answered_is_not_sent_again() -> None:
    dying = (*HELLO, Do.REQUEST, b"HTTP/1.1 2", Do.FIN)
    _, second, connections = hasty(twice(dying, HELLO))
    assert (second.status, second.error, connections) == (502, "connection_terminated", 1)


@pytest.mark.parametrize("end", [Do.WAIT, Do.HOLD, Do.FIN, Do.RST], ids=lambda end: end.name)
def test_a_reply_that_comes_before_the_upload_is_complete_arrives_whole(end: Do) -> None:
    async def early() -> Seen:
        reply = b"HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello"
        script = (Do.REQUEST, reply, Pause(0.1), end)
        async with (
            proxied() as proxy,
            target(script, limit=4096) as server,
            client(proxy) as connection,
        ):
            sending = asyncio.ensure_future(connection.ask(server.url, "POST", b"x" * 9**7))
            seen = await connection.reply()
            sending.cancel()
            return seen

    seen = hasty(early())
    assert (seen.status, seen.body, seen.end) == (413, b"hello", "whole")


class Broken:
    """A resolver that fails in a way of its own."""

    async def resolve(self, host: str) -> Sequence[str]:
        raise RuntimeError(host)


def test_a_failure_that_nobody_foresaw_is_a_500_and_not_silence(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def asked() -> Seen:
        async with proxied(resolver=Broken()) as proxy:
            return await fetch(proxy, "http://a.example/")

    seen = hasty(asked())
    assert (seen.status, seen.error, seen.end) == (500, "proxy_internal_error", "whole")
    assert seen.fields["access-control-allow-origin"] == "*"
    assert "RuntimeError: a.example" in caplog.text
