from __future__ import annotations

from cors_anywhere.rules.choices import Choices


def test_no_choice_is_made_by_leaving_it_out() -> None:
    assert not Choices._field_defaults
