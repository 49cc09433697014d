"""Clients that wait, hurry, stall or leave, on every front."""

from __future__ import annotations

import queue
import socket
import struct
import threading

import pytest

from tests.support import PATIENCE
from tests.support.fronts import Connection, Front, only
from tests.support.site import Site, Wire, read_chunk, reply

SHORT = 0.3
LARGE = 8 * 2**20


def chunked(body: bytes) -> bytes:
    return b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)


def silent(wire: Wire) -> None:
    assert wire.reader.read(1) == b""  # until the proxy leaves


# --- the client -----------------------------------------------------------------------------------


def test_a_client_that_waits_for_leave_to_send_gets_it(proxy: Front, target: Site) -> None:
    with proxy.connect() as connection:
        fields = ("Expect: 100-continue", "Content-Length: 4")
        connection.ask(target.url, *fields, method="POST")
        assert connection.head()[0] == 100
        connection.send(b"body")
        assert connection.reply().body == b"ok"
    assert target.last.body == b"body"
    assert "expect" not in target.last.names


def test_an_http_1_0_client_is_served(proxy: Front, target: Site) -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    url = target.on("/", head + chunked(b"abc"))
    with proxy.connect() as connection:
        connection.send(f"GET {proxy.base}/{url} HTTP/1.0\r\n\r\n".encode())
        status, _, fields = connection.head()
        assert (status, connection.file.read()) == (200, b"abc")
    assert "transfer-encoding" not in dict(fields)


@pytest.mark.parametrize("before", ["the upload", "the head", "the end"])
def test_when_the_client_leaves_the_target_is_left(proxy: Front, target: Site, before: str) -> None:
    came: queue.SimpleQueue[str] = queue.SimpleQueue()

    def answer(wire: Wire) -> None:
        if before == "the end":
            wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")
        came.put("request")
        wire.sock.settimeout(PATIENCE)
        try:
            assert wire.reader.read(1) == b""
        except ConnectionResetError:
            pass
        came.put("end")

    with proxy.connect() as connection:
        fields = ("Content-Length: 9",) if before == "the upload" else ()
        connection.ask(target.on("/", answer), *fields, method="POST")
        assert came.get(timeout=PATIENCE) == "request"
    assert came.get(timeout=PATIENCE) == "end"


def test_a_client_that_resets_ends_the_target_too(proxy: Front, target: Site) -> None:
    came: queue.SimpleQueue[str] = queue.SimpleQueue()

    def answer(wire: Wire) -> None:
        came.put("request")
        silent(wire)
        came.put("end")

    with proxy.connect() as connection:
        connection.ask(target.on("/", answer))
        assert came.get(timeout=PATIENCE) == "request"
        connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert came.get(timeout=PATIENCE) == "end"


# --- backpressure ---------------------------------------------------------------------------------


def test_a_target_that_does_not_read_stops_the_client(proxy: Front, target: Site) -> None:
    go = threading.Event()

    def answer(wire: Wire) -> None:
        assert go.wait(PATIENCE)
        left = LARGE * 4
        while left:
            left -= len(wire.reader.read(min(left, 65536)))
        wire.send(reply(b"all"))

    with proxy.connect() as connection:
        connection.ask(target.on("/", answer), f"Content-Length: {LARGE * 4}", method="POST")
        taken = fill(connection)
        assert taken < LARGE * 4
        go.set()
        connection.sock.settimeout(PATIENCE)
        connection.send(b"x" * (LARGE * 4 - taken))
        assert connection.reply().body == b"all"


def fill(connection: Connection) -> int:
    """Sends until nobody takes any more for a while; how many octets were taken."""
    taken = 0
    connection.sock.settimeout(SHORT)
    while taken < LARGE * 4:
        try:
            taken += connection.sock.send(b"x" * min(65536, LARGE * 4 - taken))
        except TimeoutError:
            break
    return taken


def test_a_client_that_does_not_read_stops_the_target(proxy: Front, target: Site) -> None:
    stopped: queue.SimpleQueue[int] = queue.SimpleQueue()

    def answer(wire: Wire) -> None:
        wire.send(f"HTTP/1.1 200 OK\r\nContent-Length: {LARGE * 4}\r\n\r\n".encode())
        taken = 0
        wire.sock.settimeout(SHORT)
        while taken < LARGE * 4:
            try:
                taken += wire.sock.send(b"x" * min(65536, LARGE * 4 - taken))
            except TimeoutError:
                break
        stopped.put(taken)
        wire.sock.settimeout(PATIENCE)
        wire.send(b"x" * (LARGE * 4 - taken))

    with proxy.connect() as connection:
        connection.ask(target.on("/", answer))
        assert stopped.get(timeout=PATIENCE) < LARGE * 4
        assert len(connection.reply().body) == LARGE * 4


@pytest.mark.parametrize("framing", ["Transfer-Encoding: chunked", f"Content-Length: {LARGE}"])
def test_a_refusal_reaches_a_client_that_is_still_sending(
    proxy: Front, target: Site, framing: str
) -> None:
    def answer(wire: Wire) -> None:
        if framing.startswith("T"):
            read_chunk(wire.reader)
        wire.send(reply(b"too much", status="413 Content Too Large"))
        wire.end()

    with proxy.connect() as connection:
        connection.ask(target.on("/", answer), framing, method="POST")
        connection.send(b"5\r\nfirst\r\n" if framing.startswith("T") else b"x" * 65536)
        seen = connection.reply()
    assert (seen.status, seen.body) == (413, b"too much")


@only("command")  # Tornado's own server closes a connection whose request was not read
def test_an_early_reply_leaves_the_connection_fit_for_the_next_request(
    proxy: Front, target: Site
) -> None:
    size = 2**20
    url = target.on("/", lambda wire: wire.send(reply(b"early")))
    with proxy.connect() as connection:
        connection.ask(url, method="POST", body=b"x" * size)
        assert connection.reply().body == b"early"
        connection.ask(f"{target.url}/next")
        assert connection.reply().body == b"ok"
