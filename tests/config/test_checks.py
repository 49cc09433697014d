"""What a valid value of each setting is, and the fix for one that is not."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from cors_anywhere.config.checks import event_loop
from cors_anywhere.config.problems import SettingsError
from cors_anywhere.config.settings import Settings

VALID: list[tuple[str, Any]] = [
    ("hosts", ("0.0.0.0",)),
    ("hosts", ("::", "127.0.0.1")),
    ("hosts", ("fe80::1%eth0",)),
    ("hosts", ("localhost",)),
    ("unix", "/run/cors.sock"),
    ("unix", None),
    ("unix", "x" * 107),
    ("unix_mode", "600"),
    ("unix_mode", "0666"),
    ("trusted_hops", 16),
    ("workers", 0),
    ("workers", 256),
    ("port", 0),
    ("port", 65535),
    ("base_path", ""),
    ("base_path", "/x"),
    ("base_path", "/a/b.c"),
    ("base_path", "/..."),
    ("require_headers", ()),
    ("require_headers", ("X-A!#$%&'*+.^_`|~9",)),
    ("cors_max_age", 86400),
    ("help_type", "text/html; charset=utf-8"),
    ("default_scheme", "https"),
    ("remove_headers", ("Referer",)),
    ("set_headers", (("User-Agent", "a\tb \xe9"), ("X-Empty", ""))),
    ("max_redirects", 0),
    ("max_redirects", 20),
    ("replay_bytes", 0),
    ("connect_timeout", 0.01),
    ("connect_timeout", 604800),
    ("drain_timeout", 0),
    ("max_header_bytes", 1024),
    ("max_headers", 16),
    ("max_headers", 10000),
    ("max_url_bytes", 256),
    ("max_body_bytes", 0),
    ("max_body_bytes", None),
    ("max_response_bytes", 2**40),
    ("max_connections", 1),
    ("max_connections_per_client", None),
    ("max_connections_per_client", 1),
]


@pytest.mark.parametrize(("setting", "value"), VALID)
def test_a_valid_value_is_kept_as_it_is(setting: str, value: Any) -> None:
    assert getattr(Settings(**{setting: value}), setting) == value


INVALID: list[tuple[str, Any, str]] = [
    ("hosts", ("",), "give an IP address or a host name"),
    ("hosts", ("http://localhost",), "give an IP address or a host name"),
    ("hosts", ("*",), "0.0.0.0 or :: for all"),
    ("hosts", ("[::]",), 'write "::"'),
    ("hosts", ("localhost:8080",), "has a port"),
    ("hosts", (), "name no address"),
    ("unix", "", "1 to 107 octets"),
    ("unix", "\u00e9" * 54, "1 to 107 octets"),
    ("unix_mode", "rw", "three octal digits"),
    ("unix_mode", "999", "three octal digits"),
    ("unix_mode", "4755", "three octal digits"),
    ("trusted_hops", 17, "give 0 to 16"),
    ("trusted_hops", -1, "give 0 to 16"),
    ("workers", 257, "give 0 to 256"),
    ("port", -1, "give 0 to 65535"),
    ("port", 65536, "give 0 to 65535"),
    ("port", "80", "not a whole number"),
    ("port", True, "not a whole number"),
    ("base_path", "x", 'write "/x"'),
    ("base_path", "/x/", 'write "/x"'),
    ("base_path", "/", "leave it out"),
    ("base_path", "/a//b", "/proxy"),
    ("base_path", "/../x", "/proxy"),
    ("base_path", "/x?y", "/proxy"),
    ("base_path", "/%2e", "/proxy"),
    ("base_path", "/x\n", "/proxy"),
    ("default_scheme", "ftp", "write http or https"),
    ("dev", "yes", "neither True nor False"),
    ("require_headers", ("",), "no header name"),
    ("require_headers", ("a b",), "no header name"),
    ("remove_headers", ("a:",), "no header name"),
    ("remove_headers", ("Host",), "leave it out"),
    ("remove_headers", ("content-length",), "leave it out"),
    ("set_headers", (("Transfer-Encoding", "x"),), "leave it out"),
    ("set_headers", (("CDN-Loop", "x"),), "leave it out"),
    ("set_headers", (("X\r\nY", "x"),), "no header name"),
    ("set_headers", (("X", "a\r\nY: b"),), "control character"),
    ("set_headers", (("X", "a\x00"),), "control character"),
    ("set_headers", (("X", "\x7f"),), "control character"),
    ("set_headers", (("X", "\u20ac"),), "ISO-8859-1"),
    ("set_headers", (("X",),), "a pair of a name and a value"),
    ("redirect_same_origin", "no", "neither True nor False"),
    ("cors_max_age", -1, "give 0 to"),
    ("help_type", "html", "text/html"),
    ("help_type", "text/html\r\nX: y", "text/html"),
    ("max_redirects", -1, "give 0 to 20"),
    ("max_redirects", 21, "give 0 to 20"),
    ("connect_timeout", 0, "give 0.01 to 604800 seconds"),
    ("head_timeout", float("nan"), "seconds"),
    ("idle_timeout", float("inf"), "seconds"),
    ("tunnel_timeout", 0, "seconds"),
    ("client_header_timeout", -1, "seconds"),
    ("client_idle_timeout", 604801, "seconds"),
    ("client_stall_timeout", "9", "not a number of seconds"),
    ("drain_timeout", -0.1, "give 0 to 604800 seconds"),
    ("max_header_bytes", 1023, "give 1024 to"),
    ("max_headers", 15, "give 16 to 10000"),
    ("max_headers", 10001, "give 16 to 10000"),
    ("max_url_bytes", 255, "give 256 to"),
    ("max_body_bytes", -1, "give 0 to"),
    ("max_connections", 0, "give 1 to"),
    ("max_connections_per_client", 0, "give 1 to"),
    ("tls_cert", 1, "not text"),
]


@pytest.mark.parametrize(("setting", "value", "fix"), INVALID)
def test_a_mistake_is_named_with_its_fix(setting: str, value: Any, fix: str) -> None:
    with pytest.raises(SettingsError) as raised:
        Settings(**{setting: value})
    (text,) = [text for name, text in raised.value.problems if name == setting]
    assert fix in text


def test_an_event_loop_that_is_not_installed_is_named_with_what_brings_it() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "uvloop", None)
        with pytest.raises(ValueError, match=r"pip install 'cors-anywhere\[uvloop\]'"):
            event_loop("uvloop")
    assert event_loop("uvloop") == "uvloop"
