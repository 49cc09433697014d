"""Redirects, on every front."""

from __future__ import annotations

import threading

import pytest

from tests.support import PATIENCE
from tests.support.fronts import OPEN, Front
from tests.support.site import Site, Wire, redirect, reply

REPLAY_BYTES = 1000


SETTINGS = {**OPEN, "replay_bytes": REPLAY_BYTES, "trusted_proxies": ("127.0.0.0/8",)}


@pytest.mark.parametrize("status", [301, 302, 303])
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
def test_a_redirect_is_followed_as_get_without_body(
    proxy: Front, target: Site, status: int, method: str
) -> None:
    url = target.on("/a", redirect("/b?c", f"{status} Moved"))
    body = None if method == "GET" else b"body"
    seen = proxy.page(url, "Content-Type: text/plain", "X-A: 1", method=method, body=body)
    assert (seen.status, seen.body) == (200, b"ok")
    first, second = target.requests
    assert (first.method, first.body) == (method, body or b"")
    assert (second.method, second.path, second.body) == ("GET", "/b?c", b"")
    assert not {"content-type", "content-length", "transfer-encoding"} & second.names
    assert second.get("x-a") == "1"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_head_stays_head(proxy: Front, target: Site, status: int) -> None:
    bare = f"HTTP/1.1 {status} Moved\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n".encode()
    url = target.on("/a", bare)
    target.on("/b", b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n")
    seen = proxy.ask(url, method="HEAD")
    assert [request.method for request in target.requests] == ["HEAD", "HEAD"]
    assert (seen.status, seen.get("content-length")) == (200, "7")


def test_the_way_is_reported(proxy: Front, target: Site, other: Site) -> None:
    url = target.on("/a", redirect(f"{other.url}/b", "301 Moved"))
    other.on("/b", redirect("c", "307 Temporary"))
    other.on("/c", reply(b"end", "X-A: 1"))
    seen = proxy.page(url)
    assert seen.body == b"end"
    assert (seen.get("x-request-url"), seen.get("x-final-url")) == (url, f"{other.url}/c")
    assert seen.get("x-cors-redirect-1") == f"301 {other.url}/b"
    assert seen.get("x-cors-redirect-2") == f"307 {other.url}/c"
    assert seen.exposed == [
        *("content-length", "x-a", "x-final-url", "x-request-url"),
        *("x-cors-redirect-1", "x-cors-redirect-2"),
    ]
    assert other.last.get("host") == f"127.0.0.1:{other.port}"


def test_five_redirects_are_followed_and_the_sixth_is_passed_on(proxy: Front, target: Site) -> None:
    for number in range(9):
        target.on(f"/{number}", redirect(f"/{number + 1}"))
    seen = proxy.page(f"{target.url}/0")
    assert (seen.status, seen.reason, seen.body) == (302, "Found", b"moved")
    assert [request.path for request in target.requests] == [f"/{n}" for n in range(6)]
    assert seen.get("location") == f"http://proxy.test{proxy.base}/{target.url}/6"
    assert seen.get("x-final-url") == f"{target.url}/5"
    assert seen.get("x-cors-redirect-5") == f"302 {target.url}/5"
    assert seen.get("x-cors-redirect-6") is None
    assert "location" in seen.exposed


def test_the_base_url_is_https_when_a_trusted_proxy_says_so(proxy: Front, target: Site) -> None:
    url = target.on("/a", redirect("/a"))
    seen = proxy.page(url, "X-Forwarded-Proto: https")
    assert seen.get("location") == f"https://proxy.test{proxy.base}/{url}"


@pytest.mark.parametrize("status", [307, 308])
@pytest.mark.parametrize("size", [0, 1, REPLAY_BYTES])
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_body_that_fits_is_sent_again(
    proxy: Front, target: Site, other: Site, status: int, size: int, method: str
) -> None:
    url = target.on("/a", redirect(f"{other.url}/b", f"{status} Again"))
    body = b"x" * size
    seen = proxy.page(url, "Content-Type: a/b", method=method, body=body)
    assert (seen.status, seen.body) == (200, b"ok")
    again = other.last
    assert (again.method, again.body, again.get("content-type")) == (method, body, "a/b")
    assert again.get("content-length") == str(size)


@pytest.mark.parametrize("status", [307, 308])
def test_a_chunked_body_that_fits_is_sent_again(proxy: Front, target: Site, status: int) -> None:
    url = target.on("/a", redirect("/b", f"{status} Again"))
    with proxy.connect() as connection:
        connection.ask(url, "Transfer-Encoding: chunked", method="POST")
        connection.send(b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
        assert connection.reply().body == b"ok"
    again = target.last
    assert (again.path, again.body) == ("/b", b"abcde")
    assert again.get("transfer-encoding") == "chunked"


@pytest.mark.parametrize("status", [307, 308])
def test_a_redirect_of_a_body_that_is_too_large_is_passed_on(
    proxy: Front, target: Site, status: int
) -> None:
    url = target.on("/a", redirect("/b", f"{status} Again"))
    seen = proxy.page(url, method="POST", body=b"x" * (REPLAY_BYTES + 1))
    assert (seen.status, seen.reason, seen.body) == (status, "Again", b"moved")
    assert seen.get("location") == f"http://proxy.test{proxy.base}/{target.url}/b"
    assert len(target.requests) == 1


@pytest.mark.parametrize("status", [307, 308])
def test_a_redirect_that_comes_before_the_body_waits_for_it(
    proxy: Front, target: Site, status: int
) -> None:
    replied = threading.Event()

    def answer(wire: Wire) -> None:
        wire.send(redirect("/b", f"{status} Again"))
        replied.set()
        assert wire.reader.read(4) == b"body"

    with proxy.connect() as connection:
        connection.ask(target.on("/a", answer), "Content-Length: 4", method="POST")
        assert replied.wait(PATIENCE)
        connection.send(b"body")
        assert connection.reply().body == b"ok"
    assert (target.last.path, target.last.body) == ("/b", b"body")


SECRETS = ("Authorization: Basic eDp5", "X-Other: kept")


def test_credentials_do_not_cross_origins_not_even_back(
    proxy: Front, target: Site, other: Site
) -> None:
    url = target.on("/a", redirect(f"{other.url}/b"))
    other.on("/b", redirect(f"{target.url}/c"))
    proxy.page(url, *SECRETS)
    seen = [target.requests[0], other.last, target.last]
    assert [r.get("authorization") for r in seen] == ["Basic eDp5", None, None]
    assert [r.get("x-other") for r in seen] == ["kept"] * 3


def test_credentials_stay_within_their_origin(proxy: Front, target: Site) -> None:
    proxy.page(target.on("/a", redirect("/b")), *SECRETS)
    assert target.last.path == "/b"
    assert target.last.get("authorization") == "Basic eDp5"


@pytest.mark.parametrize(
    "location",
    [
        *("", "mailto:a@b.test", "ftp://example.com/", "javascript:alert(1)", "http://["),
        *("http://xn--/", "http://%@a/", "http://user:pw@example.com/", "http://a:99999/", "//"),
    ],
)
@pytest.mark.parametrize("status", [302, 308])
def test_a_redirect_that_leads_nowhere_is_passed_on_without_its_location(
    proxy: Front, target: Site, location: str, status: int
) -> None:
    seen = proxy.page(target.on("/a", redirect(location, f"{status} There")))
    assert (seen.status, seen.get("location"), seen.body) == (status, None, b"moved")
    assert len(target.requests) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_without_location_is_passed_on(proxy: Front, target: Site, status: int) -> None:
    seen = proxy.page(target.on("/a", reply(b"moved", status=f"{status} There")))
    assert (seen.status, seen.get("location"), seen.body) == (status, None, b"moved")


@pytest.mark.parametrize("status", [300, 304, 305, 306])
def test_no_other_status_is_a_redirect(proxy: Front, target: Site, status: int) -> None:
    bare = f"HTTP/1.1 {status} X\r\nLocation: /b\r\n" + "Content-Length: 0\r\n" * (status != 304)
    seen = proxy.page(target.on("/a", f"{bare}\r\n".encode()))
    assert (seen.status, seen.get("location")) == (status, "/b")
    assert len(target.requests) == 1


def test_what_was_created_is_found_through_the_proxy(proxy: Front, target: Site) -> None:
    created = b"HTTP/1.1 201 Created\r\nLocation: /files/1\r\nContent-Location: /files/1.json\r\n"
    seen = proxy.page(target.on("/files", created + b"Content-Length: 0\r\n\r\n"), method="POST")
    place, content = seen.get("location"), seen.get("content-location")
    assert place and place.startswith("http://proxy.test")
    assert place.endswith(f"/{target.url}/files/1")
    assert content and content.endswith(f"/{target.url}/files/1.json")
    again = proxy.page(f"{target.url}/files/1")
    assert again.get("x-request-url") == f"{target.url}/files/1"


@pytest.mark.parametrize(
    ("location", "path"),
    [
        ("b", "/d/b"),
        ("../b", "/b"),
        ("?q", "/d/a?q"),
        ("/b#f", "/b"),
        ("/b c", "/b%20c"),
        ("/\xc3\xbc", "/%C3%BC"),
        ("\t/b ", "/b"),
    ],
)
def test_a_location_is_resolved_as_browsers_do(
    proxy: Front, target: Site, location: str, path: str
) -> None:
    proxy.page(target.on("/d/a", redirect(location)))
    assert target.last.path == path
