"""The small pieces of syntax that several parts read."""

from __future__ import annotations

import pytest

from cors_anywhere.tokens import bracketed, is_field_value, is_token, list_items, split_port


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("host", ("host", None)),
        ("host:", ("host", "")),
        ("host:80", ("host", "80")),
        ("host:80:81", ("host", "80:81")),
        (":80", ("", "80")),
        ("[::1]", ("[::1]", None)),
        ("[::1]:80", ("[::1]", "80")),
        ("", ("", None)),
    ],
)
def test_a_port_follows_the_first_colon_outside_brackets(
    text: str, parts: tuple[str, str | None]
) -> None:
    assert split_port(text) == parts


@pytest.mark.parametrize("text", ["[", "[::1", "[::1]x", "[::1]x:80", "[::1]]"])
def test_brackets_that_hold_no_whole_host_are_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="bracket"):
        split_port(text)


@pytest.mark.parametrize("text", ["GET", "x!#$%&'*+-.^_`|~9"])
def test_a_token_has_visible_ascii_without_separators(text: str) -> None:
    assert is_token(text)


@pytest.mark.parametrize("text", ["", "a b", "a:", "a(", "a\n", "\u212a", "é"])
def test_anything_else_is_no_token(text: str) -> None:
    assert not is_token(text)


@pytest.mark.parametrize(
    ("text", "valid"), [("a\tb \xe9", True), ("", True), ("\n", False), ("\x7f", False)]
)
def test_a_field_value_has_no_control_character_but_the_tab(text: str, valid: bool) -> None:
    assert bool(is_field_value(text)) is valid


def test_the_elements_of_a_list_may_come_in_several_fields() -> None:
    assert list_items(["a ,\tb", "c"]) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("host", "written"), [("a.test", "a.test"), ("192.0.2.1", "192.0.2.1"), ("::1", "[::1]")]
)
def test_an_ipv6_address_has_brackets_before_a_port(host: str, written: str) -> None:
    assert bracketed(host) == written
