"""What Redis is told, and how its answers are read. What the script does is in test_in_redis.py."""

from __future__ import annotations

import pytest

from cors_anywhere.limits.script import CHARGE, TAKE, arguments, quotas
from cors_anywhere.limits.windows import Ask, Quota

ASKS = [Ask("a", 10, 60), Ask("b", 1000, 3600, add=0)]


def test_each_ask_says_what_is_done_and_how_many_follow() -> None:
    assert arguments(TAKE, ASKS) == [0, 2, "10 1", 60, 0, 1, "1000 0", 3600]
    assert arguments(CHARGE, ASKS[:1]) == [1, 1, "10 1", 60]


def test_an_answer_says_what_is_left() -> None:
    told = [b"1 15.500000 3 0", b"1 0.000000 0 1000"]
    assert quotas(ASKS, [told[0], b"1 60.000000 0 0"]) == [
        Quota(True, 6, 44.5),
        Quota(True, 1000, 3540.0),
    ]


def test_where_one_has_no_room_the_others_are_not_counted() -> None:
    told = [b"1 30.000000 3 0", b"0 0.000000 0 1000"]
    first, second = quotas(ASKS, told)
    assert first == Quota(True, 7, 30.0)
    assert not second.allowed


@pytest.mark.parametrize("told", [[b"1 2"], [b"1 x 0 0", b"1 0 0 0"], [b"1 0 0 0"] * 3])
def test_an_answer_that_is_none_is_a_mistake(told: list[bytes]) -> None:
    with pytest.raises(ValueError, match=r"."):
        quotas(ASKS, told)
