"""Sockets that were handed over, and a restart by which nobody is refused."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cors_anywhere.process.activation import handed_over, notify
from tests.support import PATIENCE
from tests.support.wire import Client, until

# --- the protocol ---------------------------------------------------------------------------------


def variables(count: object, pid: int | None = None, names: str = "") -> dict[str, str]:
    pid = os.getpid() if pid is None else pid
    return {"LISTEN_PID": str(pid), "LISTEN_FDS": str(count), "LISTEN_FDNAMES": names}


@contextmanager
def descriptors(*sockets: socket.socket) -> Iterator[int]:
    """The first of neighbouring descriptors that have these sockets."""
    first = 200
    for number, sock in enumerate(sockets):
        os.dup2(sock.fileno(), first + number)
    try:
        yield first
    finally:
        for number in range(len(sockets)):
            try:
                os.close(first + number)
            except OSError:
                pass


def test_sockets_come_with_their_names() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as one,
        socket.create_server(("127.0.0.1", 0)) as two,
        descriptors(one, two) as first,
    ):
        handed = handed_over(variables(2, names="web:admin"), first)
        assert [(name, sock.getsockname()) for name, sock in handed] == [
            ("web", one.getsockname()),
            ("admin", two.getsockname()),
        ]
        for _, sock in handed:
            assert not sock.get_inheritable()
            sock.close()


def test_what_is_meant_for_another_process_is_left_alone() -> None:
    assert handed_over(variables(1, pid=1)) == []
    assert handed_over({}) == []


@pytest.mark.parametrize("count", ["-1", "x", "65", "", "9" * 5000])
def test_a_number_that_is_none_is_told(count: str) -> None:
    with pytest.raises(ValueError, match="is no number of sockets"):
        handed_over(variables(count))


def test_what_cannot_be_accepted_on_is_told() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs, socket.socket(type=socket.SOCK_DGRAM) as datagrams:
        for sock in (ours, datagrams):
            with descriptors(sock) as first, pytest.raises(ValueError, match="ListenStream="):
                handed_over(variables(1), first)


def test_a_descriptor_that_is_no_socket_is_told(tmp_path: Path) -> None:
    with (tmp_path / "file").open("w") as file, pytest.raises(ValueError, match="is no socket"):
        handed_over(variables(1), file.fileno())


@pytest.mark.parametrize("name", ["path", "@abstract"])
def test_the_init_system_is_told(name: str, tmp_path: Path) -> None:
    path = f"@cors-anywhere-test-{os.getpid()}" if name[0] == "@" else str(tmp_path / name)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as init:
        init.bind("\0" + path[1:] if path[0] == "@" else path)
        init.settimeout(PATIENCE)
        notify("READY=1", {"NOTIFY_SOCKET": path})
        assert init.recv(100) == b"READY=1"


def test_an_init_system_that_has_gone_harms_nobody(tmp_path: Path) -> None:
    notify("READY=1", {"NOTIFY_SOCKET": str(tmp_path / "none")})
    notify("READY=1", {})


# --- the command ----------------------------------------------------------------------------------

HANDING = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ["LISTEN_PID"] = str(os.getpid())
os.execv(sys.argv[2], sys.argv[2:])
"""


class Parent:
    """Keeps a socket, and starts commands on it."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self.port = sock.getsockname()[1]

    def start(self, *options: str, **environment: str) -> subprocess.Popen[str]:
        """A command; returns when it listens."""
        command = (sys.executable, "-m", "cors_anywhere", "--no-require-header", *options)
        kept = {"PATH": os.environ["PATH"], "LISTEN_FDS": "1", **environment}

        descriptor = self._sock.fileno()
        process = subprocess.Popen(
            [sys.executable, "-c", HANDING, str(descriptor), *command],
            stdout=subprocess.PIPE, text=True, env=kept, pass_fds=(descriptor,),
        )  # fmt: skip
        assert process.stdout is not None
        said = process.stdout.readline()
        process.stdout.close()
        assert re.search(rf":{self.port}/", said), said
        return process


@pytest.fixture
def parent() -> Iterator[Parent]:
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as sock:
        yield Parent(sock)


async def asks(port: int) -> str:
    """What came of one request on a connection of its own."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return "refused"
    connection = Client(reader, writer)
    try:
        await connection.ask("iscorsneeded")
        seen = await connection.reply()
        return seen.body.decode() or seen.end
    except OSError:
        return "reset"
    finally:
        writer.transport.abort()


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_restart_under_load_refuses_nobody(parent: Parent, workers: str) -> None:
    seen: list[str] = []

    async def load(over: asyncio.Event) -> None:
        while not over.is_set():
            seen.append(await asks(parent.port))

    async def restarted() -> None:
        over = asyncio.Event()
        first = await asyncio.to_thread(parent.start, "--workers", workers)
        loads = [asyncio.ensure_future(load(over)) for _ in range(8)]
        for restart in range(2):
            assert await until(lambda: len(seen) >= 200 * (restart + 1))  # noqa: B023
            first.send_signal(signal.SIGTERM)
            second = await asyncio.to_thread(parent.start, "--workers", workers)
            assert await asyncio.to_thread(first.wait, PATIENCE) == 0
            first = second
        over.set()
        await asyncio.gather(*loads)
        first.terminate()
        assert await asyncio.to_thread(first.wait, PATIENCE) == 0

    asyncio.run(restarted())
    assert set(seen) == {"no"}
    print(f"{len(seen)} requests over two restarts, 0 refused")


def test_addresses_that_were_given_beside_it_are_not_listened_on(
    parent: Parent, capfd: pytest.CaptureFixture[str]
) -> None:
    process = parent.start("--port", "1")
    process.terminate()
    assert process.wait(PATIENCE) == 0
    assert "--port: is not listened on: LISTEN_FDS" in capfd.readouterr().err


def test_dev_refuses_what_other_machines_could_reach() -> None:
    with socket.socket() as sock:
        sock.bind(("0.0.0.0", 0))  # nobody listens on it
        words = (sys.executable, "-c", HANDING, str(sock.fileno()), sys.executable)
        ended = subprocess.run(
            [*words, "-m", "cors_anywhere", "--dev"], check=False, capture_output=True,
            env={"PATH": os.environ["PATH"], "LISTEN_FDS": "1"}, pass_fds=(sock.fileno(),),
            text=True, timeout=60,
        )  # fmt: skip
    assert ended.returncode == 2
    assert "--dev: listens on loopback addresses only" in ended.stderr


def test_what_was_handed_over_stays_with_its_owner(parent: Parent) -> None:
    process = parent.start()
    process.terminate()
    assert process.wait(PATIENCE) == 0
    socket.create_connection(("127.0.0.1", parent.port)).close()


def test_readiness_and_the_end_are_told(parent: Parent, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as init:
        init.bind(str(tmp_path / "notify"))
        init.settimeout(PATIENCE)
        process = parent.start(NOTIFY_SOCKET=str(tmp_path / "notify"))
        assert init.recv(100) == b"READY=1"
        process.terminate()
        assert init.recv(100) == b"STOPPING=1"
        assert process.wait(PATIENCE) == 0
