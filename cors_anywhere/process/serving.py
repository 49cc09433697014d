"""The process: sockets, TLS, signals, the end.

Owns: when the proxy listens and when it stops. Must not know: HTTP, beyond giving each connection
its root delegate.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import socket
import ssl
from collections.abc import Callable

from cors_anywhere.config.settings import Settings
from cors_anywhere.fronts.delegate import CorsProxy
from cors_anywhere.http1.server import ClientLimits, ServerConnection
from cors_anywhere.process.accepting import Acceptor, connection_limit, idle_limit

LOG = logging.getLogger("cors_anywhere")


def bind(settings: Settings) -> list[socket.socket]:
    """Takes the port on every address of the host; raises OSError. Nothing listens yet."""
    sockets: list[socket.socket] = []
    port = settings.port
    infos = [
        info
        for host in settings.hosts
        for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    ]
    try:
        for family, kind, proto, _, address in dict.fromkeys(infos):
            sock = socket.socket(family, kind, proto)
            sockets.append(sock)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            sock.bind((address[0], port, *address[2:]))
            port = port or sock.getsockname()[1]  # the same one on every address
    except OSError:
        for sock in sockets:
            sock.close()
        raise
    return sockets


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
    signals: asyncio.Queue[int] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, signals.put_nowait, number)
    proxy = CorsProxy(settings, max_idle=idle_limit())
    server = Server(proxy)
    server.listen(sockets)
    LOG.info("At most %d client connections at a time", server.max_connections)
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


class Server:
    """Serves a proxy on the wire of this package. Raises OSError for TLS files."""

    def __init__(self, proxy: CorsProxy) -> None:
        settings = proxy.settings
        self._proxy = proxy
        self._limits = ClientLimits(
            settings.max_header_bytes,
            settings.max_url_bytes,
            settings.client_header_timeout,
            settings.client_idle_timeout,
            settings.client_stall_timeout,
            settings.idle_timeout,
            settings.max_headers,
        )
        held = connection_limit()
        self.max_connections = min(settings.max_connections or held, held)
        self.connections: set[ServerConnection] = set()
        self._acceptor = Acceptor(
            self._connection, self.connections, self.max_connections, server_tls(settings)
        )

    def listen(self, sockets: list[socket.socket]) -> None:
        """Begins to accept on bound sockets, which are its to close from now on."""
        for sock in sockets:
            address, port = sock.getsockname()[:2]
            self._proxy.own.add(address, port)
            self._acceptor.listen(sock)

    def _connection(self) -> ServerConnection:
        return ServerConnection(
            self._proxy, self._proxy.policy.failed, self._limits, self._acceptor
        )

    async def drain(self, timeout: float) -> None:
        """Stops listening and lets what is under way finish, for at most `timeout` seconds."""
        self._acceptor.close()
        for connection in list(self.connections):
            connection.drain()
        try:
            async with asyncio.timeout(timeout):
                await self._acceptor.wait_empty()
        except TimeoutError:
            LOG.warning("%d connections did not finish in time", len(self.connections))

    def abort(self) -> None:
        """Ends what is left, at once."""
        self._acceptor.close()
        for connection in list(self.connections):
            connection.abort()


def server_tls(settings: Settings) -> ssl.SSLContext | None:
    """The context of an HTTPS listener, or None. Raises OSError or ssl.SSLError."""
    if settings.tls_cert is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(settings.tls_cert, settings.tls_key)
    context.set_alpn_protocols(["http/1.1"])
    return context
