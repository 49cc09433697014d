"""The options as the operator reads of them."""

from __future__ import annotations

from typing import Any

import pytest

from cors_anywhere.config.manual import default_in_words, markdown_table
from cors_anywhere.config.options import OPTIONS


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("host", "127.0.0.1"),
        ("port", "8080"),
        ("base-path", ""),
        ("nat64", "off"),
        ("redirect-same-origin", "on"),
        ("allow-origin", "none"),
        ("require-header", "origin, x-requested-with"),
        ("no-require-header", ""),
        ("connect-timeout", "5"),
        ("max-body-bytes", "no limit"),
    ],
)
def test_a_default_is_told_in_words(name: str, words: str) -> None:
    option: Any = next(option for option in OPTIONS if option.name == name)
    assert default_in_words(option) == words


def test_the_table_for_the_readme_has_a_row_for_each_option() -> None:
    lines = markdown_table().splitlines()
    assert len(lines) == 2 + len(OPTIONS)
    assert "| `--port N` | `CORSANYWHERE_PORT`, `PORT` | 8080 |" in lines[3]
