"""A few rounds of fuzz.py, always the same; `make fuzz` plays others as long as one likes."""

from __future__ import annotations

from tests.fuzz import ROUND, Fuzzer, play

ROUNDS = 3


def test_no_octets_from_either_side_break_the_proxy() -> None:
    fuzzer = Fuzzer()
    with fuzzer.listening():
        for number in range(ROUNDS):
            play(fuzzer, number)
    print(fuzzer.told())
    assert fuzzer.cases["requests"] >= ROUNDS * ROUND
    # The cases go deep enough: they end in every kind of reply that there is.
    assert {101, 200, 302, 400, 403, 404, 431, 502, 504} <= fuzzer.statuses.keys()
    assert fuzzer.statuses[200] >= ROUND / 2
