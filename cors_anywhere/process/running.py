"""The process that serves: its log, its memory, its signals.

Owns: when the proxy stops, and what else a signal does. Must not know: how it is served.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import socket
from collections.abc import Callable

from cors_anywhere.config.settings import Settings
from cors_anywhere.process.descriptors import client_limit, idle_limit
from cors_anywhere.process.serving import ProxyServer
from cors_anywhere.process.sockets import bind
from cors_anywhere.proxy import Proxy

__all__ = ["bind", "run"]

LOG = logging.getLogger("cors_anywhere")

_STOPPING = (signal.SIGTERM, signal.SIGINT)
_IGNORED = (signal.SIGHUP, signal.SIGUSR1)
"""Other servers read their files again at these; their default is to end the process."""


def run(
    settings: Settings,
    sockets: list[socket.socket],
    *,
    on_listening: Callable[[], object] | None = None,
) -> int:
    """Serves until SIGTERM or SIGINT; the exit status."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.INFO)
    _calm_garbage_collector()
    return asyncio.run(_serve(settings, sockets, on_listening))


def _calm_garbage_collector() -> None:
    """Collects rarely, and never looks at what start-up made.

    A request leaves next to no cycles, yet allocates enough for the default thresholds to start
    several collections each: 103 to 113 instead of 114 to 141 microseconds a request (1 KiB over
    HTTP, four rounds in turn, two shared cores).
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 100)


async def _serve(
    settings: Settings, sockets: list[socket.socket], on_listening: Callable[[], object] | None
) -> int:
    signals = _stopping_signals()
    proxy = Proxy(settings, max_idle=idle_limit(), client_share=client_limit(settings))
    server = ProxyServer(proxy)
    server.listen(sockets)
    LOG.info(
        "At most %d client connections at a time, %d of one client",
        server.max_connections,
        min(server.max_connections, server.max_connections_per_client),
    )
    if on_listening is not None:
        on_listening()
    await signals.get()
    LOG.info("Draining: %d connections are open", len(server.connections))
    draining = asyncio.ensure_future(server.drain(settings.drain_timeout))
    second = asyncio.ensure_future(signals.get())
    await asyncio.wait((draining, second), return_when=asyncio.FIRST_COMPLETED)
    draining.cancel()
    second.cancel()
    server.abort()
    await proxy.close()
    return 0


def _stopping_signals() -> asyncio.Queue[int]:
    """Where the signals to stop arrive; others that would end the process do nothing."""
    signals: asyncio.Queue[int] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    for number in _STOPPING:
        loop.add_signal_handler(number, signals.put_nowait, number)
    for number in _IGNORED:
        loop.add_signal_handler(number, LOG.info, "%s does nothing here", number.name)
    return signals
