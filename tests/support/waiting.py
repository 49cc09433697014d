"""Waiting for what another thread or process does, where nothing can be awaited.

Owns: that it is looked for again and again, and not for ever. Must not know: what is waited for.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import Event
from time import monotonic

from tests.support import PATIENCE


def eventually(happened: Callable[[], object]) -> bool:
    """Whether it happens before the test's patience ends."""
    end = monotonic() + PATIENCE
    pause = Event()
    while not happened():
        if monotonic() > end:
            return False
        pause.wait(0.02)
    return True


def has(path: Path, text: str = "") -> Callable[[], bool]:
    """To wait for a file, and a text in it."""
    return lambda: path.exists() and text in path.read_text()
