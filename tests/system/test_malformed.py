"""Each row of the table of malformed requests, through each front to a recording target."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import pytest
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application

from cors_anywhere import CorsProxy, CorsProxyHandler, Settings
from tests.malformed import CANARY, JUDGED, READS_OTHERWISE, ROWS, TARGET, Row, Seen, Verdict
from tests.support import PATIENCE, wire
from tests.support.fronts import OPEN
from tests.support.listening import stop_listening
from tests.support.loopback import in_loop
from tests.support.wire import Client, Proxy, client, proxied

REASONS = {
    400: "Bad Request",
    408: "Request Timeout",
    414: "URI Too Long",
    431: "Request Header Fields Too Large",
    505: "HTTP Version Not Supported",
}
LATE = 0.1


class Recording:
    """A target that notes each complete request, and every octet, and answers 200."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.octets = b""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Follows one connection. It reads only what a careful proxy writes."""
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                self.octets += head.encode("latin-1")
                method, path, _ = head.partition("\r\n")[0].split(" ")
                body = await self._body(reader, head.lower())
                self.seen.append(Seen(method, path, body))
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            self.octets += getattr(error, "partial", b"")
        finally:
            writer.close()

    async def _body(self, reader: asyncio.StreamReader, head: str) -> bytes:
        lengths = head.count("\r\ncontent-length: ")
        assert lengths + head.count("\r\ntransfer-encoding: ") <= 1
        if lengths:
            length = head.partition("\r\ncontent-length: ")[2].partition("\r\n")[0]
            return await reader.readexactly(int(length))
        body = b""
        if "\r\ntransfer-encoding: chunked\r\n" in head:
            while size := int(await reader.readuntil(b"\r\n"), 16):
                body += await reader.readexactly(size)
                assert await reader.readexactly(2) == b"\r\n"
            assert await reader.readexactly(2) == b"\r\n"
        return body


