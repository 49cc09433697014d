"""Methods, bodies and failures on every front: framing, streaming, and what a page learns."""

from __future__ import annotations

import hashlib
import random
import socket
import threading
from collections.abc import Iterator

import pytest

from tests.support import PATIENCE
from tests.support.fronts import OPEN, Front, front, only
from tests.support.site import Site, Wire, read_chunk, reply
from tests.support.tls import Tls

SIZE = 4 * 2**20


@pytest.fixture(scope="module")
def locked(kind: str) -> Iterator[Front]:
    """With the defaults: no network but the public one."""
    with front(kind) as running:
        yield running


def octets(size: int) -> bytes:
    return random.Random(size).randbytes(size)


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


# --- methods --------------------------------------------------------------------------------------

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "PROPFIND", "REPORT", "MKCOL", "X-UNKNOWN"]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("body", [b"<x/>", b"\x00\xff"])
def test_every_method_passes_with_its_body(
    proxy: Front, target: Site, method: str, body: bytes
) -> None:
    seen = proxy.page(target.url, method=method, body=body)
    assert seen.body == b"ok"
    assert (target.last.method, target.last.body) == (method, body)
    assert target.last.get("content-length") == str(len(body))
    assert "transfer-encoding" not in target.last.names


@pytest.mark.parametrize("method", METHODS)
def test_every_method_passes_without_a_body(proxy: Front, target: Site, method: str) -> None:
    assert proxy.page(target.url, method=method).body == b"ok"
    assert target.last.method == method
    assert "transfer-encoding" not in target.last.names


@pytest.mark.parametrize("method", ["DELETE", "POST", "PUT", "PATCH"])
def test_a_method_that_usually_has_a_body_says_that_it_has_none(
    proxy: Front, target: Site, method: str
) -> None:
    proxy.page(target.url, method=method)
    assert target.last.get("content-length") == "0"


@pytest.mark.parametrize("method", ["GET", "HEAD", "PROPFIND"])
def test_any_other_method_is_silent_about_a_body_it_lacks(
    proxy: Front, target: Site, method: str
) -> None:
    with proxy.connect() as connection:
        connection.ask(target.url, method=method)
        connection.head()
    assert "content-length" not in target.last.names


@pytest.mark.parametrize("method", ["CONNECT", "TRACE"])
def test_a_method_that_is_not_the_targets_is_refused(
    proxy: Front, target: Site, method: str
) -> None:
    assert proxy.ask(target.url, method=method).status == 405
    assert not target.requests


# --- framing --------------------------------------------------------------------------------------


def test_a_chunked_request_stays_chunked(proxy: Front, target: Site) -> None:
    with proxy.connect() as connection:
        connection.ask(target.url, "Transfer-Encoding: chunked", method="POST")
        connection.send(b"3\r\nabc\r\n5\r\ndefgh\r\n0\r\n\r\n")
        assert connection.reply().body == b"ok"
    assert (target.last.body, target.last.get("transfer-encoding")) == (b"abcdefgh", "chunked")
    assert "content-length" not in target.last.names


@only("command")  # Tornado's own server refuses them
def test_the_command_takes_chunk_extensions_and_trailers(proxy: Front, target: Site) -> None:
    with proxy.connect() as connection:
        connection.ask(target.url, "Transfer-Encoding: chunked", method="POST")
        connection.send(b"3;ext=1\r\nabc\r\n0\r\nX-Trailer: 1\r\n\r\n")
        assert connection.reply().body == b"ok"
    assert target.last.body == b"abc"


