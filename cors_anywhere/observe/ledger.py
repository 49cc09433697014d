"""The last failures of all processes of a command, for the operator's page.

Owns: the memory that they share, a row of slots for each process, and what of a failure is kept.
Must not know: who looks.

A row has one writer, so nothing is locked: who looks in the very moment of a write may see a mix of
two failures. It is made before the first fork.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator
from time import time
from typing import Final, NamedTuple

from cors_anywhere.outcome import Outcome

SLOTS: Final = 20
"""Failures that are kept of each process, and shown of all."""

_OCTETS: Final = 1024  # of a slot
_HEAD: Final = struct.Struct("=dH")  # when, and the length of the text
_CELL: Final = 160  # characters; the longest are URLs


class Failure(NamedTuple):
    """One row of the page."""

    at: float  # seconds since the epoch
    status: str
    client: str
    method: str
    target: str
    said: str


class Ledger:
    """`rows` rows of the last failures."""

    def __init__(self, rows: int) -> None:
        self._rows = rows
        self._memory = mmap.mmap(-1, rows * SLOTS * _OCTETS)
        self._noted = 0  # by this process

    def note(self, row: int, outcome: Outcome) -> None:
        """Keeps a failure in the row of the process that calls, in place of its oldest one."""
        said = " ".join(filter(None, (outcome.error, outcome.rule, outcome.detail)))
        status = "no reply" if outcome.status is None else str(outcome.status)
        cells = (status, outcome.client, outcome.method or "", outcome.target or "", said)
        text = "\0".join(cell[:_CELL].replace("\0", " ") for cell in cells)
        octets = text.encode("utf-8", "replace")[: _OCTETS - _HEAD.size]
        start = (row * SLOTS + self._noted % SLOTS) * _OCTETS
        self._noted += 1
        _HEAD.pack_into(self._memory, start, time(), len(octets))
        begin = start + _HEAD.size
        self._memory[begin : begin + len(octets)] = octets

    def last(self) -> list[Failure]:
        """The last ones of all processes, the latest first."""
        return sorted(self._kept(), reverse=True)[:SLOTS]

    def _kept(self) -> Iterator[Failure]:
        for start in range(0, self._rows * SLOTS * _OCTETS, _OCTETS):
            at, length = _HEAD.unpack_from(self._memory, start)
            begin = start + _HEAD.size
            octets = self._memory[begin : begin + min(length, _OCTETS - _HEAD.size)]
            cells = octets.decode("utf-8", "replace").split("\0")
            if at and len(cells) == len(Failure._fields) - 1:
                yield Failure(at, *cells)
