"""Connections to targets: which are made, which are kept, and what a failure is called."""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from collections.abc import Mapping, Sequence
from ipaddress import ip_network
from typing import Any, NamedTuple

import pytest

from cors_anywhere.egress import OwnAddresses
from cors_anywhere.egress.connect import Connector, _os_failure
from cors_anywhere.egress.pool import Pool
from cors_anywhere.errors import (
    ConnectionRefused,
    ConnectionTerminated,
    DnsError,
    DnsTimeout,
    GatewayTimeout,
    OutboundProxyError,
    ProhibitedTarget,
    ProxyError,
    TlsCertificateError,
    TlsProtocolError,
    Unavailable,
    Unroutable,
)
from cors_anywhere.http1.client import TargetConnection, TargetLimits
from cors_anywhere.messages import Plan
from cors_anywhere.rules.addresses import Guard
from cors_anywhere.rules.outbound import OutboundProxy
from tests.support.forward_proxy import forward_proxy
from tests.support.loopback import in_loop
from tests.support.target import Do, full_backlog, target
from tests.support.tls import Tls
from tests.support.urls import parse_path
from tests.support.wire import fetch, proxied, until

LOOPBACK = ("127.0.0.0/8",)
OK = (Do.REQUEST, b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")


class Names:
    """A resolver of a few names; a name without addresses never answers."""

    def __init__(self, known: Mapping[str, Sequence[str]]) -> None:
        self._known = known

    async def resolve(self, host: str) -> Sequence[str]:
        if host not in self._known:
            raise DnsError
        if not self._known[host]:
            await asyncio.get_running_loop().create_future()
        return self._known[host]


def connector(
    names: Mapping[str, Sequence[str]] | None = None,
    *,
    allow: Sequence[str] = (),
    deny: Sequence[str] = (),
    own: OwnAddresses | None = None,
    timeout: float = 5.0,
) -> Connector:
    return Connector(
        guard=Guard(tuple(map(ip_network, allow)), tuple(map(ip_network, deny)), False),
        resolver=Names(names or {}),
        tls=ssl.create_default_context(),
        is_own=(own or OwnAddresses()).has,
        limits=TargetLimits(),
        timeout=timeout,
    )


def plan(url: str, exception_only: str = "") -> Plan:
    wanted = parse_path(f"/{url}")
    return Plan(wanted, "GET", (), False, wanted, (), exception_only)


# --- the guard --------------------------------------------------------------------------------


class Case(NamedTuple):
    """A target that is refused, and the verdict."""

    url: str
    verdict: str
    addresses: Sequence[str] = ()
    options: Mapping[str, Any] = {}
    exception_only: str = ""


ALL = {"allow": ("0.0.0.0/0", "::/0")}
REFUSED = {
    "literal": Case("http://127.0.0.1/", "loopback"),
    "ipv6-literal": Case("http://[::1]/", "loopback"),
    "name": Case("http://a.test/", "private", ["10.0.0.1"]),
    "all-of-several": Case("http://a.test/", "private", ["10.0.0.1", "127.0.0.1"]),
    "denied": Case("http://8.8.8.8/", "denied", (), {"deny": ("8.8.8.0/24",)}),
    "host-rule-public": Case("http://a.test/", "single-label", ["8.8.8.8"], {}, "single-label"),
    "own": Case("http://127.0.0.1:9/", "own-address", (), ALL),
    "own-by-name": Case("http://a.test:9/", "own-address", ["127.0.0.1"], ALL),
    "own-by-wildcard": Case("http://0.0.0.0:9/", "own-address", (), ALL),
    "own-mapped": Case("http://a.test:9/", "own-address", ["::ffff:127.0.0.1"], ALL),
}


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED)
def test_a_target_is_refused(case: Case) -> None:
    @in_loop
    async def run() -> None:
        own = OwnAddresses([("127.0.0.1", 9)])
        making = connector({"a.test": case.addresses}, own=own, **case.options)
        with pytest.raises(ProhibitedTarget) as failure:
            await making.connect(plan(case.url, case.exception_only), None)
        assert failure.value.rule == case.verdict
        resolved = case.addresses[0] if case.addresses else "(none)"
        assert resolved not in failure.value.detail + failure.value.hint
        assert case.addresses == () or resolved in failure.value.log_detail

    run()


@pytest.mark.parametrize(("host", "told"), [("10.0.0.1", True), ("a.test", False)])
@in_loop
async def test_a_refusal_tells_the_network_only_of_an_address_that_was_asked_for(
    host: str, told: bool
) -> None:
    with pytest.raises(ProhibitedTarget) as failure:
        await connector({"a.test": ["10.0.0.1"]}).connect(plan(f"http://{host}/"), None)
    assert ("10.0.0.0/8" in failure.value.hint) is told
    assert "--allow-network" in failure.value.hint


