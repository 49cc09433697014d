"""The header fields that pass, either way, on every front."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.fronts import OPEN, ORIGIN, Front, front, only
from tests.support.site import Site, Wire, redirect, reply


@pytest.fixture(scope="module")
def choosy(kind: str) -> Iterator[Front]:
    """Where the operator has chosen otherwise."""
    with front(
        kind,
        **OPEN,
        remove_headers=("x-secret", "x-both"),
        set_headers=(("X-Both", "set"), ("Cookie", "a=set"), ("User-Agent", "ours")),
        forwarded_headers=True,
        trusted_proxies=("127.0.0.0/8",),
    ) as running:
        yield running


# --- to the target --------------------------------------------------------------------------------

FORWARDED = [
    ("Origin", ORIGIN),
    ("Referer", "https://page.test/p"),
    ("User-Agent", "Tester/1.0 (x)"),
    ("Authorization", "Basic eDp5"),
    ("Accept-Encoding", "gzip, br;q=0.5"),
    ("Range", "bytes=1-2"),
    ("If-None-Match", '"a"'),
    ("Accept", "*/*"),
    ("Upgrade-Insecure-Requests", "1"),
    ("X-CaSe", "kept"),
    ("X-Latin", "caf\xe9"),
    ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
    ("tracestate", "congo=t61rcWkgMzE"),
    ("X-Empty", ""),
]


@pytest.mark.parametrize(("name", "value"), FORWARDED)
def test_an_end_to_end_field_is_forwarded(
    proxy: Front, target: Site, name: str, value: str
) -> None:
    proxy.ask(target.url, f"{name}: {value}")
    assert target.last.get(name.lower()) == value


def test_repeated_fields_stay_apart(proxy: Front, target: Site) -> None:
    proxy.ask(target.url, "X-A: 1", "X-A: 2, 3")
    assert [value for name, value in target.last.fields if name.lower() == "x-a"] == ["1", "2, 3"]


@pytest.mark.parametrize(
    "field",
    [
        *("Cookie: a=b", "Cookie2: x", "X-Request-Start: 1", "X-Request-Id: 1", "Via: 1.1 x"),
        *("Connect-Time: 1", "Total-Route-Time: 1", "Access-Control-Request-Headers: x"),
        *("Access-Control-Request-Method: GET", "Keep-Alive: timeout=5", "TE: trailers"),
        *("Proxy-Connection: keep-alive", "Proxy-Authorization: Basic eDp5", "Trailer: X-A"),
        *("X-Forwarded-For: 203.0.113.9", "Forwarded: for=203.0.113.9", "X-Real-IP: 203.0.113.9"),
        *("X-Forwarded-Host: x", "Proxy: x", "X-Original-URL: /x", "Sec-Fetch-Mode: cors"),
    ],
)
def test_a_field_that_is_not_the_targets_is_removed(proxy: Front, target: Site, field: str) -> None:
    proxy.ask(target.url, field, "X-Kept: 1")
    assert field.partition(":")[0].lower() not in target.last.names
    assert "x-kept" in target.last.names


def test_fields_that_connection_names_are_removed(proxy: Front, target: Site) -> None:
    proxy.ask(target.url, "Connection: keep-alive, X-Hop", "X-Hop: 1", "X-Hopper: 2")
    assert "x-hop" not in target.last.names
    assert target.last.get("x-hopper") == "2"


@pytest.mark.parametrize("named", ["Host", "CDN-Loop"])
def test_connection_cannot_rid_the_request_of_what_the_proxy_writes(
    proxy: Front, target: Site, named: str
) -> None:
    proxy.ask(target.url, f"Connection: {named}")
    assert named.lower() in target.last.names


def test_host_is_the_targets(proxy: Front, target: Site) -> None:
    proxy.ask(target.url)
    assert [v for name, v in target.last.fields if name == "Host"] == [f"127.0.0.1:{target.port}"]


def test_nobody_is_told_of_the_client_by_default(proxy: Front, target: Site) -> None:
    proxy.ask(target.url)
    assert target.last.names <= {"host", "cdn-loop", "connection"}


def test_a_set_field_wins_over_removal_and_over_the_clients(choosy: Front, target: Site) -> None:
    choosy.ask(target.url, "X-Secret: 1", "X-Both: 1", "Cookie: a=b", "User-Agent: theirs")
    seen = target.last
    assert "x-secret" not in seen.names
    assert [seen.get(n) for n in ("x-both", "cookie", "user-agent")] == ["set", "a=set", "ours"]


@pytest.mark.parametrize(
    ("sent", "seen"),
    [
        ([], ("127.0.0.1", "80", "http")),
        (
            ["X-Forwarded-For: junk, 203.0.113.9:51234", "X-Forwarded-Proto: https"],
            ("203.0.113.9,127.0.0.1", "443", "https"),
        ),
        (
            ["X-Forwarded-For: 203.0.113.9", "X-Forwarded-Port: 8443", "X-Real-IP: 203.0.113.9"],
            ("203.0.113.9,127.0.0.1", "8443", "http"),
        ),
    ],
)
def test_the_target_is_told_of_the_client_by_option_once_per_request(
    choosy: Front, target: Site, sent: list[str], seen: tuple[str, str, str]
) -> None:
    target.on("/from", redirect("/to"))
    choosy.ask(f"{target.url}/from", *sent)
    names = ("x-forwarded-for", "x-forwarded-port", "x-forwarded-proto")
    assert [tuple(hop.get(name) for name in names) for hop in target.requests] == [seen, seen]
    assert "x-real-ip" not in target.last.names


# --- from the target ------------------------------------------------------------------------------


def test_status_reason_fields_and_body_pass_unchanged(proxy: Front, target: Site) -> None:
    url = target.on("/", reply(b"tea", "X-CaSe: a", "X-B: caf\xe9", status="418 I'm a  teapot"))
    seen = proxy.page(url)
    assert (seen.status, seen.reason, seen.body) == (418, "I'm a  teapot", b"tea")
    assert (seen.get("x-case"), seen.get("x-b")) == ("a", "caf\xe9")


@pytest.mark.parametrize("status", ["200 ", "200", "404 Not Found", "500 Own", "999 x"])
def test_any_final_status_passes(proxy: Front, target: Site, status: str) -> None:
    seen = proxy.page(target.on("/", reply(b"x", status=status)))
    assert (f"{seen.status} {seen.reason}".rstrip(), seen.body) == (status.rstrip(), b"x")


@only("command")  # Tornado's own server writes a reason as UTF-8
def test_the_commands_reason_keeps_every_octet(proxy: Front, target: Site) -> None:
    assert proxy.page(target.on("/", reply(status="299 \xe9"))).reason == "\xe9"


def test_gzip_stays_gzip(proxy: Front, target: Site) -> None:
    packed = bytes.fromhex("1f8b08000000000000ff4b04004354b7e801000000")
    seen = proxy.page(target.on("/", reply(packed, "Content-Encoding: gzip")))
    assert (seen.body, seen.get("content-encoding")) == (packed, "gzip")


def test_a_part_stays_a_part(proxy: Front, target: Site) -> None:
    part = reply(b"b", "Content-Range: bytes 1-1/3", status="206 Partial Content")
    seen = proxy.page(target.on("/", part))
    assert (seen.status, seen.get("content-range"), seen.body) == (206, "bytes 1-1/3", b"b")


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
def test_a_reply_without_content_stays_one(proxy: Front, target: Site, status: str) -> None:
    url = target.on("/", f'HTTP/1.1 {status}\r\nETag: "a"\r\n\r\n'.encode())
    with proxy.connect() as connection:
        for _ in range(2):
            connection.ask(url)
            seen = connection.reply()
            assert (f"{seen.status} {seen.reason}", seen.get("etag")) == (status, '"a"')
            assert not {"content-length", "transfer-encoding"} & dict(seen.fields).keys()


def test_a_reply_to_head_keeps_its_length(proxy: Front, target: Site) -> None:
    url = target.on("/", b"HTTP/1.1 200 OK\r\nContent-Length: 12345\r\n\r\n")
    seen = proxy.ask(url, method="HEAD")
    assert (target.last.method, seen.get("content-length")) == ("HEAD", "12345")


def test_cookies_do_not_pass(proxy: Front, target: Site) -> None:
    fields = ("Set-Cookie: a=b", "set-cookie: c=d", "Set-Cookie2: e", "Set-Cookie3: f")
    seen = proxy.page(target.on("/", reply(b"", *fields)))
    names = dict(seen.fields).keys()
    assert not {"set-cookie", "set-cookie2"} & names
    assert seen.get("set-cookie3") == "f"
    assert "set-cookie" not in seen.exposed


def test_the_targets_own_cors_fields_are_dropped(proxy: Front, target: Site) -> None:
    fields = [
        f"Access-Control-{name}: {value}"
        for name, value in (
            ("Allow-Origin", "https://other.test"),
            ("Allow-Credentials", "true"),
            ("Max-Age", "1"),
            ("Expose-Headers", "X-Other"),
            ("Allow-Methods", "PUT"),
            ("Anything", "x"),
        )
    ]
    seen = proxy.page(target.on("/", reply(b"", *fields)))
    assert seen.cors == {
        "allow-origin": "*",
        "expose-headers": "content-length,x-final-url,x-request-url",
    }


def test_the_targets_hop_by_hop_fields_do_not_pass(proxy: Front, target: Site) -> None:
    fields = ("Connection: X-Hop", "X-Hop: 1", "Keep-Alive: timeout=1", "X-End: 2")
    seen = proxy.page(target.on("/", reply(b"", *fields)))
    assert not {"x-hop", "keep-alive"} & dict(seen.fields).keys()
    assert seen.exposed == ["content-length", "x-end", "x-final-url", "x-request-url"]


def test_the_targets_names_are_exposed_in_order(proxy: Front, target: Site) -> None:
    answer = reply(b"", "X-B: 1", "X-A: 2", "x-b: 3", "Content-Type: a/b")
    seen = proxy.page(target.on("/", answer))
    names = ["content-length", "x-b", "x-a", "content-type", "x-final-url", "x-request-url"]
    assert seen.exposed == names


def test_a_target_cannot_forge_what_the_proxy_reports(proxy: Front, target: Site) -> None:
    forged = ("X-Final-URL: x", "X-Request-Url: x", "X-CORS-Redirect-1: x")
    seen = proxy.page(target.on("/", reply(b"", *forged)))
    assert seen.get("x-final-url") == seen.get("x-request-url") == f"{target.url}/"
    assert seen.get("x-cors-redirect-1") is None


def test_a_target_that_closes_ends_its_own_connection_only(proxy: Front, target: Site) -> None:
    url = target.on("/", b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx")
    with proxy.connect() as connection:
        for _ in range(2):
            connection.ask(url)
            seen = connection.reply()
            assert (seen.body, seen.get("connection")) == (b"x", None)


@pytest.mark.parametrize("version", ["HTTP/1.0", "HTTP/1.1"])
def test_a_body_that_ends_with_the_connection_is_whole(
    proxy: Front, target: Site, version: str
) -> None:
    def answer(wire: Wire) -> None:
        wire.send(f"{version} 200 OK\r\n\r\nuntil the end".encode())
        wire.end()

    seen = proxy.page(target.on("/", answer))
    assert (seen.body, seen.whole) == (b"until the end", True)
