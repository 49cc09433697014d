"""TLS over real sockets, this package's on both ends."""

from __future__ import annotations

import asyncio
import gc
import os
import resource
import socket
import ssl

import pytest

from cors_anywhere.http1.tls import start_tls
from tests.support.loopback import in_loop
from tests.support.tls import Tls

KIB = 1024


class Echo(asyncio.Protocol):
    """Keeps what comes, and may send it back."""

    def __init__(self, back: bool = False) -> None:
        self._back = back
        self.got = bytearray()
        self.made = asyncio.Event()
        self.lost = asyncio.Event()
        self.news = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.made.set()

    def data_received(self, data: bytes) -> None:
        self.got += data
        self.news.set()
        if self._back:
            self.transport.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set()


async def pair(tls: Tls, *, name: str = "127.0.0.1") -> tuple[Echo, Echo]:
    """A client, and a server that sends everything back."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        here = socket.create_connection(listening.getsockname())
        there, _ = listening.accept()
    here.setblocking(False)
    there.setblocking(False)
    one, other = Echo(), Echo(back=True)
    await asyncio.gather(
        start_tls(here, one, tls.trust, server_hostname=name),
        start_tls(there, other, tls.context, seconds=10),
    )
    await other.made.wait()
    return one, other


async def ended(*ends: Echo) -> None:
    for end in ends:
        end.transport.abort()
    for end in ends:
        await end.lost.wait()


@in_loop
async def test_octets_pass_both_ways_unchanged_on_many_connections_at_once(tls: Tls) -> None:
    async def exchange(number: int) -> None:
        one, other = await pair(tls)
        sent = bytes([number]) * 500_000
        one.transport.write(sent)
        while len(one.got) < len(sent):
            one.news.clear()
            await one.news.wait()
        assert one.got == other.got == sent
        await ended(one, other)

    await asyncio.gather(*(exchange(number) for number in range(8)))


@in_loop
async def test_a_name_that_is_not_the_certificates_ends_the_connection(tls: Tls) -> None:
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)  # the server's end of it
    with pytest.raises(ssl.SSLCertVerificationError):
        await pair(tls, name="other.test")


@in_loop
async def test_who_gives_up_a_handshake_leaves_no_socket_behind(tls: Tls) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        here = socket.create_connection(listening.getsockname())
        here.setblocking(False)
        there, _ = listening.accept()
        waiting = asyncio.ensure_future(
            start_tls(here, Echo(), tls.trust, server_hostname="127.0.0.1")
        )
        await asyncio.get_running_loop().sock_recv(_unblocked(there), 1)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        await asyncio.sleep(0)
        assert here.fileno() == -1
        there.close()


def _unblocked(sock: socket.socket) -> socket.socket:
    sock.setblocking(False)
    return sock


def _resident() -> int:
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * resource.getpagesize()


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="asks Linux for the memory")
@in_loop
async def test_a_connection_takes_less_than_64_kib_on_either_side(tls: Tls) -> None:
    first = [await pair(tls) for _ in range(5)]
    gc.collect()
    before = _resident()
    more = [await pair(tls) for _ in range(200)]
    gc.collect()
    assert (_resident() - before) / len(more) < 2 * 64 * KIB
    await ended(*(end for ends in first + more for end in ends))
