"""Rate limits as the operator writes them: read, ask for exemptions, explain to the page.

Owns: the grammar of a rate limit and the sentences of its 429.
Must not know: counting, clocks, or where counts are kept (memory.py).
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from cors_anywhere.tokens import MAX_ORIGIN

_UNITS: Final = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
_LONGEST: Final = 366 * 86400
"""Seconds. A longer window would outlive every process that counts it."""

_LEGACY = re.compile(r"([0-9]{1,9})\s+([0-9]{1,9})(?:\s+(.*))?", re.DOTALL)
_MODERN = re.compile(
    r"([0-9]{1,9})\s*(?:/|per\b)\s*([0-9]{1,9})?\s*(second|minute|hour|day)s?(?:\s+(.*))?",
    re.DOTALL | re.IGNORECASE,
)
# What follows the scheme of an origin as a browser writes it, and the origin that has none.
_is_host = re.compile(r"(?:[a-z0-9_.-]+|\[[0-9a-f:.]+\])(?::[1-9][0-9]{0,4})?", re.ASCII).fullmatch
_REPEATED_GROUP = re.compile(r"\(((?:[^()\\]|\\.)*)\)(?:[*+]|\{[0-9]*,\})")
_ENDS_OPEN = re.compile(r"(?<!\\)[*+?}]$")
_UNBOUNDED = re.compile(r"(?<!\\)(?:[*+]|,\})")
_GRAMMAR: Final = (
    "write <max> <minutes> [hosts that are not limited, or /regex/ ...], as in"
    " 50 3 app.example.com, or <max>/<window>, as in 50/3minutes, 10/second or 100/hour"
)


class RateLimit(NamedTuple):
    """At most `amount` requests of one origin within a window of `seconds`."""

    amount: int
    seconds: int
    per: str  # the window as its sentence names it: "minute", "3 minutes", "hour"
    exempt_hosts: frozenset[str] = frozenset()  # lower case, "host" or "host:port"
    exempt_patterns: tuple[re.Pattern[str], ...] = ()

    @classmethod
    def parse(cls, spec: str) -> RateLimit:
        """Read `50 3 [exempt ...]` (the window in minutes) or `50/3minutes [exempt ...]`.

        Raises ValueError with a text that names the mistake and the fix.
        """
        text = spec.strip()
        if match := _LEGACY.fullmatch(text):
            amount, multiple, exempt = match.groups()
            unit = "minute"
        elif match := _MODERN.fullmatch(text):
            amount, multiple, unit, exempt = match.groups()
        else:
            raise ValueError(f'"{text}" is not a rate limit: {_GRAMMAR}')
        count = int(multiple or 1)
        seconds = _window(count, unit.lower())
        hosts, patterns = _exemptions(exempt or "")
        if not int(amount) and not (patterns or any(map(_is_host, hosts))):
            raise ValueError(
                f'"{text}" refuses every request: give a number above 0, or name who is not limited'
            )
        return cls(int(amount), seconds, _per(count, unit.lower()), hosts, patterns)

    @property
    def minutes(self) -> float:
        """The window in minutes."""
        return self.seconds / 60

    @property
    def never_exempt(self) -> list[str]:
        """The entries that no origin can match."""
        return sorted(host for host in self.exempt_hosts if not _is_host(host))

    def exempts(self, origin: str) -> bool:
        """Whether requests of this origin are not counted.

        Hosts and patterns are held against all of the origin but its scheme, so a port that is not
        the scheme's own must be listed too.
        """
        if len(origin) > MAX_ORIGIN:
            return False
        scheme, separator, rest = origin.partition("://")
        host = (rest if separator else scheme).lower()
        # fullmatch: a pattern found somewhere inside the host must not exempt
        # "example.com.evil.test".
        return host in self.exempt_hosts or any(
            pattern.fullmatch(host) for pattern in self.exempt_patterns
        )

    def sentence(self, origin: str) -> str:
        """The body of the 429: who sent too much, and what the limit is."""
        return (
            f'The origin "{origin}" has sent too many requests.\n'
            f"The number of requests is limited to {self.amount} per {self.per}."
        )


def _per(count: int, unit: str) -> str:
    return unit if count == 1 else f"{count} {unit}s"


def _window(count: int, unit: str) -> int:
    seconds = count * _UNITS[unit]
    if not 1 <= seconds <= _LONGEST:
        raise ValueError(f"a window of {count} {unit}s cannot be: give 1 second to 366 days")
    return seconds


def _exemptions(text: str) -> tuple[frozenset[str], tuple[re.Pattern[str], ...]]:
    """Sort exempt entries into plain hosts and compiled patterns."""
    hosts: set[str] = set()
    patterns: list[re.Pattern[str]] = []
    for entry in text.split():
        if entry.startswith("/") or entry.endswith("/"):
            patterns.append(_pattern(entry))
        elif "://" in entry:
            host = entry.partition("://")[2]
            raise ValueError(f'"{entry}" has a scheme: write "{host}", exempt hosts have none')
        else:
            hosts.add(entry.lower())
    return frozenset(hosts), tuple(patterns)


def _takes_for_ever(expression: str) -> bool:
    """Whether a group without end is repeated without end: there are exponentially many ways, then,
    to match one text. The usual form is known, (a+)+, not every one."""
    return any(
        _ENDS_OPEN.search(found[1]) and _UNBOUNDED.search(found[1])
        for found in _REPEATED_GROUP.finditer(expression)
    )


def _pattern(entry: str) -> re.Pattern[str]:
    if len(entry) < 3 or not (entry.startswith("/") and entry.endswith("/")):
        raise ValueError(f'"{entry}" is neither host nor /regex/: a regex has a slash on each end')
    if _takes_for_ever(entry[1:-1]):
        raise ValueError(
            f'"{entry}" repeats a group that itself may repeat: an Origin made for it would take'
            r" for ever; end the group in something fixed, as in /([a-z]+\.)*example\.com/"
        )
    try:
        return re.compile(entry[1:-1], re.IGNORECASE)
    except re.error as error:
        raise ValueError(f'"{entry}" is not a regular expression: {error}') from error
