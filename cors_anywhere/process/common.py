"""What all processes of one command have in common, and each one's part of what is limited.

Owns: what is made once before the first worker, and how limits are shared out. Must not know: how
a process serves.
"""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import NamedTuple

from cors_anywhere.config.settings import Settings
from cors_anywhere.limits.stores import MEMORY, SHARED, Store, open_store
from cors_anywhere.observe.budget import LineBudget
from cors_anywhere.observe.sink import Sink
from cors_anywhere.process.descriptors import LEAST_SHARE
from cors_anywhere.proxy import store_of


class Common(NamedTuple):
    """Made before the first worker; every worker has the same."""

    loop_token: str  # one for all: a request that comes back to another worker is a loop, too
    lines: LineBudget
    log: Sink
    store: Store | None = None  # of counts, where something is limited


def common(log: Sink, settings: Settings, workers: int) -> Common:
    """What so many processes of one command share."""
    store = store_of(settings, SHARED if workers > 1 else MEMORY)
    if store is None and workers > 1:  # limits may come with a reload, and it must be made before
        store = open_store(settings.store or SHARED)
    return Common(f"cors-anywhere-{secrets.token_hex(8)}", LineBudget(shared=True), log, store)


def part_of(settings: Settings, number: int, workers: int) -> Settings:
    """The settings of the worker with this number, counted from 0: its part of the caps.

    A cap on all connections, or on the requests to a target, is met exactly. A client's share is
    rounded up, and not below 8 (or what was chosen): its connections come to the workers by chance.
    """
    return replace(
        settings,
        max_connections=_part(settings.max_connections, number, workers),
        max_requests_per_target=_part(settings.max_requests_per_target, number, workers),
        max_connections_per_client=_share(settings.max_connections_per_client, workers),
    )


def _part(whole: int | None, number: int, workers: int) -> int | None:
    if whole is None:
        return None
    return max(1, whole // workers + (number < whole % workers))


def _share(whole: int | None, workers: int) -> int | None:
    return None if whole is None else min(whole, max(LEAST_SHARE, -(-whole // workers)))
