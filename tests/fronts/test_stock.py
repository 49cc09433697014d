"""What Tornado's own server would do by itself, and must not."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress

import pytest
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port

from cors_anywhere import CorsProxy, Settings
from cors_anywhere.http1.output import reset_socket
from tests.support import PATIENCE
from tests.support.clock import quiet
from tests.support.fronts import OPEN, ORIGIN, Front, only, tornado_front
from tests.support.loopback import Peer, connected, in_loop
from tests.support.site import Site, Wire, reply
from tests.support.target import Do, Until
from tests.support.target import target as scripted
from tests.support.tls import Tls
from tests.support.wire import until

on_both = only("server", "application")

MIB = 1024 * 1024
LARGE = 110  # MiB: Tornado's own limit is 100


def counting(wire: Wire) -> None:
    """Answers how much came."""
    left, came = int(wire.request.get("content-length") or 0), 0
    while left > came and (piece := wire.reader.read1(min(65536, left - came))):  # type: ignore[attr-defined]
        came += len(piece)
    wire.send(reply(str(came).encode()))


@on_both
def test_a_body_of_any_size_passes_where_no_limit_is_set(proxy: Front, target: Site) -> None:
    url = target.on("/a", counting)
    with proxy.connect() as connection:
        connection.ask(url, f"Content-Length: {LARGE * MIB}", method="POST")
        for _ in range(LARGE):
            connection.send(bytes(MIB))
        assert connection.reply().text == str(LARGE * MIB)


@pytest.fixture(scope="module")
def limiting(kind: str) -> Iterator[Front]:
    """A front whose server was told not to take large bodies."""
    with tornado_front(kind, OPEN, max_body_size=1000) as running:
        yield running


@on_both
def test_a_limit_of_the_servers_own_is_told_to_the_page(limiting: Front, target: Site) -> None:
    assert limiting.page(target.url, method="POST", body=bytes(1000)).text == "ok"
    target.clear()
    got = limiting.page(target.url, method="POST", body=bytes(1001))
    assert (got.status, got.cors["allow-origin"]) == (413, "*")
    assert target.requests == []


@on_both
def test_nothing_is_fetched_for_a_client_that_has_left(proxy: Front, target: Site) -> None:
    with proxy.connect() as connection:
        connection.ask(f"{target.url}/a", f"Origin: {ORIGIN}", "Connection: close")
        connection.ask(f"{target.url}/behind-the-last", f"Origin: {ORIGIN}")
        assert connection.reply().text == "ok"
        with suppress(ConnectionResetError):  # where Tornado closes before it has read the second
            assert connection.file.read() == b""
    assert proxy.page(f"{target.url}/b").text == "ok"
    assert [request.path for request in target.requests] == ["/a", "/b"]


@on_both
@pytest.mark.parametrize("fields", [(), ("Content-Length: 9",)], ids=["whole", "within-its-body"])
def test_a_client_that_leaves_during_its_reply_is_no_failure(
    proxy: Front, target: Site, caplog: pytest.LogCaptureFixture, fields: tuple[str, ...]
) -> None:
    def endless(wire: Wire) -> None:
        wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
        try:
            while True:
                wire.send(bytes(65536))
        except OSError:
            target.finished.put(b"left")

    with caplog.at_level(logging.INFO):
        with proxy.connect() as connection:
            connection.ask(target.on("/a", endless), f"Origin: {ORIGIN}", *fields)
            assert connection.head()[0] == 200
        assert target.finished.get(timeout=PATIENCE) == b"left"
    assert not [record for record in caplog.records if record.exc_info]


@asynccontextmanager
async def served(tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A proxy on Tornado's server in this loop; the port."""
    proxy = CorsProxy(Settings(allow_networks=("127.0.0.0/8",), require_headers=()))
    server = HTTPServer(proxy, ssl_options=tls)
    sock, port = bind_unused_port(address="127.0.0.1")
    server.add_socket(sock)
    try:
        yield port
    finally:
        server.stop()
        async with asyncio.timeout(PATIENCE):
            await server.close_all_connections()
        await proxy.close()


async def upload_until_nobody_reads(peer: Peer, url: str) -> None:
    """Sends a body as far as it goes."""
    head = f"POST /{url} HTTP/1.1\r\nHost: p\r\nContent-Length: {LARGE * MIB}\r\n\r\n"
    peer.writer.write(head.encode())
    left = 0
    while left < MIB:  # in a transport that keeps it to itself for longer than others need
        peer.writer.write(bytes(MIB))
        await quiet()
        left = peer.writer.transport.get_write_buffer_size()


@in_loop
async def test_a_reply_that_breaks_off_leaves_nobody_waiting_for_more_of_the_request() -> None:
    goes_on = asyncio.Event()
    script = (Do.REQUEST, b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", Until(goes_on), Do.RST)
    async with scripted(script) as server, served() as port:
        before = len(asyncio.all_tasks())
        async with connected(port) as peer:
            await upload_until_nobody_reads(peer, server.url)
            await peer.until(b"\r\n\r\n")
            goes_on.set()
            assert await peer.was_reset()
        assert await until(lambda: len(asyncio.all_tasks()) <= before)


@in_loop
async def test_a_client_that_leaves_while_its_body_waits_is_noticed() -> None:
    async with scripted((Do.REQUEST, Do.HOLD)) as server, served() as port:
        async with connected(port) as peer:
            await upload_until_nobody_reads(peer, server.url)
            reset_socket(peer.writer.get_extra_info("socket"))  # an end waits behind the body
        await server.ended.wait()


@in_loop
async def test_a_refusal_is_read_whole_over_tls(tls: Tls) -> None:
    async with served(tls.context) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls.trust)
        writer.write(b"POST / HTTP/1.1\r\nHost: p\r\nContent-Length: abc\r\n\r\n" + bytes(MIB))
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 400 Bad Request\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].split()[0])
        assert len(await reader.readexactly(length)) == length
        writer.transport.abort()


@on_both
def test_a_reply_of_unknown_length_ends_with_the_connection_of_a_client_without_chunks(
    proxy: Front, target: Site
) -> None:
    """Whatever it asks for: the next reply would be taken for more of this one."""
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nwiki\r\n0\r\n\r\n"
    path = f"{proxy.base}/{target.on('/a', chunked)}"
    head = f"GET {path} HTTP/1.0\r\nHost: p\r\nConnection: keep-alive\r\n\r\n".encode()
    with proxy.connect() as connection:
        connection.send(head + head)
        got = connection.file.read()
    assert got.endswith(b"\r\n\r\nwiki")
    assert got.count(b"wiki") == 1
    assert b"keep-alive" not in got.lower()
