"""What an embedding program may decide for itself: the hooks, and their adapters for the relay.

Owns: the hooks' types, and that plain and async functions are alike. Must not know: Tornado, or
what becomes of a verdict.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import Any

from cors_anywhere.limits.rates import RateLimit
from cors_anywhere.messages import Answer, Exceeded, RequestHead, Target
from cors_anywhere.rules.outbound import OutboundProxy

FirstLook = Callable[[RequestHead], Answer | Awaitable[Answer | None] | None]
"""Sees every request but OPTIONS before anything is checked; may answer it."""

ChooseProxy = Callable[[Target], OutboundProxy | Awaitable[OutboundProxy | None] | None]
"""Which HTTP proxy carries a request to a target; None for none."""

RateVerdict = bool | str | None
"""None, True or "" allows a request; False answers it with 429, a text with that text added."""

CheckRate = Callable[[str], RateVerdict | Awaitable[RateVerdict]]
"""Judges one more request of an origin ("" for none), instead of the counting of a rate limit."""


class AskingMeter:
    """The operator's own function, as the relay's `Meter`. It takes the place of the counting of
    `rate`, whose exemptions and sentence stay."""

    def __init__(
        self, check: Callable[[str], Awaitable[RateVerdict]], rate: RateLimit | None
    ) -> None:
        self._check = check
        self._rate = rate

    async def count(self, head: RequestHead, origin: str | None) -> Exceeded | None:
        """See Meter.count."""
        name = origin or ""
        if self._rate is not None and self._rate.exempts(name):
            return None
        verdict = await self._check(name)
        if verdict is None or verdict is True or verdict == "":
            return None
        if not verdict and self._rate is not None:
            return Exceeded(self._rate.sentence(name))
        text = f'The origin "{name}" has sent too many requests.'
        return Exceeded(f"{text}\n{verdict}" if verdict else text)


def asynchronous(function: Callable[[Any], Any]) -> Callable[[Any], Awaitable[Any]]:
    """The function as an async one, whichever kind it is."""

    async def call(argument: Any) -> Any:
        result = function(argument)
        return await result if inspect.isawaitable(result) else result

    return call
