"""Settings that say two things together: mistakes where nothing could work, else doubts."""

from __future__ import annotations

from typing import Any

import pytest

from cors_anywhere.config.problems import Problem, SettingsError
from cors_anywhere.config.settings import Settings


def told(**values: Any) -> tuple[str, list[tuple[str, str]]]:
    """What is said of these settings, and whether they are refused for it."""
    try:
        return "doubt", [(item.setting, item.text) for item in Settings(**values).doubts]
    except SettingsError as error:
        return "mistake", [(item.setting, item.text) for item in error.problems]


def origins(allow: tuple[str, ...], deny: tuple[str, ...]) -> dict[str, Any]:
    return {"allow_origins": allow, "deny_origins": deny}


def targets(allow: tuple[str, ...], deny: tuple[str, ...]) -> dict[str, Any]:
    return {"allow_targets": allow, "deny_targets": deny}


def networks(allow: tuple[str, ...], deny: tuple[str, ...]) -> dict[str, Any]:
    return {"allow_networks": allow, "deny_networks": deny}


@pytest.mark.parametrize(
    ("values", "text"),
    [
        (origins(("https://a.test", "null"), ("https://a.test",)), "https://a.test is denied too"),
        (
            origins(("https://a.b.test", "null"), ("https://*.b.test",)),
            "https://a.b.test is denied",
        ),
        (
            origins(("https://*.b.test", "null"), ("https://*.b.test",)),
            "https://*.b.test is denied",
        ),
        (targets(("a.test", "b.test"), ("a.test",)), "a.test is denied too"),
        (targets(("a.test:80", "b.test"), ("a.test",)), "a.test:80 is denied too"),
        (targets(("x.a.test", "b.test"), ("*.a.test",)), "x.a.test is denied too"),
        (targets(("*.x.a.test", "b.test"), ("*.a.test",)), "*.x.a.test is denied too"),
        (targets(("[::1]:80", "b.test"), ("[::1]",)), "[::1]:80 is denied too"),
        (networks(("10.1.0.0/16",), ("10.0.0.0/8",)), "10.1.0.0/16 is denied too"),
        (networks(("10.0.0.0/8",), ("10.0.0.0/8",)), "10.0.0.0/8 is denied too"),
    ],
)
def test_what_is_allowed_and_denied_is_told(values: dict[str, Any], text: str) -> None:
    kind, ((setting, said),) = told(**values)
    assert (kind, setting) == ("doubt", next(iter(values)))
    assert said.startswith(text)


@pytest.mark.parametrize(
    "values",
    [
        origins(("https://*.b.test",), ("https://a.b.test",)),
        origins(("https://a.test",), ("http://a.test", "https://a.test:8443")),
        targets(("a.test",), ("a.test:80",)),
        targets(("*.a.test",), ("x.a.test",)),
        targets(("*.a.test",), ("a.test",)),
        targets(("a.test",), ("*.a.test",)),
        networks(("10.0.0.0/8",), ("10.1.0.0/16",)),
        networks(("10.0.0.0/8",), ("::/0",)),
    ],
)
def test_an_exception_from_what_is_allowed_is_no_contradiction(values: dict[str, Any]) -> None:
    assert told(**values) == ("doubt", [])


@pytest.mark.parametrize(
    ("values", "setting"),
    [
        (origins(("https://a.test",), ("https://a.test", "https://b.test")), "deny_origins"),
        (origins(("https://a.b.test", "null"), ("https://*.b.test", "null")), "deny_origins"),
        (targets(("a.test:80",), ("a.test",)), "deny_targets"),
    ],
)
def test_denying_all_that_is_allowed_is_a_mistake(values: dict[str, Any], setting: str) -> None:
    kind, ((where, text),) = told(**values)
    assert (kind, where) == ("mistake", setting)
    assert "take one from either list" in text


def test_a_header_that_is_set_and_removed_is_told() -> None:
    doubts = Settings(remove_headers=("x-A", "X-B"), set_headers=(("X-a", "1"),)).doubts
    assert doubts == (Problem("remove_headers", "X-a is set too, and is sent as it is set"),)


def test_an_exemption_that_matches_nobody_is_told() -> None:
    kind, ((setting, text),) = told(rate_limit="50/minute a.org,b.org c.org")
    assert (kind, setting) == ("doubt", "rate_limit")
    assert text.startswith('"a.org,b.org" exempts nobody')


@pytest.mark.parametrize("limit", ["0/minute", "0 1"])
def test_a_limit_of_none_is_a_mistake(limit: str) -> None:
    kind, ((setting, _),) = told(rate_limit=limit)
    assert (kind, setting) == ("mistake", "rate_limit")


def test_a_limit_of_none_with_exemptions_is_what_the_original_had() -> None:
    assert told(rate_limit="0 1 example.com") == ("doubt", [])


@pytest.mark.parametrize(
    ("setting", "values"),
    [
        ("trusted_proxies", {"trusted_proxies": ("0.0.0.0/0",)}),
        ("deny_networks", {"deny_networks": ("0.0.0.0/0",)}),
        (
            "max_connections_per_client",
            {"max_connections": 5, "max_connections_per_client": 5},
        ),
    ],
)
def test_what_is_said_of_everybody_is_doubted(setting: str, values: dict[str, Any]) -> None:
    assert [doubt.setting for doubt in Settings(**values).doubts] == [setting]
