"""Mounts: which path belongs to which, what it means there, and what an operator may write."""

from __future__ import annotations

import pytest

from cors_anywhere.errors import InvalidTarget
from cors_anywhere.messages import Mount, Target
from cors_anywhere.rules.mounts import Mounts, covers, parse_mount, parse_target
from tests.support.urls import parse_path

API = parse_mount("/api", "https://api.example.com/base")
ALL = parse_mount("/api/v2", "http://two.example.com")
MOUNTS = Mounts([API, ALL])


def url_of(mounts: Mounts, path: str) -> str | None:
    found = mounts.find(path)
    return None if found is None else found[0].url


def url(text: str) -> Target:
    return parse_path("/" + text)


# --- what a path means ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("/api", "https://api.example.com/base"),
        ("/api/", "https://api.example.com/base/"),
        ("/api/x/y", "https://api.example.com/base/x/y"),
        ("/api?q=/x", "https://api.example.com/base?q=/x"),
        ("/api/x?q#f", "https://api.example.com/base/x?q"),
        ("/api#f", "https://api.example.com/base"),
        # octet for octet
        ("/api//x/%2F/./a%20b;c=d/%7E", "https://api.example.com/base//x/%2F/./a%20b;c=d/%7E"),
        ("/api/é", "https://api.example.com/base/é"),
        ("/api/...", "https://api.example.com/base/..."),
        ("/api/..x/x../x..y", "https://api.example.com/base/..x/x../x..y"),
        ("/api/%2e%2ex", "https://api.example.com/base/%2e%2ex"),
        ("/api/x?../../y", "https://api.example.com/base/x?../../y"),
        # the longest prefix
        ("/api/v2", "http://two.example.com/"),
        ("/api/v2/x", "http://two.example.com/x"),
        ("/api/v2?q", "http://two.example.com/?q"),
        ("/api/v22", "https://api.example.com/base/v22"),
        # no base path: nothing can be left
        ("/api/v2/../x/%2e%2e", "http://two.example.com/../x/%2e%2e"),
        # other paths are others'
        ("/apix", None),
        ("/api.x", None),
        ("/API/x", None),
        ("/%61pi/x", None),
        ("//api/x", None),
        ("/", None),
        ("/x/api", None),
        ("api", None),
    ],
)
def test_a_path_means_what_follows_the_prefix_of_its_mount(path: str, meant: str | None) -> None:
    assert url_of(MOUNTS, path) == meant


@pytest.mark.parametrize(
    "path",
    ["/", "/get?url=x", "/healthz", "/iscorsneeded", "/https://example.com/x", "//x", "/?url=y"],
)
def test_every_path_is_the_one_targets(path: str) -> None:
    mounts = Mounts([parse_target("https://api.example.com")])
    assert url_of(mounts, path) == f"https://api.example.com{path}"


@pytest.mark.parametrize(
    "rest",
    [
        "/..",
        "/../x",
        "/x/../y",  # it would stay within; whether it does is the server's to say
        "/..?q",
        "/..#f",
        "/x/..",
        "/%2e%2e/x",
        "/.%2E/x",
        "/%2E./x",
        "/..%2fx",
        "/x%2F..%2F..%2Fsecret",
        "/%2f../x",
        "/..\\x",
        "/x\\..\\y",
        "/..%5cx",
        "/..;a=b/x",
        "/..%3b/x",
        "/%252e%252e/x",
        "/..%252fx",
        "/%25252e./x",
        "/..%00/x",
        "/.%00./x",
        "/%20../x",
        "/..%2520/x",
        "/..%09",
        "/.%0d%0A.%0a/x",
        "/%c0%ae%c0%ae/x",
        "/%25c0%25ae./x",
        "/%e0%80%ae./x",
        "/..%c0%af",
        "/x%c1%9c..",
        "/%u002e%U002E/x",
        "/..%u2215x",
        "/x%u005c../x",
    ],
)
def test_nothing_leads_out_of_the_path_of_a_mount(rest: str) -> None:
    with pytest.raises(InvalidTarget, match="lead out of this mount"):
        MOUNTS.find("/api" + rest)


