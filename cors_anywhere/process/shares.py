"""Who gets a place, and at whose cost: places counted by client, values in, values out.

Owns: how many places there are, how many a client may hold, and which of them give way to a
newcomer. Must not know: sockets, clocks, or what a place is used for.
"""

from __future__ import annotations

from collections.abc import Collection
from enum import Enum
from heapq import nlargest
from typing import Generic, NamedTuple, Protocol, TypeVar

PATIENCE = 0.25
"""Seconds for which a client may keep the proxy waiting although others want its place."""

LOOK_AGAIN_SECONDS = 0.1
"""After a look at many places in vain nobody looks again for this time, unless entitled to more."""

PLACES_PER_VICTIM, VICTIMS = 64, 8
"""Looking for those that give way costs more than dropping them, when there are many: one of so
many places goes at a time, and at most so many."""


class Place(Protocol):
    """What a client holds."""

    def kept_waiting(self) -> float:
        """Seconds for which it has waited for its client; 0 while the client waits for it."""

    def stalled_for(self) -> float:
        """Seconds in which nothing has moved, whoever is waited for."""


P = TypeVar("P", bound=Place)


class Admission(Enum):
    """What becomes of a newcomer."""

    SEAT = "it gets a place, once those that give way have gone"
    WAIT = "nobody gives way to it now"
    REFUSE = "its client holds its share"


class Ruling(NamedTuple, Generic[P]):
    """The verdict, and whose places are freed."""

    verdict: Admission
    give_way: list[P] = []  # noqa: RUF012 - read only


class Holder(Generic[P]):
    """One client's places, in the order in which they were taken."""

    __slots__ = ("look_again", "places")

    def __init__(self) -> None:
        self.places: dict[P, None] = {}
        self.look_again = 0.0


class Shares(Generic[P]):
    """So many places, so many of them for each client.

    A client is a name. Those of None are a front server's, which speaks for many: they count
    towards all places, and towards nobody's share.
    """

    def __init__(self, limit: int, each: int) -> None:
        self._limit = limit
        self._each = each
        self._total = 0
        self._fronts: Holder[P] = Holder()
        self._holders: dict[str, Holder[P]] = {}
        self._levels: dict[int, dict[str, None]] = {}  # the clients that hold so many
        self._most = 0
        self._look_again = 0.0  # for clients that hold as many as the one looked for in vain
        self._looked_for = 0

    def __len__(self) -> int:
        return self._total

    def held(self, client: str | None) -> int:
        """How many places this client holds."""
        holder = self._holders.get(client) if client is not None else None
        return len(holder.places) if holder is not None else 0

    def most(self) -> int:
        """How many the largest client holds."""
        return self._most

    def take(self, client: str | None, place: P) -> None:
        """The client takes a place, whether it is entitled to one or not."""
        self._total += 1
        if client is None:
            self._fronts.places[place] = None
            return
        holder = self._holders.get(client)
        if holder is None:
            holder = self._holders[client] = Holder()
        holder.places[place] = None
        self._move(client, len(holder.places) - 1, len(holder.places))

    def give_back(self, client: str | None, place: P) -> bool:
        """The place is free; False if it was before."""
        holder = self._fronts if client is None else self._holders.get(client)
        if holder is None or place not in holder.places:
            return False
        self._total -= 1
        del holder.places[place]
        if client is not None:
            self._move(client, len(holder.places) + 1, len(holder.places))
            if not holder.places:
                del self._holders[client]
        return True

    def _move(self, client: str, before: int, now: int) -> None:
        if before:
            level = self._levels[before]
            del level[client]
            if not level:
                del self._levels[before]
                if self._most == before:
                    self._most = now
        if now:
            self._levels.setdefault(now, {})[client] = None
            self._most = max(self._most, now)

    # --- a newcomer -----------------------------------------------------------------------------

    def rule(self, client: str | None, now: float) -> Ruling[P]:
        """What becomes of a newcomer at this time. The common case looks at no place.

        Beyond its share a client can only replace what keeps the proxy waiting. At the cap the
        client that holds the most gives up a place, if it still holds as many as the newcomer's
        client then; if there is none, somebody who keeps the proxy waiting does.
        """
        held = self.held(client)
        if client is not None and held >= self._each:
            given_up = self._idle_of(self._holders[client], now)
            return Ruling(Admission.SEAT if given_up else Admission.REFUSE, given_up)
        if self._total < self._limit:
            return Ruling(Admission.SEAT)
        if (surplus := self._most - held - 1) > 0:
            return Ruling(Admission.SEAT, _slowest(self._largest().places)[:surplus])
        given_up = self._idle_of_others(client, held, now)
        return Ruling(Admission.SEAT if given_up else Admission.WAIT, given_up)

    def _largest(self) -> Holder[P]:
        return self._holders[next(iter(self._levels[self._most]))]

    def _idle_of(self, holder: Holder[P], now: float) -> list[P]:
        """Those that keep the proxy waiting, looked for at intervals."""
        if now < holder.look_again:
            return []
        found = _longest_waiting(holder.places)
        if not found:
            holder.look_again = now + LOOK_AGAIN_SECONDS
        return found

    def _idle_of_others(self, client: str | None, held: int, now: float) -> list[P]:
        """Those that keep the proxy waiting, of clients that hold more than the newcomer's, of
        itself, and of front servers."""
        if now < self._look_again and held >= self._looked_for:
            return []
        places = list(self._fronts.places)
        for name, holder in self._holders.items():
            if name == client or len(holder.places) > held:
                places += holder.places
        found = _longest_waiting(places)
        if not found:
            self._look_again, self._looked_for = now + LOOK_AGAIN_SECONDS, held
        return found


def _slowest(places: Collection[P]) -> list[P]:
    """Those that keep the proxy waiting, else the slowest, whatever they wait for."""
    return _longest_waiting(places) or _first([place.stalled_for() for place in places], places)


def _longest_waiting(places: Collection[P]) -> list[P]:
    return _first([place.kept_waiting() for place in places], places, PATIENCE)


def _first(seconds: list[float], places: Collection[P], least: float = 0.0) -> list[P]:
    """Some of those with the most seconds; of equals, those that have their places longest."""
    rows = zip(seconds, range(0, -len(seconds), -1), places, strict=True)
    most = max(1, min(VICTIMS, len(seconds) // PLACES_PER_VICTIM))
    return [place for _, _, place in nlargest(most, (row for row in rows if row[0] >= least))]
