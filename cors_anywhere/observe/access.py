"""A line for each request, for a person at a terminal.

Owns: what the line holds and how it is coloured. Must not know: how a request is served.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from time import localtime, strftime
from typing import TextIO

from cors_anywhere.observe.failures import cause
from cors_anywhere.outcome import End, Outcome

_RESET = "\x1b[0m"
_COLOURS = {2: "\x1b[32m", 3: "\x1b[36m", 4: "\x1b[33m", 5: "\x1b[31m"}  # by the status's class
_NO_REPLY = "\x1b[31m"


class AccessLog:
    """Writes each outcome as a line. `write` takes a line without its end."""

    def __init__(self, write: Callable[[str], object], *, colour: bool) -> None:
        self._write = write
        self._colour = colour

    def __call__(self, outcome: Outcome) -> None:
        """One request has ended."""
        status = "---" if outcome.status is None else str(outcome.status)
        if self._colour:
            shade = _NO_REPLY if outcome.status is None else _COLOURS.get(outcome.status // 100, "")
            status = f"{shade}{status}{_RESET}"
        self._write(f"{strftime('%H:%M:%S', localtime())} {status} {_told(outcome)}")


def at_terminal(stream: TextIO) -> AccessLog:
    """The log on a stream, coloured where that is a terminal and nobody objects (no-color.org)."""

    def write(line: str) -> None:
        with suppress(OSError, ValueError):  # a stream that is gone harms no request
            print(line, file=stream, flush=True)

    return AccessLog(write, colour=stream.isatty() and not os.environ.get("NO_COLOR"))


def _told(outcome: Outcome) -> str:
    asked = f"{outcome.method} {outcome.target or '/'}" if outcome.method else "no request"
    who = f"from {_printable(outcome.origin or outcome.client)}"
    size = f"{outcome.sent} octets in {outcome.times.total * 1000:.0f} ms"
    parts = [asked, *(f"-> {hop.status} {hop.url}" for hop in outcome.hops), who, size]
    if outcome.error is not None:
        parts.append(_printable(cause(outcome)))
    elif outcome.rule is not None:
        parts.append(outcome.rule)
    if outcome.end is not End.COMPLETE:
        parts.append(outcome.end.value)
    return ", ".join(parts)


def _printable(text: str) -> str:
    """Nothing that a stranger sends may steer the terminal."""
    return "".join(c if " " <= c <= "~" else "?" for c in text[:320])