@in_loop
async def test_of_mixed_addresses_only_the_allowed_are_connected_to() -> None:
    async with target(OK) as server:
        making = connector({"a.test": ["10.0.0.1", "127.0.0.1", "::1"]}, allow=LOOPBACK)
        made = await making.connect(plan(f"http://a.test:{server.port}/"), None)
        assert made.transport.get_extra_info("peername")[:2] == ("127.0.0.1", server.port)
        made.abort()


@in_loop
async def test_a_host_rule_is_lifted_by_an_allowed_network() -> None:
    async with target(OK) as server:
        making = connector({"intranet": ["127.0.0.1"]}, allow=LOOPBACK)
        made = await making.connect(plan(f"http://intranet:{server.port}/", "single-label"), None)
        made.abort()


OWN = {
    # listening, asked for, whether that is the proxy itself
    "exact": (("192.0.2.1", 80), ("192.0.2.1", 80), True),
    "other-port": (("192.0.2.1", 80), ("192.0.2.1", 81), False),
    "other-address": (("192.0.2.1", 80), ("192.0.2.2", 80), False),
    "wildcard-loopback": (("0.0.0.0", 80), ("127.0.0.1", 80), True),
    "wildcard-any-loopback": (("0.0.0.0", 80), ("127.9.9.9", 80), True),
    "wildcard-elsewhere": (("0.0.0.0", 80), ("192.0.2.1", 80), False),
    "wildcard-other-port": (("0.0.0.0", 80), ("127.0.0.1", 81), False),
    "wildcard-6": (("::", 80), ("127.0.0.1", 80), True),
    "unspecified-target": (("127.0.0.1", 80), ("0.0.0.0", 80), True),
    "unspecified-target-6": (("::1", 80), ("::", 80), True),
    "mapped": (("127.0.0.1", 80), ("::ffff:127.0.0.1", 80), True),
    "wildcard-mapped": (("0.0.0.0", 80), ("::ffff:127.0.0.1", 80), True),
}


@pytest.mark.parametrize(("listening", "asked", "own"), OWN.values(), ids=OWN)
def test_the_proxys_own_addresses(
    listening: tuple[str, int], asked: tuple[str, int], own: bool
) -> None:
    assert OwnAddresses([listening]).has(*asked) is own


# --- failures ---------------------------------------------------------------------------------


async def failure_of(making: Connector, url: str, proxy: OutboundProxy | None = None) -> ProxyError:
    with pytest.raises(ProxyError) as failure:
        await making.connect(plan(url), proxy)
    return failure.value


@in_loop
async def test_a_port_where_nobody_listens_refuses() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    making = connector({"two.test": ["127.0.0.1", "127.0.0.2"]}, allow=LOOPBACK)
    for url in (f"http://127.0.0.1:{port}/", f"http://two.test:{port}/"):
        assert type(await failure_of(making, url)) is ConnectionRefused


@in_loop
async def test_a_target_that_does_not_accept_is_given_up() -> None:
    with full_backlog() as port:
        making = connector(allow=LOOPBACK, timeout=0.05)
        assert type(await failure_of(making, f"http://127.0.0.1:{port}/")) is GatewayTimeout


@in_loop
async def test_a_name_that_is_not_resolved_in_time_is_given_up() -> None:
    making = connector({"slow.test": ()}, timeout=0.05)
    assert type(await failure_of(making, "http://slow.test/")) is DnsTimeout


@in_loop
async def test_an_address_without_a_route_is_unroutable() -> None:
    # The kernel itself refuses to connect a TCP socket to a broadcast address.
    making = connector(allow=("255.255.255.255/32",))
    assert type(await failure_of(making, "http://255.255.255.255/")) is Unroutable


ERRNOS = [
    (errno.EMFILE, Unavailable),
    (errno.ENFILE, Unavailable),
    (errno.ENOBUFS, Unavailable),
    (errno.EHOSTUNREACH, Unroutable),
    (errno.ENETUNREACH, Unroutable),
    (errno.EADDRNOTAVAIL, Unroutable),
]


@pytest.mark.parametrize(("number", "kind"), ERRNOS)
def test_what_the_system_says_has_a_name(number: int, kind: type[ProxyError]) -> None:
    assert type(_os_failure(OSError(number, "said"))) is kind


@in_loop
async def test_a_certificate_nobody_vouches_for_is_named(tls: Tls) -> None:
    async with target((Do.WAIT,), tls=tls.context) as server:
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)  # the target's alert
        failure = await failure_of(connector(allow=LOOPBACK), server.url)
    assert type(failure) is TlsCertificateError
    assert "--ca-file" in failure.hint


@in_loop
async def test_a_target_that_speaks_no_tls_is_named() -> None:
    async with target((b"HTTP/1.1 400 Bad Request\r\n\r\n", Do.WAIT)) as server:
        url = server.url.replace("http", "https")
        assert type(await failure_of(connector(allow=LOOPBACK), url)) is TlsProtocolError


