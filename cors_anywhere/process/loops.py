"""The event loop that a process serves on.

Owns: which library makes it. Must not know: what runs there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from importlib import import_module
from typing import Any, TypeVar

Result = TypeVar("Result")


def run_on(name: str, main: Coroutine[Any, Any, Result]) -> Result:
    """Runs `main` to its end on a new event loop, "asyncio"'s or "uvloop"'s."""
    make: Callable[[], asyncio.AbstractEventLoop] = import_module(name).new_event_loop
    with asyncio.Runner(loop_factory=make) as runner:
        return runner.run(main)
