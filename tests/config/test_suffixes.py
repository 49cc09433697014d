"""Which names anybody can register a name under."""

from __future__ import annotations

import pytest

from cors_anywhere.config.suffixes import has_public_suffix, is_public_suffix


@pytest.mark.parametrize(
    ("name", "itself", "under"),
    [
        ("com", True, True),
        ("co.uk", True, True),
        ("github.io", True, True),
        ("xn--p1ai", True, True),
        ("example.com", False, True),
        ("a.b.example.co.uk", False, True),
        ("favicon.ico", False, False),
        ("localhost", False, False),
        ("printer.internal", False, False),
    ],
)
def test_a_name_is_a_public_suffix_or_stands_under_one(
    name: str, itself: bool, under: bool
) -> None:
    assert (is_public_suffix(name), has_public_suffix(name)) == (itself, under)
