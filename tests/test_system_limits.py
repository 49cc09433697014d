"""Limits, deadlines and clients that leave, on every front."""

from __future__ import annotations

import queue
import socket
import struct
import threading
from collections.abc import Iterator

import pytest

from tests.support.fronts import FRONTS, OPEN, Connection, Front, front
from tests.support.site import Site, Wire, read_chunk, redirect, reply, site

LIMIT = 1000
SHORT = 0.3
LARGE = 8 * 2**20


@pytest.fixture(scope="module")
def target() -> Iterator[Site]:
    with site() as running:
        yield running


@pytest.fixture(autouse=True)
def _forget(target: Site) -> None:
    target.clear()


@pytest.fixture(scope="module", params=FRONTS)
def proxy(request: pytest.FixtureRequest) -> Iterator[Front]:
    """With little patience, and little room."""
    with front(
        request.param,
        **OPEN,
        max_body_bytes=LIMIT,
        max_response_bytes=LIMIT,
        head_timeout=SHORT,
        idle_timeout=SHORT,
        deny_targets=("denied.example.com",),
    ) as running:
        yield running


@pytest.fixture(scope="module", params=FRONTS)
def roomy(request: pytest.FixtureRequest) -> Iterator[Front]:
    """With the limits that it has by default."""
    with front(request.param, **OPEN) as running:
        yield running


# --- sizes ----------------------------------------------------------------------------------------


def chunked(body: bytes) -> bytes:
    return b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)


@pytest.mark.parametrize(("size", "status"), [(LIMIT, 200), (LIMIT + 1, 413)])
def test_an_announced_body_above_the_limit_never_reaches_the_target(
    proxy: Front, target: Site, size: int, status: int
) -> None:
    seen = proxy.page(target.url, method="POST", body=b"x" * size)
    assert (seen.status, seen.cors["allow-origin"]) == (status, "*")
    assert len(target.requests) == (1 if status == 200 else 0)


@pytest.mark.parametrize(("size", "status"), [(LIMIT, 200), (LIMIT + 1, 413)])
def test_a_chunked_body_above_the_limit_is_never_complete_at_the_target(
    proxy: Front, target: Site, size: int, status: int
) -> None:
    with proxy.connect() as connection:
        connection.ask(target.url, "Transfer-Encoding: chunked", method="POST")
        connection.send(chunked(b"x" * size))
        assert connection.reply().status == status
    assert len(target.requests) == (1 if status == 200 else 0)


@pytest.mark.parametrize(("size", "status"), [(LIMIT, 200), (LIMIT + 1, 502)])
def test_an_announced_reply_above_the_limit_is_refused(
    proxy: Front, target: Site, size: int, status: int
) -> None:
    seen = proxy.page(target.on("/", reply(b"x" * size)))
    assert (seen.status, seen.error) == (status, "http_response_body_size" * (status != 200))


@pytest.mark.parametrize(("size", "whole"), [(LIMIT, True), (LIMIT + 1, False)])
def test_a_reply_that_outgrows_the_limit_does_not_pass_for_whole(
    proxy: Front, target: Site, size: int, whole: bool
) -> None:
    begun = threading.Event()

    def answer(wire: Wire) -> None:
        wire.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n")
        assert begun.wait(5)
        wire.send(chunked(b"x" * (size - 1)))

    with proxy.connect() as connection:
        connection.ask(target.on("/", answer))
        assert (connection.head()[0], connection.chunk()) == (200, b"x")
        begun.set()
        if whole:
            assert (connection.chunk(), connection.chunk()) == (b"x" * (size - 1), b"")
        else:
            with pytest.raises(ConnectionResetError):
                connection.file.read()


# --- deadlines ------------------------------------------------------------------------------------


def silent(wire: Wire) -> None:
    assert wire.reader.read(1) == b""  # until the proxy leaves


def test_a_target_that_does_not_answer_is_a_504(proxy: Front, target: Site) -> None:
    seen = proxy.page(target.on("/", silent))
    assert (seen.status, seen.reason, seen.error) == (
        504,
        "Gateway Timeout",
        "http_response_timeout",
    )
    assert seen.cors["allow-origin"] == "*"


@pytest.mark.parametrize("framing", ["Content-Length: 9", "Transfer-Encoding: chunked"])
def test_silence_within_a_reply_aborts_it(proxy: Front, target: Site, framing: str) -> None:
    def answer(wire: Wire) -> None:
        wire.send(f"HTTP/1.1 200 OK\r\n{framing}\r\n\r\n3\r\nabc\r\n".encode())
        silent(wire)

    with proxy.connect() as connection:
        connection.ask(target.on("/", answer))
        assert connection.head()[0] == 200
        with pytest.raises(ConnectionResetError):
            connection.file.read()


def test_a_name_that_has_no_address_is_named(roomy: Front) -> None:
    seen = roomy.page("http://nosuch.example/")
    # Where no name server answers, the time runs out instead.
    assert (seen.status, seen.error) in ((502, "dns_error"), (504, "dns_timeout"))
    assert seen.cors == {"allow-origin": "*", "expose-headers": "content-type,proxy-status"}


# --- redirects ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("location", "error"),
    [
        ("http://10.0.0.1/", "destination_ip_prohibited"),
        ("http://[::1]/", "destination_ip_prohibited"),
        ("http://denied.example.com/", "http_request_denied"),
    ],
)
@pytest.mark.parametrize("status", ["302 Found", "307 Again"])
def test_a_redirect_into_what_is_forbidden_is_refused(
    proxy: Front, target: Site, location: str, error: str, status: str
) -> None:
    seen = proxy.page(target.on("/", redirect(location, status)))
    assert (seen.status, seen.error) == (403, error)


