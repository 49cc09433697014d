"""What the operator's log says of requests that failed.

Owns: which failures are worth a line, and what the line holds. Must not know: how a request is
served, or how many lines there may be.
"""

from __future__ import annotations

import logging

from cors_anywhere.observe.budget import LineBudget
from cors_anywhere.outcome import Outcome

_PROHIBITED = "destination_ip_prohibited"


class FailureLog:
    """Logs failures that the operator may want to act on, at most a few each second."""

    def __init__(self, logger: logging.Logger, budget: LineBudget | None = None) -> None:
        self._logger = logger
        self._budget = budget or LineBudget()
        self._omitted = 0

    def __call__(self, outcome: Outcome) -> None:
        """One request has failed."""
        if not _is_the_operators(outcome):
            return
        if not self._has_room():
            self._omitted += 1
            return
        self._logger.info(
            "%s for %s: %s %s: %s",
            outcome.status if outcome.status is not None else "no reply",
            outcome.client,
            outcome.method or "no request",
            outcome.target or "no target",
            cause(outcome),
        )

    def _has_room(self) -> bool:
        if not self._budget.take():
            return False
        if self._omitted:
            self._logger.info("%d more failures were not logged", self._omitted)
            self._omitted = 0
        return True


def _is_the_operators(outcome: Outcome) -> bool:
    """A forbidden address, or a target that failed; a client's own mistakes are no news."""
    status = outcome.status
    return (
        outcome.error == _PROHIBITED
        or (outcome.error is not None and status in _FAILED)
        or (outcome.error is not None and outcome.error.startswith(_REPLY_CUT))
    )


_FAILED = frozenset((502, 503, 504))
_REPLY_CUT = ("http_response_", "connection_")  # though a good status was sent before


def cause(outcome: Outcome) -> str:
    """What went wrong, for the operator's eyes."""
    count = len(outcome.hops)
    hops = f" after {count} redirect{'s' if count > 1 else ''}, at {outcome.final}" if count else ""
    detail = f" ({outcome.detail})" if outcome.detail else ""
    return f"{outcome.error}{detail}{hops}"
