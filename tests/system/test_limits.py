"""Limits, deadlines and forbidden ways, on every front."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from tests.support import PATIENCE
from tests.support.fronts import OPEN, Front, front
from tests.support.site import Site, Wire, redirect, reply, site
from tests.support.tls import Tls

LIMIT = 1000
SHORT = 0.2
"""Seconds, for a target that never answers in time."""

LARGE = 8 * 2**20


SETTINGS = {
    **OPEN,
    "max_body_bytes": LIMIT,
    "max_response_bytes": LIMIT,
    "deny_targets": ("denied.example.com",),
}
"""Little room."""


@pytest.fixture(scope="module")
def roomy(kind: str) -> Iterator[Front]:
    """With the limits that it has by default."""
    with front(kind, **OPEN) as running:
        yield running


@pytest.fixture(scope="module")
def hasty(kind: str) -> Iterator[Front]:
    """With little patience."""
    with front(kind, **OPEN, head_timeout=SHORT, idle_timeout=SHORT) as running:
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
        assert begun.wait(PATIENCE)
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


def test_a_target_that_does_not_answer_is_a_504(hasty: Front, target: Site) -> None:
    seen = hasty.page(target.on("/", silent))
    assert (seen.status, seen.reason, seen.error) == (
        504,
        "Gateway Timeout",
        "http_response_timeout",
    )
    assert seen.cors["allow-origin"] == "*"


@pytest.mark.parametrize("framing", ["Content-Length: 9", "Transfer-Encoding: chunked"])
def test_silence_within_a_reply_aborts_it(hasty: Front, target: Site, framing: str) -> None:
    def answer(wire: Wire) -> None:
        wire.send(f"HTTP/1.1 200 OK\r\n{framing}\r\n\r\n3\r\nabc\r\n".encode())
        silent(wire)

    with hasty.connect() as connection:
        connection.ask(target.on("/", answer))
        assert connection.head()[0] == 200
        with pytest.raises(ConnectionResetError):
            connection.file.read()


def test_a_name_that_has_no_address_is_named(roomy: Front) -> None:
    seen = roomy.page("http://nosuch.example/")
    # Where no name server answers, the time runs out instead.
    assert (seen.status, seen.error) in ((502, "dns_error"), (504, "dns_timeout"))
    assert (seen.cors["allow-origin"], seen.exposed[:2]) == ("*", ["content-type", "proxy-status"])


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


# --- the connection to the target -----------------------------------------------------------------


def test_a_connection_kept_for_https_does_not_serve_http(kind: str, tls: Tls) -> None:
    with site(tls.context) as secure, front(kind, **OPEN, insecure_targets=True) as proxy:
        assert [proxy.page(secure.url).body for _ in range(2)] == [b"ok"] * 2
        assert len(secure.sockets) == 1
        assert proxy.page(secure.url.replace("https", "http")).status == 502
