"""No client that a trusted proxy names has more than its share of the requests under way.

Owns: the count of them. A trusted proxy's connections are its own, so the share of connections
that the process keeps says nothing there. Must not know: how a request is served.
"""

from __future__ import annotations

from cors_anywhere.errors import Unavailable
from cors_anywhere.held import Held
from cors_anywhere.relay import Relay
from cors_anywhere.rules.client import client_of
from cors_anywhere.sides import Client


def beyond_share() -> Unavailable:
    """Why a client is refused that holds its share."""
    return Unavailable(
        "You hold as many connections as this proxy lets one client have.",
        hint="The operator of this proxy can raise that with --max-connections-per-client.",
    )


class SharedRelay:
    """A relay that serves at most `share` requests at a time of a client that a front server
    names. One that came by itself has its share of connections."""

    def __init__(self, relay: Relay, share: int) -> None:
        self._relay = relay
        self._share = share
        self._under_way = Held()

    async def serve(self, client: Client) -> None:
        """Answers one request, with 503 if it is beyond its client's share."""
        if client.head.front is None:
            await self._relay.serve(client)
            return
        name = client_of(client.head.peer)
        if self._under_way.by(name) >= self._share:
            self._relay.decline(client, beyond_share())
            return
        self._under_way.change(name, 1)
        try:
            await self._relay.serve(client)
        finally:
            self._under_way.change(name, -1)
