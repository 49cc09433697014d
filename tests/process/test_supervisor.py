"""Workers and the parent that keeps them (D6)."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import IO

import pytest

from tests.support import PATIENCE
from tests.support.process import Command, command, sockets_of
from tests.support.target import Do, Step, Target, Until, target
from tests.support.tls import Tls
from tests.support.wire import Client, client, until

Session = ssl.SSLSession | None
HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


async def ended(proxy: Command) -> int:
    return await asyncio.to_thread(proxy.process.wait, PATIENCE)


@asynccontextmanager
async def one_of_each(proxy: Command) -> AsyncIterator[dict[int, Client]]:
    """A connection to each worker, by its process id."""
    async with AsyncExitStack() as stack:
        found: dict[int, Client] = {}
        while len(found) < len(proxy.workers()):
            before = {pid: sockets_of(pid) for pid in proxy.workers()}
            connection = await stack.enter_async_context(client(proxy))
            await connection.ask("iscorsneeded")
            assert (await connection.reply()).body == b"no"
            for pid, held in before.items():
                if sockets_of(pid) > held:
                    found.setdefault(pid, connection)
        yield found


def played(
    conversation: Callable[[Command, Target], Awaitable[None]],
    *script: Step,
    log: IO[str] | None = None,
    options: tuple[str, ...] = (),
) -> None:
    async def play() -> None:
        async with target(script or (Do.REQUEST, HELLO)) as server:
            with command("--workers", "2", *options, log=log) as proxy:
                await conversation(proxy, server)

    asyncio.run(play())


def test_the_workers_are_children_of_the_command_and_all_serve() -> None:
    async def conversation(proxy: Command, _: Target) -> None:
        workers = proxy.workers()
        assert len(workers) == 2
        async with one_of_each(proxy) as connections:
            assert set(connections) == set(workers)

    played(conversation)


def test_one_worker_is_the_command_itself() -> None:
    with command() as proxy:
        assert proxy.workers() == []


def test_a_killed_worker_is_replaced_and_the_others_notice_nothing() -> None:
    goes_on = asyncio.Event()

    async def conversation(proxy: Command, server: Target) -> None:
        async with one_of_each(proxy) as connections:
            victim, other = connections
            await connections[other].ask(server.url)
            assert await until(lambda: server.requests)
            os.kill(victim, signal.SIGKILL)
            assert await connections[victim].closed() in ("fin", "reset")
            assert await until(lambda: len(set(proxy.workers()) - {victim}) == 2)
            goes_on.set()
            assert (await connections[other].reply()).body == b"hello"
        async with one_of_each(proxy) as connections:
            assert set(connections) == set(proxy.workers())

    played(conversation, Do.REQUEST, Until(goes_on), HELLO)


def test_nobody_is_refused_while_no_worker_is_there() -> None:
    async def conversation(proxy: Command, _: Target) -> None:
        for pid in proxy.workers():
            os.kill(pid, signal.SIGKILL)
        async with client(proxy) as connection:
            await connection.ask("iscorsneeded")
            assert (await connection.reply()).body == b"no"

    played(conversation)


def test_a_worker_that_was_told_to_stop_by_itself_is_replaced_too() -> None:
    async def conversation(proxy: Command, _: Target) -> None:
        first = set(proxy.workers())
        os.kill(min(first), signal.SIGTERM)
        assert await until(lambda: len(set(proxy.workers()) - first) == 1)
        for _attempt in range(20):  # to whichever worker it is
            async with client(proxy) as connection:
                await connection.ask("iscorsneeded")
                assert (await connection.reply()).body == b"no"

    played(conversation)


def test_workers_name_one_instance_and_know_its_address() -> None:
    async def conversation(proxy: Command, server: Target) -> None:
        async with one_of_each(proxy) as connections:
            for connection in connections.values():
                await connection.ask(server.url)
                assert (await connection.reply()).body == b"hello"
                await connection.ask(f"http://127.0.0.1:{proxy.port}/http://example.com/")
                assert (await connection.reply()).status in (403, 508)
        tokens = {re.search(rb"(?i)cdn-loop: (\S+)", head)[1] for head in server.requests}  # type: ignore[index]
        assert len(server.requests) == 2
        assert len(tokens) == 1

    played(conversation)


def test_a_client_s_tls_session_is_resumed_by_whichever_worker_it_comes_to(tls: Tls) -> None:
    def shake(port: int, session: Session) -> tuple[Session, bool | None]:
        with socket.create_connection(("127.0.0.1", port), PATIENCE) as plain:
            context = tls.trust
            with context.wrap_socket(plain, server_hostname="127.0.0.1", session=session) as sock:
                sock.sendall(b"GET /iscorsneeded HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                while sock.recv(1000):
                    pass
                return sock.session, sock.session_reused

    files = ("--tls-cert", tls.cert, "--tls-key", tls.key)
    with command("--workers", "2", *files) as proxy:
        session, _ = shake(proxy.port, None)
        # The odds that all come to one of two workers: a thousand to one.
        assert [shake(proxy.port, session)[1] for _ in range(10)] == [True] * 10


# --- the end --------------------------------------------------------------------------------------


def test_what_is_under_way_is_finished() -> None:
    goes_on = asyncio.Event()

    async def conversation(proxy: Command, server: Target) -> None:
        async with one_of_each(proxy) as connections:
            for connection in connections.values():
                await connection.ask(server.url)
            assert await until(lambda: len(server.requests) == 2)
            proxy.process.terminate()
            await _nobody_listens(proxy)
            goes_on.set()
            for connection in connections.values():
                seen = await connection.reply()
                assert (seen.body, seen.fields["connection"]) == (b"hello", "close")
        assert await ended(proxy) == 0

    played(conversation, Do.REQUEST, Until(goes_on), HELLO)


async def _nobody_listens(proxy: Command) -> None:
    async def refused() -> bool:
        try:
            async with client(proxy):
                return False
        except OSError:
            return True

    async with asyncio.timeout(PATIENCE):
        while not await refused():
            await asyncio.sleep(0.005)


def test_a_signal_to_all_processes_at_once_leaves_them_their_time() -> None:
    """As a terminal's Ctrl-C does, and an init system that stops a group of processes."""
    goes_on = asyncio.Event()

    async def conversation(proxy: Command, server: Target) -> None:
        async with one_of_each(proxy) as connections:
            connection = next(iter(connections.values()))
            await connection.ask(server.url)
            assert await until(lambda: server.requests)
            for pid in (*proxy.workers(), proxy.process.pid):
                os.kill(pid, signal.SIGINT)
            await _nobody_listens(proxy)
            goes_on.set()
            assert (await connection.reply()).body == b"hello"
        assert await ended(proxy) == 0

    played(conversation, Do.REQUEST, Until(goes_on), HELLO)


