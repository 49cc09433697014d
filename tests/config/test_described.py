from __future__ import annotations

from typing import Any

import pytest

from cors_anywhere.config.described import rules, tries
from cors_anywhere.config.settings import Settings


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "Pages of every origin"),
        (
            {"allow_origins": ("https://a.example",)},
            "Pages of https://a.example may use it, and no",
        ),
        ({"deny_origins": ("https://b.example",)}, "Pages of https://b.example may not"),
        ({"dev": True}, "Pages on this machine"),
        ({"allow_targets": ("api.example",)}, "fetches from api.example only"),
        ({"deny_targets": ("x.example",)}, "does not fetch from x.example"),
        (
            {"mounts": {"/api": "https://api.example"}},
            "Paths under /api lead to https://api.example",
        ),
        ({"max_body_bytes": 1000000}, "1,000,000 bytes"),
        ({}, "origin, x-requested-with"),
    ],
)
def test_each_rule_is_a_sentence(settings: dict[str, Any], said: str) -> None:
    assert any(said in sentence for sentence in rules(Settings(**settings)))


def test_no_secret_is_told() -> None:
    settings = Settings(set_headers=(("X-Key", "secret"),), http_proxy="http://u:secret@p.example")
    assert "secret" not in "".join(rules(settings))


@pytest.mark.parametrize(
    ("allowed", "may"), [((), True), (("self",), True), (("https://a.example",), False)]
)
def test_a_page_of_the_proxy_tries_where_its_origin_may_ask(
    allowed: tuple[str, ...], may: bool
) -> None:
    assert tries(Settings(allow_origins=allowed)) is may


def test_a_long_list_is_cut() -> None:
    many = tuple(f"https://{number}.example" for number in range(20))
    assert any("and 12 more" in sentence for sentence in rules(Settings(allow_origins=many)))
