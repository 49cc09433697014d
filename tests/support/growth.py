"""How the cost of reading grows with what is read: no parser may be slow (B10).

Owns: measuring it so that a busy machine changes nothing: processor time of this process only, the
best of the rounds, and a ratio instead of a time. Must not know: what is parsed.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")

FACTOR = 4
"""By how much the larger input is larger."""

AT_MOST = 6.0
"""How many times the processor time that may take: a quadratic parser takes sixteen times."""

ROUNDS = 2_000
"""At most, which take some twenty seconds; two, when they are good."""

ROUND_SECONDS = 0.004
"""Of one round: a clock of the kernel's ticks must not decide."""

FREE_SECONDS = 20e-6
"""At this cost for the largest input nothing can grow in a way that matters."""


def assert_linear(
    name: str, worst: Callable[[int], T], read: Callable[[T], object], largest: int
) -> None:
    """Fails unless `read`, given `worst(size)`, takes at most AT_MOST times as long for `largest`
    octets as for a quarter of them. Prints the milliseconds for the largest.

    `worst` makes an input of about that many octets. What `read` raises counts as its answer: to
    refuse is a way to read. Memory that a first call fills does not count.
    """
    small, large = worst(largest // FACTOR), worst(largest)
    with _no_collector():
        cheap, dear = _costs(read, small, large)
    growth = f"{dear * 1000:.3f} ms at {largest} octets, {dear / cheap:.1f} times a quarter's"
    print(f"{name}: {growth}")
    assert dear <= max(AT_MOST * cheap, FREE_SECONDS), f"{name}: {growth}"


@contextmanager
def _no_collector() -> Iterator[None]:
    """What a collection costs depends on all that the process holds, and not on what is read."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _costs(read: Callable[[T], object], small: T, large: T) -> tuple[float, float]:
    """Seconds of processor time for each, the best of rounds that take turns. They end when the
    growth is a good one: a neighbour may be loud for a while, but nobody makes it look better."""
    cheap = dear = float("inf")
    for count in range(ROUNDS):
        cheap, dear = min(cheap, _cost(read, small)), min(dear, _cost(read, large))
        if count and dear <= max(AT_MOST * cheap, FREE_SECONDS):
            break
    return cheap, dear


def _cost(read: Callable[[T], object], given: T) -> float:
    calls, spent = 0, 0.0
    begun = time.process_time()
    while spent < ROUND_SECONDS:
        try:
            read(given)
        except Exception:
            pass
        calls += 1
        spent = time.process_time() - begun
    return spent / calls