@in_loop
async def test_a_target_that_hangs_up_during_the_handshake_is_named() -> None:
    async with target((Do.RST,)) as server:
        url = server.url.replace("http", "https")
        assert type(await failure_of(connector(allow=LOOPBACK), url)) is ConnectionTerminated


# --- the pool ---------------------------------------------------------------------------------


async def idle_connection(port: int) -> TargetConnection:
    loop = asyncio.get_running_loop()
    _, made = await loop.create_connection(
        lambda: TargetConnection(TargetLimits()), "127.0.0.1", port
    )
    return made


@in_loop
async def test_the_most_recently_used_connection_is_taken_first() -> None:
    async with target((Do.WAIT,)) as server:
        pool = Pool()
        one, two = [await idle_connection(server.port) for _ in range(2)]
        pool.put("a", one)
        pool.put("a", two)
        assert pool.take("b") is None
        assert [pool.take("a"), pool.take("a"), pool.take("a")] == [two, one, None]
        assert len(pool) == 0
        one.abort()
        two.abort()


@pytest.mark.parametrize("caps", [{"per_key": 1}, {"total": 1}], ids=["per-key", "total"])
def test_connections_above_a_cap_are_closed(caps: dict[str, int]) -> None:
    @in_loop
    async def run() -> None:
        async with target((Do.WAIT,)) as server:
            pool = Pool(**caps)
            kept, surplus = [await idle_connection(server.port) for _ in range(2)]
            pool.put("a", kept)
            pool.put("a" if "per_key" in caps else "b", surplus)
            assert surplus.transport.is_closing()
            assert not kept.transport.is_closing()
            assert len(pool) == 1
            pool.close()
            assert kept.transport.is_closing()

    run()


@in_loop
async def test_an_idle_connection_expires() -> None:
    async with target((Do.WAIT,)) as server:
        pool = Pool(idle_seconds=0.01)
        pool.put("a", await idle_connection(server.port))
        await asyncio.wait_for(server.ended.wait(), 2)
        assert await until(lambda: len(pool) == 0)
        assert pool.take("a") is None


@in_loop
async def test_a_connection_that_its_target_closes_is_forgotten() -> None:
    async with target((b"", Do.FIN)) as server:
        pool = Pool()
        pool.put("a", await idle_connection(server.port))
        assert await until(lambda: len(pool) == 0)
        assert pool.take("a") is None


# --- outbound proxies -------------------------------------------------------------------------


@in_loop
async def test_an_http_target_is_asked_of_the_outbound_proxy_in_absolute_form() -> None:
    async with target(OK) as server, forward_proxy() as carrying:
        address = f"http://user:pw@127.0.0.1:{carrying.port}"
        async with proxied(http_proxy=address) as proxy:
            seen = await fetch(proxy, f"{server.url}x?y")
        assert (seen.status, seen.body) == (200, b"hello")
        (head,) = carrying.heads
        assert head.startswith(f"GET {server.url}x?y HTTP/1.1\r\n")
        assert "\r\nProxy-Authorization: Basic dXNlcjpwdw==\r\n" in head


def test_an_https_target_is_reached_through_a_tunnel(tls: Tls) -> None:
    @in_loop
    async def run() -> None:
        async with target(OK, tls=tls.context) as server, forward_proxy() as carrying:
            address = f"http://user:pw@127.0.0.1:{carrying.port}"
            async with proxied(https_proxy=address, ca_file=tls.ca_file) as proxy:
                seen = await fetch(proxy, f"{server.url}x?y")
            assert (seen.status, seen.body) == (200, b"hello")
            (head,) = carrying.heads
            authority = f"127.0.0.1:{server.port}"
            assert head.startswith(f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n")
            assert "\r\nProxy-Authorization: Basic dXNlcjpwdw==\r\n" in head
            # What is for the outbound proxy's eyes is not for the target's, nor the other way.
            (request,) = server.requests
            assert b"roxy-" not in request
            assert "x?y" not in head

    run()


@pytest.mark.parametrize(
    "refusal", [b"HTTP/1.1 403 Forbidden\r\n\r\n", b"SSH-2.0-x\r\n\r\n", b"HTTP/1.1 200 OK\r\n"]
)
def test_an_outbound_proxy_that_refuses_is_a_failure_of_its_own(refusal: bytes) -> None:
    @in_loop
    async def run() -> None:
        async with forward_proxy(refusal) as carrying:
            proxy = OutboundProxy("127.0.0.1", carrying.port, None)
            making = connector()
            failure = await failure_of(making, "https://example.com/", proxy)
            assert type(failure) is OutboundProxyError

    run()


@in_loop
async def test_an_outbound_proxy_is_not_asked_for_a_forbidden_literal() -> None:
    async with forward_proxy() as carrying:
        proxy = OutboundProxy("127.0.0.1", carrying.port, None)
        for url in ("http://10.0.0.1/", "https://[::1]/"):
            assert type(await failure_of(connector(), url, proxy)) is ProhibitedTarget
        assert carrying.heads == []
