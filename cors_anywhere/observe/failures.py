"""What the operator's log says of requests that were refused or failed, where not every request
has its line.

Owns: what the line holds, and that what is left out is counted and told. Must not know: how a
request is served, or how many lines there may be.
"""

from __future__ import annotations

import asyncio
import logging

from cors_anywhere.observe.budget import LineBudget
from cors_anywhere.observe.words import cause, printable
from cors_anywhere.outcome import End, Outcome

_TELL_SECONDS = 1.0
"""After which what was left out is told if nothing else comes: a flood may be the last of all."""

_INTERNAL = "proxy_internal_error"
"""A hook's mistake, or one of ours: it has been logged where it was made."""


class FailureLog:
    """Logs refusals and failures, at most a few each second, and how many it left out."""

    def __init__(self, logger: logging.Logger, budget: LineBudget | None = None) -> None:
        self._logger = logger
        self._budget = budget or LineBudget()
        self._omitted = 0
        self._telling: asyncio.TimerHandle | None = None

    def __call__(self, outcome: Outcome) -> None:
        """One request was refused, or has failed. A loop runs."""
        if outcome.error == _INTERNAL:
            return
        if not self._budget.take():
            self._omit()
            return
        self.close()
        self._logger.log(
            _level(outcome),
            "%s for %s: %s %s: %s",
            outcome.status if outcome.status is not None else "no reply",
            outcome.client,
            outcome.method or "no request",
            printable(outcome.target or "no target"),
            cause(outcome),
        )

    def close(self) -> None:
        """Tells what was left out and not told yet."""
        if self._telling is not None:
            self._telling.cancel()
            self._telling = None
        if self._omitted:
            self._logger.warning("%d more refusals and failures were not logged", self._omitted)
            self._omitted = 0

    def _omit(self) -> None:
        self._omitted += 1
        if self._telling is None:
            self._telling = asyncio.get_running_loop().call_later(_TELL_SECONDS, self.close)


def _level(outcome: Outcome) -> int:
    """A refusal is what the operator asked for; a failure may be worth a look."""
    failed = outcome.status is None or outcome.status >= 500 or outcome.end is End.ABORTED
    return logging.WARNING if failed else logging.INFO
