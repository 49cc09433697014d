"""How many lines of log there may be.

Owns: the count of a second's lines, for one process or for all that were forked after it was made.
Must not know: what a line says.
"""

from __future__ import annotations

import mmap
import struct
from time import monotonic
from typing import Final

LINES_PER_SECOND: Final = 5
"""A flood of failures must not become a flood of log."""

_RECORD: Final = struct.Struct("=QQ")  # the second, and the lines in it


class LineBudget:
    """So many lines each second. Processes count without a lock: two that write in the same instant
    may have one line more between them."""

    def __init__(self, lines: int = LINES_PER_SECOND, *, shared: bool = False) -> None:
        self._most = lines
        self._memory = mmap.mmap(-1, _RECORD.size) if shared else bytearray(_RECORD.size)

    def take(self) -> bool:
        """Whether one more line may be written now."""
        now = int(monotonic())
        second, lines = _RECORD.unpack_from(self._memory)
        lines = 0 if second != now else lines
        _RECORD.pack_into(self._memory, 0, now, min(lines, self._most) + 1)
        return bool(lines < self._most)
