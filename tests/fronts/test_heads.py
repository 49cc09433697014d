"""Every front refuses the same heads in the same words, and frames a body by what is true of it."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.fronts import OPEN, ORIGIN, Front, Reply, only, tornado_front
from tests.support.site import Site

SETTINGS = OPEN | {"max_url_bytes": 2000, "max_header_bytes": 8000}

FAULTS = {
    "length abc": (("Content-Length: abc",), 400),
    "length 5, 5": (("Content-Length: 5, 5",), 400),
    "two lengths": (("Content-Length: 5", "Content-Length: 5"), 400),
    "length -1": (("Content-Length: -1",), 400),
    "length +5": (("Content-Length: +5",), 400),
    "empty length": (("Content-Length:",), 400),
    "length and coding": (("Content-Length: 5", "Transfer-Encoding: chunked"), 400),
    "coding gzip": (("Transfer-Encoding: gzip, chunked",), 400),
    "two codings": (("Transfer-Encoding: chunked", "Transfer-Encoding: chunked"), 400),
    "head too large": (tuple(f"X-{i}: {'a' * 1000}" for i in range(9)), 431),
}


def refusal(proxy: Front, target: Site, *fields: str, method: str = "POST") -> Reply:
    """The reply to a head that is at fault, if nothing that follows it is taken for a request."""
    with proxy.connect() as connection:
        connection.ask(f"{target.url}/a", f"Origin: {ORIGIN}", *fields, method=method)
        connection.ask(f"{target.url}/behind-it", f"Origin: {ORIGIN}")
        reply = connection.reply(method)
        assert connection.file.read() == b""
    assert target.requests == []
    return reply


@pytest.mark.parametrize(("fields", "status"), FAULTS.values(), ids=FAULTS)
def test_a_faulty_head_is_refused_and_the_page_can_read_why(
    proxy: Front, target: Site, fields: tuple[str, ...], status: int
) -> None:
    reply = refusal(proxy, target, *fields)
    assert (reply.status, reply.whole) == (status, True)
    assert reply.cors["allow-origin"] == "*"
    assert reply.error == "http_request_error"
    assert reply.get("content-type") == "text/plain; charset=utf-8"
    assert reply.get("connection") == "close"
    assert reply.get("date")
    assert reply.text.strip().endswith((".", ")"))


def test_a_url_that_is_too_long_is_refused(proxy: Front, target: Site) -> None:
    with proxy.connect() as connection:
        connection.ask(f"{target.url}/{'a' * 2000}")
        assert connection.reply().status == 414
    assert target.requests == []


@only("server", "application")
def test_a_head_request_that_is_refused_gets_no_body(proxy: Front, target: Site) -> None:
    assert refusal(proxy, target, "Content-Length: abc", method="HEAD").status == 400


# --- what Tornado decompresses --------------------------------------------------------------------

TEXT = b"GET /evil HTTP/1.1\r\nHost: target.test\r\n\r\n" * 1000


@pytest.fixture(scope="module")
def unzipping(kind: str) -> Iterator[Front]:
    """A front whose server decompresses what clients send."""
    with tornado_front(kind, OPEN, decompress_request=True) as running:
        yield running


def post(proxy: Front, target: Site, body: bytes, *fields: str) -> Any:
    """What the target is sent, after one request that shows whether all of the body was read."""
    assert proxy.page(f"{target.url}/a", *fields, method="POST", body=body).text == "ok"
    assert proxy.page(f"{target.url}/b").text == "ok"
    assert [request.path for request in target.requests] == ["/a", "/b"]
    return target.requests[0]


@only("server", "application")
def test_a_decompressed_body_has_the_framing_that_is_true_of_it(
    unzipping: Front, target: Site
) -> None:
    fields = ("Content-Encoding: gzip", "Content-Digest: sha-256=:x:", "Repr-Digest: sha-256=:x:")
    sent = post(unzipping, target, gzip.compress(TEXT), *fields)
    assert sent.body == TEXT
    assert sent.get("transfer-encoding") == "chunked"
    of_the_coded = {"content-encoding", "x-consumed-content-encoding", "content-length"}
    assert not sent.names & (of_the_coded | {"content-digest", "repr-digest"})


@only("server", "application")
@pytest.mark.parametrize("coding", ["br", "identity"])
def test_a_body_that_is_not_decompressed_stays_as_it_is(
    unzipping: Front, target: Site, coding: str
) -> None:
    sent = post(unzipping, target, TEXT, f"Content-Encoding: {coding}", "Content-Digest: a=:b:")
    assert sent.body == TEXT
    assert sent.get("content-length") == str(len(TEXT))
    assert (sent.get("content-encoding"), sent.get("content-digest")) == (coding, "a=:b:")


def test_a_compressed_body_stays_compressed_by_default(proxy: Front, target: Site) -> None:
    body = gzip.compress(TEXT)
    sent = post(proxy, target, body, "Content-Encoding: gzip")
    assert (sent.body, sent.get("content-encoding")) == (body, "gzip")
    assert sent.get("content-length") == str(len(body))
