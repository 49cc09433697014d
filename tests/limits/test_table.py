"""Counts in a table: its bound, and processes that have it together."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import pytest

from cors_anywhere.limits.table import RecordLocks, Table, TableStore
from cors_anywhere.limits.windows import Ask, Quota
from tests.support.loopback import in_loop


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def hits(table: Table, key: str, times: int, amount: int = 2) -> list[Quota]:
    return [table.take([Ask(key, amount, 60)])[0] for _ in range(times)]


def allowed(table: Table, key: str, times: int = 1, amount: int = 2) -> int:
    return sum(quota.allowed for quota in hits(table, key, times, amount))


def flood(table: Table, keys: Iterable[str], amount: int = 2) -> None:
    for key in keys:
        table.take([Ask(key, amount, 60)])


def test_as_many_as_the_amount_are_allowed_and_no_more(clock: Clock) -> None:
    quotas = hits(Table(clock=clock), "https://a.test", 4)
    assert [(quota.allowed, quota.remaining) for quota in quotas] == [
        (True, 1),
        (True, 0),
        (False, 0),
        (False, 0),
    ]


def test_keys_are_counted_apart(clock: Clock) -> None:
    table = Table(clock=clock)
    assert [allowed(table, key, amount=1) for key in ("a", "b", "a")] == [1, 1, 0]


@pytest.mark.parametrize(("later", "room"), [(59.9, 0), (60, 0), (90, 1), (119, 1), (120, 2)])
def test_a_window_slides_and_refusals_do_not_prolong_it(
    clock: Clock, later: float, room: int
) -> None:
    table = Table(clock=clock)
    hits(table, "a", 9)
    clock.now += later
    assert allowed(table, "a", 9) == room


def test_of_several_limits_all_must_have_room_or_none_counts(clock: Clock) -> None:
    table = Table(clock=clock)
    both = [Ask("client", 1, 60), Ask("target", 9, 60)]
    assert [quota.allowed for quota in table.take(both)] == [True, True]
    assert [quota.allowed for quota in table.take(both)] == [False, True]
    assert table.take([both[1]])[0].remaining == 7  # the first, and this one


def test_what_is_charged_counts_beyond_the_amount(clock: Clock) -> None:
    table = Table(clock=clock)
    asked = Ask("a", 100, 60, add=0)
    assert table.take([asked]) == [Quota(True, 100, 60.0)]
    table.charge([asked._replace(add=1000)])
    (quota,) = table.take([asked])
    assert not quota.allowed
    clock.now += quota.reset_after + 0.1
    assert table.take([asked])[0].allowed


def test_the_clock_is_not_the_wall_s(monkeypatch: pytest.MonkeyPatch) -> None:
    table = Table()
    hits(table, "a", 2)
    monkeypatch.setattr(time, "time", lambda: 0.0)
    (quota,) = hits(table, "a", 1)
    assert not quota.allowed


def test_any_text_can_be_a_key(clock: Clock) -> None:
    table = Table(clock=clock)
    keys = ("", "a", "https://" + "a" * 10_000 + ".test", "\udcff")
    assert [allowed(table, key) for key in keys] == [1] * 4
    assert len(table) == 4


# --- its bound ------------------------------------------------------------------------------------


def test_the_number_of_keys_is_bounded(clock: Clock) -> None:
    table = Table(buckets=4, clock=clock)
    flood(table, map(str, range(1000)))
    assert len(table) == 32


def test_who_is_at_the_limit_is_not_pushed_out_by_made_up_keys(clock: Clock) -> None:
    table = Table(buckets=4, clock=clock)
    hits(table, "blocked", 2)
    flood(table, (f"made up {number}" for number in range(1000)))
    assert not allowed(table, "blocked")


def test_of_those_at_the_limit_the_first_to_get_there_goes(clock: Clock) -> None:
    table = Table(buckets=1, clock=clock)
    for key in "abcdefghi":
        hits(table, key, 1, amount=1)
        clock.now += 1
    assert len(table) == 8
    assert [allowed(table, key, amount=1) for key in "bcdefghi"] == [0] * 8
    assert allowed(table, "a", amount=1) == 1


def test_one_whose_windows_are_over_goes_before_one_that_counts(clock: Clock) -> None:
    table = Table(buckets=1, clock=clock)
    hits(table, "over", 2)
    clock.now += 120
    flood(table, "abcdefgh", amount=9)
    assert [hits(table, key, 1, amount=9)[0].remaining for key in "abcdefgh"] == [7] * 8


def test_all_keys_there_can_be_take_less_than_64_mib() -> None:
    assert len(Table()._memory) < 16 * 2**20


# --- processes ------------------------------------------------------------------------------------


@pytest.fixture
def shared() -> Table:
    return Table(locks=RecordLocks())


@contextmanager
def forked(work: Callable[[], int]) -> Iterator[int]:
    """A process that does this and exits with what it returns, 255 if that cannot be."""
    pid = os.fork()
    if not pid:
        status = 255
        try:
            status = work()
        finally:
            os._exit(status)
    try:
        yield pid
    except BaseException:
        os.kill(pid, signal.SIGKILL)  # it waits for who has failed
        raise


def status_of(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_processes_that_count_at_once_count_exactly(shared: Table) -> None:
    amount, each = 300, 100
    pids = []
    for _ in range(4):
        with forked(lambda: allowed(shared, "one for all", each, amount)) as pid:
            pids.append(pid)
    assert sum(map(status_of, pids)) == amount


def test_a_request_waits_for_the_process_that_counts_the_same_key(
    shared: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It finds the key's lock held, and looks again when the other has counted."""
    ready, tell = os.pipe()
    go, let_go = os.pipe()

    def count_slowly() -> int:
        place, ask = shared._place("a"), Ask("a", 1, 60)
        shared._lock([place])
        os.write(tell, b".")
        os.read(go, 1)
        shared._write(place, ask, *shared._look(place, ask, time.monotonic()), time.monotonic())
        shared._unlock()
        return 0

    def let_the_other_end(_: float) -> None:
        os.write(let_go, b".")
        assert status_of(pid) == 0
        monkeypatch.undo()

    with forked(count_slowly) as pid:
        os.read(ready, 1)
        monkeypatch.setattr(time, "sleep", let_the_other_end)
        assert not allowed(shared, "a", amount=1)
    for end in (ready, tell, go, let_go):
        os.close(end)


