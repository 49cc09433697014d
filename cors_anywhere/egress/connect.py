"""From a target to a connection: resolve, guard, connect, TLS.

Owns: that no connection is made to an address the guard did not pass, and what a failure to
connect is called. Must not know: requests, replies, or the pool.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import socket
import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from aiohappyeyeballs import AddrInfoType, start_connection

from cors_anywhere.egress.resolver import Resolver
from cors_anywhere.errors import (
    ConnectionRefused,
    ConnectionTerminated,
    DnsTimeout,
    GatewayTimeout,
    OutboundProxyError,
    ProhibitedTarget,
    TlsCertificateError,
    TlsProtocolError,
    Unavailable,
    Unroutable,
)
from cors_anywhere.http1.client import TargetConnection, TargetLimits
from cors_anywhere.messages import Plan, Target
from cors_anywhere.rules.addresses import Guard, Verdict
from cors_anywhere.rules.outbound import OutboundProxy

ATTEMPT_DELAY = 0.25
"""Seconds before the next address is tried beside the first (RFC 8305 section 8)."""


class Connector:
    """Makes connections. `is_own` says whether an address and port are the proxy's own."""

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
        self._guard = guard
        self._resolver = resolver
        self._tls = tls
        self._is_own = is_own
        self._limits = limits
        self._timeout = timeout

    async def connect(self, plan: Plan, proxy: OutboundProxy | None) -> TargetConnection:
        """A new connection for the plan's target, within the connect timeout. Raises ProxyError."""
        resolving = True
        try:
            async with asyncio.timeout(self._timeout):
                addresses = await self._addresses(plan, proxy)
                resolving = False
                with _translated():
                    return await self._open(plan.target, proxy, addresses)
        except TimeoutError as error:
            raise (DnsTimeout if resolving else GatewayTimeout)() from error

    async def _addresses(self, plan: Plan, proxy: OutboundProxy | None) -> Sequence[AddrInfoType]:
        target = plan.target
        if proxy is not None:
            if _is_literal(target.host):
                self._admit_all(plan, [target.host])
            found = [proxy.host] if _is_literal(proxy.host) else await self._resolve(proxy.host)
            return [_addr_info(address, proxy.port) for address in found]
        literal = _is_literal(target.host)
        found = [target.host] if literal else await self._resolver.resolve(target.host)
        return [_addr_info(address, target.port) for address in self._admit_all(plan, found)]

    async def _resolve(self, host: str) -> Sequence[str]:
        return await self._resolver.resolve(host)

    def _admit_all(self, plan: Plan, addresses: Sequence[str]) -> list[str]:
        """The addresses that may be connected to; raises ProhibitedTarget when none is left."""
        passed: list[str] = []
        refused: list[tuple[str, Verdict]] = []
        for address in addresses:
            verdict = self._judge(plan, address)
            if verdict.allowed:
                passed.append(address)
            else:
                refused.append((address, verdict))
        if not passed:
            raise _prohibited(plan.target, *refused[0])
        return passed

    def _judge(self, plan: Plan, address: str) -> Verdict:
        if self._is_own(address, plan.target.port):
            return Verdict("own-address", "", False, False)
        verdict = self._guard.judge(address)
        if plan.exception_only and verdict.allowed and not verdict.explicit:
            return Verdict(plan.exception_only, "", False, False)
        return verdict

    async def _open(
        self, target: Target, proxy: OutboundProxy | None, addresses: Sequence[AddrInfoType]
    ) -> TargetConnection:
        loop = asyncio.get_running_loop()
        sock = await start_connection(addresses, happy_eyeballs_delay=ATTEMPT_DELAY, interleave=1)
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if proxy is not None and target.scheme == "https":
                await _tunnel(loop, sock, target, proxy)
        except BaseException:
            sock.close()
            raise
        secure = target.scheme == "https"
        _, connection = await loop.create_connection(
            lambda: TargetConnection(self._limits),
            sock=sock,
            ssl=self._tls if secure else None,
            server_hostname=target.host if secure else None,
        )
        return connection


def _prohibited(target: Target, address: str, verdict: Verdict) -> ProhibitedTarget:
    """The refusal. It shows the address and its network only when the client named them."""
    literal = _is_literal(target.host)
    network = f" {verdict.network}" if literal and verdict.network else ""
    if verdict.name == "own-address":
        hint = "No option allows the proxy's own address."
    elif verdict.name == "denied":
        hint = "The operator of this proxy denied this network (--deny-network)."
    else:
        hint = f"The operator of this proxy can allow it with --allow-network{network}."
    points = "is" if literal else "has"
    network_helps = verdict.network and verdict.name != "denied"
    log_hint = f"; --allow-network {verdict.network}" if network_helps else ""
    return ProhibitedTarget(
        f"The proxy does not connect to {target.host}: it {points} a forbidden address"
        f" ({verdict.name}).",
        rule=verdict.name,
        hint=hint,
        log_detail=f"{target.host} is {address}: {verdict.name}{log_hint}",
    )


async def _tunnel(
    loop: asyncio.AbstractEventLoop, sock: socket.socket, target: Target, proxy: OutboundProxy
) -> None:
    """CONNECT through the operator's proxy (RFC 9110 section 9.3.6)."""
    host = f"[{target.host}]" if ":" in target.host else target.host
    authority = f"{host}:{target.port}"
    lines = [f"CONNECT {authority} HTTP/1.1", f"Host: {authority}"]
    if proxy.authorization:
        lines.append(f"Proxy-Authorization: {proxy.authorization}")
    await loop.sock_sendall(sock, "\r\n".join([*lines, "", ""]).encode("latin-1"))
    head = b""
    while b"\r\n\r\n" not in head:
        # One octet at a time: what follows the head is the target's TLS, not ours to take.
        octet = await loop.sock_recv(sock, 1)
        head += octet
        if not octet or len(head) > 16384:
            raise OutboundProxyError("The outbound proxy did not answer CONNECT with a head.")
    status = head[9:12].decode("latin-1")
    if not head.startswith(b"HTTP/1.") or not status.startswith("2"):
        raise OutboundProxyError(f"The outbound proxy refused to connect: status {status!r}.")


@contextmanager
def _translated() -> Iterator[None]:
    """Foreign exceptions of connecting, named once."""
    try:
        yield
    except ssl.SSLCertVerificationError as error:
        detail = f"{TlsCertificateError.sentence} ({error.verify_message})"
        raise TlsCertificateError(
            detail, hint="The operator can trust it with --ca-file or --insecure-targets."
        ) from error
    except ssl.SSLError as error:
        raise TlsProtocolError(f"{TlsProtocolError.sentence} ({error.reason})") from error
    except ConnectionRefusedError as error:
        raise ConnectionRefused from error
    except ConnectionError as error:
        raise ConnectionTerminated(
            "The target closed the connection before a request could be sent."
        ) from error
    except TimeoutError as error:
        raise GatewayTimeout from error
    except OSError as error:
        raise _os_failure(error) from error


def _os_failure(error: OSError) -> Unavailable | Unroutable | ConnectionRefused:
    if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
        return Unavailable()
    refused = "Connect call failed" in str(error) and "111" in str(error)
    return ConnectionRefused() if refused else Unroutable()


def _addr_info(address: str, port: int) -> AddrInfoType:
    if ":" in address:
        return (socket.AF_INET6, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (address, port, 0, 0))
    return (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (address, port))


def _is_literal(host: str) -> bool:
    if ":" in host:
        return True
    try:
        ipaddress.IPv4Address(host)
    except ValueError:
        return False
    return True
