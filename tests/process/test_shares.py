"""Who gets a place, and who gives way: without sockets and clocks."""

from __future__ import annotations

from random import Random
from typing import NamedTuple

import pytest

from cors_anywhere.process.shares import LOOK_AGAIN_SECONDS, PATIENCE, Admission, Shares


class Held(NamedTuple):
    """A place: how long its client has kept the proxy waiting, and nothing has moved."""

    name: str
    waits: float = 0.0
    stalls: float = 0.0

    def kept_waiting(self) -> float:
        return self.waits

    def stalled_for(self) -> float:
        return self.stalls


LONG = PATIENCE
SHORT = PATIENCE * 0.9


def shares(limit: int, each: int, *held: tuple[str | None, Held]) -> Shares[Held]:
    """Places that are taken, in this order."""
    made: Shares[Held] = Shares(limit, each)
    for client, place in held:
        made.take(client, place)
    return made


def busy(client: str | None, count: int) -> list[tuple[str | None, Held]]:
    """Places of a client that do not keep the proxy waiting; the first is the slowest."""
    return [(client, Held(f"{client}{number}", 0, 9.0 - number)) for number in range(count)]


IDLE_A = ("a", Held("idle a", LONG))
IDLE_FRONT = (None, Held("idle front", LONG))


@pytest.mark.parametrize(
    ("held", "newcomer", "verdict", "gives_way"),
    [
        # Places are free: nobody is looked at.
        ([], "a", Admission.SEAT, None),
        ([IDLE_A, *busy("b", 2)], "c", Admission.SEAT, None),
        ([IDLE_A, *busy("b", 2)], None, Admission.SEAT, None),
        # At its share of three a client replaces what keeps the proxy waiting, or gets nothing.
        (busy("a", 3), "a", Admission.REFUSE, None),
        ([*busy("a", 2), ("a", Held("short", SHORT))], "a", Admission.REFUSE, None),
        ([*busy("a", 2), IDLE_A], "a", Admission.SEAT, "idle a"),
        (busy("a", 3), "b", Admission.SEAT, None),
        # At the cap of four the largest client gives up its slowest...
        ([*busy("a", 3), *busy("b", 1)], "c", Admission.SEAT, "a0"),
        ([*busy("a", 3), *busy("b", 1)], "b", Admission.SEAT, "a0"),
        ([*busy("a", 2), *busy("b", 2)], "c", Admission.SEAT, "a0"),
        ([*busy("b", 2), *busy("a", 2)], None, Admission.SEAT, "b0"),
        # ... what keeps the proxy waiting before what waits for it...
        ([*busy("a", 2), IDLE_A, *busy("b", 1)], "c", Admission.SEAT, "idle a"),
        # ... and nothing if it would hold fewer than the newcomer then.
        ([*busy("a", 2), *busy("b", 1), *busy("c", 1)], "b", Admission.WAIT, None),
        ([*busy("a", 2), *busy("b", 2)], "a", Admission.WAIT, None),
        ([*busy("a", 1), *busy("b", 1), *busy("c", 1), *busy("d", 1)], "e", Admission.WAIT, None),
        # Then who keeps the proxy waiting does, unless the newcomer holds more...
        ([IDLE_A, *busy("b", 1), *busy("c", 1), *busy("d", 1)], "e", Admission.SEAT, "idle a"),
        ([IDLE_A, *busy("b", 2), *busy("c", 1)], "b", Admission.WAIT, None),
        ([*busy("a", 1), IDLE_A, *busy("b", 2)], "a", Admission.SEAT, "idle a"),
        # ... and a front server's connections are no client's.
        (busy(None, 4), None, Admission.WAIT, None),
        (busy(None, 4), "a", Admission.WAIT, None),
        ([*busy(None, 3), IDLE_FRONT], "a", Admission.SEAT, "idle front"),
        ([*busy(None, 3), IDLE_FRONT], None, Admission.SEAT, "idle front"),
        ([*busy(None, 2), *busy("a", 2)], None, Admission.SEAT, "a0"),
    ],
)
def test_who_gives_way(
    held: list[tuple[str | None, Held]],
    newcomer: str | None,
    verdict: Admission,
    gives_way: str | None,
) -> None:
    ruling = shares(4, 3, *held).rule(newcomer, 0.0)
    expected = [] if gives_way is None else [gives_way]
    assert (ruling.verdict, [place.name for place in ruling.give_way]) == (verdict, expected)


def test_of_many_places_several_go_at_a_time_but_no_more_than_are_too_many() -> None:
    crowded = shares(700, 700, *busy("a", 512), *busy("b", 188))
    assert len(crowded.rule("c", 0.0).give_way) == 8
    even = shares(700, 700, *busy("a", 351), *busy("b", 349))
    assert len(even.rule("b", 0.0).give_way) == 1


def test_after_looking_in_vain_nobody_looks_for_a_while_but_for_those_who_hold_less() -> None:
    class Watched(Held):
        looks = 0

        def kept_waiting(self) -> float:
            Watched.looks += 1
            return 0.0

    full = shares(3, 3, ("a", Watched("a")), ("a", Watched("a2")), ("b", Watched("b")))
    for now, looks in ((1.0, 3), (1.0, 3), (1.0 + LOOK_AGAIN_SECONDS, 6)):
        assert full.rule("b", now).verdict is Admission.WAIT
        assert Watched.looks == looks
    assert full.rule("c", 1.0 + LOOK_AGAIN_SECONDS).verdict is Admission.SEAT

    at_share = shares(9, 1, ("a", Watched("a")))
    Watched.looks = 0
    for now, looks in ((1.0, 1), (1.0, 1), (1.0 + LOOK_AGAIN_SECONDS, 2)):
        assert at_share.rule("a", now).verdict is Admission.REFUSE
        assert Watched.looks == looks


def test_a_place_is_given_back_once() -> None:
    place = Held("a")
    one = shares(1, 1, ("a", place))
    assert one.give_back("a", place)
    assert not one.give_back("a", place)
    assert (len(one), one.held("a")) == (0, 0)


def test_whatever_comes_and_goes_the_largest_client_is_known() -> None:
    random = Random(7)
    made: Shares[Held] = Shares(10**6, 10**6)
    held: dict[str, list[Held]] = {}
    for number in range(5000):
        client = random.choice("abcdefgh")
        places = held.setdefault(client, [])
        if places and random.random() < 0.5:
            made.give_back(client, places.pop(random.randrange(len(places))))
        else:
            places.append(Held(str(number)))
            made.take(client, places[-1])
        assert made.most() == max(map(len, held.values()))
        assert len(made) == sum(map(len, held.values()))