# --- which path leads to a URL ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("place", "path"),
    [
        ("https://api.example.com/base", "/api"),
        ("https://api.example.com/base/", "/api/"),
        ("https://api.example.com/base/x?q", "/api/x?q"),
        ("https://api.example.com/base?q", "/api?q"),
        ("https://api.example.com:443/base/x", "/api/x"),
        ("https://api.example.com/based", None),
        ("https://api.example.com/", None),
        ("https://api.example.com/base/..%2fx", None),
        ("http://api.example.com/base/x", None),
        ("https://api.example.com:8443/base/x", None),
        ("https://www.example.com/base/x", None),
        ("http://two.example.com/x", "/api/v2/x"),
        ("http://two.example.com/", "/api/v2/"),
    ],
)
def test_a_url_is_led_to_by_the_mount_that_it_is_in(place: str, path: str | None) -> None:
    assert MOUNTS.path_to(url(place)) == path


def test_of_several_mounts_of_a_target_the_deepest_leads_there() -> None:
    mounts = Mounts(
        [
            parse_mount("/all", "https://a.example.com"),
            parse_mount("/v1", "https://a.example.com/api/v1"),
            parse_mount("/api", "https://a.example.com/api"),
        ]
    )
    assert mounts.path_to(url("https://a.example.com/api/v1/x")) == "/v1/x"
    assert mounts.path_to(url("https://a.example.com/api/v2/x")) == "/api/v2/x"
    assert mounts.path_to(url("https://a.example.com/x")) == "/all/x"


def test_what_a_mount_covers_is_what_its_paths_mean() -> None:
    assert covers(API, url("https://api.example.com/base/x"))
    assert not covers(API, url("https://api.example.com/x"))


# --- what an operator may write ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "mount"),
    [
        (
            "https://api.example.com/base/",
            ("https", "api.example.com", 443, "/base/", "/base", False),
        ),
        ("HTTP://Example.com:8080", ("http", "example.com", 8080, "/", "", False)),
        ("http://example.com/", ("http", "example.com", 80, "/", "", False)),
        ("http://localhost:3000", ("http", "localhost", 3000, "/", "", True)),
        ("http://127.0.0.1:3000/a", ("http", "127.0.0.1", 3000, "/a", "/a", True)),
        ("http://[::1]:3000", ("http", "::1", 3000, "/", "", True)),
        ("http://backend:3000", ("http", "backend", 3000, "/", "", False)),
        ("https://bücher.example", ("https", "xn--bcher-kva.example", 443, "/", "", False)),
    ],
)
def test_a_mount_is_a_prefix_and_a_url(written: str, mount: tuple[object, ...]) -> None:
    read = parse_mount("/api", written)
    target = read.target
    parts = (target.scheme, target.host, target.port, target.path, read.base, read.private)
    assert (read.prefix, parts) == ("/api", mount)


def test_the_one_target_is_the_mount_of_every_path() -> None:
    site = ("https", "api.example.com", 443, "api.example.com")
    assert parse_target("https://api.example.com/v1") == Mount(
        "", Target(*site, "/v1"), "/v1", private=False
    )


@pytest.mark.parametrize(
    ("prefix", "text"),
    [
        ("", "is every path: give the URL by --target instead"),
        ("/", "is every path: give the URL by --target instead"),
        ("api", 'write "/api"'),
        ("/api/", 'write "/api"'),
        ("/a b", "cannot be mounted"),
        ("/a//b", "cannot be mounted"),
        ("/../a", "cannot be mounted"),
        ("/a/.", "cannot be mounted"),
        ("/http://x", "cannot be mounted"),
        ("/%61", "cannot be mounted"),
        ("/a?b", "cannot be mounted"),
        ("/é", "cannot be mounted"),
    ],
)
def test_a_prefix_that_cannot_be_is_a_mistake(prefix: str, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        parse_mount(prefix, "https://api.example.com")


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("", "is no URL: write one like"),
        ("api.example.com", "is no URL: write one like"),
        ("ftp://api.example.com", "only http and https"),
        ("wss://api.example.com/x", "write https://api.example.com/x, which serves WebSockets too"),
        ("https://", "holds no valid host"),
        ("https://user:pw@api.example.com", "holds no valid host: .* user name or password"),
        ("https://127.1", "holds no valid host"),
        ("https://api.example.com:x", "holds no valid host"),
        ("https://api.example.com/x?y", r'leave "\?y" out'),
        ("https://api.example.com#x", 'leave "#x" out'),
        ("https://api.example.com/a b", "percent-encode its path"),
        ("https://api.example.com/é", "percent-encode its path"),
        ("https://api.example.com/x/../y", r'write its path without "\.\."'),
    ],
)
def test_what_is_no_target_of_a_mount_is_a_mistake(written: str, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        parse_mount("/api", written)
