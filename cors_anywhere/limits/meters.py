"""Counting for the relay.

Owns: of whom a request is counted by which limit, what the page is told of it, and the octets of
what is under way. Must not know: where counts are kept.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from typing import Final, NamedTuple

from cors_anywhere.limits.rates import RateLimit
from cors_anywhere.limits.stores import Store
from cors_anywhere.limits.windows import Ask, Quota
from cors_anywhere.messages import Counted, Exceeded, Fields, Metered, RequestHead, Transfer
from cors_anywhere.rules.client import client_of

TICK: Final = 1.0
"""Seconds after which what has passed of a transfer under way is counted."""


class _Named(NamedTuple):
    """A limit, and what it is called in fields and keys."""

    limit: RateLimit
    name: str
    policy: str
    key: str


class LimitMeter:
    """Limits, as the relay's `Meter`. All that count a request must have room for it."""

    def __init__(self, limits: Sequence[RateLimit], store: Store) -> None:
        self._limits = _named(limits)
        self._store = store
        self._counts_octets = any(limit.size for limit in limits)
        self._under_way: dict[Transfer, _Bill] = {}
        self._ticking: asyncio.TimerHandle | None = None

    async def count(self, head: RequestHead, metered: Metered, transfer: Transfer) -> Counted:
        """See Meter.count."""
        origin, peer, target = metered.origin or "", head.peer, metered.target
        named: list[_Named] = []
        asks: list[Ask] = []
        subjects: list[str] = []
        for one in self._limits:
            limit = one.limit
            subject = _subject(limit, origin, peer, metered)
            if subject is None or limit.exemptions.cover(origin, peer, target):
                continue
            named.append(one)
            subjects.append(subject)
            add = 0 if limit.size else 1
            asks.append(Ask(f"{one.key} {subject}", limit.amount, limit.seconds, add))
        if not asks:
            return Counted()
        quotas = await self._store.take(asks)
        fields = _fields(named, quotas)
        over = [n for n, quota in enumerate(quotas) if not quota.allowed]
        if not over:
            if self._counts_octets:
                self._follow(transfer, [ask for ask in asks if not ask.add])
            return Counted(fields)
        longest = max(over, key=lambda n: quotas[n].reset_after)
        limit = named[longest].limit
        seconds = max(1, math.ceil(quotas[longest].reset_after))
        return Counted(
            fields,
            Exceeded(  # RFC 9110 section 10.2.3
                limit.sentence(subjects[longest]),
                (("retry-after", str(seconds)),),
                "byte-limit" if limit.size else "rate-limit",
            ),
        )

    def ended(self, transfer: Transfer) -> None:
        """See Meter.ended."""
        bill = self._under_way.pop(transfer, None)
        if bill is None:
            return
        if asks := bill.due(transfer):
            self._store.charge(asks)
        if not self._under_way and self._ticking is not None:
            self._ticking.cancel()
            self._ticking = None

    def _follow(self, transfer: Transfer, asks: Sequence[Ask]) -> None:
        if not asks:
            return
        self._under_way[transfer] = _Bill(asks)
        if self._ticking is None:
            self._ticking = asyncio.get_running_loop().call_later(TICK, self._tick)

    def _tick(self) -> None:
        """Counts what has passed: who never ends a transfer would else never be counted."""
        due = [ask for one, bill in self._under_way.items() for ask in bill.due(one)]
        if due:
            self._store.charge(due)
        self._ticking = asyncio.get_running_loop().call_later(TICK, self._tick)


class _Bill:
    """What of a transfer has been counted, and by which limits."""

    def __init__(self, asks: Sequence[Ask]) -> None:
        self._asks = asks
        self._counted = 0

    def due(self, transfer: Transfer) -> list[Ask]:
        """What has passed since the last time."""
        octets = transfer.received + transfer.sent
        new, self._counted = octets - self._counted, octets
        return [ask._replace(add=new) for ask in self._asks] if new > 0 else []


def _named(limits: Sequence[RateLimit]) -> list[_Named]:
    """Each limit under a name of its own: "client", "client-2" and so on.

    Keys are those of the limit's meaning, so that all machines of one store have the same.
    """
    named: list[_Named] = []
    names: list[str] = []
    keys: list[str] = []
    for limit in limits:
        kind = f"{limit.by}-bytes" if limit.size else limit.by
        names.append(kind)
        key = f"{kind} {limit.amount}/{limit.seconds}"
        keys.append(key)
        name = kind if names.count(kind) == 1 else f"{kind}-{names.count(kind)}"
        unit = ';qu="content-bytes"' if limit.size else ""
        policy = f'"{name}";q={limit.amount}{unit};w={limit.seconds}'
        named.append(_Named(limit, name, policy, f"{key}#{keys.count(key)}"))
    return named


def _subject(limit: RateLimit, origin: str, peer: str, metered: Metered) -> str | None:
    """Of whom this limit counts a request; None where it counts none like it."""
    if limit.by == "client":
        return client_of(peer)
    if limit.by == "target":
        return metered.target.host
    return metered.key if limit.by == "key" else origin


def _fields(named: Sequence[_Named], quotas: Sequence[Quota]) -> Fields:
    """The limits and what is left of them: draft-ietf-httpapi-ratelimit-headers."""
    left = [
        f'"{one.name}";r={quota.remaining};t={max(1, math.ceil(quota.reset_after))}'
        for one, quota in zip(named, quotas, strict=True)
    ]
    policies = ", ".join([one.policy for one in named])
    return (("ratelimit-policy", policies), ("ratelimit", ", ".join(left)))
