"""Whoever comes as a listener ends is served or refused: nobody is let in and then forgotten."""

from __future__ import annotations

import asyncio
import errno
import socket
from pathlib import Path
from typing import Any

import pytest

from cors_anywhere.config.settings import Settings
from cors_anywhere.process.activation import Lent
from cors_anywhere.process.closing import let_nobody_in
from cors_anywhere.process.serving import ProxyServer
from cors_anywhere.proxy import Proxy
from tests.support import PATIENCE
from tests.support.loopback import in_loop, in_real_time


class Crossed(socket.socket):
    """A listener to which somebody comes in the moment in which nobody is left to be taken in."""

    newcomer: asyncio.Future[str] | None = None
    ending = False

    def accept(self) -> tuple[socket.socket, Any]:
        try:
            return super().accept()
        except BlockingIOError:
            if self.ending and self.newcomer is None:
                self._come()
            raise

    def _come(self) -> None:
        sock = socket.socket(self.family)
        sock.setblocking(False)
        at_once = sock.connect_ex(self.getsockname())
        loop = asyncio.get_running_loop()
        self.newcomer = loop.create_future()
        loop.add_writer(sock, self._learn, sock, 0 if at_once == errno.EINPROGRESS else at_once)

    def _learn(self, sock: socket.socket, error: int) -> None:
        """What became of the newcomer: an answer's first octets, or the error."""
        asyncio.get_running_loop().remove_writer(sock)
        assert self.newcomer is not None
        with sock:
            try:
                if error := error or sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                    raise OSError(error, "")
                self.newcomer.set_result(repr(sock.recv(12)))
            except OSError as error:
                self.newcomer.set_result(type(error).__name__)


async def fate(listening: Crossed) -> str:
    """What becomes of the newcomer when a server that listens here is drained."""
    server = ProxyServer(Proxy(Settings()))
    server.listen([listening])
    listening.ending = True
    await server.drain(PATIENCE)
    assert listening.newcomer is not None
    async with asyncio.timeout(PATIENCE):
        lot = await listening.newcomer
    server.abort()
    await server.proxy.close()
    return lot


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
@in_real_time  # the kernel asks again after a second
async def test_who_comes_between_the_last_accept_and_the_close_is_refused(
    family: socket.AddressFamily,
) -> None:
    listening = Crossed(family)
    listening.bind(("::1" if family is socket.AF_INET6 else "127.0.0.1", 0))
    assert await fate(listening) == "ConnectionRefusedError"


@in_loop
async def test_on_a_unix_socket_who_comes_then_is_refused_too(tmp_path: Path) -> None:
    listening = Crossed(socket.AF_UNIX)
    listening.bind(str(tmp_path / "socket"))
    assert await fate(listening) == "ConnectionRefusedError"


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_UNIX])
def test_who_waits_already_can_still_be_taken_in(
    family: socket.AddressFamily, tmp_path: Path
) -> None:
    with listener(socket.socket(family), tmp_path) as listening, socket.socket(family) as waiting:
        waiting.connect(listening.getsockname())
        let_nobody_in(listening)
        with listening.accept()[0] as taken:
            waiting.sendall(b"hello")
            assert taken.recv(9) == b"hello"


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_UNIX])
def test_a_socket_that_another_process_keeps_lets_newcomers_in(
    family: socket.AddressFamily, tmp_path: Path
) -> None:
    with listener(Lent(family), tmp_path) as listening, socket.socket(family) as newcomer:
        let_nobody_in(listening)
        newcomer.connect(listening.getsockname())
        listening.accept()[0].close()


def listener(sock: socket.socket, path: Path) -> socket.socket:
    sock.settimeout(PATIENCE)
    sock.bind(str(path / "socket") if sock.family == socket.AF_UNIX else ("127.0.0.1", 0))
    sock.listen()
    return sock
