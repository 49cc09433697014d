"""Counts in a table of fixed size, in this process or shared by all that are forked from it.

Owns: the layout of the table, who is forgotten when it is full, and that processes do not count at
the same time. Must not know: what a key stands for (meters.py), or how windows slide (windows.py).

The attacker chooses keys, so there must be an end to them: they are hashed with a secret of the
table's, into buckets of a few slots. Where a bucket is full, the one that ends first goes, and one
that is at its limit only when there is no other: who is refused cannot be let in again by a flood
of made-up keys.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import secrets
import struct
import tempfile
import time
import weakref
from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import Final, NamedTuple

from cors_anywhere.limits.windows import (
    Ask,
    Quota,
    Window,
    granted,
    has_room,
    refused,
    used,
    window_at,
)

BUCKETS: Final = 2**15
_WAYS: Final = 8
_KEY: Final = 16  # octets of a hash
_SLOT: Final = struct.Struct("<dQQQQ")  # start, count, before, amount, seconds
_KEYS: Final = _KEY * _WAYS
_BUCKET: Final = _KEYS + _SLOT.size * _WAYS
_FREE: Final = bytes(_KEY)

_NOTHING: Final = Window(0.0, 0, 0)

_SPINS: Final = 20
"""Tries for a lock that another process holds, which takes microseconds where it runs."""

_NAP: Final = 0.0002
"""Seconds between tries after that: the other is ready to run, and does not."""

_PATIENCE: Final = 0.25
"""Seconds for a lock. A process that was stopped in the middle may hold it for ever; then two may
count at once, and one of them be missed."""

_IMPATIENT: Final = 1.0
"""Seconds without naps after that."""


class Place(NamedTuple):
    """Where a key is, or is to be."""

    bucket: int
    digest: bytes


class RecordLocks:
    """Locks of buckets between processes: records of an empty file (POSIX `fcntl`), which the
    system frees when their process dies, however it does."""

    def __init__(self) -> None:
        if hasattr(os, "memfd_create"):
            self._descriptor = os.memfd_create("cors-anywhere-limits")
        else:
            with tempfile.TemporaryFile() as file:
                self._descriptor = os.dup(file.fileno())
        self._impatient_until = 0.0
        weakref.finalize(self, os.close, self._descriptor)

    def hold(self, buckets: Sequence[int]) -> None:
        """Locks these, as well as that goes."""
        for bucket in buckets:
            if not self._try(bucket):
                self._wait(bucket)

    def _try(self, bucket: int) -> bool:
        try:
            fcntl.lockf(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, bucket)
        except OSError:  # EAGAIN or EACCES: held
            return False
        return True

    def _wait(self, bucket: int) -> None:
        for _ in range(_SPINS):
            time.sleep(0)  # whoever it is gets a turn
            if self._try(bucket):
                return
        end = time.monotonic() + _PATIENCE
        while self._impatient_until < time.monotonic() < end:
            time.sleep(_NAP)
            if self._try(bucket):
                return
        self._impatient_until = max(self._impatient_until, end + _IMPATIENT - _PATIENCE)

    def free(self) -> None:
        """Unlocks all that this process holds."""
        fcntl.lockf(self._descriptor, fcntl.LOCK_UN)


class Table:
    """The counts. With `locks` other processes may have it too: it is in memory that forked ones
    inherit."""

    def __init__(
        self,
        *,
        locks: RecordLocks | None = None,
        buckets: int = BUCKETS,
        clock: Callable[[], float] = time.monotonic,  # one for all processes of a machine
    ) -> None:
        self.is_shared = locks is not None
        self._locks = locks
        self._buckets = buckets
        self._clock = clock
        self._secret = secrets.token_bytes(32)
        sharing = mmap.MAP_SHARED if locks is not None else mmap.MAP_PRIVATE
        self._memory = mmap.mmap(-1, buckets * _BUCKET, sharing | mmap.MAP_ANONYMOUS)

    def __len__(self) -> int:
        """The keys that are known, also those whose windows are over."""
        starts = range(0, self._buckets * _BUCKET, _BUCKET)
        known = [self._memory[s : s + _KEYS] for s in starts]
        return sum(keys[k : k + _KEY] != _FREE for keys in known for k in range(0, _KEYS, _KEY))

    def take(self, asks: Sequence[Ask]) -> Sequence[Quota]:
        """See Store.take."""
        places = [self._place(ask.key) for ask in asks]
        self._lock(places)
        try:
            return self._take(places, asks)
        finally:
            self._unlock()

    def charge(self, asks: Sequence[Ask]) -> None:
        """See Store.charge."""
        places = [self._place(ask.key) for ask in asks]
        self._lock(places)
        try:
            now = self._clock()
            for place, ask in zip(places, asks, strict=True):
                at, window = self._look(place, ask, now)
                self._write(place, ask, at, window, now)
        finally:
            self._unlock()

    def _lock(self, places: Sequence[Place]) -> None:
        if self._locks is not None:
            self._locks.hold(sorted({place.bucket for place in places}))

    def _unlock(self) -> None:
        if self._locks is not None:
            self._locks.free()

    def _place(self, key: str) -> Place:
        octets = key.encode("utf-8", "surrogateescape")
        digest = blake2b(octets, digest_size=_KEY, key=self._secret).digest()
        return Place(int.from_bytes(digest[:4], "little") % self._buckets, digest)

    def _take(self, places: Sequence[Place], asks: Sequence[Ask]) -> Sequence[Quota]:
        now = self._clock()
        known = [self._look(place, ask, now) for place, ask in zip(places, asks, strict=True)]
        counted = True
        rooms = []
        for ask, (_, window) in zip(asks, known, strict=True):
            rooms.append(has_room(window, ask.amount, ask.seconds))
            counted = counted and rooms[-1]
        quotas = []
        for place, ask, (at, window), room in zip(places, asks, known, rooms, strict=True):
            if not room:
                quotas.append(refused(window, ask.amount, ask.seconds))
                continue
            add = ask.add if counted else 0
            quotas.append(granted(window, ask.amount, ask.seconds, add))
            if add:
                self._write(place, ask, at, window, now)
        return quotas

    def _look(self, place: Place, ask: Ask, now: float) -> tuple[int | None, Window]:
        """Where the key's slot begins, and its counts; None when it has none."""
        begin = place.bucket * _BUCKET
        found = self._memory.find(place.digest, begin, begin + _KEYS) - begin
        if found < 0 or found % _KEY:
            return None, _NOTHING
        at = begin + _KEYS + found // _KEY * _SLOT.size
        start, count, before, _, _ = _SLOT.unpack_from(self._memory, at)
        return at, window_at(now, start, count, before, ask.seconds)

    def _write(self, place: Place, ask: Ask, at: int | None, window: Window, now: float) -> None:
        if at is None or not self._has(place, at):
            at = self._make_room(place, ask, now)
        count = min(window.current + ask.add, 2**63)
        start = now - window.passed
        _SLOT.pack_into(self._memory, at, start, count, window.before, ask.amount, ask.seconds)

    def _has(self, place: Place, at: int) -> bool:
        """Whether the slot is still the key's: another key of the same request may have got it."""
        begin = place.bucket * _BUCKET
        key = begin + (at - begin - _KEYS) // _SLOT.size * _KEY
        return self._memory[key : key + _KEY] == place.digest

    def _make_room(self, place: Place, ask: Ask, now: float) -> int:
        """A slot for a new key. Whoever dies in the middle leaves a free one."""
        begin = place.bucket * _BUCKET
        number = min(range(_WAYS), key=lambda n: self._worth(begin, n, now))
        key, at = begin + number * _KEY, begin + _KEYS + number * _SLOT.size
        self._memory[key : key + _KEY] = _FREE
        _SLOT.pack_into(self._memory, at, now, 0, 0, ask.amount, ask.seconds)
        self._memory[key : key + _KEY] = place.digest
        return at

    def _worth(self, begin: int, number: int, now: float) -> tuple[bool, float]:
        """What is lost with a slot: one at its limit, and until when it would have counted."""
        key = begin + number * _KEY
        if self._memory[key : key + _KEY] == _FREE:
            return False, 0.0
        at = begin + _KEYS + number * _SLOT.size
        start, count, before, amount, seconds = _SLOT.unpack_from(self._memory, at)
        window = window_at(now, start, count, before, seconds)
        return used(window, seconds) + 1 > amount, max(0.0, start + 2 * seconds - now)


class TableStore:
    """A table as a Store: it is always at hand."""

    troubles = 0

    def __init__(self, table: Table) -> None:
        self._table = table
        self.is_shared = table.is_shared
        self.charge = table.charge
        self.take_now = table.take

    async def take(self, asks: Sequence[Ask]) -> Sequence[Quota]:
        """See Store.take."""
        return self._table.take(asks)

    async def close(self) -> None:
        """Nothing: requests that are still ending may count, and the memory goes with the table."""
