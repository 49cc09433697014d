"""Mounts beside other settings: what cannot both hold, and what has no effect."""

from __future__ import annotations

from typing import Any

import pytest

from cors_anywhere.config.settings import Settings
from tests.config.test_contradictions import told

API = "https://api.example.com/base"


@pytest.mark.parametrize(
    ("values", "setting", "text"),
    [
        ({"target": API, "mounts": {"/api": API}}, "mounts", "has no path left beside --target"),
        ({"target": API, "open_proxy": True}, "open_proxy", "has no path left beside --target"),
        ({"mounts": (("/a", API), ("/a", API))}, "mounts", '"/a" is mounted twice'),
        (
            {"mounts": {"/api": API}, "deny_targets": ("*.example.com",)},
            "deny_targets",
            "denies api.example.com, which is mounted",
        ),
        (
            {"target": "http://10.1.2.3:8000", "deny_networks": ("10.0.0.0/8",)},
            "deny_networks",
            "denies 10.1.2.3, which is mounted",
        ),
    ],
)
def test_what_leaves_nothing_that_could_work_is_a_mistake(
    values: dict[str, Any], setting: str, text: str
) -> None:
    kind, ((where, said),) = told(**values)
    assert (kind, where) == ("mistake", setting)
    assert said.startswith(text)


@pytest.mark.parametrize(
    ("values", "setting", "text"),
    [
        ({"open_proxy": True}, "open_proxy", "changes nothing without --mount"),
        ({"target": API, "allow_targets": ("a.test",)}, "allow_targets", "has no effect"),
        (
            {"mounts": {"/api": API}, "deny_targets": ("a.test",)},
            "deny_targets",
            "has no effect",
        ),
        (
            {"base_path": "/cors", "mounts": {"/cors/api": API}},
            "mounts",
            '"/cors/api" lies under the base path: it means /cors/cors/api',
        ),
        (
            {"mounts": {"/api": "http://backend:3000"}},
            "mounts",
            "backend is no public name, and is refused if its address is not public: allow it"
            " with --allow-private backend:3000",
        ),
        (
            {
                "mounts": {"/a": API, "/a/b": "https://other.example"},
                "allow_credentials": True,
                "allow_origins": ("https://app.example",),
            },
            "mounts",
            '"/a/b" lies under "/a", whose cookies browsers send there too',
        ),
        ({"target": "http://nas.local"}, "target", "nas.local is no public name"),
    ],
)
def test_what_is_hardly_meant_is_told(values: dict[str, Any], setting: str, text: str) -> None:
    kind, ((where, said),) = told(**values)
    assert (kind, where) == ("doubt", setting)
    assert said.startswith(text)


@pytest.mark.parametrize(
    "values",
    [
        {"target": "http://localhost:3000"},
        {"mounts": {"/api": "http://10.1.2.3", "/b": "http://[::1]:80"}},
        {"mounts": {"/api": API}, "open_proxy": True, "deny_targets": ("a.test",)},
        {"base_path": "/cors", "mounts": {"/corsica": API}},
        {"base_path": "/cors", "target": API},
        {"target": "http://backend:3000", "allow_private": ("backend:3000",)},
        {"target": "http://backend:3000", "allow_networks": ("172.16.0.0/12",)},
        {"target": "http://backend:3000", "dev": True},
        {"mounts": {"/a": API, "/a/b": "https://other.example"}},
        {
            "mounts": {"/a": API, "/a/b": "https://api.example.com/v2", "/ab": "https://b.example"},
            "allow_credentials": True,
            "allow_origins": ("https://app.example",),
        },
    ],
)
def test_nothing_is_said_of_what_fits(values: dict[str, Any]) -> None:
    assert told(**values) == ("doubt", [])


def test_mounts_are_given_as_a_mapping_or_as_pairs() -> None:
    pairs = (("/a", API), ("/b", API))
    assert Settings(mounts=dict(pairs)) == Settings(mounts=pairs)
    assert [mount.prefix for mount in Settings(mounts=pairs).compiled.mounts] == ["/a", "/b"]
    assert [mount.prefix for mount in Settings(target=API).compiled.mounts] == [""]


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"mounts": (("/api",),)}, "a mount is a pair of a prefix and a URL"),
        ({"mounts": (("/api", 1),)}, "1 is not text"),
        ({"mounts": {"api": API}}, 'write "/api"'),
        ({"target": "api.example.com"}, "is no URL"),
    ],
)
def test_what_is_no_mount_is_a_mistake(values: dict[str, Any], text: str) -> None:
    kind, ((_, said),) = told(**values)
    assert kind == "mistake"
    assert text in said
