"""A WebSocket's octets, carried both ways.

Owns: when a tunnel ends, and that both sides are told when it is the proxy that goes. Must not
know: what any frame says, or how either side is reached.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from cors_anywhere.http1.frames import Frames, close_frame
from cors_anywhere.outcome import Record
from cors_anywhere.sides import Client, Exchange

FAREWELL_SECONDS = 5.0
"""For the two sides to answer the Close that a proxy sends when it is told to stop."""


async def tunnel(client: Client, exchange: Exchange, record: Record, idle: float) -> None:
    """Carries octets both ways until either side ends, or both are silent for `idle` seconds.

    A proxy that is told to stop puts a Close frame with 1001 into either direction (RFC 6455
    section 7.4.1), where a frame has ended, and what follows is dropped.
    """

    def received(octets: int) -> None:
        record.received = octets

    def sent(octets: int) -> None:
        record.sent = octets

    inward = _Way(client.read, exchange.send, close_frame(masked=True), received)
    outward = _Way(exchange.read, client.send, close_frame(masked=False), sent)
    tasks: list[asyncio.Future[None]] = []
    farewell = _Farewell((inward, outward), tasks)
    try:
        async with asyncio.timeout(idle) as deadline:
            for way in (inward, outward):
                tasks.append(asyncio.ensure_future(way.carry(deadline, idle)))
            farewell.deadline = deadline
            client.when_draining(farewell.begin)
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if farewell.begun:
                await asyncio.wait(tasks)
    except TimeoutError:
        pass  # an end like any other
    finally:
        farewell.deadline = None
        for task in tasks:
            task.cancel()
        ends = await asyncio.gather(*tasks, return_exceptions=True)
    for end in ends:
        if isinstance(end, Exception):  # not the cancellation of the other way
            raise end
    client.finish()


class _Way:
    """One direction."""

    def __init__(
        self,
        read: Callable[[], Awaitable[bytes]],
        send: Callable[[bytes], Awaitable[None]],
        close: bytes,
        passed: Callable[[int], None],
    ) -> None:
        self._read = read
        self._send = send
        self._close = close
        self._frames = Frames()
        self._told = False  # the Close has been sent
        self.leaving = False  # the Close is to be sent
        self._passed = passed
        self._octets = 0

    async def carry(self, deadline: asyncio.Timeout, idle: float) -> None:
        """Returns at this side's end, or at its Close frame once it was sent one."""
        while chunk := await self._read():
            self._octets += len(chunk)
            self._passed(self._octets)  # as it goes: a tunnel may last for days
            ended = self._frames.feed(chunk)
            if not self.leaving:
                await self._send(chunk)
                _put_off(deadline, idle)
                continue
            if not self._told:
                await self._send(self._with_close(chunk, ended))
            if self._frames.closing:
                return

    def _with_close(self, chunk: bytes, ended: int) -> bytes:
        """Of a side's last octets what is sent: to the end of a frame, and the Close behind it."""
        if not ended:
            return chunk
        self._told = True
        return chunk[:ended] + (b"" if self._frames.closing else self._close)

    async def leave(self) -> None:
        """Sends the Close, now or as soon as the frame that is under way has ended."""
        self.leaving = True
        if self._frames.closing:
            self._told = True  # they are saying goodbye already
        elif self._frames.between:
            self._told = True
            await self._send(self._close)


class _Farewell:
    """What a tunnel does when the proxy is told to stop; `deadline` is its own while it lasts."""

    def __init__(self, ways: tuple[_Way, _Way], tasks: list[asyncio.Future[None]]) -> None:
        self._ways = ways
        self._tasks = tasks
        self.deadline: asyncio.Timeout | None = None
        self.begun = False

    def begin(self) -> None:
        """Says goodbye to both sides, which have a little time to answer; a tunnel that is about to
        end anyway needs none."""
        if self.deadline is None:
            return
        self.begun = True
        for way in self._ways:
            self._tasks.append(asyncio.ensure_future(way.leave()))
        _put_off(self.deadline, FAREWELL_SECONDS)


def _put_off(deadline: asyncio.Timeout, seconds: float) -> None:
    """So many from now, unless it has just passed: what comes in that turn of the event loop is too
    late."""
    if not deadline.expired():
        deadline.reschedule(asyncio.get_running_loop().time() + seconds)
