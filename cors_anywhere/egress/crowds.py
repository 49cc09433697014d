"""No target has more than its share of the requests under way.

Owns: the count of them. Must not know: how a target is reached.
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from cors_anywhere.errors import ProxyError, Unavailable
from cors_anywhere.held import Held
from cors_anywhere.messages import Fetch, ReplyHead, Target
from cors_anywhere.sides import Egress, Exchange


class CappedEgress:
    """An Egress that has at most `most` requests under way to a host and port. `under_way` has how
    many those are, also of another that it takes the place of."""

    def __init__(self, egress: Egress, most: int, under_way: Held) -> None:
        self._egress = egress
        self._most = most
        self._under_way = under_way

    async def open(self, fetch: Fetch) -> Exchange:
        """See Egress.open. Raises Unavailable beyond the share."""
        name = fetch.plan.target.host_and_port
        if self._under_way.by(name) >= self._most:
            raise _beyond_share(fetch.plan.target)
        self._under_way.change(name, 1)
        try:
            exchange = await self._egress.open(fetch)
        except BaseException:
            self._under_way.change(name, -1)
            raise
        return CountedExchange(exchange, self._under_way, name)


class CountedExchange:
    """An exchange that has a place among those of its target, until it is released."""

    def __init__(self, exchange: Exchange, under_way: Held, name: str) -> None:
        self._exchange = exchange
        self._under_way = under_way
        self._name = name
        self._holds = True
        self.look_up = exchange.look_up
        self.connect = exchange.connect
        self.reused = exchange.reused

    def send(self, chunk: bytes) -> Coroutine[Any, Any, None]:
        """See Exchange."""
        return self._exchange.send(chunk)

    def end_request(self) -> None:
        """See Exchange."""
        self._exchange.end_request()

    def fail(self, failure: ProxyError) -> None:
        """See Exchange."""
        self._exchange.fail(failure)

    def reply(self) -> Coroutine[Any, Any, ReplyHead]:
        """See Exchange."""
        return self._exchange.reply()

    def read(self) -> Coroutine[Any, Any, bytes]:
        """See Exchange."""
        return self._exchange.read()

    def release(self) -> None:
        """See Exchange."""
        if self._holds:
            self._holds = False
            self._under_way.change(self._name, -1)
        self._exchange.release()


def _beyond_share(target: Target) -> Unavailable:
    return Unavailable(
        f"As many requests to {target.host} are under way as this proxy lets one target have.",
        hint="The operator of this proxy can raise that with --max-requests-per-target.",
        rule="target-share",
    )
