"""The process: sockets, TLS, signals, the end.

Owns: when the proxy listens and when it stops. Must not know: HTTP beyond handing a connection its
root delegate.
"""

from __future__ import annotations

import asyncio
import resource
import signal
import socket
import ssl
from collections.abc import Callable

from tornado.netutil import bind_sockets

from cors_anywhere.http1.server import Limits, ServerConnection
from cors_anywhere.settings import Settings
from cors_anywhere.web import CorsProxy

BACKLOG = 1024


def bind(settings: Settings) -> list[socket.socket]:
    """Takes the port on every address of the host; raises OSError. Nothing listens yet."""
    sockets: list[socket.socket] = []
    port = settings.port
    infos = socket.getaddrinfo(
        settings.host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    try:
        for family, kind, proto, _, address in dict.fromkeys(infos):
            sock = socket.socket(family, kind, proto)
            sockets.append(sock)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            sock.bind((address[0], port or address[1], *address[2:]))
            port = port or sock.getsockname()[1]
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
    return asyncio.run(_serve(settings, sockets, on_listening))


async def _serve(
    settings: Settings, sockets: list[socket.socket], on_listening: Callable[[], object] | None
) -> int:
    proxy = CorsProxy(settings)
    server = Server(proxy)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await server.listen(sockets)
    if on_listening is not None:
        on_listening()
    await stop.wait()
    stop.clear()
    drained = asyncio.ensure_future(server.drain(settings.drain_timeout))
    again = asyncio.ensure_future(stop.wait())
    await asyncio.wait((drained, again), return_when=asyncio.FIRST_COMPLETED)
    for waiting in (drained, again):
        waiting.cancel()
    server.abort()
    await proxy.close()
    return 0


class Server:
    """Accepts connections for a proxy on the wire of this package."""

    def __init__(self, proxy: CorsProxy) -> None:
        settings = proxy.settings
        self._proxy = proxy
        self._limits = Limits(
            settings.max_header_bytes,
            settings.max_url_bytes,
            settings.client_header_timeout,
            settings.client_idle_timeout,
            settings.client_stall_timeout,
            settings.idle_timeout,
        )
        self._tls = server_tls(settings)
        self._servers: list[asyncio.Server] = []
        self.connections: set[ServerConnection] = set()

    async def listen(self, sockets: list[socket.socket]) -> None:
        """Begins to accept on bound sockets."""
        loop = asyncio.get_running_loop()
        for sock in sockets:
            address, port = sock.getsockname()[:2]
            self._proxy.own.add(address, port)
            server = await loop.create_server(
                self._connection, sock=sock, ssl=self._tls, backlog=BACKLOG
            )
            self._servers.append(server)

    def _connection(self) -> ServerConnection:
        return ServerConnection(
            self._proxy, self._proxy.policy.failed, self._limits, self.connections
        )

    async def drain(self, timeout: float) -> None:
        """Stops accepting, lets the requests under way finish, at most `timeout` seconds."""
        for server in self._servers:
            server.close()
        for connection in list(self.connections):
            connection.drain()
        deadline = asyncio.get_running_loop().time() + timeout
        while self.connections and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(0.02)

    def abort(self) -> None:
        """Ends what is left."""
        for connection in list(self.connections):
            connection.abort()


def server_tls(settings: Settings) -> ssl.SSLContext | None:
    """The context of an HTTPS listener. Raises OSError or ssl.SSLError."""
    if settings.tls_cert is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(settings.tls_cert, settings.tls_key)
    context.set_alpn_protocols(["http/1.1"])
    return context


def connection_limit() -> int:
    """How many client connections the file descriptors allow: each may need two."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(16, (min(soft, 1 << 20) - 64) // 2)
