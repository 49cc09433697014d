"""Connections to targets: which are made, which are kept, and what a failure is called."""

from __future__ import annotations

import asyncio
import errno
import functools
import socket
import ssl
import sys
from collections.abc import Mapping, Sequence
from ipaddress import ip_network
from typing import Any, NamedTuple

import pytest

from cors_anywhere.egress import OwnAddresses
from cors_anywhere.egress.connect import LOOK_UPS, TRIED_ADDRESSES, Connector
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
from cors_anywhere.http1.target_life import TargetLimits
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


def plan(url: str, exception_only: str | None = None, *, private: bool = False) -> Plan:
    wanted = parse_path(f"/{url}")
    return Plan(wanted, "GET", (), False, wanted, (), exception_only, private=private)


# --- the guard --------------------------------------------------------------------------------


class Case(NamedTuple):
    """A target that is refused, and the verdict."""

    url: str
    verdict: str
    addresses: Sequence[str] = ()
    options: Mapping[str, Any] = {}
    exception_only: str | None = None


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
async def test_names_without_an_answer_leave_room_for_those_of_other_clients() -> None:
    making = connector({"hangs.test": []})
    plans = [plan(f"http://hangs.test:{port}/") for port in range(1, LOOK_UPS + 1)]
    hers = [asyncio.ensure_future(making.connect(one, None, "a")) for one in plans]
    await asyncio.sleep(0)
    with pytest.raises(Unavailable, match="one client"):
        await making.connect(plans[0], None, "a")
    with pytest.raises(DnsError):
        await making.connect(plan("http://unknown.test/"), None, "b")
    for one in hers:
        one.cancel()
    await asyncio.wait(hers)
    assert not len(making.look_ups)


@in_loop
async def test_a_host_rule_is_lifted_by_an_allowed_network() -> None:
    async with target(OK) as server:
        making = connector({"intranet": ["127.0.0.1"]}, allow=LOOPBACK)
        made, _, _ = await making.connect(
            plan(f"http://intranet:{server.port}/", "single-label"), None
        )
        made.abort()


@in_loop
async def test_a_target_that_the_operator_named_is_free_of_the_table() -> None:
    async with target(OK) as server:
        making = connector({"db.internal": ["127.0.0.1"]})
        for host in ("127.0.0.1", "db.internal"):
            url = f"http://{host}:{server.port}/"
            made, _, _ = await making.connect(plan(url, private=True), None)
            made.abort()


@pytest.mark.parametrize(
    ("verdict", "options"),
    [
        ("denied", {"deny": LOOPBACK}),
        ("own-address", {"own": OwnAddresses([("127.0.0.1", 9)])}),
    ],
)
def test_a_target_that_the_operator_named_is_not_free_of_all_rules(
    verdict: str, options: dict[str, Any]
) -> None:
    @in_loop
    async def run() -> None:
        making = connector({"a.test": ["127.0.0.1"]}, **options)
        for url in ("http://a.test:9/", "http://127.0.0.1:9/"):
            with pytest.raises(ProhibitedTarget) as failure:
                await making.connect(plan(url, private=True), None)
            assert failure.value.rule == verdict

    run()


# --- how many sockets it costs --------------------------------------------------------------------


_CONNECTED: list[Any] = []


