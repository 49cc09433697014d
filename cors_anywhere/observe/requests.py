"""What one proxy logs of its requests: every one of them, or refusals and failures alone.

Owns: which of the two it is, and the end of what it opened. Must not know: what a line holds.
"""

from __future__ import annotations

import asyncio
import logging

from cors_anywhere.observe.access import AccessLog, Form
from cors_anywhere.observe.budget import LineBudget
from cors_anywhere.observe.failures import FailureLog
from cors_anywhere.observe.sink import Sink

LOG = logging.getLogger("cors_anywhere")


class RequestLog:
    """`on_outcome` is told of every request, or is None; `on_failure`, of refusals and failures
    only, is None where that would tell of them twice.

    Without a `form` not every request is logged. Their lines go to `sink`, or to one of its own for
    `path` (see Sink), which raises OSError. `lines` bounds how many failures are logged.
    """

    def __init__(
        self,
        form: Form | None,
        path: str | None = None,
        *,
        sink: Sink | None = None,
        lines: LineBudget | None = None,
    ) -> None:
        self._own: Sink | None = None
        self.on_outcome: AccessLog | None = None
        self.on_failure: FailureLog | None = None
        if form is None:
            self.on_failure = FailureLog(LOG, lines)
            return
        if sink is None:
            sink = self._own = Sink(path)
        self.on_outcome = AccessLog(sink, form)

    async def close(self) -> None:
        """Tells what was left out, and has the rest written."""
        if self.on_failure is not None:
            self.on_failure.close()
        if self._own is not None:
            await asyncio.to_thread(self._own.close)
