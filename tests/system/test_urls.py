"""The URL forms, on every front: what reaches the target, and what is answered instead.

Every name is reached through a forward proxy that plays all targets and records what it is asked.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.fronts import OPEN, Front
from tests.support.site import Site
from tests.support.tls import Tls


@pytest.fixture(scope="module")
def settings(forwarding: Site, tls: Tls) -> dict[str, Any]:
    by = f"http://127.0.0.1:{forwarding.port}"
    return {**OPEN, "ca_file": tls.ca_file, "http_proxy": by, "https_proxy": by}


HTTP = [
    ("http://example.com/p?q", "http://example.com/p?q"),
    ("HTTP://EXAMPLE.com/P?Q", "http://example.com/P?Q"),
    ("http://example.com:8000/p", "http://example.com:8000/p"),
    ("example.com/p", "http://example.com/p"),
    ("example.com", "http://example.com/"),
    ("example.com:80/", "http://example.com:80/"),
    ("example.com:8000/p", "http://example.com:8000/p"),
    ("//example.com/p", "http://example.com/p"),
    ("127.0.0.1/p", "http://127.0.0.1/p"),
    ("http://example.com?x=1", "http://example.com/?x=1"),
    ("example.com?x=1", "http://example.com/?x=1"),
    ("http://example.com/p#fragment", "http://example.com/p"),
    ("http://example.com#fragment", "http://example.com/"),
    ("http://robots.txt", "http://robots.txt/"),
    ("http:/example.com/p", "http://example.com/p"),
    ("http:/127.0.0.1/p", "http://127.0.0.1/p"),
    ("http%3A%2F%2Fexample.com%2Fp%3Fa", "http://example.com/p?a"),
    ("http%3a//example.com/p", "http://example.com/p"),
    ("?url=http%3A%2F%2Fexample.com%2Fp", "http://example.com/p"),
    ("?url=http://example.com/p?a&b", "http://example.com/p?a&b"),
    (
        "http://b%C3%BCcher.example.com/".replace("%C3%BC", "\xc3\xbc"),
        "http://xn--bcher-kva.example.com/",
    ),
    # The path and query, octet for octet.
    *(
        (f"http://example.com{path}", f"http://example.com{path}")
        for path in (
            "/a/../b/./c",
            "//a//b",
            "/a:/b",
            "/http://other.example/x",
            "/%7e%2F%zz%",
            "/a?b=c%20d+e&f=/../?g",
            "/;p=1/$&+,=@!*'()",
            '/{}|\\^`<>"',
            "/\xc3\xbc?\xe9",
            "/?",
        )
    ),
]


@pytest.mark.parametrize(("asked", "meant"), HTTP)
def test_a_url_is_fetched_by_http(proxy: Front, forwarder: Site, asked: str, meant: str) -> None:
    reply = proxy.ask(asked)
    assert (reply.status, reply.body) == (200, b"ok")
    assert [(seen.method, seen.path) for seen in forwarder.requests] == [("GET", meant)]
    assert forwarder.last.get("host") == meant.split("/")[2]
    assert reply.get("x-request-url") == reply.get("x-final-url") == meant


HTTPS = [
    ("https://example.com/p?q", "https://example.com/p?q", 443),
    ("https://example.com:8443/p", "https://example.com:8443/p", 8443),
    ("example.com:443/", "https://example.com:443/", 443),
    ("127.0.0.1:443/p", "https://127.0.0.1:443/p", 443),
    ("https:/example.com/p", "https://example.com/p", 443),
    ("https%3A%2F%2Fexample.com%2Fp", "https://example.com/p", 443),
    ("?url=https%3A%2F%2Fexample.com%2Fp%3Fa&other", "https://example.com/p?a", 443),
]


@pytest.mark.parametrize(("asked", "meant", "port"), HTTPS)
def test_a_url_is_fetched_by_https(
    proxy: Front, forwarder: Site, asked: str, meant: str, port: int
) -> None:
    reply = proxy.ask(asked)
    assert (reply.status, reply.body) == (200, b"ok")
    _, _, authority, rest = meant.split("/", 3)
    assert (forwarder.last.path, forwarder.last.get("host")) == (f"/{rest}", authority)
    tunnels = [seen.path for seen in forwarder.requests if seen.method == "CONNECT"]
    assert tunnels in ([], [f"{authority.partition(':')[0]}:{port}"])  # [] on a kept connection
    assert reply.get("x-request-url") == meant


@pytest.mark.parametrize(
    "asked",
    ["", "/example.com", "http://", "http:///", "http://:1234", "http:", "https://", "?a=b"],
)
def test_no_url_gets_the_help_page(proxy: Front, forwarder: Site, asked: str) -> None:
    reply = proxy.ask(asked)
    assert (reply.status, reply.reason) == (200, "OK")
    assert reply.text.startswith("This is a CORS proxy")
    assert reply.get("content-type") == "text/plain; charset=utf-8"
    assert reply.cors == {"allow-origin": "*", "expose-headers": "content-type,vary"}
    assert not forwarder.requests


REFUSED = [
    *(
        (name, 404, "Invalid host", f"Invalid host: {name.partition('?')[0].partition('/')[0]}")
        for name in ("favicon.ico", "robots.txt", "index.php", "wp-login.php?x", "nodots/p")
    ),
    ("ftp://example.com/", 404, "Invalid host", "Invalid host: ftp"),
    ("javascript:alert(1)", 404, "Invalid host", "Invalid host: javascript"),
    ("http://example.com:65536", 400, "Invalid port", "Port number too large: 65536"),
    ("example.com:99999/p", 400, "Invalid port", "Port number too large: 99999"),
    *(
        (
            f"{scheme}:/{host}",
            400,
            "Missing slash",
            "The URL is invalid: two slashes are needed after the http(s):.",
        )
        for scheme in ("http", "https")
        for host in ("nodots", "robots.txt/p")
    ),
]


@pytest.mark.parametrize(("asked", "status", "reason", "text"), REFUSED)
def test_what_is_no_target_is_named(
    proxy: Front, forwarder: Site, asked: str, status: int, reason: str, text: str
) -> None:
    reply = proxy.ask(asked)
    assert (reply.status, reply.reason, reply.text) == (status, reason, text)
    assert reply.cors == {"allow-origin": "*", "expose-headers": "content-type,proxy-status"}
    assert not forwarder.requests


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        ("http://user:pw@example.com/", "user name or password"),
        ("user@example.com/", "user name or password"),
        ("http://[", "brackets hold no IPv6 address"),
        ("http://xn--/", "no domain name"),
        ("http://%@a/", "user name or password"),
        ("http://a%00b.com/", "% in its host"),
        ("http://a..example.com/", "empty label"),
        ("http://0x7f.1/", "four decimal numbers"),
    ],
)
def test_a_url_that_cannot_be_parsed_is_answered(
    proxy: Front, forwarder: Site, asked: str, text: str
) -> None:
    reply = proxy.ask(asked)
    assert (reply.status, reply.reason) == (400, "Invalid target")
    assert text in reply.text
    assert reply.cors["allow-origin"] == "*"
    assert not forwarder.requests


@pytest.mark.parametrize("rest", ["", "/", "/http://example.com/", "?a=b"])
def test_iscorsneeded_has_no_cors_header_at_all(proxy: Front, rest: str) -> None:
    reply = proxy.page(f"iscorsneeded{rest}")
    assert (reply.status, reply.text, reply.get("content-type")) == (200, "no", "text/plain")
    assert reply.cors == {}


def test_what_only_begins_like_iscorsneeded_is_no_host(proxy: Front) -> None:
    assert proxy.page("iscorsneededs").status == 404