def test_a_second_signal_ends_all_at_once() -> None:
    async def conversation(proxy: Command, server: Target) -> None:
        async with one_of_each(proxy) as connections:
            connection = next(iter(connections.values()))
            await connection.ask(server.url)
            assert await until(lambda: server.requests)
            proxy.process.terminate()
            await _nobody_listens(proxy)
            proxy.process.terminate()
            assert await ended(proxy) == 0
            assert (await connection.reply()).end in ("fin", "reset")

    played(conversation, Do.REQUEST, Do.WAIT)


def test_a_worker_that_is_stuck_is_killed_in_the_end_and_the_status_says_so() -> None:
    async def conversation(proxy: Command, _: Target) -> None:
        stuck = proxy.workers()[0]
        os.kill(stuck, signal.SIGSTOP)
        proxy.process.terminate()
        assert await ended(proxy) == 1
        assert not Path(f"/proc/{stuck}").exists()

    played(conversation, options=("--drain-timeout", "0"))


def test_a_stuck_worker_does_not_keep_who_asks_twice_and_is_no_failure_then() -> None:
    async def conversation(proxy: Command, _: Target) -> None:
        stuck, other = proxy.workers()
        os.kill(stuck, signal.SIGSTOP)
        proxy.process.terminate()
        assert await until(lambda: not sockets_of(other))
        proxy.process.terminate()
        assert await ended(proxy) == 0

    played(conversation, options=("--drain-timeout", "600"))


def test_workers_do_not_outlive_the_command() -> None:
    async def conversation(proxy: Command, _: Target) -> None:
        workers = proxy.workers()
        proxy.process.kill()
        assert await until(lambda: not any(sockets_of(pid) for pid in workers))

    played(conversation)


# --- as process 1 ---------------------------------------------------------------------------------

ADOPTING = """
import ctypes, os, sys
PR_SET_CHILD_SUBREAPER = 36
assert ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0
ours, theirs = os.pipe()
child = os.fork()
if not child:
    if os.fork():
        os._exit(0)
    os.close(theirs)
    os.read(ours, 1)  # until the command has been replaced by a descriptor's end
    os._exit(0)
os.waitpid(child, 0)
orphan = open(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read().split()[0]
print(orphan, flush=True)
os.execv(sys.executable, [sys.executable, "-m", "cors_anywhere", *sys.argv[1:]])
"""
"""Leaves an orphan to the command, which adopts it as process 1 would, and ends it by the exec."""


