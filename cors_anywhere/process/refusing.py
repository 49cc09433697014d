"""The reply to those who get no place.

Owns: that a refused client can read why, and that refusals, however many, hold few descriptors.
Must not know: who is refused, or HTTP beyond the one reply.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable
from typing import cast

from cors_anywhere.http1.answers import answer_fields
from cors_anywhere.http1.head import serialise
from cors_anywhere.messages import Answer

REFUSALS = 16
"""Refused clients at a time; the oldest is dropped for the next."""

REFUSAL_SECONDS = 1.0
"""For a refused client to send its request, and to read the reply."""


class Refusals:
    """Answers refused clients, a few at a time."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[object]] = set()
        self.open: dict[Refusal, None] = {}

    def refuse(self, sock: socket.socket, answer: Answer) -> None:
        """Gives the client this answer to whatever it asks, and closes."""
        connecting = self._loop.connect_accepted_socket(lambda: Refusal(answer, self.open), sock)
        task = self._loop.create_task(_connect(connecting, sock))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def close(self) -> None:
        """Ends all of them."""
        for refusal in list(self.open):
            refusal.end()


async def _connect(connecting: Awaitable[object], sock: socket.socket) -> None:
    try:
        await connecting
    except OSError:
        sock.close()


class Refusal(asyncio.Protocol):
    """One refused connection.

    The reply waits for the request: a browser takes one that comes before for a fault.
    """

    def __init__(self, answer: Answer, others: dict[Refusal, None]) -> None:
        self._answer = answer
        self._others = others
        self._answered = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._timer = asyncio.get_running_loop().call_later(REFUSAL_SECONDS, self.end)
        self._others[self] = None
        if len(self._others) > REFUSALS:
            next(iter(self._others)).end()

    def data_received(self, data: bytes) -> None:
        if not self._answered:
            self._answered = True
            answer = self._answer
            fields = [*answer_fields(answer), ("connection", "close")]
            head = serialise(f"HTTP/1.1 {answer.status} {answer.reason}", fields)
            self._transport.write(head if data.startswith(b"HEAD ") else head + answer.body)
            try:
                self._transport.write_eof()  # and reads on: closing now would reset the reply
            except OSError:  # the client has reset the connection already
                self.end()

    def connection_lost(self, exc: Exception | None) -> None:
        self._timer.cancel()
        self._others.pop(self, None)

    def end(self) -> None:
        """Drops the client."""
        self._others.pop(self, None)
        self._transport.abort()