@asynccontextmanager
async def recording() -> AsyncIterator[tuple[Recording, bytes]]:
    """A recording target, and its authority."""
    target = Recording()
    server = await asyncio.start_server(target.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield target, b"127.0.0.1:%d" % port
    finally:
        await stop_listening(server)
        await server.wait_closed()


@asynccontextmanager
async def asked(row: Row) -> AsyncIterator[tuple[Client, Recording]]:
    """The row is sent to a proxy; the target is looked at when the proxy has ended."""
    late = LATE if 408 in row.replies else PATIENCE
    deadlines: dict[str, float] = {"client_header_timeout": late, "idle_timeout": late}
    async with (
        recording() as (target, authority),
        proxied(**deadlines) as proxy,
        client(proxy) as connection,
    ):
        octets = row.octets + (CANARY if row.followed else b"")
        connection.writer.write(octets.replace(TARGET, authority))
        yield connection, target


def is_complete_refusal(seen: wire.Seen, status: int) -> None:
    """Fails unless this is a whole reply that a page can read."""
    assert (seen.status, seen.reason, seen.end) == (status, REASONS[status], "whole")
    assert seen.fields["access-control-allow-origin"] == "*"
    assert seen.fields["access-control-expose-headers"]
    assert seen.fields["proxy-status"].startswith(
        "cors-anywhere; error=http_request_error; details="
    )
    assert seen.fields["content-type"] == "text/plain; charset=utf-8"
    assert seen.fields["connection"] == "close"
    assert seen.fields["content-length"] == str(len(seen.body))
    assert seen.body.decode().strip().endswith((".", ")"))


@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
@in_loop
async def test_a_request_is_refused_or_read_in_exactly_one_way(row: Row) -> None:
    async with asked(row) as (connection, target):
        replies = [await connection.reply() for _ in row.replies]
        assert tuple(reply.status for reply in replies) == row.replies
        assert all(reply.end == "whole" for reply in replies)
        if row.refused:
            is_complete_refusal(replies[-1], row.replies[-1])
        if row.canary:
            assert (await connection.reply()).status == 200
        else:
            assert await connection.closed() == "fin"
    expected = [*row.served, Seen("GET", "/canary")] if row.canary else [*row.served]
    assert target.seen == expected
    if not row.canary:
        assert b"canary" not in target.octets
    if not any("inner" in seen.path for seen in row.served):
        assert not any("inner" in seen.path for seen in target.seen)


@pytest.mark.parametrize(
    "row",
    [row for row in ROWS if 408 not in row.replies and len(row.octets) < 500],
    ids=lambda row: row.name,
)
@in_loop
async def test_the_verdict_does_not_depend_on_how_the_octets_arrive(row: Row) -> None:
    async with (
        recording() as (target, authority),
        proxied() as proxy,
        client(proxy) as connection,
    ):
        await trickle(connection, (row.octets + CANARY).replace(TARGET, authority))
        replies = [await connection.reply() for _ in row.replies]
        assert tuple(reply.status for reply in replies) == row.replies
        if row.canary:
            assert (await connection.reply()).status == 200
    expected = [*row.served, Seen("GET", "/canary")] if row.canary else [*row.served]
    assert target.seen == expected


async def trickle(connection: Client, octets: bytes) -> None:
    """Sends octet by octet, each in a segment of its own as far as the kernel lets it."""
    for start in range(len(octets)):
        if connection.reader.at_eof():
            return
        connection.writer.write(octets[start : start + 1])
        await asyncio.sleep(0)


@in_loop
async def test_the_table_is_as_large_as_was_promised_and_its_names_are_its_own() -> None:
    assert len({row.name for row in ROWS}) == len(ROWS) >= 70
    assert len({row.octets for row in ROWS}) == len(ROWS)


@in_loop
async def test_a_refusal_names_nothing_of_what_was_sent_but_its_kind() -> None:
    async with proxied() as proxy:
        seen = await first_reply(proxy, b"GET / HTTP/1.1\r\nSecret Name: secret\r\n\r\n")
        assert b"ecret" not in seen.body


async def first_reply(proxy: Proxy, octets: bytes) -> wire.Seen:
    """The first reply to these octets."""
    async with client(proxy) as connection:
        connection.writer.write(octets)
        return await connection.reply()


# --- Tornado's own parser -------------------------------------------------------------------------


class Port(NamedTuple):
    """Where a front listens."""

    port: int


@asynccontextmanager
async def by_tornado(kind: str, seconds: float) -> AsyncIterator[Port]:
    """A proxy on Tornado's own server, with or without an application around it."""
    chosen: dict[str, Any] = {**OPEN}
    cors = CorsProxy(Settings(**chosen))
    routes = [(r"/(.*)", CorsProxyHandler, {"proxy": cors})]
    root = cors if kind == "server" else Application(routes, log_function=lambda _: None)
    server = HTTPServer(root, idle_connection_timeout=seconds, body_timeout=seconds)
    listening, port = bind_unused_port(address="127.0.0.1")
    server.add_socket(listening)
    try:
        yield Port(port)
    finally:
        server.stop()
        await server.close_all_connections()
        await cors.close()


@pytest.mark.parametrize("kind", ["server", "application"])
@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
@in_loop
async def test_tornados_fronts_read_it_in_exactly_one_way_too(
    row: Row, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    alike = Verdict(row.replies, row.served, row.canary)
    verdict = READS_OTHERWISE[kind].get(row.name, alike)
    seconds = LATE if 408 in row.replies else PATIENCE
    async with (
        recording() as (target, authority),
        by_tornado(kind, seconds) as proxy,
        client(proxy) as connection,
    ):
        octets = row.octets + (CANARY if row.followed else b"")
        connection.writer.write(octets.replace(TARGET, authority))
        replies = [await connection.reply() for _ in verdict.replies]
        assert tuple(reply.status for reply in replies) == verdict.replies
        if row.name in JUDGED:
            is_complete_refusal(replies[-1], 400)
        if verdict.canary:
            assert (await connection.reply()).status == 200
        else:
            assert (await connection.reply()).status == 0  # the end
    expected = [*verdict.served, Seen("GET", "/canary")] if verdict.canary else [*verdict.served]
    assert target.seen == expected
    assert not [record for record in caplog.records if record.exc_info]
