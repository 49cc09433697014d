"""The proxy in Tornado's terms: thin adapters over one relay.

Owns: which client belongs to which kind of connection. Must not know: what is allowed, or how a
target is reached.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable
from dataclasses import fields

from tornado import httputil
from tornado.http1connection import HTTP1Connection
from tornado.httputil import RequestStartLine, ResponseStartLine

from cors_anywhere.config.settings import Settings
from cors_anywhere.egress.pool import TOTAL
from cors_anywhere.egress.resolver import Resolver
from cors_anywhere.errors import ProxyError
from cors_anywhere.fronts.adapter import WireConnection
from cors_anywhere.fronts.client import FrontClient
from cors_anywhere.fronts.heads import judged
from cors_anywhere.fronts.stock import StockClient
from cors_anywhere.fronts.wire import WireClient
from cors_anywhere.hooks import CheckRate, ChooseProxy, FirstLook, OnOutcome
from cors_anywhere.http1.head import ClientHead
from cors_anywhere.proxy import Proxy

LOG = logging.getLogger("cors_anywhere")

_OF_THE_SERVER = frozenset(
    (
        "hosts", "port", "tls_cert", "tls_key", "max_connections", "drain_timeout",
        "event_loop", "workers", "unix", "unix_mode", "shutdown_delay",
        "client_header_timeout", "client_idle_timeout", "client_stall_timeout",
    )
)  # fmt: skip


def _tell_whose_settings_they_are(settings: Settings) -> None:
    """Logs which of the given settings only the package's own server has an eye on."""
    names = _OF_THE_SERVER
    if not (
        settings.trusted_proxies or settings.trusted_hops
    ):  # behind them requests are counted, not connections
        names |= {"max_connections_per_client"}
    given = [
        field.name
        for field in fields(settings)
        if field.name in names and getattr(settings, field.name) != field.default
    ]
    if given:
        LOG.warning(
            "CorsProxy leaves these settings to the server that it is given to: %s."
            " cors_anywhere.serve() sees to them itself",
            ", ".join(given),
        )


class CorsProxy(httputil.HTTPServerConnectionDelegate):
    """The proxy: serve it with `tornado.httpserver.HTTPServer`, or mount `CorsProxyHandler`.

    The hooks may be plain or async functions. `max_idle` bounds the connections to targets that
    wait for their next request. Settings that are its server's to see to are named in the log.
    Raises OSError for a CA file, and TypeError for a hook that cannot be called.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        first_look: FirstLook | None = None,
        choose_proxy: ChooseProxy | None = None,
        check_rate: CheckRate | None = None,
        on_outcome: OnOutcome | None = None,
        resolver: Resolver | None = None,
        max_idle: int = TOTAL,
    ) -> None:
        self.proxy = Proxy(
            settings or Settings(),
            first_look=first_look,
            choose_proxy=choose_proxy,
            check_rate=check_rate,
            on_outcome=on_outcome,
            resolver=resolver,
            max_idle=max_idle,
        )
        self.settings = self.proxy.settings
        self.own = self.proxy.own
        self.policy = self.proxy.policy
        _tell_whose_settings_they_are(self.settings)

    def start_request(
        self, server_conn: object, request_conn: httputil.HTTPConnection
    ) -> httputil.HTTPMessageDelegate:
        client = self.client(request_conn)
        if isinstance(request_conn, (HTTP1Connection, WireConnection)):
            request_conn.set_close_callback(client.gone)
        return _Message(self, client)

    def client(self, connection: httputil.HTTPConnection) -> FrontClient:
        """The client of a request that Tornado's interfaces brought. Raises TypeError for a
        connection whose end cannot be made to look like a failure."""
        if isinstance(connection, WireConnection):
            return WireClient(self.proxy, connection.wire)
        if isinstance(connection, HTTP1Connection):
            return StockClient(self.proxy, connection)
        raise TypeError(f"CorsProxy cannot serve a {type(connection).__name__}")

    def take(
        self,
        client: FrontClient,
        line: RequestStartLine,
        headers: httputil.HTTPHeaders,
        base: str | None = None,
    ) -> bool:
        """Notes what a client asks, see FrontClient.take_head.

        False if there is nothing to serve: the head is at fault, which is answered then, or the
        client has left.
        """
        if isinstance(client, StockClient) and client.closed:
            return False
        try:
            head = judged(line, headers, self.settings)
            if isinstance(client, StockClient):
                head = client.accepted(head, headers)
        except ProxyError as error:
            client.take_head(ClientHead(line.method, line.path, line.version, (), 0, False, False))
            client.refuse(error)
            return False
        client.take_head(head, base)
        return True

    async def close(self) -> None:
        """Ends idle connections to targets."""
        await self.proxy.close()


class _Message(httputil.HTTPMessageDelegate):
    """One request on a connection that is served by the proxy alone."""

    def __init__(self, proxy: CorsProxy, client: FrontClient) -> None:
        self._proxy = proxy
        self._client = client

    def headers_received(
        self,
        start_line: RequestStartLine | ResponseStartLine,
        headers: httputil.HTTPHeaders,
    ) -> Awaitable[None] | None:
        assert isinstance(start_line, RequestStartLine)
        if self._proxy.take(self._client, start_line, headers):
            self._client.start()
        return None

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        return self._client.data_received(chunk)

    def finish(self) -> None:
        self._client.ended()

    def on_connection_close(self) -> None:
        self._client.gone()
