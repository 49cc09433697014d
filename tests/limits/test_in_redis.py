"""Counts in a real Redis: exact, hashed, and never in the way."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from cors_anywhere.limits import in_redis
from cors_anywhere.limits.in_redis import RedisStore
from cors_anywhere.limits.table import Table, TableStore
from cors_anywhere.limits.windows import Ask
from tests.support.loopback import in_real_time
from tests.support.redis import RedisServer, redis_server

LONG = 5.0
"""Seconds of patience, where the machine's load must not decide."""

MINUTE = 60


@pytest.fixture(scope="module")
def running() -> Iterator[RedisServer]:
    with redis_server() as server:
        yield server


@pytest.fixture
def redis(running: RedisServer) -> RedisServer:
    """An empty Redis."""
    running.ask("FLUSHALL")
    running.ask("SCRIPT", "FLUSH")
    return running


@pytest.fixture
def own() -> Iterator[RedisServer]:
    """A Redis for tests that end it."""
    with redis_server() as server:
        yield server


@asynccontextmanager
async def store(server: RedisServer, patience: float = LONG) -> AsyncIterator[RedisStore]:
    opened = RedisStore(server.url, TableStore(Table()), patience=patience)
    try:
        yield opened
    finally:
        await opened.close()


async def allowed(
    opened: RedisStore, key: str, times: int, amount: int = 2, seconds: int = MINUTE
) -> int:
    asks = [Ask(key, amount, seconds)]
    told = await asyncio.gather(*(opened.take(asks) for _ in range(times)))
    return sum(quotas[0].allowed for quotas in told)


async def returned(opened: RedisStore) -> None:
    """Until it asks Redis again; the test's own patience is the guard."""
    while opened._returning is not None:
        await asyncio.sleep(0.01)


# --- counting -------------------------------------------------------------------------------------


def test_what_is_left_is_told_as_by_every_store(redis: RedisServer) -> None:
    @in_real_time
    async def run() -> None:
        async with store(redis) as opened:
            asks = [Ask("a", 2, MINUTE)]
            told = [(await opened.take(asks))[0] for _ in range(3)]
            assert [(quota.allowed, quota.remaining) for quota in told] == [
                (True, 1),
                (True, 0),
                (False, 0),
            ]
            assert 59 < told[1].reset_after <= 60
            assert 89 < told[2].reset_after <= 90  # half of the two have to be a window old

    run()


def test_of_several_limits_all_must_have_room_or_none_counts(redis: RedisServer) -> None:
    @in_real_time
    async def run() -> None:
        async with store(redis) as opened:
            both = [Ask("client", 1, MINUTE), Ask("target", 9, MINUTE)]
            assert [quota.allowed for quota in await opened.take(both)] == [True, True]
            assert [quota.allowed for quota in await opened.take(both)] == [False, True]
            assert (await opened.take(both[1:]))[0].remaining == 7

    run()


def test_what_is_charged_counts_beyond_the_amount(redis: RedisServer) -> None:
    @in_real_time
    async def run() -> None:
        async with store(redis) as opened:
            asked = [Ask("a", 10**15, MINUTE, add=0)]
            opened.charge([asked[0]._replace(add=10**15 - 1)])
            assert (await opened.take(asked))[0].remaining == 1
            opened.charge([asked[0]._replace(add=1)])
            assert not (await opened.take(asked))[0].allowed

    run()


def test_a_window_slides_in_redis_too(redis: RedisServer) -> None:
    """Ten in a second; what is allowed in two seconds is what a table's windows allow: the burst,
    and a part of it again, never twice."""

    @in_real_time
    async def run() -> None:
        async with store(redis) as opened:
            asks = [Ask("a", 10, 1)]
            assert await allowed(opened, "a", 20, 10, 1) == 10
            wait = (await opened.take(asks))[0].reset_after
            assert 0 < wait <= 1.1
            await asyncio.sleep(wait + 0.01)
            assert (await opened.take(asks))[0].allowed

    run()


def test_two_proxies_count_exactly_together(redis: RedisServer) -> None:
    @in_real_time
    async def run() -> None:
        async with store(redis) as one, store(redis) as other:
            counts = await asyncio.gather(
                *(allowed(opened, "for all", 500, 600) for opened in (one, other))
            )
            assert sum(counts) == 600
            assert (one.troubles, other.troubles) == (0, 0)

    run()


def test_what_is_waiting_is_asked_together(redis: RedisServer) -> None:
    """A thousand requests at once are few calls: one script each was called for."""

    @in_real_time
    async def run() -> None:
        redis.ask("CONFIG", "RESETSTAT")
        async with store(redis) as opened:
            assert await allowed(opened, "a", 1000, 1000) == 1000
        calls = int(redis.ask("EVAL", COUNT_CALLS, "0").strip(b":\r\n"))
        assert 1 <= calls <= 1000 // 64 + 2

    run()


COUNT_CALLS = (
    "local n = 0 for c in string.gmatch(redis.call('INFO', 'commandstats'),"
    " 'cmdstat_evalsha:calls=(%d+)') do n = n + c end return n"
)


def test_keys_are_hashed_and_end_by_themselves(redis: RedisServer) -> None:
    @in_real_time
    async def run() -> None:
        async with store(redis) as opened:
            await opened.take([Ask("https://" + "x" * 10_000 + ".test \udcff", 2, MINUTE)])
        told = redis.ask("EVAL", "return redis.call('KEYS', '*')[1]", "0")
        assert told == b"$46\r\n"  # the length of a key: a prefix, and 128 bits
        left = redis.ask("EVAL", "return redis.call('PTTL', redis.call('KEYS', '*')[1])", "0")
        assert 0 < int(left.strip(b":\r\n")) <= 2 * MINUTE * 1000

    run()


