"""What was worked out lately is known for a while, and no more than that is kept."""

from __future__ import annotations

from cors_anywhere.recent import Recent


def test_what_is_used_stays_and_what_is_not_goes() -> None:
    recent: Recent[str, int] = Recent(2)
    recent.put("used", 1)
    recent.put("unused", 2)
    for number in range(10):
        recent.put(f"other {number}", number)
        assert recent.get("used") == 1
    assert recent.get("unused") is None


def test_at_least_its_size_is_kept_and_at_most_twice_that() -> None:
    recent: Recent[int, int] = Recent(8)
    for number in range(100):
        recent.put(number, number)
    assert [number for number in range(84) if recent.get(number) is not None] == []
    assert [number for number in range(92, 100) if recent.get(number) is None] == []
