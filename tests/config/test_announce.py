"""What the operator reads when the proxy begins to listen."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from cors_anywhere.config.announce import listening_line, listening_urls, proxy_lines, warnings
from cors_anywhere.config.settings import Settings

KEYS = (("ann", "0123456789abcdef"), ("bob", "fedcba9876543210"))


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


def bound(stack: ExitStack, host: str) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    opened = stack.enter_context(socket.socket(family))
    opened.bind((host, 0))
    return opened


@pytest.mark.parametrize(
    ("host", "settings", "url"),
    [
        ("127.0.0.1", Settings(), "http://127.0.0.1:{}/"),
        ("0.0.0.0", Settings(), "http://0.0.0.0:{}/"),
        ("::1", Settings(), "http://[::1]:{}/"),
        ("127.0.0.1", Settings(base_path="/x"), "http://127.0.0.1:{}/x/"),
        ("127.0.0.1", Settings(tls_cert="c", tls_key="k"), "https://127.0.0.1:{}/"),
    ],
)
def test_the_url_has_the_port_that_was_taken(
    stack: ExitStack, host: str, settings: Settings, url: str
) -> None:
    opened = bound(stack, host)
    assert listening_urls(settings, [opened]) == [url.format(opened.getsockname()[1])]


@pytest.mark.parametrize(
    ("values", "part"),
    [
        ({}, "Listening on http://a/ and http://b/ for every origin; refused: targets that are"),
        ({}, "requests without origin or x-requested-with"),
        ({"allow_origins": ("https://x.test", "null")}, "for https://x.test, null; refused"),
        ({"allow_origins": tuple(f"https://{n}.test" for n in range(7))}, "4.test and 2 more;"),
        ({"deny_origins": ("https://x.test",)}, "for every origin except https://x.test;"),
        ({"api_keys": KEYS}, "for the holders of 2 keys; refused"),
        ({"api_keys": KEYS[:1], "dev": True}, "for pages of this machine, the holders of 1 key;"),
        ({"rate_limits": ("50 3",)}, "for every origin (rate limit 50 3);"),
        ({"allow_networks": ("127.0.0.0/8",)}, "not public (but for 127.0.0.0/8)"),
        ({"deny_networks": ("8.8.8.0/24",)}, "not public, 8.8.8.0/24, requests"),
        ({"deny_targets": ("*.x.test",)}, "not public, *.x.test, requests"),
        ({"allow_targets": ("x.test",)}, "targets other than x.test"),
        ({"allow_private": ("db.internal",)}, "not public (but for db.internal), requests"),
        ({"dev": True}, "for pages of this machine; refused: targets that are not public (but for"),
        ({"dev": True, "allow_networks": ("10.0.0.0/8",)}, "(but for this machine, 10.0.0.0/8)"),
        ({"dev": True, "allow_origins": ("https://x.test",)}, "for https://x.test; refused"),
        (
            {"mounts": {"/a": "https://a.test/b", "/c": "http://c.test"}},
            "for every origin, where /a is https://a.test/b, /c is http://c.test/; refused: every"
            " other URL, targets that are not public, requests",
        ),
        (
            {"mounts": {"/a": "https://a.test"}, "open_proxy": True},
            "where /a is https://a.test/; refused: targets",
        ),
        ({"target": "https://a.test"}, "where every path is https://a.test/; refused: targets"),
    ],
)
def test_one_line_says_who_is_allowed_and_what_is_refused(values: Any, part: str) -> None:
    line = listening_line(Settings(**values), ["http://a/", "http://b/"])
    assert part in line
    assert "\n" not in line


def test_a_proxy_that_requires_no_header_does_not_say_so() -> None:
    assert "requests without" not in listening_line(Settings(require_headers=()), ["http://a/"])


@pytest.mark.parametrize(
    ("host", "values", "warned"),
    [
        ("127.0.0.1", {}, False),
        ("127.0.0.2", {}, False),
        ("::1", {}, False),
        ("0.0.0.0", {}, True),
        ("::", {}, True),
        ("0.0.0.0", {"allow_origins": ("https://x.test",)}, False),
        ("0.0.0.0", {"rate_limits": ("50 3",)}, False),
        ("0.0.0.0", {"api_keys": KEYS}, False),
        ("0.0.0.0", {"deny_origins": ("https://x.test",)}, True),
    ],
)
def test_a_proxy_that_is_open_to_everyone_is_warned_about(
    stack: ExitStack, host: str, values: Any, warned: bool
) -> None:
    found = list(warnings(Settings(**values), [bound(stack, host)]))
    assert [text.startswith("open to everyone") for text in found] == ([True] if warned else [])


@pytest.mark.parametrize(
    ("values", "through"),
    [
        ({"target": "http://localhost:3000"}, "http://localhost:3000/ through /,"),
        ({"mounts": {"/a": "http://10.0.0.1/b"}}, "http://10.0.0.1/b through /a,"),
        ({"target": "http://localhost:3000", "allow_origins": ("self",)}, None),
        ({"target": "http://localhost:3000", "dev": True}, None),
        ({"target": "https://api.example.com"}, None),
    ],
)
def test_what_is_served_locally_to_any_page_is_warned_about(
    stack: ExitStack, values: Any, through: str | None
) -> None:
    found = list(warnings(Settings(**values), [bound(stack, "127.0.0.1")]))
    assert [through in text for text in found] if through else not found


VARIABLES = {"http_proxy": "HTTP_PROXY", "all_proxy": "ALL_PROXY", "no_proxy": "NO_PROXY"}


@pytest.mark.parametrize(
    ("values", "lines"),
    [
        ({}, []),
        (
            {"http_proxy": "http://user:secret@p.test:3128"},
            ["Requests to http targets leave through the proxy p.test:3128, as HTTP_PROXY says"],
        ),
        (
            {"all_proxy": "http://[::1]:80", "http_proxy": "p.test", "no_proxy": "a.test"},
            [
                "Requests to http targets leave through the proxy p.test:80, as HTTP_PROXY says,"
                " but for those in NO_PROXY",
                "Requests to https targets leave through the proxy [::1]:80, as ALL_PROXY says,"
                " but for those in NO_PROXY",
            ],
        ),
        ({"http_proxy": "http://p.test", "no_proxy": "*"}, []),
    ],
)
def test_a_proxy_that_was_taken_over_is_named_with_its_variable(
    values: Any, lines: list[str]
) -> None:
    assert list(proxy_lines(Settings(**values), VARIABLES.__getitem__)) == lines


def test_targets_that_are_not_verified_are_warned_about() -> None:
    (warning,) = warnings(Settings(insecure_targets=True), [])
    assert "not verified" in warning
