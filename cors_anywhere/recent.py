"""A small memory of what was worked out lately.

Owns: how much is kept. Must not know: what.
"""

from __future__ import annotations

from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class Recent(Generic[Key, Value]):
    """Between `size` and twice as many values, the least lately used ones forgotten. It costs two
    look-ups at most, and no list is kept in order for it."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._young: dict[Key, Value] = {}
        self._old: dict[Key, Value] = {}

    def get(self, key: Key) -> Value | None:
        """What was put under this key, if that is not long ago."""
        value = self._young.get(key)
        if value is None:
            value = self._old.get(key)
            if value is not None:
                self.put(key, value)
        return value

    def put(self, key: Key, value: Value) -> None:
        """Keeps a value, which is not None."""
        if len(self._young) >= self._size:
            self._old, self._young = self._young, {}
        self._young[key] = value
