"""The way to targets: the only place that opens connections.

Owns: which connection serves an exchange, and the one retry of a connection that had died in the
pool. Must not know: who asked, or what becomes of the reply. It implements the protocol that
`relay` declares.
"""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable, Hashable

from cors_anywhere.config.settings import Settings
from cors_anywhere.egress.connect import Connector
from cors_anywhere.egress.own import OwnAddresses
from cors_anywhere.egress.pool import TOTAL, Pool
from cors_anywhere.egress.resolver import CachingResolver, Resolver
from cors_anywhere.errors import ConnectionTerminated
from cors_anywhere.http1.client import TargetConnection, TargetLimits
from cors_anywhere.messages import (
    CHUNKED,
    UNTIL_CLOSE,
    Fetch,
    Fields,
    Plan,
    ReplyHead,
    RequestHead,
    Target,
)
from cors_anywhere.rules.addresses import Guard
from cors_anywhere.rules.outbound import OutboundProxy

__all__ = ["DirectEgress", "OwnAddresses"]

_IDEMPOTENT = frozenset(  # RFC 9110 section 9.2.2, and the safe methods of WebDAV
    ("GET", "HEAD", "OPTIONS", "PUT", "DELETE", "PROPFIND", "REPORT", "SEARCH")
)

Chooser = Callable[[Target, RequestHead], Awaitable[OutboundProxy | None]]


class DirectEgress:
    """Opens exchanges with targets, over pooled connections.

    `choose_proxy` replaces the settings' choice of an outbound proxy. `max_idle` bounds the
    connections that wait for their next exchange.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        own: OwnAddresses | None = None,
        resolver: Resolver | None = None,
        choose_proxy: Chooser | None = None,
        max_idle: int = TOTAL,
    ) -> None:
        compiled = settings.compiled
        self._resolver = resolver or CachingResolver(timeout=settings.connect_timeout)
        self._proxies = compiled.outbound_proxies
        self._choose_proxy = choose_proxy
        self._pool = Pool(total=max_idle)
        self.own = own or OwnAddresses()
        self._connector = Connector(
            guard=Guard(compiled.allow_networks, compiled.deny_networks, settings.nat64),
            resolver=self._resolver,
            tls=tls_context(settings),
            is_own=self.own.has,
            limits=TargetLimits(
                settings.max_header_bytes,
                settings.head_timeout,
                settings.idle_timeout,
                settings.max_headers,
            ),
            timeout=settings.connect_timeout,
        )

    async def open(self, fetch: Fetch) -> PooledExchange:
        """Sends the head of a request. Raises ProxyError."""
        plan = fetch.plan
        target = plan.target
        if self._choose_proxy is not None:
            proxy = await self._choose_proxy(target, fetch.head)
        else:
            proxy = self._proxies.choose(target)
        key = (target.scheme, target.host, target.port, proxy)
        connection = self._pool.take(key)
        if connection is None:
            connection = await self._connector.connect(plan, proxy)
        exchange = PooledExchange(self, key, fetch, proxy, connection)
        try:
            exchange.send_head()
        except BaseException:  # nobody else knows of the connection yet
            connection.abort()
            raise
        return exchange

    async def fresh(self, plan: Plan, proxy: OutboundProxy | None) -> TargetConnection:
        """A new connection, whatever the pool holds."""
        return await self._connector.connect(plan, proxy)

    def release(self, key: Hashable, connection: TargetConnection) -> None:
        """Takes a connection back after its exchange."""
        if connection.reusable:
            self._pool.put(key, connection)
        else:
            connection.abort()

    async def close(self) -> None:
        """Ends idle connections and pending look-ups."""
        self._pool.close()
        if isinstance(self._resolver, CachingResolver):
            await self._resolver.close()


class PooledExchange:
    """One exchange over a connection of the pool."""

    look_up = 0.0
    connect = 0.0
    reused = False

    def __init__(
        self,
        egress: DirectEgress,
        key: Hashable,
        fetch: Fetch,
        proxy: OutboundProxy | None,
        connection: TargetConnection,
    ) -> None:
        self._egress = egress
        self._key = key
        self._fetch = fetch
        self._plan = fetch.plan
        self._proxy = proxy
        self._length = fetch.length
        self._released = False
        self._use(connection)

    def _use(self, connection: TargetConnection) -> None:
        self._connection = connection
        self.send = connection.send
        self.read = connection.read
        self.end_request = connection.end_request
        self.fail = connection.fail

    def send_head(self) -> None:
        """Begins."""
        plan = self._plan
        path, fields = plan.target.path, self._fetch.fields
        if self._proxy is not None and plan.target.scheme == "http":
            path, fields = plan.target.url, _with_authorization(fields, self._proxy)
        self._connection.send_head(plan.method, path, fields, self._length, upgrade=plan.upgrade)

    async def reply(self) -> ReplyHead:
        """The reply's head. A connection that had died in the pool is replaced once."""
        try:
            head = await self._connection.reply()
        except ConnectionTerminated:
            if not self._may_retry():
                raise
            self._use(await self._egress.fresh(self._plan, self._proxy))
            self.send_head()
            head = await self._connection.reply()
        length = head.length if self._plan.method != "HEAD" else 0
        length = CHUNKED if length is UNTIL_CLOSE else length
        return ReplyHead(head.status, head.reason, head.fields, length)

    def _may_retry(self) -> bool:
        connection = self._connection
        return (
            connection.exchanges > 1
            and not connection.answered
            and self._length == 0
            and self._plan.method in _IDEMPOTENT
        )

    def release(self) -> None:
        """Ends the exchange; the connection goes back or is aborted."""
        if not self._released:
            self._released = True
            self._egress.release(self._key, self._connection)


def tls_context(settings: Settings) -> ssl.SSLContext:
    """How the targets' TLS is verified. Raises OSError for a CA file that cannot be read."""
    context = ssl.create_default_context(cafile=settings.ca_file)
    context.set_alpn_protocols(["http/1.1"])
    if settings.insecure_targets:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _with_authorization(fields: Fields, proxy: OutboundProxy) -> Fields:
    if proxy.authorization is None:
        return fields
    return [*fields, ("Proxy-Authorization", proxy.authorization)]
