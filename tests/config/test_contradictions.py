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


def methods(allow: tuple[str, ...], deny: tuple[str, ...]) -> dict[str, Any]:
    return {"allow_methods": allow, "deny_methods": deny}


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
        (methods(("GET", "PUT"), ("PUT",)), "PUT is denied too"),
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
        (methods(("GET",), ("GET", "PUT")), "deny_methods"),
    ],
)
def test_denying_all_that_is_allowed_is_a_mistake(values: dict[str, Any], setting: str) -> None:
    kind, ((where, text),) = told(**values)
    assert (kind, where) == ("mistake", setting)
    assert "take one from either list" in text


def test_a_header_that_is_set_and_removed_is_told() -> None:
    doubts = Settings(remove_headers=("x-A", "X-B"), set_headers=(("X-a", "1"),)).doubts
    assert doubts == (Problem("remove_headers", "X-a is set too, and is sent as it is set"),)


@pytest.mark.parametrize("limit", ["0/minute", "0 1"])
def test_a_limit_of_none_is_a_mistake(limit: str) -> None:
    kind, ((setting, _),) = told(rate_limits=(limit,))
    assert (kind, setting) == ("mistake", "rate_limits")


def test_a_limit_of_none_with_exemptions_is_what_the_original_had() -> None:
    assert told(rate_limits=("0 1 example.com",)) == ("doubt", [])


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


KEY: dict[str, Any] = {"target_headers": (("https://api.test", "X-Key", "s3cret"),)}
PAGE: dict[str, Any] = {"allow_origins": ("https://page.test",)}


@pytest.mark.parametrize(
    ("values", "settings", "fix"),
    [
        (KEY, ["target_headers"] * 2, "say by --allow-origin which pages may"),
        (KEY | {"allow_targets": ("api.test",)}, ["target_headers"], "--allow-origin"),
        (KEY | PAGE, ["target_headers"], "--allow-target api.test:443"),
        (KEY | PAGE | {"allow_targets": ("api.test:80",)}, ["target_headers"], "api.test:443"),
        (KEY | PAGE | {"allow_targets": ("*.api.test",)}, ["target_headers"], "api.test:443"),
        (KEY | {"dev": True}, ["target_headers"], "--allow-target api.test:443"),
        (
            KEY | {"allow_origins": ("x",), "allow_targets": ("/",)},
            ["allow_origins", "allow_targets"],  # told, and not called missing as well
            "has no scheme",
        ),
    ],
)
def test_a_secret_needs_pages_and_targets_that_are_allowed(
    values: dict[str, Any], settings: list[str], fix: str
) -> None:
    kind, problems = told(**values)
    assert kind == "mistake"
    assert [setting for setting, _ in problems] == settings
    assert fix in problems[0][1]
    assert "s3cret" not in str(problems)


@pytest.mark.parametrize("target", ["api.test", "api.test:443", "*.test"])
@pytest.mark.parametrize("asking", [PAGE, {"dev": True}])
def test_a_secret_for_a_target_that_is_allowed_is_nothing_to_speak_of(
    target: str, asking: dict[str, Any]
) -> None:
    assert told(**KEY, **asking, allow_targets=(target,)) == ("doubt", [])


def test_a_secret_that_any_site_can_use_is_doubted() -> None:
    kind, ((setting, text),) = told(**KEY, allow_origins=("null",), allow_targets=("api.test",))
    assert (kind, setting) == ("doubt", "allow_origins")
    assert "any site can ask as null" in text


def test_a_header_that_is_set_for_all_and_left_to_pages_is_told() -> None:
    kind, ((setting, text),) = told(
        set_headers=(("User-Agent", "x"),), allow_header_overrides=("user-agent", "referer")
    )
    assert (kind, setting) == ("doubt", "allow_header_overrides")
    assert "stays as it is set" in text


def test_settings_show_no_secret() -> None:
    settings = Settings(**KEY, **PAGE, allow_targets=("api.test",))
    assert "s3cret" not in f"{settings!r} {settings.compiled!r}"


