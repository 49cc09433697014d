"""The replies that the proxy makes itself, and the order of its checks, on every front."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.fronts import HERE, Connection, Front, front
from tests.support.site import Site

LIMITED = "https://a.limited.test"
BOTH = "https://both.test"


SETTINGS = {**HERE, "deny_origins": ("https://denied.test",), "cors_max_age": 600}
"""The defaults, and an origin that is denied."""


@pytest.fixture(scope="module")
def strict(kind: str) -> Iterator[Front]:
    """Where every check may fail."""
    with front(
        kind,
        **HERE,
        require_headers=("x-requested-with",),
        deny_origins=(BOTH,),
        allow_origins=(BOTH, "https://*.limited.test", "http://own.example.com"),
        rate_limits=("1 1",),
        deny_targets=("denied.example.com", "own.example.com"),
    ) as running:
        yield running


@pytest.fixture(scope="module")
def limited(kind: str) -> Iterator[Front]:
    """Two requests in three minutes, and exemptions."""
    spec = r"2 3 free.test port.test:8443 /(.*\.)?pattern\.test/"
    with front(kind, **HERE, rate_limits=(spec,)) as running:
        yield running


# --- required header ------------------------------------------------------------------------------


def test_a_request_without_a_required_header_is_told_what_to_do(proxy: Front, target: Site) -> None:
    reply = proxy.ask(target.url)
    first, second = reply.text.split("\n")
    assert (reply.status, reply.reason) == (400, "Header required")
    assert first == "Missing required request header. Must specify one of: origin,x-requested-with"
    assert "fetch()" in second
    assert reply.cors == {"allow-origin": "*", "expose-headers": "content-type,proxy-status"}
    assert not target.requests


@pytest.mark.parametrize("field", ["Origin: null", "x-requested-with: x", "X-Requested-With:"])
def test_the_presence_of_one_required_header_is_enough(
    proxy: Front, target: Site, field: str
) -> None:
    assert proxy.ask(target.url, field).body == b"ok"


# --- origins --------------------------------------------------------------------------------------


def test_a_denied_origin_is_refused(proxy: Front, target: Site) -> None:
    reply = proxy.ask(target.url, "Origin: https://denied.test")
    assert (reply.status, reply.reason) == (403, "Forbidden")
    said = 'The origin "https://denied.test" was blacklisted by the operator of this proxy.'
    assert reply.text == said
    assert reply.cors["allow-origin"] == "*"
    assert not target.requests


@pytest.mark.parametrize("origin", ["http://denied.test", "https://x.denied.test", "null"])
def test_the_neighbours_of_a_denied_origin_are_served(
    proxy: Front, target: Site, origin: str
) -> None:
    reply = proxy.ask(target.url, f"Origin: {origin}")
    assert (reply.body, reply.get("vary")) == (b"ok", "origin")


@pytest.mark.parametrize("origin", ["https://other.test", "http://a.limited.test", "null", ""])
def test_an_origin_that_is_not_among_the_allowed_is_refused(strict: Front, origin: str) -> None:
    fields = [f"Origin: {origin}"] if origin else []
    reply = strict.ask("http://127.0.0.1:1/", "X-Requested-With: x", *fields)
    said = f'The origin "{origin}" was not whitelisted by the operator of this proxy.'
    assert (reply.status, reply.text) == (403, said)


# --- rate limit -----------------------------------------------------------------------------------


def test_a_rate_limit_is_explained(limited: Front, target: Site) -> None:
    replies = [limited.page(target.url) for _ in range(3)]
    assert [reply.status for reply in replies] == [200, 200, 429]
    reply = replies[-1]
    assert reply.reason == "Too Many Requests"
    assert reply.text == (
        'The origin "https://page.test" has sent too many requests.\n'
        "The number of requests is limited to 2 per 3 minutes."
    )
    assert 180 < int(reply.get("retry-after") or 0) <= 270  # half of the two are a window old
    assert reply.get("ratelimit-policy") == '"origin";q=2;w=180'
    assert (reply.get("ratelimit") or "").startswith('"origin";r=0;t=')
    assert reply.cors["allow-origin"] == "*"
    assert {"retry-after", "ratelimit-policy", "ratelimit"} < set(reply.exposed)
    assert len(target.requests) == 2


@pytest.mark.parametrize(
    ("origin", "third"),
    [
        ("https://free.test", 200),
        ("http://FREE.test", 200),
        ("https://port.test:8443", 200),
        ("https://pattern.test", 200),
        ("https://a.PATTERN.test", 200),
        ("https://free.test:8443", 429),
        ("https://port.test", 429),
        ("https://free.test.evil.test", 429),
        ("https://xpattern.test", 429),
        ("https://pattern.test.evil.test", 429),
    ],
)
def test_exempt_hosts_are_matched_whole_with_their_port(
    limited: Front, target: Site, origin: str, third: int
) -> None:
    statuses = [limited.ask(target.url, f"Origin: {origin}").status for _ in range(3)]
    assert statuses == [200, 200, third]


# --- same origin ----------------------------------------------------------------------------------


def test_a_page_is_sent_directly_to_its_own_origin(proxy: Front, target: Site) -> None:
    reply = proxy.ask(f"{target.url}/p?q", f"Origin: {target.url}")
    assert (reply.status, reply.reason) == (301, "Please use a direct request")
    assert (reply.get("vary"), reply.get("cache-control")) == ("origin", "private")
    assert (reply.get("location"), reply.body) == (f"{target.url}/p?q", b"")
    assert reply.cors["allow-origin"] == "*"
    assert not target.requests


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://example.com", 301),
        ("https://example.com", 403),
        ("http://example.com:81", 403),
        ("http://www.example.com", 403),
    ],
)
def test_only_the_same_origin_is_redirected(origin: str, status: int) -> None:
    with front("server", deny_targets=("example.com",)) as proxy:
        assert proxy.ask("http://example.com:80/", f"Origin: {origin}").status == status


# --- OPTIONS --------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["", "favicon.ico", "http://[", "ftp://x/", "http://example.com/"])
def test_any_preflight_is_answered(proxy: Front, path: str) -> None:
    reply = proxy.page(
        path,
        "Access-Control-Request-Method: PROPFIND",
        "Access-Control-Request-Headers: X-A, x-b",
        method="OPTIONS",
    )
    assert (reply.status, reply.reason, reply.body) == (200, "OK", b"")
    assert reply.cors == {
        "allow-origin": "*",
        "allow-methods": "PROPFIND",
        "allow-headers": "X-A, x-b",
        "max-age": "600",
        "expose-headers": "access-control-allow-origin,access-control-allow-methods,"
        "access-control-allow-headers,access-control-max-age",
    }


def test_an_options_without_origin_is_answered_like_a_preflight(proxy: Front, target: Site) -> None:
    reply = proxy.ask(target.url, method="OPTIONS")
    assert (reply.status, reply.body) == (200, b"")
    assert reply.cors["allow-origin"] == "*"
    assert "allow-methods" not in reply.cors
    assert not target.requests


@pytest.mark.parametrize("path", ["", "favicon.ico", "http://["])
def test_an_options_without_target_is_answered_like_a_preflight(proxy: Front, path: str) -> None:
    reply = proxy.page(path, method="OPTIONS")
    assert (reply.status, reply.body, reply.cors["allow-origin"]) == (200, b"", "*")


def test_an_options_of_webdav_reaches_the_target(proxy: Front, target: Site) -> None:
    url = target.on("/dav", b"HTTP/1.1 200 OK\r\nDAV: 1, 2\r\nContent-Length: 0\r\n\r\n")
    reply = proxy.page(url, method="OPTIONS")
    assert (target.last.method, reply.get("dav")) == ("OPTIONS", "1, 2")
    assert "dav" in reply.exposed
    assert "max-age" not in reply.cors


def test_a_preflight_of_a_denied_origin_passes_so_that_the_page_can_read_the_refusal(
    proxy: Front,
) -> None:
    fields = ("Origin: https://denied.test", "Access-Control-Request-Method: PUT")
    preflight = proxy.ask("http://example.com/", *fields, method="OPTIONS")
    assert (preflight.status, preflight.body) == (200, b"")
    assert preflight.cors["allow-origin"] == "*"
    refused = proxy.ask("http://example.com/", fields[0], method="PUT")
    assert (refused.status, refused.cors["allow-origin"]) == (403, "*")
    assert b"blacklisted" in refused.body


def test_a_preflight_is_cached_only_when_configured(strict: Front) -> None:
    fields = (f"Origin: {LIMITED}", "Access-Control-Request-Method: GET")
    for _ in range(3):  # nor does it count as a request
        reply = strict.ask("http://example.com/", *fields, method="OPTIONS")
        assert reply.status == 200
        assert "max-age" not in reply.cors


# --- the order of the checks ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "status"),
    [("", 200), ("iscorsneeded", 200), ("favicon.ico", 404), ("a.com:65536", 400)],
)
def test_the_url_is_looked_at_before_the_required_header(
    strict: Front, path: str, status: int
) -> None:
    reply = strict.ask(path)
    assert reply.status == status
    assert reply.reason != "Header required"


def test_a_required_header_comes_before_a_denied_origin(strict: Front) -> None:
    assert strict.ask("example.com", f"Origin: {BOTH}").reason == "Header required"


def ask(strict: Front, url: str, origin: str) -> int:
    return strict.ask(url, "X-Requested-With: x", f"Origin: {origin}").status


def test_a_denied_origin_comes_before_an_allowed_one(strict: Front) -> None:
    reply = strict.ask("example.com", "X-Requested-With: x", f"Origin: {BOTH}")
    assert "blacklisted" in reply.text


def test_refused_origins_are_not_counted(strict: Front) -> None:
    assert [ask(strict, "example.com", "https://evil.test") for _ in range(3)] == [403] * 3


def test_the_rate_limit_comes_before_the_same_origin_redirect_and_that_before_target_rules(
    strict: Front,
) -> None:
    url = "http://own.example.com"
    assert [ask(strict, url, url) for _ in range(2)] == [301, 429]


def test_the_rate_limit_comes_before_the_target_rules(strict: Front) -> None:
    url = "http://denied.example.com/"
    assert [ask(strict, url, "https://b.limited.test") for _ in range(2)] == [403, 429]


# --- the connection -------------------------------------------------------------------------------


def test_a_reply_of_the_proxys_own_keeps_the_connection(proxy: Front, target: Site) -> None:
    with proxy.connect() as connection:
        statuses = [
            _status(connection, path, method)
            for path, method in (
                ("", "GET"),
                ("favicon.ico", "HEAD"),
                ("", "OPTIONS"),
                (target.url, "GET"),
            )
        ]
    assert statuses == [200, 404, 200, 200]


def _status(connection: Connection, path: str, method: str) -> int:
    connection.ask(path, "Origin: https://page.test", method=method)
    return connection.reply(method).status


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_reply_that_has_no_content_has_no_length(proxy: Front, target: Site, method: str) -> None:
    """Whatever the target says (RFC 9110 section 8.6)."""
    target.on("/x", b"HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\n")
    seen = proxy.page(f"{target.url}/x", method=method)
    assert (seen.status, seen.get("content-length")) == (204, None)
