"""Where a Location leads, and what goes along."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cors_anywhere.messages import Hop, Plan, ReplyHead, Target
from cors_anywhere.rules.redirects import next_plan, resolve_location
from tests.support.urls import HOSTILE, assert_well_formed, parse_path, raw

BASE = "/https://example.com:8443/a/b?q"


@pytest.mark.parametrize(
    ("location", "url"),
    [
        ("https://other.example/x?y", "https://other.example/x?y"),
        ("HTTP://Other.EXAMPLE", "http://other.example/"),
        ("http://other.example:80/", "http://other.example:80/"),
        ("http://other.example/#f", "http://other.example/"),
        ("//other.example/x", "https://other.example/x"),
        ("/\\other.example/x", "https://other.example/x"),
        ("\\\\other.example/x", "https://other.example/x"),
        ("///other.example/x", "https://other.example/x"),
        ("http:/other.example/x", "http://other.example/x"),
        ("http:other.example/x", "http://other.example/x"),
        ("https:/x", "https://example.com:8443/x"),
        ("https:x", "https://example.com:8443/a/x"),
        ("/x", "https://example.com:8443/x"),
        ("x", "https://example.com:8443/a/x"),
        ("../../x/./y", "https://example.com:8443/x/y"),
        ("?z", "https://example.com:8443/a/b?z"),
        ("#f", "https://example.com:8443/a/b?q"),
        (" \t/x ", "https://example.com:8443/x"),
        ("/a b", "https://example.com:8443/a%20b"),
        (raw("/é?ü"), "https://example.com:8443/%C3%A9?%C3%BC"),
        ("/\xe9", "https://example.com:8443/%E9"),
        (raw("http://bücher.de/é"), "http://xn--bcher-kva.de/%C3%A9"),
        ("http://[::1]:80/x", "http://[::1]:80/x"),
        ("http://localhost/", "http://localhost/"),
        ("/http://x/", "https://example.com:8443/http://x/"),
        ("x/@y", "https://example.com:8443/a/x/@y"),
    ],
)
def test_a_location_is_resolved_against_its_base(location: str, url: str) -> None:
    target = resolve_location(parse_path(BASE), location)
    assert target is not None
    assert target.url == url


@pytest.mark.parametrize(
    "location",
    [
        "",
        " ",
        "http://",
        "https://?",
        "//",
        "ftp://example.com/",
        "javascript:alert(1)",
        "data:,x",
        "about:blank",
        "ws://example.com/",
        "http://user:pw@example.com/",
        "http://@example.com/",
        "//user@example.com/",
        "http:user@example.com/",
        "http://[",
        "http://xn--/",
        "http://%@a/",
        "http://%65xample.com/",
        "http://a\\b/",
        "http://127.1/",
        "http://2130706433/",
        "//0177.0.0.1/",
        "http:\\\\0x7f.1/",
        "http://a..b/",
        "http://example.com:65536/",
        "http://example.com:x/",
        "http://b\xfccher.de/",
        "/a\tb",
        "/a\r\nSet-Cookie: x",
        "/\x00",
        "\u0142",
        "\ud800",
    ],
)
def test_an_unusable_location_is_none(location: str) -> None:
    assert resolve_location(parse_path(BASE), location) is None


def test_a_location_resolves_against_a_base_with_raw_octets() -> None:
    target = resolve_location(parse_path(raw("/http://example.com/é/x")), "y")
    assert target is not None
    assert target.path == "/%C3%A9/y"


def test_a_relative_location_keeps_the_authority_as_written() -> None:
    target = resolve_location(parse_path("/http://example.com.:080/x"), "/y")
    assert target == Target("http", "example.com", 80, "example.com.:080", "/y")


@given(HOSTILE, st.sampled_from(["/http://a.example", BASE, raw("/[::1]:80/é?ü"), "/b.com:0443"]))
def test_any_location_is_a_target_or_none(location: str, base: str) -> None:
    for text in (location, "http://" + location, "//" + location):
        target = resolve_location(parse_path(base), text)
        if target is not None:
            assert_well_formed(target)


# --- what goes along --------------------------------------------------------------------------

CLIENT = (
    ("Authorization", "secret"),
    ("Content-Type", "text/plain"),
    ("Content-Encoding", "gzip"),
    ("Content-Language", "en"),
    ("Content-Location", "/l"),
    ("Origin", "https://page.example"),
    ("COOKIE", "c"),
    ("Accept", "*/*"),
)
SECRETS = ("Authorization", "COOKIE")


def plan(url: str) -> Plan:
    target = parse_path(f"/{url}")
    return Plan(target, "PUT", CLIENT, True, target, (), None)


def led(plan: Plan, url: str, status: int = 307) -> Plan:
    return next_plan(plan, ReplyHead(status, "", (), 0), parse_path(f"/{url}"))


def test_a_redirect_with_its_body_within_the_origin_keeps_everything() -> None:
    then = led(plan("https://api.example/x"), "https://api.example:443/y")
    assert (then.method, then.with_body, then.fields) == ("PUT", True, list(CLIENT))
    assert then.hops == (Hop(307, "https://api.example:443/y"),)
    assert then.first.url == "https://api.example/x"


def test_a_redirect_without_body_drops_what_described_it() -> None:
    then = led(plan("https://api.example/x"), "https://api.example/y", 303)
    assert (then.method, then.with_body) == ("GET", False)
    assert [name for name, _ in then.fields] == ["Authorization", "Origin", "COOKIE", "Accept"]


TRUSTED = {
    "plain-to-secure": ("http://a.example/x", "https://a.example/y", True),
    "with-ports-written": ("http://a.example:80/", "https://a.example:443/", True),
    "address": ("http://192.0.2.1/", "https://192.0.2.1/", True),
    "secure-to-plain": ("https://a.example/", "http://a.example/", False),
    "from-another-port": ("http://a.example:8080/", "https://a.example/", False),
    "to-another-port": ("http://a.example/", "https://a.example:8443/", False),
    "another-port-of-the-same-scheme": ("https://a.example/", "https://a.example:8443/", False),
    "another-host": ("http://a.example/", "https://www.a.example/", False),
    "parent": ("http://www.a.example/", "https://a.example/", False),
}


@pytest.mark.parametrize(("old", "new", "kept"), TRUSTED.values(), ids=TRUSTED)
def test_credentials_go_along_to_the_same_origin_and_from_a_hosts_plain_port_to_its_secure_one(
    old: str, new: str, kept: bool
) -> None:
    names = [name for name, _ in led(plan(old), new).fields if name in SECRETS]
    assert names == (list(SECRETS) if kept else [])


def test_credentials_do_not_come_back_with_the_first_origin() -> None:
    first = plan("https://a.example/")
    back = led(led(first, "https://b.example/"), "https://a.example/")
    assert not {name for name, _ in back.fields} & set(SECRETS)


def test_what_one_target_was_allowed_is_not_the_next_ones() -> None:
    then = led(plan("http://intranet/")._replace(private=True), "https://b.example/")
    assert (then.private, then.exception_only) == (False, None)
