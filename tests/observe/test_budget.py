"""How many lines of log there may be."""

from __future__ import annotations

import os

import pytest

from cors_anywhere.observe import budget
from cors_anywhere.observe.budget import LineBudget


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What the clock says, at index 0."""
    now = [100.0]
    monkeypatch.setattr(budget, "monotonic", lambda: now[0])
    return now


def test_so_many_lines_may_be_written_in_a_second(clock: list[float]) -> None:
    lines = LineBudget(3)
    assert [lines.take() for _ in range(5)] == [True, True, True, False, False]
    clock[0] += 0.9
    assert not lines.take()


def test_the_next_second_has_its_own(clock: list[float]) -> None:
    lines = LineBudget(1)
    assert [lines.take(), lines.take()] == [True, False]
    clock[0] += 1
    assert [lines.take(), lines.take()] == [True, False]


@pytest.mark.usefixtures("clock")
def test_a_shared_one_is_one_for_all_processes() -> None:
    lines = LineBudget(3, shared=True)
    child = os.fork()
    if not child:
        os._exit(sum((lines.take(), lines.take())))
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 2
    assert [lines.take(), lines.take()] == [True, False]
