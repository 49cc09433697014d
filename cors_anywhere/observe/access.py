"""A line for each request.

Owns: in which form, and where that is a terminal, whether it has colours. Must not know: what a
line holds (text.py, json_lines.py), or how it is written (sink.py).
"""

from __future__ import annotations

import os
from typing import Literal, Protocol

from cors_anywhere.observe.json_lines import JsonLines
from cors_anywhere.observe.sink import Sink
from cors_anywhere.observe.text import TextLines
from cors_anywhere.outcome import Outcome

Form = Literal["text", "json"]


class Lines(Protocol):
    """A form of the log."""

    def of_outcome(self, outcome: Outcome) -> str: ...

    def of_message(self, level: str, text: str, logger: str = "") -> str: ...


class AccessLog:
    """Writes each outcome as a line."""

    def __init__(self, sink: Sink, form: Form) -> None:
        self._write = sink.write
        self._line = lines(form, colour=sink.is_terminal and wants_colour()).of_outcome

    def __call__(self, outcome: Outcome) -> None:
        """One request has ended."""
        self._write(self._line(outcome))


def lines(form: Form, *, colour: bool = False) -> Lines:
    return JsonLines() if form == "json" else TextLines(colour=colour)


def wants_colour() -> bool:
    """Whether nobody objects to colours (no-color.org)."""
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
