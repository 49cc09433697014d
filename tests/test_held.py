"""Counting by name."""

from __future__ import annotations

from cors_anywhere.held import Held


def test_who_holds_nothing_is_forgotten() -> None:
    held = Held()
    held.change("a", 2)
    held.change("b", 1)
    held.change("a", -2)
    held.change("c", 0)
    assert (held.by("a"), held.by("b"), held.by("nobody"), len(held)) == (0, 1, 0, 1)
