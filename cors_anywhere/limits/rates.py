"""Limits as the operator writes them: what is counted, for whom, and how much of it may be.

Owns: the grammar of a limit, of requests or of octets, and the sentences of its 429.
Must not know: counting, clocks, or where counts are kept (windows.py, table.py, in_redis.py).
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from cors_anywhere.limits.exemptions import Exemptions
from cors_anywhere.messages import Target

_UNITS: Final = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
_LONGEST: Final = 366 * 86400
"""Seconds. A longer window would outlive every process that counts it."""

_PREFIXES: Final = ("", "k", "m", "g", "t")
_MOST_OCTETS: Final = 2**53
"""The largest number up to which every store counts exactly: Redis's scripts have doubles."""

_WINDOW = r"\s*(?:/|per\b)\s*([0-9]{1,9})?\s*(second|minute|hour|day)s?"
_REST = r"(?:\s+by\s+(\S+))?(?:\s+(except(?!\S))?(.*))?"
_LEGACY = re.compile(rf"([0-9]{{1,9}})\s+([0-9]{{1,9}}){_REST}", re.DOTALL)
_MODERN = re.compile(rf"([0-9]{{1,9}}){_WINDOW}{_REST}", re.DOTALL | re.IGNORECASE)
_OCTETS = re.compile(
    rf"([0-9]{{1,15}})\s*(?:([kmgt]?)(i?)b)?{_WINDOW}{_REST}", re.DOTALL | re.IGNORECASE
)
_GRAMMAR: Final = (
    "write <max> <minutes> [hosts that are not limited, or /regex/ ...], as in"
    " 50 3 app.example.com, or <max>/<window> [by origin, client, target or key]"
    " [except ...], as in 50/3minutes, 10/second by target or"
    " 100/hour by client except http://localhost:* 10.0.0.0/8"
)
_OCTET_GRAMMAR: Final = (
    "write <size>/<window> [by origin, client, target or key] [except ...], as in"
    " 1GB/hour by client or 500MB/10minutes by target; a number alone is bytes"
)

SUBJECTS: Final = {
    "origin": 'The origin "{}" has sent too many requests.',
    "client": 'The client "{}" has sent too many requests.',
    "target": 'The target "{}" has been asked for too often.',
    "key": 'The API key "{}" has sent too many requests.',
}
"""Of whom requests can be counted, and what is said when they are too many."""

_TRANSFERRED: Final = {
    "origin": 'The origin "{}" has transferred too much.',
    "client": 'The client "{}" has transferred too much.',
    "target": 'Too much has been transferred from and to the target "{}".',
    "key": 'The API key "{}" has transferred too much.',
}


class RateLimit(NamedTuple):
    """At most `amount` requests, or octets of bodies, of one subject within `seconds`."""

    amount: int
    seconds: int
    per: str  # the window as its sentence names it: "minute", "3 minutes", "hour"
    by: str = "origin"  # one of SUBJECTS
    size: str = ""  # the amount of octets as its sentence names it, "1 GB"; "" counts requests
    exemptions: Exemptions = Exemptions()

    @classmethod
    def parse(cls, spec: str) -> RateLimit:
        """Read `50 3 [exempt ...]` (the window in minutes) or `50/3minutes [by ...] [except ...]`.

        Raises ValueError with a text that names the mistake and the fix.
        """
        text = spec.strip()
        if match := _LEGACY.fullmatch(text):
            amount, multiple, *rest = match.groups()
            unit = "minute"
        elif match := _MODERN.fullmatch(text):
            amount, multiple, unit, *rest = match.groups()
        else:
            raise ValueError(f'"{text}" is not a rate limit: {_GRAMMAR}')
        return _limit(text, int(amount), "", int(multiple or 1), unit.lower(), rest)

    @classmethod
    def parse_octets(cls, spec: str) -> RateLimit:
        """Read `1GB/hour [by ...] [except ...]`. Raises ValueError as `parse` does."""
        text = spec.strip()
        match = _OCTETS.fullmatch(text)
        if match is None:
            raise ValueError(f'"{text}" is not a limit of bytes: {_OCTET_GRAMMAR}')
        number, prefix, binary, multiple, unit, *rest = match.groups()
        prefix = (prefix or "").lower()
        amount = int(number) * (1024 if binary else 1000) ** _PREFIXES.index(prefix)
        if amount > _MOST_OCTETS:
            raise ValueError(f'"{text}" is more than can be counted: give at most 9 000 TB')
        size = f"{number} {_shown_prefix(prefix, binary)}B" if prefix else f"{number} bytes"
        return _limit(text, amount, size, int(multiple or 1), unit.lower(), rest)

    @property
    def minutes(self) -> float:
        """The window in minutes."""
        return self.seconds / 60

    def exempts(self, origin: str, peer: str = "", target: Target | None = None) -> bool:
        """Whether a request of this origin ("" for none), from this address, is not counted."""
        return self.exemptions.cover(origin, peer, target)

    def sentence(self, subject: str) -> str:
        """The body of the 429: who sent too much, and what the limit is."""
        if self.size:
            said = _TRANSFERRED[self.by].format(subject)
            return f"{said}\nThe amount of data is limited to {self.size} per {self.per}."
        said = SUBJECTS[self.by].format(subject)
        return f"{said}\nThe number of requests is limited to {self.amount} per {self.per}."


def _limit(
    text: str, amount: int, size: str, count: int, unit: str, rest: list[str | None]
) -> RateLimit:
    by, marked, entries = rest
    subject = (by or "origin").lower()
    if subject not in SUBJECTS or (entries or "").strip().lower() == "by":
        raise ValueError(
            f'"{text}" counts by "{by or ""}": write by origin, by client, by target or by key'
        )
    seconds = _window(count, unit)
    exemptions = Exemptions(entries or "", plain=not marked, of_targets=subject == "target")
    if not amount and not exemptions:
        raise ValueError(
            f'"{text}" refuses every request: give a number above 0, or name who is not limited'
        )
    return RateLimit(amount, seconds, _per(count, unit), subject, size, exemptions)


def _per(count: int, unit: str) -> str:
    return unit if count == 1 else f"{count} {unit}s"


def _shown_prefix(prefix: str, binary: str | None) -> str:
    if binary:
        return prefix.upper() + "i"
    return prefix if prefix == "k" else prefix.upper()


def _window(count: int, unit: str) -> int:
    seconds = count * _UNITS[unit]
    if not 1 <= seconds <= _LONGEST:
        raise ValueError(f"a window of {count} {unit}s cannot be: give 1 second to 366 days")
    return seconds
