"""What a valid value of each setting is, and the fix for one that is not."""

from __future__ import annotations

from typing import Any

import pytest

from cors_anywhere.config.checks import CHECKS, LIST_CHECKS
from cors_anywhere.config.manual import DEFAULTS
from cors_anywhere.config.problems import SettingsError
from cors_anywhere.config.settings import Settings


def test_every_setting_is_checked() -> None:
    assert {*CHECKS, *LIST_CHECKS, "all_proxy"} == set(DEFAULTS)  # Settings checks that one


VALID: list[tuple[str, Any]] = [
    ("hosts", ("0.0.0.0",)),
    ("hosts", ("::", "127.0.0.1")),
    ("hosts", ("fe80::1%eth0",)),
    ("hosts", ("localhost",)),
    ("port", 0),
    ("port", 65535),
    ("base_path", ""),
    ("base_path", "/x"),
    ("base_path", "/a/b.c"),
    ("base_path", "/..."),
    ("trusted_proxies", ("10.0.0.0/8", "::1", "192.168.0.1", "0.0.0.0/0")),
    ("allow_origins", ("https://a.test", "https://*.a.test", "http://localhost:*", "null")),
    ("deny_origins", ("https://a.test", "https://*.com")),
    ("allow_targets", ("*.com",)),
    (
        "allow_origins",
        (
            "https://*.example.com",
            "https://*.a.github.io",
            "https://github.io",
            "http://*.localhost:*",
        ),
    ),
    ("require_headers", ()),
    ("require_headers", ("X-A!#$%&'*+.^_`|~9",)),
    ("rate_limit", "50 3 a.test"),
    ("rate_limit", "50/3minutes"),
    ("cors_max_age", 86400),
    ("help_type", "text/html; charset=utf-8"),
    ("allow_targets", ("api.test", "*.api.test", "api.test:8080")),
    ("allow_private", ("db.internal", "*.svc", "localhost:9000", "10.0.0.1")),
    ("default_scheme", "https"),
    ("deny_networks", ("2001:db8::/32",)),
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
    ("http_proxy", "http://user:pw@proxy.test:3128"),
    ("http_proxy", ""),
    ("no_proxy", "*.test, [::1]:80"),
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
    ("trusted_proxies", ("10.0.0.1/8",), "write 10.0.0.0/8 for the network, 10.0.0.1/32 for"),
    ("trusted_proxies", ("2001:db8::1/32",), "write 2001:db8::/32 for"),
    ("trusted_proxies", ("fe80::1%eth0",), "as in 10.0.0.0/8"),
    ("allow_networks", ("",), "as in 10.0.0.0/8"),
    ("allow_networks", ("localhost",), "as in 10.0.0.0/8"),
    ("allow_networks", ("10.0.0.0/33",), "as in 10.0.0.0/8"),
    ("deny_networks", ("10.0.0.0 /8",), "as in 10.0.0.0/8"),
    ("allow_origins", "https://a.test", "is not a tuple: write ('https://a.test',)"),
    ("allow_origins", ("https://a.test/",), "https://a.test"),
    ("allow_origins", ("a.test",), "a.test"),
    ("allow_origins", ("https://a.test/path",), "https://a.test/path"),
    ("allow_origins", ("https://*.com",), "restricts nothing"),
    ("allow_origins", ("https://*.co.uk:8443",), "restricts nothing"),
    ("allow_origins", ("https://*.github.io",), "name what is yours, as in *.example.github.io"),
    ("allow_origins", ("https://a.test,https://b.test",), "has a comma"),
    ("allow_private", ("*.com",), "restricts nothing"),
    ("deny_targets", ("a.test,b.test",), "has a comma"),
    ("deny_origins", (1,), "1 is not text"),
    ("deny_targets", ("https://a.test/",), "https://a.test/"),
    ("allow_private", ("http://a.test",), "leave the scheme out"),
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
    ("rate_limit", "50", "50/3minutes"),
    ("rate_limit", "", "50/3minutes"),
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
    ("http_proxy", "https://proxy.test", "write http://host:port"),
    ("https_proxy", "http://", "write http://host:port"),
    ("all_proxy", "socks5://proxy.test", "write http://host:port"),
    ("tls_cert", 1, "not text"),
]


@pytest.mark.parametrize(("setting", "value", "fix"), INVALID)
def test_a_mistake_is_named_with_its_fix(setting: str, value: Any, fix: str) -> None:
    with pytest.raises(SettingsError) as raised:
        Settings(**{setting: value})
    (text,) = [text for name, text in raised.value.problems if name == setting]
    assert fix in text
