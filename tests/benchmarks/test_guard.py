"""What the guard on a request's cost says."""

from __future__ import annotations

import pytest
from guard import judge


def test_a_request_that_costs_a_tenth_more_passes() -> None:
    assert judge("plain", 1100, 1000) == ""


def test_a_request_that_costs_more_than_that_fails_and_says_what_to_do() -> None:
    assert "make guard ARGS=--record" in judge("plain", 1111, 1000)


def test_where_nothing_is_recorded_it_passes_and_says_so(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert judge("plain", 1000, None) == ""
    assert "none are recorded" in capsys.readouterr().out
