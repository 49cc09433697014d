"""A target's reply that is held whole, to be answered with.

Owns: how much all of them may hold, and those of one client, and that the client gets what was made
of one as fast as it reads. Must not know: what is made of it, or how either side is reached.
"""

from __future__ import annotations

from cors_anywhere.errors import Unavailable
from cors_anywhere.held import Held
from cors_anywhere.messages import Answer, Deliver
from cors_anywhere.outcome import Record
from cors_anywhere.rules.wrapping import too_large
from cors_anywhere.sides import Client, Exchange

_ROOM = 2**26  # octets of all together; the largest that one may be
_SHARES = 4
"""A client may hold a quarter of the room in several replies; one alone may be larger."""

_PIECE = 65536


class Room:
    """The memory for all replies that are held."""

    def __init__(self, octets: int = _ROOM) -> None:
        self.octets = octets
        self.held = 0
        self.by_client = Held()

    def take(self, client: str, more: int) -> None:
        """So many octets more, or less."""
        self.held += more
        self.by_client.change(client, more)


class Gathering:
    """One reply that is held for a client (see rules.client)."""

    def __init__(self, room: Room, client: str) -> None:
        self._room = room
        self._client = client
        self._held = 0

    async def read(self, exchange: Exchange, most: int) -> bytes:
        """The whole body of a reply. Raises ResponseBodyTooLarge for one beyond `most` octets, and
        Unavailable when there is no room for it."""
        pieces: list[bytes] = []
        while chunk := await exchange.read():
            self.hold(self._held + len(chunk))
            if self._held > most:
                raise too_large(most)
            pieces.append(chunk)
        return b"".join(pieces)

    async def send(self, client: Client, answer: Answer, record: Record) -> None:
        """Sends what was made of it, with the length that it has."""
        body = answer.body
        self.hold(len(body))
        record.status = answer.status
        client.begin(Deliver(answer.status, answer.reason, answer.fields), len(body))
        for start in range(0, len(body), _PIECE):
            piece = body[start : start + _PIECE]
            record.sent += len(piece)
            await client.send(piece)
        client.finish()

    def hold(self, octets: int) -> None:
        """From now on this one holds so many. Raises Unavailable when there is no room."""
        room, more = self._room, octets - self._held
        if more > 0:
            others = room.by_client.by(self._client) - self._held
            if others and others + octets > room.octets // _SHARES:
                raise _no_room("The proxy holds as many replies for /get as one client may have.")
            if room.held + more > room.octets:
                raise _no_room("The proxy holds as many replies for /get as it has room for.")
        room.take(self._client, more)
        self._held = octets


def _no_room(why: str) -> Unavailable:
    return Unavailable(why, rule="get-room")