def test_orphans_are_reaped() -> None:
    options = ("--port", "0", "--workers", "2")
    with subprocess.Popen(
        [sys.executable, "-c", ADOPTING, *options], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        orphan = int(process.stdout.readline())
        assert process.stdout.readline().startswith("Listening")
        assert asyncio.run(until(lambda: not Path(f"/proc/{orphan}").exists()))
        process.terminate()
        assert process.wait(PATIENCE) == 0


# --- a worker that cannot begin -------------------------------------------------------------------

FAILING = """
import logging, sys
from cors_anywhere.process.supervisor import Supervisor
logging.basicConfig()
def work(number, line):
    if number:
        raise ValueError("no way")
    return line.recv(1) != b"s"
sys.exit(Supervisor(work, 2, [], patience=1).run(lambda: print("listening")))
"""


def test_a_worker_that_cannot_begin_is_no_crash_loop_but_the_end() -> None:
    process = run(FAILING)
    assert process.returncode == 1
    assert process.stdout == ""
    assert "ValueError: no way" in process.stderr
    assert "ended (1) before it listened" in process.stderr


# --- many signals, and a machine that has nothing left --------------------------------------------

STORM = """
import os, signal, sys
from cors_anywhere.process.supervisor import Supervisor
def work(number, line):
    line.send(b"+")
    while line.recv(1) not in (b"s", b""):
        pass
    return 0
def storm():
    for _ in range(2000):
        os.kill(os.getpid(), signal.SIGHUP)
    os.kill(os.getpid(), signal.SIGTERM)
sys.exit(Supervisor(work, 2, [], patience=1).run(storm))
"""

DEAF = """
import os, signal, sys, time
from cors_anywhere.process.orders import Order
from cors_anywhere.process.supervisor import Supervisor
def work(number, line):
    line.send(b"+")
    time.sleep(600)
left = 2000
def again():
    global left
    left -= 1
    os.kill(os.getpid(), signal.SIGHUP if left else signal.SIGTERM)
    return True
supervisor = Supervisor(work, 2, [], patience=0, before={Order.RELOAD: again})
sys.exit(supervisor.run(lambda: os.kill(os.getpid(), signal.SIGHUP)))
"""

POOR = """
import errno, logging, os, signal, sys
from cors_anywhere.process.supervisor import Supervisor
logging.basicConfig()
fork, forks = os.fork, []
def poor():
    forks.append(1)
    if len(forks) == 3:
        raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")
    return fork()
os.fork = poor
def work(number, line):
    line.send(b"+")
    if len(forks) == 1:
        os._exit(line.recv(1) != b"r")  # the first one dies when it is told to reload
    if len(forks) > 3:
        os.kill(os.getppid(), signal.SIGTERM)
    while line.recv(1) not in (b"s", b""):
        pass
    return 0
announce = lambda: os.kill(os.getpid(), signal.SIGHUP)
sys.exit(Supervisor(work, 2, [], patience=1).run(announce))
"""


def run(script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True, text=True, timeout=6 * PATIENCE, check=False,
    )  # fmt: skip


def test_the_order_to_stop_is_heard_behind_thousands_of_others() -> None:
    assert run(STORM).returncode == 0


def test_a_worker_that_does_not_listen_keeps_nobody_from_being_told() -> None:
    assert run(DEAF).returncode == 1  # it had to be killed


def test_a_worker_that_cannot_be_forked_now_is_started_later() -> None:
    process = run(POOR)
    assert process.returncode == 0, process.stderr
    assert "Worker 1 cannot be started (Resource temporarily unavailable)" in process.stderr


def test_the_log_tells_of_a_death(tmp_path: Path) -> None:
    async def conversation(proxy: Command, _: Target) -> None:
        os.kill(proxy.workers()[0], signal.SIGKILL)
        assert await until(
            lambda: b"was ended by SIGKILL: replaced" in os.pread(log.fileno(), 2**16, 0)
        )

    with tempfile.TemporaryFile("w+", dir=tmp_path) as log:
        played(conversation, log=log)


@pytest.mark.parametrize("text", ["0", "-1", "many", "257"])
def test_a_number_of_workers_that_cannot_be_is_told(text: str) -> None:
    process = subprocess.run(
        [sys.executable, "-m", "cors_anywhere", "--check", "--port", "0", "--workers", text],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert process.returncode == 2
    assert "--workers" in process.stderr
