"""Nothing that strangers send takes the rules long to read (promise B10)."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from ipaddress import ip_network

import pytest

from cors_anywhere.config.suffixes import has_public_suffix
from cors_anywhere.errors import ProxyError
from cors_anywhere.limits.rates import RateLimit
from cors_anywhere.messages import ReplyHead, RequestHead
from cors_anywhere.rules.asker import Askers, own_origin
from cors_anywhere.rules.cookies import Way, at_mount
from cors_anywhere.rules.cors import preflight_fields, vary_on
from cors_anywhere.rules.doors import Doors, asks_for_websocket
from cors_anywhere.rules.filters import ContentTypes
from cors_anywhere.rules.forwarded import TrustedProxies
from cors_anywhere.rules.headers import reply_table, request_table
from cors_anywhere.rules.injections import Injections
from cors_anywhere.rules.mounts import Mounts, parse_mount
from cors_anywhere.rules.origins import OriginPattern
from cors_anywhere.rules.overrides import Overrides
from cors_anywhere.rules.redirects import resolve_location
from cors_anywhere.tokens import MAX_ORIGIN
from tests.support.growth import assert_linear
from tests.support.urls import parse_path, raw

URL = 16_384  # octets, as Settings.max_url_bytes
FIELD = 32_768  # octets, as Settings.max_header_bytes


def repeated(before: str, unit: str, after: str = "") -> Callable[[int], str]:
    """Text of about a given size; `unit` is octets as they arrive."""
    return lambda size: before + unit * ((size - len(before) - len(after)) // len(unit)) + after


MOUNTS = Mounts([parse_mount("/mount", "https://api.example.com/base")])
DOORS = Doors(has_public_suffix, base_path="/p", mounts=MOUNTS)


def find(path: str, method: str = "GET") -> object:
    """What a path leads to; as a handshake, which has one step more, or as an OPTIONS."""
    return DOORS.find(DOORS.under_base(path), method, {"origin": ""}, upgrade=method == "GET")


PATHS = {
    "path": repeated("/http://example.com/", "a"),
    "slashes": repeated("", "/"),
    "slashes-after-a-scheme": repeated("/http:", "/"),
    "question-marks": repeated("/", "?"),
    "hashes": repeated("/http://example.com/", "#"),
    "parameters": repeated("/?", "a&"),
    "parameters-before-a-url": repeated("/?", "a&", "url=http://example.com"),
    "url-parameters": repeated("/?", "xurl=&"),
    "url-parameters-of-websockets": repeated("/?", "url=ws&"),
    "escapes": repeated("/http%3A%2F%2Fexample.com%2F", "%2F"),
    "escapes-apart": repeated("/http%3A%2F%2Fexample.com%2F", "a%2F"),
    "half-escapes": repeated("/http%3A%2F%2Fexample.com%2F", "%"),
    "octets": repeated("/http://example.com/", "\xff"),
    "encoded-octets": repeated("/?url=http%3A%2F%2Fexample.com%2F", "%FF%20a"),
    "host": repeated("/http://", "a"),
    "labels": repeated("/http://", "a."),
    "dots": repeated("/", "."),
    "colons": repeated("/http://a:", ":"),
    "digits": repeated("/http://a:", "9"),
    "zeros": repeated("/http://a:", "0"),
    "brackets": repeated("/http://", "["),
    "ipv6": repeated("/http://[", "0:", "]"),
    "numbers": repeated("/http://", "0."),
    "utf-8-host": repeated("/http://", raw("ü")),
    "encoded-host": repeated("/http://", "%C3%BC"),
    "punycode": repeated("/http://xn--", "a"),
    "userinfo": repeated("/http://", "a@"),
    "base": repeated("", "/p"),
    "form-parameters": repeated("/get?", "callbac=&", "url=http://example.com"),
    "form-url-parameters": repeated("/get?", "&url=http:/?"),
    "form-parameters-after": repeated("/raw?url=http%3A%2F%2Fexample.com", "&callback"),
    "form-escapes": repeated("/get?url=http%3A%2F%2Fexample.com%2F", "%2F"),
    "mount-dots": repeated("/p/mount/", "."),
    "mount-encoded-dots": repeated("/p/mount/", "%2e"),
    "mount-encoded-percents": repeated("/p/mount/%", "25", "2e"),
    "mount-encoded-separators": repeated("/p/mount/", "%252f."),
}


@pytest.mark.parametrize("method", ["GET", "OPTIONS"])
@pytest.mark.parametrize("worst", PATHS.values(), ids=PATHS)
def test_a_request_target_is_read_in_linear_time(
    worst: Callable[[int], str], method: str, request: pytest.FixtureRequest
) -> None:
    assert_linear(request.node.callspec.id, worst, lambda path: find(path, method), URL)


# An authority of more octets is refused unread. What is found good would be remembered: the label
# that is too long keeps it from that.
LONGEST = 1024
BAD_LABEL = "." + "a" * 64
HOSTS = {
    "letters": repeated("", "a"),
    "labels": repeated("", "a."),
    "xn": repeated("", "xn--a."),
    "punycode": repeated("xn--", "z"),
    "numbers": repeated("", "1."),
    "ipv6": repeated("[", "0:", "]"),
    "utf-8": repeated("", raw("ü")),
    "different-letters": lambda size: raw("".join(map(chr, range(0x4E00, 0x4E00 + size // 3)))),
    "labels-of-different-letters": lambda size: raw(
        (".".join(["".join(map(chr, range(0x4E00, 0x4E00 + 63)))] * 9))[: size // 3]
    ),
    "combining": repeated("a", raw("\u0301")),
    "ligatures": repeated("", raw("\ufdfa")),
    "full-width": repeated("", raw("ａ")),
    "encoded": repeated("", "%C3%BC"),
    "right-to-left": repeated("", raw("א")),
}


@pytest.mark.parametrize("worst", HOSTS.values(), ids=HOSTS)
def test_a_host_is_read_in_linear_time(
    worst: Callable[[int], str], request: pytest.FixtureRequest
) -> None:
    assert_linear(
        request.node.callspec.id,
        lambda size: f"/http://{worst(size - len(BAD_LABEL))}{BAD_LABEL}/",
        find,
        LONGEST,
    )


def as_host(worst: Callable[[int], str]) -> Callable[[int], str]:
    return lambda size: f"//{worst(size)}/"


LOCATIONS = {
    **{f"as-a-path-{name}": worst for name, worst in PATHS.items()},
    **{f"as-a-host-{name}": as_host(worst) for name, worst in HOSTS.items()},
    "relative": repeated("", "../"),
    "dots": repeated("/", "./"),
    "down-and-up": repeated("", "a/../"),
    "encoded-dots": repeated("", "%2e%2e/"),
    "backslashes": repeated("", "\\"),
    "blanks": repeated("", " ", "x"),
    "tabs": repeated("", "\t", "x"),
    "not-utf-8": repeated("/", "\xff"),
    "utf-8": repeated("/", raw("ü")),
    "query": repeated("?", '"'),
    "scheme": repeated("", "a", ":x"),
    "another-scheme": repeated("foo://", "a"),
    "another-schemes-host": repeated("foo://", raw("ü")),
}
BASE = parse_path("/https://example.com/a/b?c")


@pytest.mark.parametrize("worst", LOCATIONS.values(), ids=LOCATIONS)
def test_a_location_is_read_in_linear_time(
    worst: Callable[[int], str], request: pytest.FixtureRequest
) -> None:
    assert_linear(request.node.callspec.id, worst, lambda text: resolve_location(BASE, text), FIELD)


def test_a_location_is_resolved_against_the_longest_base_in_linear_time() -> None:
    worst = repeated("/http://example.com/", "a/")
    assert_linear("base", worst, lambda path: resolve_location(parse_path(path), "../x"), URL)


# --- fields -----------------------------------------------------------------------------------

FAMILIES = tuple(OriginPattern.parse(f"https://*.{'a.' * count}example.com") for count in range(50))
ASKERS = Askers((*FAMILIES, OriginPattern.parse("self")), FAMILIES, ("origin",))
ORIGINS = {
    "letters": repeated("https://", "a"),
    "labels": repeated("https://", "a.", "example.com"),
    "almost": repeated("https://", "a.", "example.con"),
    "hyphens": repeated("https://", "-", ".example.com"),
    "slashes": repeated("", "/"),
}


@pytest.mark.parametrize("size", [4 * MAX_ORIGIN, FIELD])
@pytest.mark.parametrize("worst", ORIGINS.values(), ids=ORIGINS)
def test_an_origin_beyond_the_longest_costs_no_more(worst: Callable[[int], str], size: int) -> None:
    def judge(origin: str) -> None:
        index = {"origin": origin}
        ASKERS.check(index, ASKERS.identify(index, "https://own.test"), "https://own.test")

    assert_linear(f"origin of {size}", worst, judge, size)


def test_no_exemption_is_held_against_a_longer_origin_than_browsers_send() -> None:
    rate = RateLimit.parse(r"1/minute /(a|aa)+b/")
    assert_linear("exemption", repeated("https://", "a"), rate.exempts, FIELD)


def head(*fields: tuple[str, str]) -> RequestHead:
    return RequestHead("GET", "/", fields, 0, "192.0.2.1", "http", 80)


INJECTIONS = Injections("token")
TRUSTED = TrustedProxies([ip_network("10.0.0.0/8")])
VALUES = {
    "one": repeated("", "a"),
    "list": repeated("", "a,"),
    "commas": repeated("", ","),
    "blanks": repeated("x", " ", "x"),
    "blanks-in-a-list": repeated("", ",  "),
    "tokens": repeated("", ",token,xtoken "),
    "tabs-in-a-list": repeated("", "\t,"),
    "semicolons": repeated("", ";"),
    "addresses": repeated("", "10.0.0.1, "),
    "colons": repeated("", ":"),
    "bracket": repeated("[", "0", "]:1"),
    "dots": repeated("", "_."),
}
MOUNT = parse_mount("/api", "https://a.test/base")
WAY = Way("", secure=True, cross_site=True)
TYPES = ContentTypes(["a/b"])


def _is_refused(content_type: str) -> None:
    with suppress(ProxyError):
        TYPES.check(ReplyHead(200, "", [("content-type", content_type)], 1))


READERS: dict[str, Callable[[str], object]] = {
    "cdn-loop": lambda value: INJECTIONS.passed_through(head(("CDN-Loop", value))),
    "connection": lambda value: request_table().sort([("Connection", value), ("X-A", "")]),
    "connection-of-a-target": lambda value: reply_table().sort([("Connection", value)]),
    "name": lambda value: request_table().sort([(value, "")]),
    "x-forwarded-for": lambda value: TRUSTED.believe(
        "10.0.0.1",
        "http",
        80,
        [
            (name, value)
            for name in ("X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Port", "Host")
        ],
    ),
    "peer": lambda value: TRUSTED.believe(value, "http", 80, []),
    "upgrade": lambda value: asks_for_websocket(
        "GET", False, {"upgrade": "websocket", "connection": value}
    ),
    "host": lambda value: own_origin("http", value),
    "referer": lambda value: ASKERS.identify(
        {"referer": value, "x-requested-with": value}, "http://own.test"
    ),
    "access-control-request": lambda value: preflight_fields(value, value, max_age=0),
    "vary": lambda value: vary_on("origin", [("Vary", value)]),
    "set-cookie": lambda value: at_mount(value, MOUNT, "/base/", WAY),
    "set-cookie-path": lambda value: at_mount(f"a=b; Path=/base/{value}", MOUNT, value, WAY),
    "content-type": _is_refused,
}


@pytest.mark.parametrize("worst", VALUES.values(), ids=VALUES)
@pytest.mark.parametrize("reader", READERS)
def test_a_field_is_read_in_linear_time(reader: str, worst: Callable[[int], str]) -> None:
    assert_linear(reader, worst, READERS[reader], FIELD)


OVERRIDING = Overrides(["referer"])
OVERRIDES = {
    "value": repeated('{"referer": "', "a", '"}'),
    "escapes": repeated('{"referer": "', "\\u00e9", '"}'),
    "members": repeated("{", '"referer":"",', '"a":""}'),
    "digits": repeated('{"referer":', "1", "}"),
    "fractions": repeated('{"referer":0.', "1", "}"),
    "nested-objects": repeated("", '{"a":'),
    "nested-arrays": repeated("", "["),
    "blanks": repeated("{", " ", "}"),
    "unclosed": repeated('{"', "\\\\"),
}


@pytest.mark.parametrize("worst", OVERRIDES.values(), ids=OVERRIDES)
def test_overrides_are_read_in_linear_time(
    worst: Callable[[int], str], request: pytest.FixtureRequest
) -> None:
    def read(text: str) -> None:
        with suppress(ProxyError):
            OVERRIDING.apply((), [text])

    assert_linear(request.node.callspec.id, worst, read, FIELD)


MANY: dict[str, Callable[[int], list[tuple[str, str]]]] = {
    "names": lambda size: [(f"x-{number}", "") for number in range(size // 8)],
    "one-name": lambda size: [("Connection", "a")] * (size // 16),
    "loops": lambda size: [("CDN-Loop", "a")] * (size // 14),
    "named": lambda size: [
        ("Connection", ",".join(f"x-{number}" for number in range(size // 16))),
        *[(f"x-{number}", "") for number in range(size // 16)],
    ],
}


@pytest.mark.parametrize("worst", MANY.values(), ids=MANY)
def test_many_fields_are_sorted_in_linear_time(
    worst: Callable[[int], list[tuple[str, str]]], request: pytest.FixtureRequest
) -> None:
    assert_linear(request.node.callspec.id, worst, request_table().sort, FIELD)
    assert_linear(request.node.callspec.id, worst, reply_table().sort, FIELD)
