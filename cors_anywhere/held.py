"""What each of many holds: a number for whoever holds something, and nothing for who does not.

Owns: that nobody is remembered who holds nothing. Must not know: what is held, or how much anybody
may hold.
"""

from __future__ import annotations


class Held:
    """Counts by name."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._counts)

    def by(self, name: str) -> int:
        """How much is held under this name."""
        return self._counts.get(name, 0)

    def change(self, name: str, more: int) -> None:
        """So much more is held under this name, or less."""
        count = self._counts.get(name, 0) + more
        if count:
            self._counts[name] = count
        else:
            self._counts.pop(name, None)