def test_a_chunked_reply_stays_chunked(proxy: Front, target: Site) -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    seen = proxy.page(target.on("/", head + b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"))
    assert (seen.body, seen.get("transfer-encoding")) == (b"abcde", "chunked")
    assert seen.get("content-length") is None


def test_a_length_stays_a_length(proxy: Front, target: Site) -> None:
    seen = proxy.page(target.on("/", reply(b"abc")))
    assert (seen.get("content-length"), seen.get("transfer-encoding")) == ("3", None)


def test_a_large_body_goes_up_unchanged(proxy: Front, target: Site) -> None:
    body = octets(SIZE)
    assert proxy.page(target.url, method="PUT", body=body).body == b"ok"
    assert digest(target.last.body) == digest(body)


def test_a_large_body_comes_down_unchanged(proxy: Front, target: Site) -> None:
    body = octets(SIZE)
    assert digest(proxy.page(target.on("/", reply(body))).body) == digest(body)


def test_a_large_chunked_body_comes_down_unchanged(proxy: Front, target: Site) -> None:
    body = octets(SIZE)
    parts = [body[at : at + 99999] for at in range(0, SIZE, 99999)]
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts)
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert digest(proxy.page(target.on("/", head + chunks + b"0\r\n\r\n")).body) == digest(body)


# --- streaming ------------------------------------------------------------------------------------


@pytest.mark.parametrize("framing", ["chunked", "length"])
def test_a_request_reaches_the_target_before_its_end(
    proxy: Front, target: Site, framing: str
) -> None:
    arrived = threading.Event()

    def answer(wire: Wire) -> None:
        take = read_chunk if framing == "chunked" else lambda reader: reader.read(5)
        first = take(wire.reader)
        arrived.set()
        second = take(wire.reader)
        if framing == "chunked":
            assert read_chunk(wire.reader) == b""
        wire.send(reply(first + b"|" + second))

    url = target.on("/", answer)
    field = "Transfer-Encoding: chunked" if framing == "chunked" else "Content-Length: 10"
    pieces = [b"5\r\nfirst\r\n", b"4\r\nlast\r\n0\r\n\r\n"]
    with proxy.connect() as connection:
        connection.ask(url, field, method="POST")
        connection.send(pieces[0] if framing == "chunked" else b"first")
        assert arrived.wait(PATIENCE)
        connection.send(pieces[1] if framing == "chunked" else b"last.")
        assert connection.reply().body.startswith(b"first|last")


@pytest.mark.parametrize("framing", ["chunked", "length"])
def test_a_reply_reaches_the_client_before_its_end(
    proxy: Front, target: Site, framing: str
) -> None:
    arrived = threading.Event()
    chunked = framing == "chunked"

    def answer(wire: Wire) -> None:
        field = "Transfer-Encoding: chunked" if chunked else "Content-Length: 9"
        wire.send(f"HTTP/1.1 200 OK\r\n{field}\r\n\r\n".encode())
        wire.send(b"5\r\nfirst\r\n" if chunked else b"first")
        assert arrived.wait(PATIENCE)
        wire.send(b"4\r\nlast\r\n0\r\n\r\n" if chunked else b"last")

    url = target.on("/", answer)
    with proxy.connect() as connection:
        connection.ask(url)
        connection.head()
        assert (connection.chunk() if chunked else connection.file.read(5)) == b"first"
        arrived.set()
        assert (connection.chunk() if chunked else connection.file.read(4)) == b"last"


def test_a_reply_may_come_before_the_request_ends(proxy: Front, target: Site) -> None:
    url = target.on("/", lambda wire: wire.send(reply(b"early")))
    with proxy.connect() as connection:
        connection.ask(url, "Content-Length: 10", method="POST")
        connection.send(b"first")
        assert connection.reply().body == b"early"


# --- the connection -------------------------------------------------------------------------------


def test_requests_follow_each_other_on_one_connection(proxy: Front, target: Site) -> None:
    with proxy.connect() as connection:
        for number in range(3):
            url = target.on(f"/{number}", reply(b"%d" % number))
            connection.ask(url, method="POST", body=b"x" * number)
            assert connection.reply().body == b"%d" % number


@only("command")  # the command's own server is what promises it
def test_pipelined_requests_are_answered_in_order(proxy: Front, target: Site) -> None:
    for number in range(5):
        target.on(f"/{number}", reply(b"%d" % number))
    line = "POST /{}/{} HTTP/1.1\r\nHost: proxy.test\r\nContent-Length: 1\r\n\r\nx"
    with proxy.connect() as connection:
        connection.send("".join(line.format(target.url, n) for n in range(5)).encode())
        assert [connection.reply().body for _ in range(5)] == [b"%d" % n for n in range(5)]


# --- failures -------------------------------------------------------------------------------------


def test_a_refused_connection_is_named(proxy: Front) -> None:
    with socket.socket() as bound:  # and never listens
        bound.bind(("127.0.0.1", 0))
        there = f"127.0.0.1:{bound.getsockname()[1]}"
        seen = proxy.page(f"http://{there}/")
    assert (seen.status, seen.reason, seen.error) == (502, "Bad Gateway", "connection_refused")
    assert seen.text == f"The target {there} refused the connection."
    assert (seen.get("proxy-status") or "").startswith("cors-anywhere; error=connection_refused;")
    exposed = "content-type,proxy-status,x-request-url,x-final-url"
    assert seen.cors == {"allow-origin": "*", "expose-headers": exposed}


def test_a_forbidden_address_is_named(proxy: Front) -> None:
    seen = proxy.page("http://10.0.0.1/")
    assert (seen.status, seen.error) == (403, "destination_ip_prohibited")
    assert "--allow-network" in seen.text


@pytest.mark.parametrize(
    ("host", "rule"),
    [
        ("nosuch.internal", "special-name"),
        ("printer", "single-label"),
        ("localhost", "special-name"),
        ("example.com:25", "bad-port"),
    ],
)
def test_a_host_that_is_never_public_is_refused_whatever_its_address(
    locked: Front, host: str, rule: str
) -> None:
    seen = locked.page(f"http://{host}/")
    assert (seen.status, seen.error) == (403, "destination_ip_prohibited")
    assert f"({rule})" in seen.text
    assert "--allow-private" in seen.text


BROKEN = [
    (b"nonsense\r\n\r\n", "http_protocol_error"),
    (b"", "connection_terminated"),
    (
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "http_protocol_error",
    ),
]


@pytest.mark.parametrize(("octets", "error"), BROKEN)
def test_a_target_that_answers_nonsense_is_named(
    proxy: Front, target: Site, octets: bytes, error: str
) -> None:
    def answer(wire: Wire) -> None:
        wire.send(octets)
        wire.end()

    seen = proxy.page(target.on("/", answer))
    assert (seen.status, seen.error) == (502, error)
    assert seen.cors["allow-origin"] == "*"


@pytest.mark.parametrize("head", ["Content-Length: 100", "Transfer-Encoding: chunked"])
def test_a_reply_that_breaks_off_does_not_pass_for_whole(
    proxy: Front, target: Site, head: str
) -> None:
    def answer(wire: Wire) -> None:
        wire.send(f"HTTP/1.1 200 OK\r\n{head}\r\n\r\n3\r\nabc\r\n".encode())
        assert begun.wait(PATIENCE)
        wire.end()

    begun = threading.Event()
    with proxy.connect() as connection:
        connection.ask(target.on("/", answer))
        assert connection.head()[0] == 200
        begun.set()
        with pytest.raises(ConnectionResetError):
            assert b"\r\n0\r\n" not in connection.file.read()


def test_the_proxy_serves_on_after_a_failure(proxy: Front, target: Site) -> None:
    with proxy.connect() as connection:
        connection.ask("http://10.0.0.1/")
        assert connection.reply().status == 403
        connection.ask(target.url)
        assert connection.reply().body == b"ok"


# --- TLS ------------------------------------------------------------------------------------------


def test_a_certificate_that_nobody_vouches_for_is_named(proxy: Front, secure: Site) -> None:
    seen = proxy.page(secure.url)
    assert (seen.status, seen.error) == (502, "tls_certificate_error")
    assert "--ca-file" in seen.text
    assert not secure.requests


def test_a_certificate_of_a_trusted_authority_is_accepted(
    kind: str, secure: Site, tls: Tls
) -> None:
    with front(kind, **OPEN, ca_file=tls.ca_file) as proxy:
        assert proxy.page(secure.url).body == b"ok"
        other_name = proxy.page(f"https://localhost:{secure.port}/")
    assert other_name.error == "tls_certificate_error"
