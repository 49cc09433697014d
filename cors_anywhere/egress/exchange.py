"""One request over a connection of the pool.

Owns: what is sent to whom (the target, or the operator's own proxy in its place), the one retry of
a connection that had died in the pool, and whom a failure names. Must not know: how connections are
made or kept.
"""

from __future__ import annotations

from collections.abc import Hashable

from cors_anywhere.egress.connect import Connector, tunnels
from cors_anywhere.egress.failures import about_target
from cors_anywhere.egress.pool import Pool
from cors_anywhere.errors import ConnectionTerminated, OutboundProxyError, ProxyError
from cors_anywhere.http1.client import TargetConnection
from cors_anywhere.http1.head import TargetHead
from cors_anywhere.messages import CHUNKED, UNTIL_CLOSE, Fetch, Fields, ReplyHead
from cors_anywhere.rules.client import client_of
from cors_anywhere.rules.outbound import OutboundProxy

_IDEMPOTENT = frozenset(  # RFC 9110 section 9.2.2, and the safe methods of WebDAV
    ("GET", "HEAD", "OPTIONS", "PUT", "DELETE", "PROPFIND", "REPORT", "SEARCH")
)


class PooledExchange:
    """One exchange. `reused` says that its connection had served before; if not, `look_up` and
    `connect` are the seconds that it took."""

    def __init__(
        self, pool: Pool, connector: Connector, fetch: Fetch, proxy: OutboundProxy | None
    ) -> None:
        plan = fetch.plan
        target = plan.target
        self._pool = pool
        self._connector = connector
        self._fetch = fetch
        self._plan = plan
        self._proxy = proxy
        self._absolute = proxy is not None and not tunnels(plan)
        right = plan.private, plan.exception_only  # a mount may reach where others may not
        self._key = (target.scheme, target.host, target.port, proxy, self._absolute, right)
        self._released = False
        self.look_up = 0.0
        self.connect = 0.0
        self.reused = True

    def begin(self) -> bool:
        """Sends the head on a connection of the pool: False if there is none. Raises ProxyError."""
        connection = self._pool.take(self._key, self._asker, with_body=self._fetch.length != 0)
        if connection is None:
            return False
        self._use(connection)
        self._send_head()
        return True

    async def begin_anew(self) -> None:
        """Connects, and sends the head. Raises ProxyError."""
        client = client_of(self._fetch.head.peer)
        made = await self._connector.connect(self._plan, self._proxy, client)
        self.reused = False
        self.look_up += made.look_up
        self.connect += made.connect
        self._use(made.connection)
        self._send_head()

    def _use(self, connection: TargetConnection) -> None:
        self._connection = connection
        self.send = connection.send
        self.read = connection.read
        self.end_request = connection.end_request
        self.fail = connection.fail

    def _send_head(self) -> None:
        plan, fields, path = self._plan, self._fetch.fields, self._plan.target.path
        if self._proxy is not None and self._absolute:
            path, fields = plan.target.url, _with_authorization(fields, self._proxy)
        try:
            self._connection.send_head(
                plan.method, path, fields, self._fetch.length, upgrade=plan.upgrade
            )
        except BaseException:  # nobody else knows of the connection yet
            self._connection.abort()
            raise

    async def reply(self) -> ReplyHead:
        """The reply's head. A connection that had died in the pool is replaced once."""
        head: TargetHead | None = None
        try:
            head = await self._connection.reply()
        except ProxyError as error:
            if not (isinstance(error, ConnectionTerminated) and self._may_retry()):
                about_target(error, self._plan.target)
                raise
        if head is None:
            head = await self._second_try()
        if not self.reused and self._plan.target.scheme == "https":
            self._connector.remember(self._plan.target, self._connection)
        if head.status == 407 and self._absolute:
            raise OutboundProxyError("The outbound proxy demands other credentials.")
        length = head.length if self._plan.method != "HEAD" else 0
        length = CHUNKED if length is UNTIL_CLOSE else length
        return ReplyHead(head.status, head.reason, head.fields, length)

    async def _second_try(self) -> TargetHead:
        try:
            await self.begin_anew()
            return await self._connection.reply()
        except ProxyError as error:
            about_target(error, self._plan.target)
            raise

    def _may_retry(self) -> bool:
        connection = self._connection
        return (
            connection.exchanges > 1
            and not connection.answered
            and self._fetch.length == 0
            and self._plan.method in _IDEMPOTENT
        )

    def release(self) -> None:
        """Ends the exchange; the connection goes back or is aborted."""
        if not self._released:
            self._released = True
            self._pool.release(self._key, self._asker, self._connection)

    def _asker(self) -> Hashable:
        """Who may use a connection that is not for everybody: one page of one client."""
        head = self._fetch.head
        origins = (value for name, value in head.fields if name.lower() == "origin")
        return client_of(head.peer), next(origins, "")


def _with_authorization(fields: Fields, proxy: OutboundProxy) -> Fields:
    if proxy.authorization is None:
        return fields
    return [*fields, ("Proxy-Authorization", proxy.authorization)]
