"""Settings: frozen, valid, and every mistake at once."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from typing import Any

import pytest

from cors_anywhere.config.settings import Settings, SettingsError
from cors_anywhere.messages import Target
from cors_anywhere.rules.outbound import OutboundProxy


def mistakes(**values: Any) -> list[tuple[str, str]]:
    """What is wrong with these settings."""
    try:
        Settings(**values)
    except SettingsError as error:
        return [(setting, text) for setting, text in error.problems]
    return []


def test_the_defaults_are_valid() -> None:
    assert Settings().port == 8080


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        Settings().port = 80  # type: ignore[misc]


def test_lists_become_tuples() -> None:
    listed: Any = ["https://a.test"]
    assert Settings(allow_origins=listed).allow_origins == ("https://a.test",)


def test_all_mistakes_are_reported_at_once() -> None:
    found = mistakes(
        port=-1,
        rate_limit="often",
        allow_origins=("https://ok.test", "https://x.test/", "y.test"),
        allow_networks=("10.0.0.0/33",),
        tls_cert="cert.pem",
    )
    assert [setting for setting, _ in found] == [
        "port",
        "rate_limit",
        "allow_origins",
        "allow_origins",
        "allow_networks",
        "tls_key",
    ]


def test_the_error_reads_as_one_line_for_each_mistake() -> None:
    with pytest.raises(SettingsError) as raised:
        Settings(port=-1, max_redirects=99)
    assert str(raised.value).splitlines() == [
        "port: -1 is out of range: give 0 to 65535",
        "max_redirects: 99 is out of range: give 0 to 20",
    ]


@pytest.mark.parametrize(("given", "missing"), [("tls_cert", "tls_key"), ("tls_key", "tls_cert")])
def test_a_certificate_and_its_key_come_together(given: str, missing: str) -> None:
    assert [setting for setting, _ in mistakes(**{given: "file.pem"})] == [missing]
    assert mistakes(tls_cert="file.pem", tls_key="file.pem") == []


def test_an_all_proxy_that_is_not_needed_may_be_anything() -> None:
    assert mistakes(http_proxy="http://h", https_proxy="http://h", all_proxy="socks5://a") == []


def test_the_proxies_are_ready_to_choose_from() -> None:
    proxies = Settings(http_proxy="http://h:1", no_proxy="x.test").compiled.outbound_proxies
    assert proxies.choose(Target("http", "y.test", 80, "y.test", "/")) == OutboundProxy(
        "h", 1, None
    )
    assert proxies.choose(Target("http", "x.test", 80, "x.test", "/")) is None


def test_what_may_be_secret_shows_neither_in_repr_nor_in_mistakes() -> None:
    settings = Settings(
        set_headers=(("Authorization", "secret"),), http_proxy="http://user:secret@proxy.test"
    )
    assert "secret" not in repr(settings)
    found = mistakes(set_headers=(("X", "secret\x00"),), all_proxy="socks5://user:secret@p.test")
    assert len(found) == 2
    assert "secret" not in str(found)
