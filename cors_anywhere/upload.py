"""The client's body on its way to the target.

Owns: how much of it is kept for a 307 or 308, and the limit on its size. Must not know: how either
side is reached.
"""

from __future__ import annotations

import asyncio

from cors_anywhere.errors import BodyTooLarge, ProxyError
from cors_anywhere.messages import Transfer
from cors_anywhere.sides import Client, Exchange


class Upload:
    """The client's body on its way to the target, the beginning kept for a 307 or 308. How much of
    it has come is told to `transfer` as it comes: whoever counts octets does not wait for its end.
    """

    def __init__(
        self, client: Client, transfer: Transfer, replay_bytes: int, max_bytes: int | None
    ) -> None:
        self._client = client
        self._transfer = transfer
        self._kept: list[bytes] | None = []
        self.size = 0
        self._replay_bytes = replay_bytes
        self._max_bytes = max_bytes
        self._ended = False

    @property
    def replayable(self) -> bool:
        """Whether the whole body is at hand."""
        return self._ended and self._kept is not None

    async def pump(self, exchange: Exchange) -> None:
        """Sends the body; a failure reaches whoever waits for the reply."""
        try:
            for chunk in self._kept or ():
                await exchange.send(chunk)
            while not self._ended:
                chunk = await self._client.read()
                if chunk:
                    self._keep(chunk)
                    await exchange.send(chunk)
                else:
                    self._ended = True
            exchange.end_request()
        except ProxyError as error:
            exchange.fail(error)

    def _keep(self, chunk: bytes) -> None:
        self.size += len(chunk)
        self._transfer.received = self.size
        if self._max_bytes is not None and self.size > self._max_bytes:
            raise BodyTooLarge
        if self._kept is not None:
            if self.size > self._replay_bytes:
                self._kept = None
            else:
                self._kept.append(chunk)

    async def complete(self, sending: asyncio.Future[None] | None) -> None:
        """Waits for the rest of a body that is small enough to be sent again: the target
        answered before its end."""
        length = self._client.head.length
        if self._kept is None or sending is None or self._ended:
            return
        if not isinstance(length, int) or length <= self._replay_bytes:
            await sending
