"""Keys: how one is written, and whom it lets in."""

from __future__ import annotations

import gc

import pytest

from cors_anywhere.errors import Unauthorized
from cors_anywhere.rules.keys import Key, Keys

ANN = "0123456789abcdef"
BOB = "fedcba9876543210"


def keys(*, needed: bool) -> Keys:
    return Keys([Key.parse("ann", ANN), Key.parse("bob", BOB)], needed=needed)


@pytest.mark.parametrize("needed", [True, False])
def test_who_shows_a_key_is_its_holder(needed: bool) -> None:
    assert [keys(needed=needed).admit(key) for key in (ANN, BOB)] == ["ann", "bob"]


@pytest.mark.parametrize("needed", [True, False])
@pytest.mark.parametrize("wrong", ["", ANN[:-1], ANN + "0", ANN.upper(), f" {ANN}", "\xff" * 16])
def test_who_shows_a_wrong_one_is_refused_and_told_so(needed: bool, wrong: str) -> None:
    with pytest.raises(Unauthorized, match="is none of this proxy's") as raised:
        keys(needed=needed).admit(wrong)
    assert (raised.value.status, raised.value.rule) == (401, "api-key")


def test_who_shows_none_is_told_how_where_one_is_needed() -> None:
    with pytest.raises(Unauthorized, match="only who has a key") as raised:
        keys(needed=True).admit(None)
    assert "x-cors-anywhere-key" in raised.value.hint


def test_who_shows_none_is_nobody_where_none_is_needed() -> None:
    assert keys(needed=False).admit(None) is None


def test_a_holder_may_have_two_keys_so_that_one_can_take_the_other_s_place() -> None:
    both = Keys([Key.parse("ann", ANN), Key.parse("ann", BOB)], needed=True)
    assert {both.admit(ANN), both.admit(BOB)} == {"ann"}


@pytest.mark.parametrize(
    ("name", "key", "fix"),
    [
        ("", ANN, "no name"),
        ("a b", ANN, "no name"),
        ("x" * 65, ANN, "no name"),
        ("ann", "", "none at all"),
        ("ann", ANN[1:], "openssl rand -hex 16"),
        ("ann", "0123456789 abcdef", "visible ASCII"),
        ("ann", "0123456789abcde\xe9", "visible ASCII"),
        ("ann", "0123456789abcdef\n", "visible ASCII"),
    ],
)
def test_a_mistake_is_told_with_its_fix_and_without_the_key(name: str, key: str, fix: str) -> None:
    with pytest.raises(ValueError, match=fix) as raised:
        Key.parse(name, key)
    assert "0123456789" not in str(raised.value)


def test_no_representation_shows_a_key() -> None:
    assert ANN not in repr(Key.parse("ann", ANN))
    # Compiled, an object has no vars().
    assert ANN not in repr(gc.get_referents(keys(needed=True)))
