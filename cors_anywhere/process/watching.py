"""What one process counts, and where the operator looks.

Owns: that nothing is counted where nobody looks, the beginning and end of the listener, and the
gauges. Must not know: what is counted, or shown.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple, Protocol

from cors_anywhere.observe.ledger import Ledger
from cors_anywhere.observe.metrics import WIDTH, Metrics
from cors_anywhere.observe.tally import Tally
from cors_anywhere.process.serving import ProxyServer
from cors_anywhere.proxy import NOBODY, Watchers

GAUGE_SECONDS = 1.0

WRITE_SECONDS = 0.1
"""After which what was counted is there to be seen. A process that is killed may take so much with
it, as of the log."""


class Kept(NamedTuple):
    """What all processes of a command write down."""

    tally: Tally
    ledger: Ledger


def keep(processes: int) -> Kept:
    """The memory for so many processes, to be made before the first fork."""
    return Kept(Tally(processes, WIDTH), Ledger(processes))


class _Listener(Protocol):
    async def close(self) -> None: ...


class Watch:
    """Of the process with this number; all do nothing without `kept`. The first process serves the
    operator's listener on `sockets`."""

    def __init__(self, kept: Kept | None, number: int, sockets: Sequence[socket.socket]) -> None:
        self._kept = kept
        self._number = number
        self._sockets = list(sockets) if number == 0 else []
        self._metrics = None if kept is None else Metrics(kept.tally.row(number), _soon)
        self._admin: _Listener | None = None
        self._measuring: asyncio.Task[None] | None = None

    @property
    def watchers(self) -> Watchers:
        """Who is to be told of requests."""
        if self._kept is None:
            return NOBODY
        return Watchers(self._metrics, partial(self._kept.ledger.note, self._number))

    def begin(self, server: ProxyServer) -> None:
        """The proxy serves."""
        if self._kept is None:
            return
        self._measuring = asyncio.ensure_future(self._measure(server))
        if self._sockets:
            # What it needs takes a tenth of the time to begin, and is loaded where somebody looks.
            from cors_anywhere import __version__  # noqa: PLC0415
            from cors_anywhere.process.admin import Admin, Watched  # noqa: PLC0415

            watched = Watched(
                *self._kept,
                lambda: server.proxy.settings,
                lambda: server.ready,
                __version__,
            )
            self._admin = Admin(watched, self._sockets)

    async def end(self) -> None:
        """The proxy has served."""
        if self._measuring is not None:
            self._measuring.cancel()
        if self._metrics is not None:
            self._metrics.write_down()
        if self._admin is not None:
            await self._admin.close()

    async def _measure(self, server: ProxyServer) -> None:
        """Sets the gauges each second; the last is how late this very look was."""
        loop = asyncio.get_running_loop()
        assert self._metrics is not None
        while True:
            due = loop.time() + GAUGE_SECONDS
            await asyncio.sleep(GAUGE_SECONDS)
            proxy = server.proxy
            troubles = 0 if proxy.store is None else proxy.store.troubles
            late = max(0.0, loop.time() - due)
            clients = server.connections
            under_way = sum(client.serving for client in clients)
            self._metrics.gauge((len(clients), under_way, proxy.egress.idle, troubles, late))


def _soon(call: Callable[[], None]) -> None:
    asyncio.get_running_loop().call_later(WRITE_SECONDS, call)
