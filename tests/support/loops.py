"""The event loop that a proxy runs on: asyncio's, or uvloop's where CORSANYWHERE_TEST_LOOP=uvloop.

Owns: that choice. Must not know: what is
asked of a proxy.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine
from typing import Any, Final

import uvloop

ON_UVLOOP: Final = os.environ.get("CORSANYWHERE_TEST_LOOP") == "uvloop"
CHOSEN: Final = {"CORSANYWHERE_EVENT_LOOP": "uvloop"} if ON_UVLOOP else {}
"""The variable that says so to the command."""


def run(main: Coroutine[Any, Any, None]) -> None:
    """Runs what serves a proxy."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop if ON_UVLOOP else None) as runner:
        runner.run(main)
