"""Counts in a Redis (or Valkey), for proxies of many machines.

Owns: that Redis is asked in one round trip for all that is waiting, and what happens while it does
not answer: counting goes on in this process, and no request waits for it twice. Must not know: how
it counts (script.py).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from hashlib import blake2b, sha1
from time import monotonic
from typing import Any, Final, NamedTuple, TypeVar
from urllib.parse import urlsplit

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError

from cors_anywhere.limits.script import CHARGE, SCRIPT, TAKE, arguments, quotas
from cors_anywhere.limits.table import TableStore
from cors_anywhere.limits.windows import Ask, Quota
from cors_anywhere.tokens import bracketed

LOG = logging.getLogger("cors_anywhere")

PATIENCE: Final = 0.04
"""Seconds that a request waits for Redis, from when it asks."""

_LEAST: Final = 0.01
"""Seconds that a call is given, however long its requests have waited for the one before: no
request waits longer than the two together."""

_PAUSE: Final = 0.5
"""Seconds between looks whether Redis is back."""

_CONNECTING: Final = 2.0
"""Seconds, when nobody waits."""

_BATCH: Final = 64  # requests of one call
_MOST_WAITING: Final = 10_000

_SHA: Final = sha1(SCRIPT.encode(), usedforsecurity=False).hexdigest()  # Redis's name for it
_PROBE: Final = (Ask("probe", 1, 1),)

T = TypeVar("T")


class _Group(NamedTuple):
    """What is counted together, and who waits for it."""

    kind: int
    asks: Sequence[Ask]
    since: float
    answer: asyncio.Future[list[Quota] | None] | None  # None: Redis could not tell


class RedisStore:
    """A Redis as a Store. `local` counts while it does not answer: it knows what this process has
    counted before. `patience` is in seconds."""

    def __init__(self, url: str, local: TableStore, *, patience: float = PATIENCE) -> None:
        self.troubles = 0
        self._local = local
        self._patience = patience
        self._where = _shown(url)
        # It never tries again by itself: that would be beyond our patience.
        self._redis = Redis.from_url(
            url,
            retry=Retry(NoBackoff(), 0),
            socket_connect_timeout=_CONNECTING,
            single_connection_client=False,
        )
        self._waiting: list[_Group] = []
        self._asking: asyncio.Task[None] | None = None
        self._returning: asyncio.Task[None] | None = None
        self._closed = False

    async def take(self, asks: Sequence[Ask]) -> Sequence[Quota]:
        """See Store.take."""
        if not self._may_ask():
            return self._local.take_now(asks)
        answer: asyncio.Future[list[Quota] | None] = asyncio.get_running_loop().create_future()
        self._ask(_Group(TAKE, asks, monotonic(), answer))
        told = await answer
        if told is None:
            return self._local.take_now(asks)
        if all(quota.allowed for quota in told):
            self._local.charge([ask for ask in asks if ask.add])
        return told

    def charge(self, asks: Sequence[Ask]) -> None:
        """See Store.charge."""
        self._local.charge(asks)
        if self._may_ask():
            self._ask(_Group(CHARGE, asks, monotonic(), None))

    async def close(self) -> None:
        """Ends the connection; whoever waits is counted here, and whoever comes."""
        self._closed = True
        tasks = [task for task in (self._asking, self._returning) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._give_up(self._waiting)
        await self._redis.aclose()

    # --- asking -----------------------------------------------------------------------------------

    def _may_ask(self) -> bool:
        return self._returning is None and not self._closed and len(self._waiting) < _MOST_WAITING

    def _ask(self, group: _Group) -> None:
        self._waiting.append(group)
        if self._asking is None:
            self._asking = asyncio.get_running_loop().create_task(self._ask_all())

    async def _ask_all(self) -> None:
        """Asks for what is waiting, all of it at a time, until nothing is."""
        batch: list[_Group] = []
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[:_BATCH], self._waiting[_BATCH:]
                left = self._patience - (monotonic() - batch[0].since)
                told = await _within(self._count(batch), max(left, _LEAST))
                _answer(batch, told)
        except Exception as error:  # whatever it is: they must not hang
            self._out_of_order(error)
        finally:
            self._asking = None
            self._give_up(batch)

    async def _count(self, batch: Sequence[_Group]) -> Sequence[bytes]:
        """What the script tells of all asks. One round trip, but for a Redis that has not seen the
        script yet."""
        keys = [_key(ask.key) for group in batch for ask in group.asks]
        values = [value for group in batch for value in arguments(group.kind, group.asks)]
        call: Callable[..., Awaitable[Any]] = self._redis.evalsha
        try:
            told = await call(_SHA, len(keys), *keys, *values)
        except NoScriptError:
            call = self._redis.eval
            told = await call(SCRIPT, len(keys), *keys, *values)
        if not isinstance(told, list) or len(told) != len(keys):
            raise ValueError("it did not answer as the script does")
        return told

    # --- trouble ----------------------------------------------------------------------------------

    def _out_of_order(self, error: Exception) -> None:
        self.troubles += 1
        LOG.warning(
            "The store %s does not count (%s): until it does, this process counts by itself",
            self._where,
            str(error) or "no answer in time",
        )
        self._returning = asyncio.get_running_loop().create_task(self._wait_for_return())

    def _give_up(self, batch: Sequence[_Group]) -> None:
        """Lets all who wait be counted here."""
        groups, self._waiting = [*batch, *self._waiting], []
        for group in groups:
            if group.answer is not None and not group.answer.done():
                group.answer.set_result(None)

    async def _wait_for_return(self) -> None:
        """Until Redis counts again, and as fast as requests need it."""
        probe = [_Group(CHARGE, _PROBE, 0.0, None)]
        while True:
            await asyncio.sleep(_PAUSE)
            with contextlib.suppress(Exception):
                await _within(self._count(probe), _CONNECTING)
                await _within(self._count(probe), self._patience)
                break
        LOG.info("The store %s counts again", self._where)
        self._returning = None


async def _within(work: Coroutine[Any, Any, T], seconds: float) -> T:
    """What comes of the work. Raises TimeoutError when it takes too long, but not for a loop that
    was busy meanwhile: what has come by then counts."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.wait((task,), timeout=seconds)
        for _ in range(5):
            if task.done():
                return task.result()
            await asyncio.sleep(0)
        raise TimeoutError
    finally:
        task.cancel()


def _answer(batch: Sequence[_Group], told: Sequence[bytes]) -> None:
    at = 0
    for group in batch:
        part = told[at : at + len(group.asks)]
        at += len(group.asks)
        if group.answer is not None and not group.answer.done():
            group.answer.set_result(quotas(group.asks, part))


def _key(text: str) -> str:
    """Hashed: what it is made of is an attacker's, and of any length."""
    octets = text.encode("utf-8", "surrogateescape")
    return "cors-anywhere:" + blake2b(octets, digest_size=16).hexdigest()


def _shown(url: str) -> str:
    """Where it is, without user and password."""
    parts = urlsplit(url)
    if parts.scheme == "unix":
        return f"unix://{parts.path}"
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{bracketed(parts.hostname or '')}{port}"
