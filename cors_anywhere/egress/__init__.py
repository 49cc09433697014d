"""The way to targets: the only place that opens connections.

Owns: who carries a request, and the parts that the way is made of. Must not know: who may ask, what
becomes of the reply, or the settings: it is given what they were compiled into. It implements the
protocol that `sides` declares.
"""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable

from cors_anywhere.egress.connect import Connector
from cors_anywhere.egress.exchange import PooledExchange
from cors_anywhere.egress.own import OwnAddresses
from cors_anywhere.egress.pool import TOTAL, Pool
from cors_anywhere.egress.resolver import CachingResolver, Resolver
from cors_anywhere.http1.target_life import TargetLimits
from cors_anywhere.messages import Fetch, RequestHead, Target
from cors_anywhere.rules.addresses import Guard
from cors_anywhere.rules.outbound import OutboundProxies, OutboundProxy

__all__ = ["DirectEgress", "OwnAddresses", "target_tls"]

Chooser = Callable[[Target, RequestHead], Awaitable[OutboundProxy | None]]


class DirectEgress:
    """Opens exchanges with targets, over pooled connections.

    `choose_proxy` replaces the choice among `proxies`. `connect_timeout` is in seconds, and
    `max_idle` bounds the connections that wait for their next exchange.
    """

    def __init__(
        self,
        *,
        guard: Guard,
        tls: ssl.SSLContext,
        limits: TargetLimits,
        connect_timeout: float,
        proxies: OutboundProxies,
        own: OwnAddresses | None = None,
        resolver: Resolver | None = None,
        choose_proxy: Chooser | None = None,
        max_idle: int = TOTAL,
    ) -> None:
        self.resolver = resolver or CachingResolver(timeout=connect_timeout)
        self._proxies = proxies
        self._choose_proxy = choose_proxy
        self._pool = Pool(total=max_idle)
        self.own = own or OwnAddresses()
        self._connector = Connector(
            guard=guard,
            resolver=self.resolver,
            tls=tls,
            is_own=self.own.has,
            limits=limits,
            timeout=connect_timeout,
        )

    async def open(self, fetch: Fetch) -> PooledExchange:
        """Sends the head of a request. Raises ProxyError."""
        target = fetch.plan.target
        if self._choose_proxy is not None:
            proxy = await self._choose_proxy(target, fetch.head)
        else:
            proxy = self._proxies.choose(target)
        exchange = PooledExchange(self._pool, self._connector, fetch, proxy)
        if not exchange.begin():
            await exchange.begin_anew()
        return exchange

    @property
    def idle(self) -> int:
        """How many connections wait for their next exchange."""
        return len(self._pool)

    def retire(self) -> None:
        """Ends idle connections: another with the same resolver opens those of new requests."""
        self._pool.close()

    async def close(self) -> None:
        """Ends idle connections and pending look-ups."""
        self._pool.close()
        if isinstance(self.resolver, CachingResolver):
            await self.resolver.close()


def target_tls(ca_file: str | None, *, insecure: bool) -> ssl.SSLContext:
    """How the targets' TLS is verified: by this CA file, or the system's authorities, or not at
    all. Raises OSError for a file that cannot be read."""
    context = ssl.create_default_context(cafile=ca_file)
    context.set_alpn_protocols(["http/1.1"])
    if insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