@pytest.mark.parametrize("status", ["307 Again", "308 Again"])
def test_a_body_that_is_not_at_hand_is_not_sent_again(
    roomy: Front, target: Site, status: str
) -> None:
    url = target.on("/a", lambda wire: wire.send(redirect("/b", status)))
    with roomy.connect() as connection:
        connection.ask(url, f"Content-Length: {LARGE}", method="POST")
        connection.send(b"the beginning")
        assert f"{connection.reply().status} Again" == status
    assert [seen.path for seen in target.requests] == ["/a"]


def test_a_redirect_with_a_large_body_is_followed_without_it(roomy: Front, target: Site) -> None:
    head = f"HTTP/1.1 302 Found\r\nLocation: /b\r\nContent-Length: {LARGE}\r\n\r\n".encode()
    url = target.on("/a", lambda wire: wire.send(head + b"x" * LARGE))
    assert roomy.page(url).body == b"ok"


def test_the_proxy_does_not_connect_to_itself(roomy: Front) -> None:
    seen = roomy.page(f"http://127.0.0.1:{roomy.port}/")
    assert (seen.status, seen.error) == (403, "destination_ip_prohibited")
    assert "(own-address)" in seen.text


# --- the client -----------------------------------------------------------------------------------


def test_a_client_that_waits_for_leave_to_send_gets_it(roomy: Front, target: Site) -> None:
    with roomy.connect() as connection:
        fields = ("Expect: 100-continue", "Content-Length: 4")
        connection.ask(target.url, *fields, method="POST")
        assert connection.head()[0] == 100
        connection.send(b"body")
        assert connection.reply().body == b"ok"
    assert target.last.body == b"body"
    assert "expect" not in target.last.names


def test_an_http_1_0_client_is_served(roomy: Front, target: Site) -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    url = target.on("/", head + chunked(b"abc"))
    with roomy.connect() as connection:
        connection.send(f"GET {roomy.base}/{url} HTTP/1.0\r\n\r\n".encode())
        status, _, fields = connection.head()
        assert (status, connection.file.read()) == (200, b"abc")
    assert "transfer-encoding" not in dict(fields)


@pytest.mark.parametrize("before", ["the upload", "the head", "the end"])
def test_when_the_client_leaves_the_target_is_left(roomy: Front, target: Site, before: str) -> None:
    came: queue.SimpleQueue[str] = queue.SimpleQueue()

    def answer(wire: Wire) -> None:
        if before == "the end":
            wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")
        came.put("request")
        wire.sock.settimeout(3)
        try:
            assert wire.reader.read(1) == b""
        except ConnectionResetError:
            pass
        came.put("end")

    with roomy.connect() as connection:
        fields = ("Content-Length: 9",) if before == "the upload" else ()
        connection.ask(target.on("/", answer), *fields, method="POST")
        assert came.get(timeout=3) == "request"
    assert came.get(timeout=3) == "end"


def test_a_client_that_resets_ends_the_target_too(roomy: Front, target: Site) -> None:
    came: queue.SimpleQueue[str] = queue.SimpleQueue()

    def answer(wire: Wire) -> None:
        came.put("request")
        silent(wire)
        came.put("end")

    with roomy.connect() as connection:
        connection.ask(target.on("/", answer))
        assert came.get(timeout=3) == "request"
        connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert came.get(timeout=3) == "end"


# --- backpressure ---------------------------------------------------------------------------------


def test_a_target_that_does_not_read_stops_the_client(roomy: Front, target: Site) -> None:
    go = threading.Event()

    def answer(wire: Wire) -> None:
        assert go.wait(5)
        left = LARGE * 4
        while left:
            left -= len(wire.reader.read(min(left, 65536)))
        wire.send(reply(b"all"))

    with roomy.connect() as connection:
        connection.ask(target.on("/", answer), f"Content-Length: {LARGE * 4}", method="POST")
        taken = fill(connection)
        assert taken < LARGE * 4
        go.set()
        connection.sock.settimeout(5)
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


def test_a_client_that_does_not_read_stops_the_target(roomy: Front, target: Site) -> None:
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
        wire.sock.settimeout(5)
        wire.send(b"x" * (LARGE * 4 - taken))

    with roomy.connect() as connection:
        connection.ask(target.on("/", answer))
        assert stopped.get(timeout=8) < LARGE * 4
        assert len(connection.reply().body) == LARGE * 4


@pytest.mark.parametrize("framing", ["Transfer-Encoding: chunked", f"Content-Length: {LARGE}"])
def test_a_refusal_reaches_a_client_that_is_still_sending(
    roomy: Front, target: Site, framing: str
) -> None:
    def answer(wire: Wire) -> None:
        if framing.startswith("T"):
            read_chunk(wire.reader)
        wire.send(reply(b"too much", status="413 Content Too Large"))
        wire.end()

    with roomy.connect() as connection:
        connection.ask(target.on("/", answer), framing, method="POST")
        connection.send(b"5\r\nfirst\r\n" if framing.startswith("T") else b"x" * 65536)
        seen = connection.reply()
    assert (seen.status, seen.body) == (413, b"too much")


def test_an_early_reply_leaves_the_connection_fit_for_the_next_request(
    roomy: Front, target: Site
) -> None:
    if roomy.kind != "command":
        pytest.skip("Tornado's own server closes a connection whose request was not read")
    size = 2**20
    url = target.on("/", lambda wire: wire.send(reply(b"early")))
    with roomy.connect() as connection:
        connection.ask(url, method="POST", body=b"x" * size)
        assert connection.reply().body == b"early"
        connection.ask(f"{target.url}/next")
        assert connection.reply().body == b"ok"
