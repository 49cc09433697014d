"""Settings with a grammar of the rules': what is valid, and the fix for what is not."""

from __future__ import annotations

from typing import Any

import pytest

from cors_anywhere.config.problems import SettingsError
from cors_anywhere.config.settings import Settings

VALID: list[tuple[str, Any]] = [
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
    ("rate_limits", ("50 3 a.test", "50/3minutes by client")),
    ("byte_limits", ("1GB/hour by client",)),
    ("store", "shared"),
    ("store", "redis://user:pw@redis.test/1"),
    ("allow_targets", ("api.test", "*.api.test", "api.test:8080")),
    ("allow_private", ("db.internal", "*.svc", "localhost:9000", "10.0.0.1")),
    ("deny_networks", ("2001:db8::/32",)),
    ("http_proxy", "http://user:pw@proxy.test:3128"),
    ("http_proxy", ""),
    ("no_proxy", "*.test, [::1]:80"),
]


@pytest.mark.parametrize(("setting", "value"), VALID)
def test_a_valid_value_is_kept_as_it_is(setting: str, value: Any) -> None:
    assert getattr(Settings(**{setting: value}), setting) == value


INVALID: list[tuple[str, Any, str]] = [
    ("trusted_proxies", ("UNIX",), "as in 10.0.0.0/8"),
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
    ("rate_limits", ("50",), "50/3minutes"),
    ("rate_limits", ("",), "50/3minutes"),
    ("rate_limits", "50 3", "is not a tuple: write ('50 3',)"),
    ("byte_limits", ("50 3",), "1GB/hour"),
    ("store", "disk", "write memory, shared, or redis://"),
    ("http_proxy", "https://proxy.test", "write http://host:port"),
    ("https_proxy", "http://", "write http://host:port"),
    ("all_proxy", "socks5://proxy.test", "write http://host:port"),
]


@pytest.mark.parametrize(("setting", "value", "fix"), INVALID)
def test_a_mistake_is_named_with_its_fix(setting: str, value: Any, fix: str) -> None:
    with pytest.raises(SettingsError) as raised:
        Settings(**{setting: value})
    (text,) = [text for name, text in raised.value.problems if name == setting]
    assert fix in text
