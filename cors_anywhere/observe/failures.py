"""What the operator's log says of requests that failed.

Owns: which failures are worth a line, what the line holds, and how many lines there may be. Must
not know: how a request is served. Query strings, userinfo and credentials are never logged.
"""

from __future__ import annotations

import logging
from time import monotonic

from cors_anywhere.errors import GatewayError, GatewayTimeout, ProhibitedTarget, ProxyError
from cors_anywhere.messages import RequestHead

LINES_PER_SECOND = 5
"""A flood of failures must not become a flood of log."""


class FailureLog:
    """Logs failures that the operator may want to act on, at most a few each second."""

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger
        self._second = 0
        self._lines = 0
        self._omitted = 0

    def __call__(self, head: RequestHead, error: ProxyError) -> None:
        """One request has failed."""
        if not isinstance(error, (ProhibitedTarget, GatewayError, GatewayTimeout)):
            return
        if not self._has_room():
            self._omitted += 1
            return
        url = head.path.partition("?")[0][1:].encode("ascii", "backslashreplace").decode()
        self._logger.info(
            "%s for %s: %s %s: %s", error.status, head.peer, head.method, url, _cause(error)
        )

    def _has_room(self) -> bool:
        second = int(monotonic())
        if second != self._second:
            if self._omitted:
                self._logger.info("%d more failures were not logged", self._omitted)
            self._second, self._lines, self._omitted = second, 0, 0
        self._lines += 1
        return self._lines <= LINES_PER_SECOND


def _cause(error: ProxyError) -> str:
    if error.log_detail:
        return f"{error.error} ({error.log_detail})"
    cause = f" ({error.__cause__})" if error.__cause__ else ""
    return f"{error.error}{cause}"
