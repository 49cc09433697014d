"""Addresses, ports and TLS, and how the page sees them."""

from __future__ import annotations

import asyncio
import socket
import ssl

import pytest

from cors_anywhere.config.settings import Settings
from cors_anywhere.process.sockets import bind, server_tls
from tests.support.loopback import in_loop
from tests.support.needs import needs
from tests.support.process import command
from tests.support.target import Do, target
from tests.support.tls import Tls
from tests.support.wire import Client


def bound(*hosts: str) -> list[tuple[int, str, int]]:
    sockets = bind(Settings(hosts=hosts, port=0))
    try:
        return [(sock.family, *sock.getsockname()[:2]) for sock in sockets]
    finally:
        for sock in sockets:
            sock.close()


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as sock:
            sock.bind(("::1", 0))
    except OSError:
        return False
    return True


def resolve_both(host: str | None, port: int, **_: object) -> list[tuple[object, ...]]:
    """What a machine whose localhost has both addresses answers."""
    stream = (socket.SOCK_STREAM, socket.IPPROTO_TCP, "")
    return [
        (socket.AF_INET, *stream, ("127.0.0.1", port)),
        (socket.AF_INET6, *stream, ("::1", port, 0, 0)),
    ]


def test_any_free_port_is_the_same_on_every_address(monkeypatch: pytest.MonkeyPatch) -> None:
    needs(has_ipv6(), "IPv6")
    monkeypatch.setattr(socket, "getaddrinfo", resolve_both)
    four, six = bound("localhost")
    assert (four[:2], six[:2]) == ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"))
    assert four[2] == six[2] > 0


def test_an_address_is_bound_alone() -> None:
    ((family, address, port),) = bound("127.0.0.1")
    assert (family, address) == (socket.AF_INET, "127.0.0.1")
    assert port > 0


def test_each_host_that_is_named_is_bound_once_on_one_port() -> None:
    one, other = bound("127.0.0.2", "127.0.0.3", "127.0.0.2")
    assert (one[1], other[1]) == ("127.0.0.2", "127.0.0.3")
    assert one[2] == other[2]


@pytest.mark.parametrize(
    ("hosts", "takes_ipv4"),
    [
        (("::",), True),
        (("::", "::1"), True),
        (("0.0.0.0", "::"), False),
        (("::", "127.0.0.1"), False),
        (("::1",), False),
    ],
)
def test_all_ipv6_addresses_take_ipv4_too_unless_ipv4_is_named_beside(
    hosts: tuple[str, ...], takes_ipv4: bool
) -> None:
    needs(has_ipv6(), "IPv6")
    sockets = bind(Settings(hosts=hosts, port=0))
    alone = [
        sock.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)
        for sock in sockets
        if sock.family == socket.AF_INET6
    ]
    for sock in sockets:
        sock.close()
    assert (0 in alone) is takes_ipv4


def test_a_taken_port_is_an_error_that_leaves_nothing_bound(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    closed: list[int] = []

    class Watched(socket.socket):
        def close(self) -> None:
            closed.append(self.family)
            super().close()

    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setattr(socket, "socket", Watched)
        with pytest.raises(OSError, match="in use"):
            bind(Settings(hosts=("127.0.0.1",), port=taken.getsockname()[1]))
    assert closed[0] == socket.AF_INET


# --- TLS --------------------------------------------------------------------------------------


async def connect(port: int, trust: ssl.SSLContext) -> Client:
    return Client(*await asyncio.open_connection("127.0.0.1", port, ssl=trust))


def test_the_command_serves_https(tls: Tls) -> None:
    @in_loop
    async def run(port: int) -> None:
        script = (Do.REQUEST, b"HTTP/1.1 302 Found\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n")
        async with target(script) as server:
            client = await connect(port, tls.trust)
            await client.ask(f"{server.url}a")
            seen = await client.reply()
            assert seen.status == 302
            # The base URL is the one under which the page reached the proxy.
            assert seen.fields["location"] == f"https://proxy.test/{server.url}b"
            assert seen.fields["access-control-allow-origin"] == "*"
            client.leave()

    options = ("--tls-cert", tls.cert, "--tls-key", tls.key)
    with command(*options, "--max-redirects", "0") as running:
        run(running.port)


def test_https_is_spoken_in_http_1_1_only(tls: Tls) -> None:
    context = server_tls(Settings(tls_cert=tls.cert, tls_key=tls.key))
    assert context is not None
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
    offers = ssl.create_default_context()
    offers.check_hostname, offers.verify_mode = False, ssl.CERT_NONE
    offers.set_alpn_protocols(["h2", "http/1.1"])
    assert _negotiated(context, offers) == "http/1.1"


def _negotiated(server: ssl.SSLContext, client: ssl.SSLContext) -> str | None:
    """What two contexts agree on, in memory."""
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = (
        client.wrap_bio(down, up, server_hostname="127.0.0.1"),
        server.wrap_bio(up, down, server_side=True),
    )
    for _ in range(4):
        for end in ends:
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                pass
    return ends[0].selected_alpn_protocol()


def test_without_a_certificate_there_is_no_tls() -> None:
    assert server_tls(Settings()) is None


def test_a_certificate_that_cannot_be_read_is_an_error() -> None:
    with pytest.raises(FileNotFoundError):
        server_tls(Settings(tls_cert="missing.pem", tls_key="missing.pem"))


def offers(context: ssl.SSLContext) -> set[str]:
    return {cipher["name"] for cipher in context.get_ciphers()}


def test_tls_is_of_today(tls: Tls) -> None:
    context = server_tls(Settings(tls_cert=tls.cert, tls_key=tls.key))
    assert context is not None
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    old = [name for name in offers(context) if "CBC" in name or name.startswith(("AES", "DHE"))]
    assert old == []
    assert all("GCM" in name or "CHACHA20" in name for name in offers(context))
    assert context.options & ssl.OP_NO_RENEGOTIATION


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_client_of_either_version_is_served(tls: Tls, version: ssl.TLSVersion) -> None:
    @in_loop
    async def run(port: int) -> None:
        trust = ssl.create_default_context(cafile=tls.ca_file)
        trust.minimum_version = trust.maximum_version = version
        connection = await connect(port, trust)
        await connection.ask("iscorsneeded")
        assert (await connection.reply()).body == b"no"
        connection.leave()

    with command("--tls-cert", tls.cert, "--tls-key", tls.key) as running:
        run(running.port)
