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
from cors_anywhere.egress.connect import Connector
from cors_anywhere.egress.failures import os_failure
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
from cors_anywhere.http1.client import TargetLimits
from cors_anywhere.messages import Plan
from cors_anywhere.rules.addresses import Guard
from cors_anywhere.rules.outbound import OutboundProxy
from tests.support.forward_proxy import forward_proxy
from tests.support.loopback import in_loop
from tests.support.target import Do, full_backlog, target
from tests.support.tls import Tls
from tests.support.urls import parse_path
from tests.support.wire import fetch, proxied

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


@pytest.mark.parametrize(
    ("address", "named", "hint"),
    [
        ("10.0.0.1", False, "--allow-private a.test:80."),
        ("10.0.0.1", True, "--allow-private 10.0.0.1:80 or --allow-network 10.0.0.0/8."),
        ("127.0.0.1", False, "--dev or --allow-private a.test:80."),
        ("::1", True, "--dev or --allow-private [::1]:80."),
    ],
)
@in_loop
async def test_a_refusal_says_what_would_lift_it_and_the_network_only_of_a_literal(
    address: str, named: bool, hint: str
) -> None:
    host = (f"[{address}]" if ":" in address else address) if named else "a.test"
    with pytest.raises(ProhibitedTarget) as failure:
        await connector({"a.test": [address]}).connect(plan(f"http://{host}/"), None)
    assert failure.value.hint == f"The operator of this proxy can allow it with {hint}"


@in_loop
async def test_the_proxy_asked_to_fetch_itself_says_so_whatever_it_was_called() -> None:
    own = OwnAddresses([("127.0.0.1", 9)])
    making = connector({"a.test": ["10.0.0.1", "127.0.0.1"]}, own=own)
    for host in ("a.test", "127.0.0.1", "0.0.0.0"):
        failure = await failure_of(making, f"http://{host}:9/")
        assert failure.rule == "own-address"
        assert "asked to fetch itself" in failure.detail
        assert "--" not in failure.hint


@in_loop
async def test_of_mixed_addresses_only_the_allowed_are_connected_to() -> None:
    async with target(OK) as server:
        making = connector({"a.test": ["10.0.0.1", "127.0.0.1", "::1"]}, allow=LOOPBACK)
        made, _, _ = await making.connect(plan(f"http://a.test:{server.port}/"), None)
        assert made.transport.get_extra_info("peername")[:2] == ("127.0.0.1", server.port)
        made.abort()


@in_loop
async def test_a_host_rule_is_lifted_by_an_allowed_network() -> None:
    async with target(OK) as server:
        making = connector({"intranet": ["127.0.0.1"]}, allow=LOOPBACK)
        made, _, _ = await making.connect(
            plan(f"http://intranet:{server.port}/", "single-label"), None
        )
        made.abort()


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
    assert type(os_failure([OSError(number, "said")])) is kind


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
