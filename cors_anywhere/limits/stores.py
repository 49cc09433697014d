"""Where counts are kept, as meters see it.

Owns: the shape of a store, the names that an operator gives stores, and which is which. Must not
know: what a key stands for, or how any store counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol
from urllib.parse import urlsplit

from cors_anywhere.limits.windows import Ask, Quota

MEMORY: Final = "memory"
SHARED: Final = "shared"
REMOTE: Final = ("redis", "rediss", "unix")
"""Schemes of the URL of a Redis."""


class Store(Protocol):
    """Keeps counts. What is asked together is counted together or not at all."""

    troubles: int  # how often it could not count where it should

    async def take(self, asks: Sequence[Ask]) -> Sequence[Quota]:
        """Counts a request by each of these limits if all have room; what is left of each. Never
        raises."""

    def charge(self, asks: Sequence[Ask]) -> None:
        """Counts what has been used already, room or not."""

    async def close(self) -> None: ...


def check_store(name: str) -> str:
    """The name of a store, as it is. Raises ValueError, which never repeats a URL: it may hold a
    password."""
    if name in (MEMORY, SHARED):
        return name
    try:
        parts = urlsplit(name)
        port, scheme = parts.port, parts.scheme
    except ValueError as error:
        raise ValueError("is a URL that cannot be read: write redis://host:6379/0") from error
    if scheme not in REMOTE or "://" not in name:
        raise ValueError("is no store: write memory, shared, or redis://host:6379/0")
    if scheme == "unix" and not parts.path.strip("/"):
        raise ValueError("names no socket: write unix:///run/redis.sock")
    if scheme != "unix" and (not parts.hostname or port == 0):
        raise ValueError(f"names no host: write {scheme}://host:6379/0")
    if scheme != "unix" and not parts.path.strip("/").isdigit() and parts.path.strip("/"):
        raise ValueError(f"has no number as its database: write {scheme}://host:6379/0")
    return name


def open_store(name: str) -> Store:
    """The store of this name. A `shared` one is shared with whatever processes are forked later."""
    from cors_anywhere.limits.table import RecordLocks, Table, TableStore  # noqa: PLC0415

    if name == MEMORY:
        return TableStore(Table())
    if name == SHARED:
        return TableStore(Table(locks=RecordLocks()))
    from cors_anywhere.limits.in_redis import RedisStore  # noqa: PLC0415 - loaded when used

    return RedisStore(name, TableStore(Table()))
