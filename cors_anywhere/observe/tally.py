"""Numbers that all processes of a command count in.

Owns: the memory that they share, one row for each process. Must not know: what is counted.

A row has one writer, so nothing is locked; a process that takes a dead one's place goes on from
what stands in its row. It is made before the first fork.
"""

from __future__ import annotations

import mmap
from typing import Final

_OCTETS: Final = 8  # of a number


class Tally:
    """`rows` rows of `width` numbers, all 0."""

    def __init__(self, rows: int, width: int) -> None:
        self.width = width
        self._rows = rows
        self._numbers = memoryview(mmap.mmap(-1, rows * width * _OCTETS)).cast("d")

    def row(self, number: int) -> memoryview[float]:
        """The numbers of one process, to be written by it alone."""
        return self._numbers[number * self.width : (number + 1) * self.width]

    def sums(self) -> list[float]:
        """Each number, summed over all rows."""
        rows = [self.row(number).tolist() for number in range(self._rows)]
        return [sum(column) for column in zip(*rows, strict=True)]

    def most(self, index: int) -> float:
        """The largest of one number over all rows."""
        return max(self._numbers[number * self.width + index] for number in range(self._rows))
