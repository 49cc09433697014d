"""The event loop that a proxy runs on: asyncio's, or uvloop's where CORSANYWHERE_TEST_LOOP=uvloop.

Owns: that choice. `python -m tests.support.loops` is the command on uvloop. Must not know: what is
asked of a proxy.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Coroutine
from typing import Any, Final

import uvloop

ON_UVLOOP: Final = os.environ.get("CORSANYWHERE_TEST_LOOP") == "uvloop"
COMMAND: Final = "tests.support.loops" if ON_UVLOOP else "cors_anywhere"
"""The module that is the command."""


def run(main: Coroutine[Any, Any, None]) -> None:
    """Runs what serves a proxy."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop if ON_UVLOOP else None) as runner:
        runner.run(main)


if __name__ == "__main__":
    from cors_anywhere.process.command import main

    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    sys.exit(main())
