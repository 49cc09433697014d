"""One option: its names, and how its text is read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from cors_anywhere.config.option import Option, header, integer, seconds, switch, target_header


def test_an_option_has_its_flag_and_its_variable() -> None:
    option = Option("allow-origin", "allow_origins", "")
    assert (option.flag, option.variable) == ("--allow-origin", "CORSANYWHERE_ALLOW_ORIGIN")


def test_a_flag_has_a_negative_form() -> None:
    assert Option("nat64", "nat64", "", kind="flag").declaration == "--nat64/--no-nat64"


@pytest.mark.parametrize(
    ("read", "text", "value"),
    [
        (integer, "-12", -12),
        (seconds, "0.5", 0.5),
        (header, " A : b: c ", ("A", "b: c")),
        (target_header, "https://a.test: A: b: c ", ("https://a.test", "A", "b: c")),
        (target_header, "a.test:8443:  A :b", ("a.test:8443", "A", "b")),
        (target_header, "http://[::1]:80:\tA:", ("http://[::1]:80", "A", "")),
        (switch, "Yes", True),
        (switch, "off", False),
    ],
)
def test_a_text_is_read(read: Callable[[str], Any], text: str, value: object) -> None:
    assert read(text) == value


@pytest.mark.parametrize(
    ("read", "text", "fix"),
    [
        (integer, "1e3", "write digits only"),
        (integer, "9" * 19, "write digits only"),
        (seconds, "5s", "write one like 30 or 0.5"),
        (header, "secret", "write 'Name: value'"),
        (target_header, "https://a.test:A: secret", "with a blank after the target's colon"),
        (
            target_header,
            "https://a.test secret",
            "is written 'https://api.example.com: Name: value'",
        ),
        (
            target_header,
            "https://a.test: secret",
            "is written 'https://api.example.com: Name: value'",
        ),
        (switch, "maybe", "write one of 1, true"),
    ],
)
def test_a_text_that_cannot_be_read_is_told_with_its_fix(
    read: Callable[[str], Any], text: str, fix: str
) -> None:
    with pytest.raises(ValueError, match=fix) as caught:
        read(text)
    assert "secret" not in str(caught.value)
