"""The proxy without sockets or clock: what its peers do to it happens in the test's order.

Owns: stand-ins for asyncio's transports, a loop whose time is set by hand, and a proxy between
them. Must not know: what is sent. It reaches hundreds of times as many cases as sockets do; what
only a kernel can do (buffers, resets in flight) is for support/wire.py.
"""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from cors_anywhere.config.settings import Settings
from cors_anywhere.http1.client import TargetConnection
from cors_anywhere.http1.transport import Reading
from cors_anywhere.process.places import ClientPlace
from cors_anywhere.process.serving import ProxyServer
from cors_anywhere.proxy import Proxy

READ_BYTES = 65536


class HandSetLoop(asyncio.SelectorEventLoop):
    """A loop in which time passes at a word, so that a deadline costs nothing to wait for."""

    def __init__(self) -> None:
        self._now = 1000.0
        super().__init__()

    def time(self) -> float:
        return self._now

    async def pass_time(self, seconds: float) -> None:
        """Lets every deadline of that long fire, in order."""
        end = self._now + seconds
        while timers := [timer.when() for timer in self.timers() if timer.when() <= end]:
            self._now = max(self._now, min(timers))
            await self.settle()
        self._now = end
        await self.settle()

    async def settle(self) -> None:
        """Returns when nothing can happen any more without an event from outside."""
        await asyncio.sleep(0)
        while self._ready:  # type: ignore[attr-defined]
            await asyncio.sleep(0)

    def timers(self) -> list[asyncio.TimerHandle]:
        """Those that will fire."""
        return [timer for timer in self._scheduled if not timer.cancelled()]  # type: ignore[attr-defined]


def stepped(test: Callable[[HandSetLoop], Awaitable[None]]) -> Callable[[], None]:
    """Runs a test on a clock that it sets by hand."""

    @functools.wraps(test)
    def run() -> None:
        loops: list[HandSetLoop] = []

        def make() -> HandSetLoop:
            loops.append(HandSetLoop())
            return loops[-1]

        async def main() -> None:
            await test(loops[0])

        with asyncio.Runner(loop_factory=make) as runner:
            runner.run(main())

    del run.__wrapped__  # or pytest looks for a fixture named loop
    return run


class Pipe(asyncio.Transport):
    """One end of a connection. `sent` is what the proxy wrote to it."""

    def __init__(self, protocol: Reading, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__({"peername": ("192.0.2.1", 1), "sockname": ("192.0.2.2", 80)})
        self._loop = loop
        self._protocol = protocol
        self._waiting: list[bytes] = []
        self._eof_waits = False
        self._paused = False
        self._closing = False
        self.sent = bytearray()
        self.end = ""  # how the proxy ended it: "fin" or "reset"; or "gone", by the peer
        protocol.connection_made(self)

    # --- the peer ---------------------------------------------------------------------------------

    def feed(self, octets: bytes) -> None:
        """The peer sends."""
        for start in range(0, len(octets), READ_BYTES):
            self._waiting.append(octets[start : start + READ_BYTES])
        self._deliver()

    def feed_eof(self) -> None:
        """The peer sends no more."""
        self._eof_waits = True
        self._deliver()

    def reset(self) -> None:
        """The peer goes away."""
        if not self._closing:
            self.end = "gone"
            self._lose(ConnectionResetError())

    def _deliver(self) -> None:
        while self._waiting and not self._paused and not self._closing:
            self._protocol.data_received(self._waiting.pop(0))
        if self._eof_waits and not self._waiting and not self._paused and not self._closing:
            self._eof_waits = False
            if not self._protocol.eof_received():
                self.close()

    # --- asyncio.Transport ------------------------------------------------------------------------

    def write(self, data: Any) -> None:
        assert isinstance(data, bytes)
        if not self._closing:
            self.sent += data

    def get_write_buffer_size(self) -> int:
        return 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.end = self.end or "fin"

    def is_closing(self) -> bool:
        return self._closing

    def pause_reading(self) -> None:
        self._paused = True

    def resume_reading(self) -> None:
        self._paused = False
        self._loop.call_soon(self._deliver)

    def close(self) -> None:
        if not self._closing:
            self.end = self.end or "fin"
            self._lose(None)

    def abort(self) -> None:
        if not self._closing:
            self.end = "reset"
            self._lose(None)

    def _lose(self, why: Exception | None) -> None:
        self._closing = True
        self._loop.call_soon(self._protocol.connection_lost, why)


class Everywhere:
    """A resolver that knows one public address for every name."""

    async def resolve(self, host: str) -> Sequence[str]:
        return ["8.8.8.8"]


class Complaints(logging.Handler):
    """What the proxy or asyncio report as a mistake: none may come."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.seen: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        formatter = logging.Formatter()
        trace = formatter.formatException(record.exc_info) if record.exc_info else ""
        self.seen.append(f"{record.getMessage()}\n{trace}")

    def report(self, _: object, context: dict[str, Any]) -> None:
        """asyncio's exception handler."""
        self.seen.append(repr(context))


class Sandbox:
    """A proxy whose clients and targets are pipes."""

    def __init__(self, loop: HandSetLoop, **settings: Any) -> None:
        self.loop = loop
        self.cors = Proxy(Settings(**settings), resolver=Everywhere())
        self.server = ProxyServer(self.cors)
        self.targets: list[Pipe] = []
        self.cors.egress._connector.opening = self._open

    async def _open(self, *_: object) -> TargetConnection:
        """Instead of a connection by TCP and TLS; all checks have been made."""
        connection = TargetConnection(self.cors.egress._connector.limits)
        self.targets.append(Pipe(connection, self.loop))
        return connection

    def client(self) -> Pipe:
        """A client that has connected."""
        return Pipe(self.server._connection(ClientPlace(None, self.server._acceptor)), self.loop)

    def held(self) -> tuple[int, int, int]:
        """Tasks besides the caller's, timers and client connections."""
        tasks = len(asyncio.all_tasks(self.loop)) - 1
        return tasks, len(self.loop.timers()), len(self.server.connections)
