"""The log as text, for people.

Owns: what a line of it holds, its time and its colours. Must not know: where lines go.
"""

from __future__ import annotations

from collections.abc import Callable
from time import localtime, strftime, time

from cors_anywhere.observe.words import cause, cut, printable
from cors_anywhere.outcome import End, Outcome

MOST_OF_A_URL = 1000
MOST_OF_A_HOP = 200
"""Characters: a line with a few redirects stays within what a pipe takes at once."""

_RESET = "\x1b[0m"
_COLOURS = {2: "\x1b[32m", 3: "\x1b[36m", 4: "\x1b[33m", 5: "\x1b[31m"}  # by the status's class
_NO_REPLY = "\x1b[31m"


class TextLines:
    """Makes lines, without their ends. `now` is the wall clock's seconds since the epoch."""

    def __init__(self, *, colour: bool = False, now: Callable[[], float] = time) -> None:
        self._colour = colour
        self._now = now
        self._second = -1
        self._stamp = ""

    def of_outcome(self, outcome: Outcome) -> str:
        """The line of one request."""
        status = "---" if outcome.status is None else str(outcome.status)
        if self._colour:
            shade = _NO_REPLY if outcome.status is None else _COLOURS.get(outcome.status // 100, "")
            status = f"{shade}{status}{_RESET}"
        return f"{self._time()} {status} {_told(outcome)}"

    def of_message(self, level: str, text: str, logger: str = "") -> str:
        """The line of anything else. What a traceback has further lines for stays in lines."""
        return f"{self._time()} {level} {text}"

    def _time(self) -> str:
        """With the offset from UTC: 2026-11-25T01:42:47+01:00 (RFC 3339)."""
        second = int(self._now())
        if second != self._second:
            stamp = strftime("%Y-%m-%dT%H:%M:%S%z", localtime(second))
            self._second, self._stamp = second, f"{stamp[:-2]}:{stamp[-2:]}"
        return self._stamp


def _told(outcome: Outcome) -> str:
    target = outcome.target or "/"  # printable ASCII, as every URL of an outcome
    if len(target) > MOST_OF_A_URL:
        target = cut(target, MOST_OF_A_URL)
    asked = f"{outcome.method} {target}" if outcome.method else "no request"
    for hop in outcome.hops:
        asked += f", -> {hop.status} {cut(hop.url, MOST_OF_A_HOP)}"
    page = f"{printable(outcome.origin)} at " if outcome.origin else ""
    if outcome.key is not None:
        page = f"{outcome.key}, {page}"
    line = (
        f"{asked}, from {page}{outcome.client},"
        f" {outcome.sent} octets in {int(outcome.times.total * 1000 + 0.5)} ms"
    )
    if outcome.error is not None:
        line += f", {cause(outcome)}"
    elif outcome.rule is not None:
        line += f", {outcome.rule}"
    if outcome.end is not End.COMPLETE:
        line += f", {outcome.end.value}"
    return line
