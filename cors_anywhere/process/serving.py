"""A proxy on the wire of this package, for the command and for any program.

Owns: what a running server is made of, and its beginning and end. Must not know: what travels on a
connection, or signals.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from cors_anywhere.config.announce import listening_urls
from cors_anywhere.config.settings import Settings
from cors_anywhere.egress.resolver import Resolver
from cors_anywhere.errors import ProxyError, Unavailable
from cors_anywhere.fronts.wire import WireService
from cors_anywhere.hooks import CheckRate, ChooseProxy, FirstLook, OnOutcome
from cors_anywhere.http1.life import ClientLimits
from cors_anywhere.http1.server import Registry, ServerConnection
from cors_anywhere.messages import Answer
from cors_anywhere.process.accepting import ACCEPTS_PER_TURN, Acceptor, House
from cors_anywhere.process.descriptors import client_limit, connection_limit, idle_limit
from cors_anywhere.process.shares import Shares
from cors_anywhere.process.sockets import bind, server_tls
from cors_anywhere.process.unix import names_of, remove
from cors_anywhere.proxy import Proxy
from cors_anywhere.rules.client import client_of
from cors_anywhere.sharing import beyond_share

LOG = logging.getLogger("cors_anywhere")


@asynccontextmanager
async def serve(
    settings: Settings | None = None,
    *,
    first_look: FirstLook | None = None,
    choose_proxy: ChooseProxy | None = None,
    check_rate: CheckRate | None = None,
    on_outcome: OnOutcome | None = None,
    resolver: Resolver | None = None,
) -> AsyncIterator[ProxyServer]:
    """Serves the proxy while the block runs, where the settings say; the hooks are `CorsProxy`'s.

    At the block's end nothing new is taken, and what is under way has `drain_timeout` seconds.
    Raises OSError for a port that cannot be had and for files that cannot be read.
    """
    settings = settings or Settings()
    proxy = Proxy(
        settings,
        first_look=first_look,
        choose_proxy=choose_proxy,
        check_rate=check_rate,
        on_outcome=on_outcome,
        resolver=resolver,
        max_idle=idle_limit(),
        client_share=client_limit(settings),
    )
    try:
        server = ProxyServer(proxy)
        sockets = bind(settings)
        names = names_of(sockets)
        server.listen(sockets)
        try:
            yield server
        finally:
            try:
                await server.drain(settings.drain_timeout)
            finally:
                server.abort()
                remove(names)
    finally:
        await proxy.close()


class ProxyServer:
    """Serves a proxy. Who does not accept alone shares its sockets with other processes; `tls` is
    what all of them speak, else it is made of the settings. Raises OSError for TLS files."""

    def __init__(
        self, proxy: Proxy, *, accepts_alone: bool = True, tls: ssl.SSLContext | None = None
    ) -> None:
        settings = proxy.settings
        self.proxy = proxy
        self._service = WireService(proxy)
        self._limits = _client_limits(settings)
        self.max_connections = connection_limit(settings)
        self.max_connections_per_client = client_limit(settings)
        self.connections: set[ServerConnection] = set()
        house = House(
            self._connection,
            self._client_of,
            Shares(self.max_connections, self.max_connections_per_client),
            Unavailable(),
            beyond_share(),
            self._turn_away,
            tls or server_tls(settings),
            ACCEPTS_PER_TURN if accepts_alone else 1,
        )
        self._house = house
        self._acceptor = Acceptor(house, self.connections)
        self.urls: tuple[str, ...] = ()
        self.port = 0
        self.ready = False
        """Whether a load balancer should send newcomers: it listens, and was not told to stop."""

    def renew(self, settings: Settings) -> None:
        """Serves new requests with these settings, and new connections with their certificate.
        Where it listens and the caps stay. Raises OSError, ssl.SSLError or ValueError, with nothing
        changed, for files that cannot be read."""
        house = self._house._replace(tls=server_tls(settings))
        proxy = self.proxy.renewed(settings)
        former, self.proxy, self._service.proxy = self.proxy, proxy, proxy
        self._house, self._limits = house, _client_limits(settings)
        self._acceptor.renew(house)
        former.retire()

    def listen(self, sockets: Sequence[socket.socket]) -> None:
        """Begins to accept on bound sockets, which are its to close from now on.

        `urls` has the address of each then, and `port` is the first one's.
        """
        self.ready = True
        self.urls = (*self.urls, *listening_urls(self.proxy.settings, sockets))
        self.proxy.own.add_sockets(sockets)
        for sock in sockets:
            if sock.family != socket.AF_UNIX:
                self.port = self.port or sock.getsockname()[1]
            self._acceptor.listen(sock)

    def _connection(self, registry: Registry) -> ServerConnection:
        return ServerConnection(self._service, self._refuse, self._limits, registry)

    def _refuse(self, error: ProxyError, peer: str | None) -> Answer:
        return self.proxy.relay.refuse(error, peer)

    def _turn_away(self, error: ProxyError, peer: str) -> Answer:
        return self.proxy.relay.turn_away(error, peer)

    def _client_of(self, peer: str) -> str | None:
        trusted = self.proxy.trusted
        return None if trusted and trusted.includes(peer) else client_of(peer)

    async def drain(self, timeout: float, *, others_go_on: bool = False) -> None:
        """Stops listening and lets what is under way finish, for at most `timeout` seconds. Where
        `others_go_on`, newcomers are theirs."""
        self._acceptor.close(others_go_on=others_go_on)
        for connection in list(self.connections):
            connection.drain()
        try:
            async with asyncio.timeout(timeout):
                await self._acceptor.wait_empty()
        except TimeoutError:
            LOG.warning("%d connections did not finish in time", len(self.connections))

    def abort(self) -> None:
        """Ends what is left, at once."""
        self._acceptor.abort()
        for connection in list(self.connections):
            connection.abort()


def _client_limits(settings: Settings) -> ClientLimits:
    return ClientLimits(
        settings.max_header_bytes,
        settings.max_url_bytes,
        settings.client_header_timeout,
        settings.client_idle_timeout,
        settings.client_stall_timeout,
        settings.idle_timeout,
        settings.max_headers,
    )
