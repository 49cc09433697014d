"""From a target to a connection: resolve, guard, connect, TLS.

Owns: that no connection is made to an address that the guard did not pass, nor a name handed to the
operator's own proxy that a host rule forbids. Must not know: requests, replies, or the pool.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from enum import Enum
from typing import NamedTuple

from aiohappyeyeballs import AddrInfoType

from cors_anywhere.egress.failures import (
    OWN_ADDRESS,
    about_proxy,
    about_target,
    add_skipped,
    prohibited,
    translated,
    unseen,
)
from cors_anywhere.egress.race import connected
from cors_anywhere.egress.resolver import Resolver, spread
from cors_anywhere.egress.sessions import Sessions
from cors_anywhere.errors import (
    DnsTimeout,
    GatewayTimeout,
    OutboundProxyError,
    ProhibitedTarget,
    ProxyError,
    Unavailable,
)
from cors_anywhere.held import Held
from cors_anywhere.http1.client import TargetConnection
from cors_anywhere.http1.target_life import TargetLimits
from cors_anywhere.http1.tls import start_tls
from cors_anywhere.messages import Plan, Target
from cors_anywhere.rules.addresses import Guard, Verdict, is_literal
from cors_anywhere.rules.outbound import OutboundProxy

TRIED_ADDRESSES = 4
"""Of a name, for one connection: a name with many dead addresses must not cost a socket each."""


LOOK_UPS = 256
"""Of one client at a time: a quarter of what the resolver has pending, so that no client's names
without an answer keep those of others from being looked up."""


class Made(NamedTuple):
    """A new connection, and the seconds that it took."""

    connection: TargetConnection
    look_up: float
    connect: float


class Connector:
    """Makes connections. `is_own` says whether an address and port are the proxy's own. `opening`
    makes one after all checks; a test without a network puts its own there."""

    def __init__(
        self,
        *,
        guard: Guard,
        resolver: Resolver,
        tls: ssl.SSLContext,
        is_own: Callable[[str, int], bool],
        limits: TargetLimits,
        timeout: float,
    ) -> None:
        self.guard = guard
        self.resolver = resolver
        self.tls = tls
        self.is_own = is_own
        self.limits = limits
        self.sessions = Sessions()
        self.look_ups = Held()  # by client
        self._timeout = timeout
        self.opening: Callable[[Attempt, Sequence[AddrInfoType]], Awaitable[TargetConnection]]
        self.opening = Attempt.open

    def remember(self, target: Target, connection: TargetConnection) -> None:
        """Keeps the TLS session of a connection on which a reply has begun."""
        tls = connection.transport.get_extra_info("ssl_object")
        if tls is not None:
            self.sessions.keep((target.host, target.port), tls)

    async def connect(self, plan: Plan, proxy: OutboundProxy | None, client: str = "") -> Made:
        """A new connection for the plan's target, within the connect timeout; `client` is whose
        request it is for (see rules.client). Raises ProxyError."""
        loop = asyncio.get_running_loop()
        attempt = Attempt(self, plan, proxy, client)
        began = loop.time()
        try:
            async with asyncio.timeout(self._timeout):
                addresses = await attempt.addresses()
                found = loop.time()
                with translated():
                    connection = await self.opening(attempt, addresses)
        except TimeoutError as error:
            late = DnsTimeout() if attempt.stage is Stage.LOOK_UP else GatewayTimeout()
            attempt.explain(late)
            raise late from error
        except ProxyError as error:
            attempt.explain(error)
            raise
        return Made(connection, found - began, loop.time() - found)


def tunnels(plan: Plan) -> bool:
    """Whether an outbound proxy is asked for a tunnel: for what it must not read, and for a
    WebSocket, which it might not understand (RFC 6455 section 4.1)."""
    return plan.target.scheme == "https" or plan.upgrade


class Stage(Enum):
    """How far a connection has come."""

    LOOK_UP = "the name is looked up"
    CONNECTION = "the connection is made"
    TUNNEL = "the outbound proxy makes its own"
    TLS = "the target's TLS handshake is under way"


class Attempt:
    """The making of one connection."""

    def __init__(
        self, parts: Connector, plan: Plan, proxy: OutboundProxy | None, client: str
    ) -> None:
        self._parts = parts
        self._plan = plan
        self._target = plan.target
        self._proxy = proxy
        self._client = client
        self._skipped: list[Verdict] = []
        self.stage = Stage.LOOK_UP

    # --- where to -----------------------------------------------------------------------------

    async def addresses(self) -> Sequence[AddrInfoType]:
        """What may be connected to. Raises ProhibitedTarget when that is nothing."""
        target, proxy = self._target, self._proxy
        if proxy is None:
            passed = self._admit(await self._look_up(target.host))
            return [_addr_info(address, target.port) for address in passed]
        if is_literal(target.host):
            self._admit([target.host])
        elif self._plan.exception_only:
            raise unseen(target, self._plan.exception_only)
        found = spread(await self._look_up(proxy.host), TRIED_ADDRESSES)
        return [_addr_info(address, proxy.port) for address in found]

    async def _look_up(self, host: str) -> Sequence[str]:
        if is_literal(host):
            return [host]
        held = self._parts.look_ups
        if held.by(self._client) >= LOOK_UPS:
            raise Unavailable("As many names as one client may ask for are being looked up.")
        held.change(self._client, 1)
        try:
            return await self._parts.resolver.resolve(host)
        finally:
            held.change(self._client, -1)

    def _admit(self, addresses: Sequence[str]) -> Sequence[str]:
        passed: list[str] = []
        refused: list[tuple[str, Verdict]] = []
        for address in addresses:
            verdict = self._judge(address)
            if verdict.allowed:
                passed.append(address)
            else:
                refused.append((address, verdict))
        if not passed:
            raise prohibited(self._target, refused)
        self._skipped = [verdict for _, verdict in refused]
        return spread(passed, TRIED_ADDRESSES)

    def _judge(self, address: str) -> Verdict:
        plan, guard = self._plan, self._parts.guard
        if self._parts.is_own(address, self._target.port):
            return OWN_ADDRESS
        if plan.private:
            return guard.judge_named(address)
        verdict = guard.judge(address)
        if plan.exception_only and verdict.allowed and not verdict.explicit:
            return Verdict(plan.exception_only, "", False, False)
        return verdict

    # --- the way there ------------------------------------------------------------------------

    async def open(self, addresses: Sequence[AddrInfoType]) -> TargetConnection:
        """A connection to the first that answers. Raises ProxyError, OSError."""
        target, proxy = self._target, self._proxy
        self.stage = Stage.CONNECTION
        sock = await connected(addresses)
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if proxy is not None and tunnels(self._plan):
                self.stage = Stage.TUNNEL
                await _tunnel(sock, target, proxy)
        except BaseException:
            sock.close()
            raise
        connection = TargetConnection(self._parts.limits)
        if target.scheme == "https":
            self.stage = Stage.TLS
            await start_tls(
                sock,
                connection,
                self._parts.tls,
                server_hostname=target.host,
                session=self._parts.sessions.find((target.host, target.port)),
            )
        else:
            loop = asyncio.get_running_loop()
            await loop.create_connection(lambda: connection, sock=sock)
        return connection

    # --- what went wrong ----------------------------------------------------------------------

    def explain(self, error: ProxyError) -> None:
        """Says whom a failure is about."""
        if isinstance(error, ProhibitedTarget):
            return
        if self._proxy is not None and self.stage is not Stage.TLS:
            about_proxy(error, self._proxy)
            return
        about_target(error, self._target)
        if self._skipped and self.stage is Stage.CONNECTION:
            add_skipped(error, self._target, self._skipped)


async def _tunnel(sock: socket.socket, target: Target, proxy: OutboundProxy) -> None:
    """CONNECT through the operator's proxy (RFC 9110 section 9.3.6)."""
    loop = asyncio.get_running_loop()
    authority = target.host_and_port
    lines = [f"CONNECT {authority} HTTP/1.1", f"Host: {authority}"]
    if proxy.authorization:
        lines.append(f"Proxy-Authorization: {proxy.authorization}")
    await loop.sock_sendall(sock, "\r\n".join([*lines, "", ""]).encode("latin-1"))
    head = b""
    while b"\r\n\r\n" not in head:
        # One octet at a time: what follows the head is the target's, not ours to take.
        octet = await loop.sock_recv(sock, 1)
        head += octet
        if not octet or len(head) > 16384:
            raise OutboundProxyError("The outbound proxy did not answer CONNECT with a head.")
    status = head[9:12].decode("latin-1")
    if not head.startswith(b"HTTP/1.") or not status.startswith("2"):
        raise OutboundProxyError(
            f"The outbound proxy refused to connect to {authority}: status {status!r}."
        )


def _addr_info(address: str, port: int) -> AddrInfoType:
    if ":" in address:
        return (socket.AF_INET6, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (address, port, 0, 0))
    return (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (address, port))
