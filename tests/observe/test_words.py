"""The words of logs: short, and harmless."""

from __future__ import annotations

import pytest

from cors_anywhere.observe.words import cut, printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a b~", "a b~"),
        ("\x1b[2J\r\n", "?[2J??"),
        ("b\xfccher\u202e", "b?cher?"),
        ("x" * 11, "xxxxxxx..."),
        ("\n" * 11, "???????..."),
    ],
)
def test_a_text_is_printable_ascii_and_bounded(text: str, shown: str) -> None:
    assert printable(text, 10) == shown


def test_a_cut_is_shown() -> None:
    assert (cut("abcd", 4), cut("abcde", 4)) == ("abcd", "a...")