def _note(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "socket.connect":
        _CONNECTED.append(arguments[1])


@functools.cache  # for good: a hook cannot be taken back
def _note_connections() -> None:
    sys.addaudithook(_note)


@pytest.fixture
def dialled() -> list[Any]:
    """The addresses that this process connects to, in order."""
    _note_connections()
    _CONNECTED.clear()
    return _CONNECTED


def test_a_name_with_many_dead_addresses_costs_four_sockets(dialled: list[Any]) -> None:
    @in_loop
    async def run() -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        dead = [f"127.0.0.{number}" for number in range(1, 121)]
        making = connector({"dead.test": dead}, allow=LOOPBACK)
        assert type(await failure_of(making, f"http://dead.test:{port}/")) is ConnectionRefused
        assert len(dialled) == TRIED_ADDRESSES == 4

    run()


def test_both_families_are_tried_of_a_name_with_many_addresses(dialled: list[Any]) -> None:
    @in_loop
    async def run() -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        many = [*(f"127.0.0.{number}" for number in range(1, 20)), "::1", "::ffff:127.0.0.1"]
        making = connector({"dead.test": many}, allow=("127.0.0.0/8", "::1/128", "::ffff:0:0/96"))
        await failure_of(making, f"http://dead.test:{port}/")
        assert sorted({address[0] for address in dialled}) == [
            *("127.0.0.1", "127.0.0.2", "::1", "::ffff:127.0.0.1")
        ]

    run()


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


# --- what is said of them -------------------------------------------------------------------------


@in_loop
async def test_a_failure_names_the_target() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    making = connector({"a.test": ["127.0.0.1"], "slow.test": ()}, allow=LOOPBACK, timeout=0.5)
    told = {
        f"http://a.test:{port}/": f"The target a.test:{port} refused the connection.",
        "http://b.test/": "The target b.test's name could not be resolved.",
        "http://slow.test/": "The target slow.test's name was not resolved in time.",
    }
    for url, sentence in told.items():
        assert (await failure_of(making, url)).detail == sentence


@in_loop
async def test_failures_of_several_kinds_are_called_by_the_most_telling() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    names = {"a.test": ["255.255.255.255", "127.0.0.1"], "b.test": ["127.0.0.1", "255.255.255.255"]}
    making = connector(names, allow=("127.0.0.0/8", "255.255.255.255/32"))
    for name in names:
        assert type(await failure_of(making, f"http://{name}:{port}/")) is ConnectionRefused


@pytest.mark.parametrize(
    ("addresses", "said", "hint"),
    [
        (["::1", "127.0.0.1"], "(loopback)", "--dev or --allow-private localhost:{port}"),
        (["127.0.0.1", "10.0.0.1"], "(private)", "--allow-private localhost:{port}"),
    ],
)
@in_loop
async def test_a_failure_says_what_kind_of_address_was_not_tried(
    addresses: list[str], said: str, hint: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    making = connector({"localhost": addresses}, allow=LOOPBACK)
    failure = await failure_of(making, f"http://localhost:{port}/")
    assert type(failure) is ConnectionRefused
    assert failure.detail.startswith(f"The target localhost:{port} refused the connection.")
    assert said in failure.detail
    assert hint.format(port=port) in failure.hint
    for address in addresses:
        assert address not in failure.detail + failure.hint


@in_loop
async def test_https_to_a_port_that_speaks_plain_http_is_told_as_such() -> None:
    async with target((b"HTTP/1.1 400 Bad Request\r\n\r\n", Do.WAIT)) as server:
        url = server.url.replace("http", "https")
        failure = await failure_of(connector(allow=LOOPBACK), url)
    assert "speaks plain HTTP" in failure.detail
    assert f"the target 127.0.0.1:{server.port} failed" in failure.detail
    assert "http://" in failure.hint


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


HIDDEN = ("http://metadata.google.internal/", "http://localhost:9000/", "https://db.internal/")


@pytest.mark.parametrize("url", HIDDEN)
@in_loop
async def test_an_outbound_proxy_is_not_asked_for_a_name_that_a_host_rule_forbids(url: str) -> None:
    async with forward_proxy() as carrying:
        proxy = OutboundProxy("127.0.0.1", carrying.port, None)
        making = connector(allow=("0.0.0.0/0", "::/0"))
        with pytest.raises(ProhibitedTarget) as failure:
            await making.connect(plan(url, "special-name"), proxy)
        assert failure.value.rule == "special-name"
        assert "--allow-private" in failure.value.hint
        assert carrying.heads == []


@in_loop
async def test_a_port_that_an_outbound_proxy_is_not_asked_for_is_called_one() -> None:
    proxy = OutboundProxy("127.0.0.1", 9, None)
    with pytest.raises(ProhibitedTarget) as failure:
        await connector().connect(plan("http://a.test:22/", "bad-port"), proxy)
    assert "browsers do not connect to this port" in failure.value.detail
    assert "DNS" not in failure.value.detail


@in_loop
async def test_an_outbound_proxy_is_asked_for_a_name_that_the_operator_allowed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as carrying:
        proxy = OutboundProxy("127.0.0.1", carrying.getsockname()[1], None)
        for private in (False, True):  # by --allow-target, or by --allow-private
            wanted = plan("http://db.internal/", private=private)
            made, _, _ = await connector().connect(wanted, proxy)
            made.abort()


@in_loop
async def test_what_failed_is_the_outbound_proxy_where_it_did() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    dead = OutboundProxy("127.0.0.1", port, None)
    unknown = OutboundProxy("proxy.corp", 3128, None)
    told = {
        dead: "The outbound proxy refused the connection.",
        unknown: "The outbound proxy's name could not be resolved.",
    }
    for proxy, sentence in told.items():
        failure = await failure_of(connector(), "http://example.com/", proxy)
        assert failure.detail == sentence
        assert f"{proxy.host}:{proxy.port}" in failure.log_detail
        assert proxy.host not in failure.detail


@in_loop
async def test_an_outbound_proxy_that_does_not_answer_is_what_was_late() -> None:
    with full_backlog() as port:
        making = connector(timeout=0.05)
        proxy = OutboundProxy("127.0.0.1", port, None)
        failure = await failure_of(making, "https://example.com/", proxy)
    assert type(failure) is GatewayTimeout
    assert failure.detail == "The connection to the outbound proxy was not made in time."


def test_a_certificate_behind_an_outbound_proxy_is_the_targets(tls: Tls) -> None:
    @in_loop
    async def run() -> None:
        async with target((Do.WAIT,), tls=tls.context) as server, forward_proxy() as carrying:
            asyncio.get_running_loop().set_exception_handler(lambda *_: None)  # the target's alert
            proxy = OutboundProxy("127.0.0.1", carrying.port, None)
            failure = await failure_of(connector(allow=LOOPBACK), server.url, proxy)
        assert type(failure) is TlsCertificateError
        assert f"The target 127.0.0.1:{server.port}'s TLS certificate" in failure.detail

    run()