@pytest.mark.parametrize(
    "mounts", [{"mounts": {"/api": "https://api.test/v1"}}, {"target": "https://api.test"}]
)
def test_a_mount_is_a_target_that_is_allowed(mounts: dict[str, Any]) -> None:
    assert told(**KEY, **PAGE, **mounts) == ("doubt", [])
    other = {"target_headers": (("http://api.test", "X-Key", "s3cret"),)}
    kind, ((_, text),) = told(**other, **PAGE, **mounts)
    assert (kind, text.partition(" is ")[0]) == ("mistake", "http://api.test:80")


def test_front_servers_are_named_or_counted() -> None:
    kind, ((setting, text),) = told(trusted_hops=1, trusted_proxies=("10.0.0.0/8",))
    assert (kind, setting) == ("mistake", "trusted_hops")
    assert "give one of them" in text


def test_who_comes_over_a_unix_socket_is_trusted_only_where_there_is_one() -> None:
    kind, ((setting, _),) = told(trusted_proxies=("unix",))
    assert (kind, setting) == ("mistake", "trusted_proxies")
    assert told(trusted_proxies=("unix",), unix="/run/s") == ("doubt", [])


@pytest.mark.parametrize(
    ("values", "setting", "fix"),
    [
        ({}, "allow_credentials", "list them by --allow-origin"),
        ({"deny_origins": ("https://a.test",)}, "allow_credentials", "list them by --allow-origin"),
        ({"allow_origins": ("https://a.test", "null")}, "allow_origins", "null is any site's"),
        ({"allow_origins": ("https://*.com",)}, "allow_origins", "restricts nothing"),
        ({"allow_origins": ("https://*.github.io",)}, "allow_origins", "restricts nothing"),
        ({"allow_origins": ("*",)}, "allow_origins", "leave the option out"),
    ],
)
def test_credentials_need_pages_of_ones_own(values: dict[str, Any], setting: str, fix: str) -> None:
    kind, ((where, text),) = told(allow_credentials=True, **values)
    assert (kind, where) == ("mistake", setting)
    assert fix in text


@pytest.mark.parametrize(
    "values",
    [
        PAGE,
        {"allow_origins": ("https://*.example.com",)},
        {"allow_origins": ("http://localhost:*", "self")},
        {"dev": True},
    ],
)
def test_pages_of_ones_own_may_be_allowed_credentials(values: dict[str, Any]) -> None:
    assert told(allow_credentials=True, **values) == ("doubt", [])


def test_two_holders_have_two_keys() -> None:
    key = "0123456789abcdef"
    kind, problems = told(api_keys=(("ann", key), ("ann", key), ("bob", key)))
    assert (kind, [setting for setting, _ in problems]) == ("mistake", ["api_keys", "api_keys"])
    assert all('"ann" and "bob"' in text and key not in text for _, text in problems)


@pytest.mark.parametrize(
    ("hosts", "admin"),
    [
        (("127.0.0.1",), "127.0.0.1:8080"),
        (("127.0.0.1",), "localhost:8080"),
        (("localhost",), "[::1]:8080"),
        (("0.0.0.0",), "127.0.0.1:8080"),
        (("10.0.0.1", "10.0.0.2"), "0.0.0.0:8080"),
        (("::",), "127.0.0.1:8080"),
    ],
)
def test_the_operator_does_not_listen_where_the_proxy_does(
    hosts: tuple[str, ...], admin: str
) -> None:
    kind, ((setting, _),) = told(hosts=hosts, port=8080, admin=admin)
    assert (kind, setting) == ("mistake", "admin")


def test_the_operator_has_a_socket_of_its_own() -> None:
    kind, ((setting, _),) = told(unix="/run/s", admin="unix:/run/./s")
    assert (kind, setting) == ("mistake", "admin")


@pytest.mark.parametrize(
    "admin",
    ["127.0.0.1:9090", "127.0.0.2:8080", "[::1]:8080", "unix:/run/admin"],
)
def test_the_operator_listens_beside_the_proxy(admin: str) -> None:
    hosts = ("127.0.0.1",)
    assert told(hosts=hosts, port=8080, unix="/run/s", admin=admin) == ("doubt", [])