def test_keys_of_one_bucket_do_not_disturb_each_other_in_several_processes() -> None:
    table = Table(locks=RecordLocks(), buckets=1)
    pids = []
    for number in range(4):
        with forked(lambda n=number: allowed(table, f"key {n}", 200, 100)) as pid:  # type: ignore[misc]
            pids.append(pid)
    assert [status_of(pid) for pid in pids] == [100] * 4


def test_the_locks_leave_no_descriptor_behind() -> None:
    table = Table(locks=RecordLocks())
    number = table._locks._descriptor  # type: ignore[union-attr]
    os.fstat(number)
    del table
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(number)


def test_a_process_that_is_killed_while_it_holds_a_lock_holds_nobody_up(
    shared: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready, tell = os.pipe()

    def die() -> int:
        shared._lock([shared._place("a")])
        os.write(tell, b".")
        signal.pause()
        return 0

    with forked(die) as pid:
        os.read(ready, 1)
        os.kill(pid, signal.SIGKILL)
        assert status_of(pid) == -signal.SIGKILL
    monkeypatch.setattr(time, "sleep", lambda _: pytest.fail("it waited"))
    assert allowed(shared, "a", 3) == 2
    os.close(ready)
    os.close(tell)


def test_a_process_that_is_stopped_while_it_holds_a_lock_is_not_waited_for(shared: Table) -> None:
    ready, tell = os.pipe()

    def stop() -> int:
        shared._lock([shared._place("a")])
        os.write(tell, b".")
        os.kill(os.getpid(), signal.SIGSTOP)
        return 0

    with forked(stop) as pid:
        os.read(ready, 1)
        os.waitpid(pid, os.WUNTRACED)
        assert allowed(shared, "a", 3) == 2
        os.kill(pid, signal.SIGCONT)
        assert status_of(pid) == 0
    os.close(ready)
    os.close(tell)


def test_a_table_without_locks_is_a_process_s_own(clock: Clock) -> None:
    table = Table(clock=clock)
    with forked(lambda: allowed(table, "a", 5)) as pid:
        assert status_of(pid) == 2
    assert allowed(table, "a", 5) == 2


# --- as a store -----------------------------------------------------------------------------------


@in_loop
async def test_as_a_store_it_takes_and_charges() -> None:
    store = TableStore(Table())
    asked = Ask("a", 2, 60)
    store.charge([asked])
    assert [(await store.take([asked]))[0].allowed for _ in range(2)] == [True, False]
    assert store.troubles == 0
    await store.close()
