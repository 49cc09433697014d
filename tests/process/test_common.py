"""What the processes of one command have in common, and each one's part."""

from __future__ import annotations

import pytest

from cors_anywhere.config.settings import Settings
from cors_anywhere.limits.table import TableStore
from cors_anywhere.observe.sink import Sink
from cors_anywhere.process.common import common, part_of


@pytest.mark.parametrize(("cap", "workers"), [(10, 1), (10, 2), (10, 3), (7, 4), (4, 4)])
def test_the_parts_of_the_cap_are_the_cap(cap: int, workers: int) -> None:
    settings = Settings(max_connections=cap, workers=workers)
    parts = [part_of(settings, number, workers).max_connections or 0 for number in range(workers)]
    assert sum(parts) == cap
    assert max(parts) - min(parts) <= 1


def test_a_worker_has_a_place_even_where_there_are_fewer_than_workers() -> None:
    assert part_of(Settings(max_connections=2, workers=0), 3, 4).max_connections == 1


@pytest.mark.parametrize(
    ("share", "workers", "part"), [(100, 4, 25), (101, 4, 26), (20, 4, 8), (5, 4, 5), (1, 2, 1)]
)
def test_a_clients_share_is_shared_out_while_a_browser_can_have_its_connections(
    share: int, workers: int, part: int
) -> None:
    settings = Settings(max_connections_per_client=share)
    assert part_of(settings, 0, workers).max_connections_per_client == part


def test_what_was_not_chosen_stays_unchosen() -> None:
    part = part_of(Settings(), 0, 4)
    assert (part.max_connections, part.max_connections_per_client) == (None, None)


def test_each_command_has_a_loop_token_of_its_own() -> None:
    assert common(Sink(), Settings(), 1).loop_token != common(Sink(), Settings(), 1).loop_token


def test_the_parts_of_a_target_s_cap_are_the_cap() -> None:
    settings = Settings(max_requests_per_target=5)
    assert [part_of(settings, n, 2).max_requests_per_target for n in range(2)] == [3, 2]


def test_where_nothing_is_limited_there_is_no_store() -> None:
    assert common(Sink(), Settings(), 1).store is None


def test_workers_have_a_store_for_the_limits_that_a_reload_may_bring() -> None:
    kept = common(Sink(), Settings(), 2).store
    assert isinstance(kept, TableStore)
    assert kept.is_shared


@pytest.mark.parametrize(
    ("store", "workers", "is_shared"),
    [(None, 1, False), (None, 2, True), ("memory", 2, False), ("shared", 1, True)],
)
def test_several_workers_share_their_counts_unless_told_otherwise(
    store: str | None, workers: int, is_shared: bool
) -> None:
    kept = common(
        Sink(), Settings(rate_limits=("50 3",), store=store, workers=workers), workers
    ).store
    assert isinstance(kept, TableStore)
    assert kept.is_shared is is_shared