def test_no_request_waits_longer_than_is_promised() -> None:
    """Its own patience, and the least that a call is given behind another."""
    assert in_redis.PATIENCE + in_redis._LEAST <= 0.05


# --- trouble --------------------------------------------------------------------------------------


def test_a_redis_that_is_down_is_counted_for_and_found_when_it_is_back(
    own: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    @in_real_time
    async def run() -> None:
        async with store(own) as opened:
            assert await allowed(opened, "a", 1) == 1
            own.kill()
            assert await allowed(opened, "a", 9) == 1  # this process knows of the first
            assert opened.troubles == 1
            own.start()
            await returned(opened)
            assert await allowed(opened, "a", 9) == 2  # it lost what it held
            assert opened.troubles == 1

    with caplog.at_level(logging.INFO, "cors_anywhere"):
        run()
    (down, back) = [record.getMessage() for record in caplog.records]
    assert down.startswith(f"The store redis://127.0.0.1:{own.port} does not count (")
    assert back == f"The store redis://127.0.0.1:{own.port} counts again"


def test_a_redis_that_is_stopped_is_waited_for_once(own: RedisServer) -> None:
    @in_real_time
    async def run() -> None:
        async with store(own, patience=0.04) as opened:
            own.signal(signal.SIGSTOP)
            assert await allowed(opened, "a", 9) == 2
            assert opened.troubles == 1
            told = [opened.take([Ask("b", 2, MINUTE)]) for _ in range(3)]
            for one in told:  # none of them waits: each is done at its first step
                with pytest.raises(StopIteration):
                    one.send(None)
            own.signal(signal.SIGCONT)
            await returned(opened)
            assert await allowed(opened, "c", 9) == 2

    run()


def test_a_redis_that_is_not_there_at_start_is_taken_up_when_it_comes(own: RedisServer) -> None:
    @in_real_time
    async def run() -> None:
        own.kill()
        async with store(own) as opened:
            assert await allowed(opened, "a", 9) == 2
            own.start()
            await returned(opened)
            assert await allowed(opened, "a", 9) == 2

    run()


def test_a_redis_that_is_wiped_counts_anew(redis: RedisServer) -> None:
    @in_real_time
    async def run() -> None:
        async with store(redis) as opened:
            assert await allowed(opened, "a", 9) == 2
            redis.ask("FLUSHALL")
            redis.ask("SCRIPT", "FLUSH")
            assert await allowed(opened, "a", 9) == 2
            assert opened.troubles == 0

    run()


@pytest.mark.parametrize(
    "trouble",
    [("CONFIG", "SET", "maxmemory", "1"), ("REPLICAOF", "127.0.0.1", "1")],
    ids=["full", "a replica"],
)
def test_a_redis_that_answers_and_cannot_count_is_counted_for(
    own: RedisServer, trouble: tuple[str, ...]
) -> None:
    @in_real_time
    async def run() -> None:
        async with store(own) as opened:
            assert own.ask(*trouble) == b"+OK\r\n"
            assert await allowed(opened, "a", 9) == 2
            assert opened.troubles == 1
            assert own.ask("CONFIG", "SET", "maxmemory", "0") == b"+OK\r\n"
            assert own.ask("REPLICAOF", "NO", "ONE") == b"+OK\r\n"
            await returned(opened)
            assert await allowed(opened, "b", 9) == 2
            assert opened.troubles == 1

    run()


def test_an_answer_that_is_not_the_script_s_is_trouble_and_nobody_hangs(
    redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    @in_real_time
    async def run() -> None:
        async with store(redis) as opened:

            async def nonsense(*_: object) -> object:
                return [b"1 2"]

            monkeypatch.setattr(opened._redis, "evalsha", nonsense)
            assert await allowed(opened, "a", 9) == 2
            assert opened.troubles == 1

    run()


def test_who_waits_when_it_is_closed_is_counted_here(own: RedisServer) -> None:
    @in_real_time
    async def run() -> None:
        async with store(own) as opened:
            own.signal(signal.SIGSTOP)
            waiting = asyncio.ensure_future(allowed(opened, "a", 9))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            await opened.close()
            assert await waiting == 2
            own.signal(signal.SIGCONT)

    run()


def test_what_waits_is_bounded(redis: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    @in_real_time
    async def run() -> None:
        monkeypatch.setattr("cors_anywhere.limits.in_redis._MOST_WAITING", 3)
        async with store(redis) as opened:
            assert await allowed(opened, "a", 9, 100) == 9
            assert len(redis.ask("EVAL", "return redis.call('KEYS', '*')[1]", "0")) > 1
            assert (await opened.take([Ask("a", 100, MINUTE)]))[0].remaining == 96

    run()


def test_a_password_is_not_told(caplog: pytest.LogCaptureFixture) -> None:
    @in_real_time
    async def run() -> None:
        opened = RedisStore("redis://me:secret@127.0.0.1:1/0", TableStore(Table()))
        await allowed(opened, "a", 1)
        await opened.close()

    with caplog.at_level(logging.INFO, "cors_anywhere"):
        run()
    assert "127.0.0.1:1" in caplog.text
    assert "secret" not in caplog.text
