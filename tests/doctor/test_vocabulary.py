from __future__ import annotations

from cors_anywhere.doctor.vocabulary import Seen


def test_repeated_fields_are_one_value_as_in_a_browser() -> None:
    seen = Seen(200, "", [("A", "1"), ("b", ""), ("a", "2")])
    assert (seen.values("a"), seen.values("b"), seen.values("c")) == ("1, 2", "", None)
