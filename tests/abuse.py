"""Crowds against the command, at full size: is everybody else served?

Run by `make abuse`. Owns: the runs, and the table. Must not know: how the proxy keeps places free.
Exit status 1 when somebody was not served, or within no second.
"""

from __future__ import annotations

import asyncio
import csv
import multiprocessing
import os
import resource
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from itertools import product
from multiprocessing.connection import Connection
from pathlib import Path
from typing import IO, NamedTuple

from tests.support.crowd import ATTACKS, NEWCOMER, client_at, crowd
from tests.support.process import MIB, Command, command
from tests.support.target import Do, Script, Target, target
from tests.support.tls import Tls, make_tls
from tests.support.wire import until

PROCESSES = multiprocessing.get_context("spawn")

SERVED_WITHIN = 1.0
"""Seconds."""

SECONDS = 15
MODES = {
    "slow headers": ("-H", "-i", "10", "-x", "24"),
    "slow body": ("-B", "-i", "10", "-x", "10", "-s", "8192"),
    "slow reading": ("-X", "-w", "512", "-y", "1024", "-n", "5", "-z", "32", "-k", "3"),
}
OPTIONS = ("-g", "-r", "200", "-l", str(SECONDS), "-p", "3", "-c", "1000")
"""slowhttptest's, from one address."""

DESCRIPTORS = (256, 1024)
CAP = 384  # with 1024 descriptors
CROWD = 2 * CAP
STEP, EACH_SECOND = 16, 200
"""How it comes: a few at a time, as slowhttptest does."""

ADDRESSES = {1: ("--max-connections-per-client", str(CAP)), 8: ()}
"""From one address a crowd gets all places only where the operator lets it."""

SLOWLY = 10
"""The crowd comes back after a second and drips once in one: what is measured is the proxy."""

NEWCOMERS, EVERY = 10, 0.3
HELLO: Script = (Do.REQUEST, b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello") * 999
BIG = 20 * MIB


class Watch:
    """What a run costs the proxy, and what others get meanwhile."""

    def __init__(self, proxy: Command, log: IO[str]) -> None:
        self._proxy = proxy
        self._log = log
        self._loop = asyncio.get_running_loop()
        self._began, self._cpu, self._resident = self._loop.time(), proxy.cpu(), proxy.resident()
        self.asked = self.served = self.descriptors = 0
        self.slowest = 0.0

    async def ask(self, url: str, tls: Tls | None = None) -> None:
        """One request, of somebody else, on a new connection."""
        began = self._loop.time()
        self.asked += 1
        with suppress(OSError):
            async with client_at(NEWCOMER, self._proxy, tls.trust if tls else None) as newcomer:
                await newcomer.ask(url)
                self.served += (await newcomer.reply()).body == b"hello"
        self.slowest = max(self.slowest, self._loop.time() - began)
        self.descriptors = max(self.descriptors, self._proxy.descriptors())

    def row(self) -> Row:
        """The figures so far."""
        busy = (self._proxy.cpu() - self._cpu) / (self._loop.time() - self._began)
        grown = (self._proxy.resident() - self._resident) / MIB
        lines = os.pread(self._log.fileno(), MIB, 0).count(b"\n")
        available = f"{self.served}/{self.asked}"
        return Row(available, self.descriptors, self.slowest, busy, grown, lines)


class Row(NamedTuple):
    """The figures of a run."""

    available: str  # requests of somebody else that were served, of those that were asked
    descriptors: int  # the most that were open
    slowest: float  # seconds that such a request took
    busy: float  # share of a processor
    grown: float  # MiB
    lines: int  # of log

    @property
    def good(self) -> bool:
        """Whether everybody was served in time."""
        served, asked = self.available.split("/")
        return served == asked and self.slowest < SERVED_WITHIN


HEADING = f"{'mode':16}{'conns':>6}{'from':>5}{'files':>6}{'open':>6}{'avail.':>9}" + (
    f"{'slowest':>10}{'CPU':>8}{'MiB':>7}{'lines':>7}"
)


def show(mode: str, connections: int, addresses: int, files: int, row: Row) -> bool:
    """Prints a row; whether it is good."""
    print(
        f"{mode:16}{connections:6}{addresses:5}{files:6}{row.descriptors:6}{row.available:>9}"
        f"{row.slowest:8.2f} s{row.busy:8.1%}{row.grown:7.1f}{row.lines:7}",
        flush=True,
    )
    return row.good


@contextmanager
def watched(files: int, *options: str) -> Iterator[tuple[Command, Watch]]:
    """The command with so many descriptors."""
    with (
        tempfile.TemporaryFile("w+") as log,
        command(*options, descriptors=files, log=log) as proxy,
    ):
        yield proxy, Watch(proxy, log)


async def main() -> int:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    print(HEADING)
    good = []
    with tempfile.TemporaryDirectory() as directory:
        tls = make_tls(Path(directory), "127.0.0.1")
        for kind, addresses in product(ATTACKS, ADDRESSES):
            row = await crowded(kind, addresses, tls)
            good.append(show(kind, CROWD, addresses, DESCRIPTORS[-1], row))
    for mode, files in product(MODES, DESCRIPTORS):
        good.append(show(mode, 1000, 1, files, await abused(mode, files)))
    return int(not all(good))


# --- crowds of ours -------------------------------------------------------------------------------


async def crowded(kind: str, addresses: int, tls: Tls) -> Row:
    """Others come while a crowd, twice as large as the cap, holds all places."""
    over_tls = ATTACKS[kind].tls
    https = ("--tls-cert", tls.cert, "--tls-key", tls.key) if over_tls else ()
    with watched(DESCRIPTORS[-1], *ADDRESSES[addresses], *https) as (proxy, watch):
        async with target(HELLO) as hello:
            with crowd_of_its_own(proxy, kind, addresses):
                await until(lambda: proxy.descriptors() >= CAP)
                for _ in range(NEWCOMERS):
                    await watch.ask(hello.url, tls if over_tls else None)
                    await asyncio.sleep(EVERY)
                return watch.row()


@contextmanager
def crowd_of_its_own(proxy: Command, kind: str, addresses: int) -> Iterator[None]:
    """A crowd with its target in another process, so that the others are not kept waiting here."""
    here, there = PROCESSES.Pipe()
    process = PROCESSES.Process(target=gather, args=(there, proxy.port, kind, addresses))
    process.start()
    there.close()
    try:
        here.recv()  # it has come
        yield
    finally:
        here.close()
        process.join()


class At(NamedTuple):
    """Where the proxy listens."""

    port: int


def gather(told: Connection, port: int, kind: str, addresses: int) -> None:
    """The other process: a crowd that stays until nobody listens to it."""

    async def stay() -> None:
        attack = ATTACKS[kind]
        proxy = At(port)
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)  # its end is abrupt
        async with (
            target(attack.target) as its_own,
            crowd(
                proxy, attack, 0, url=its_own.url, addresses=addresses, slowly=SLOWLY
            ) as crowding,
        ):
            for _ in range(CROWD // STEP):
                crowding.come(STEP)
                await asyncio.sleep(STEP / EACH_SECOND)
            await until(lambda: crowding.came >= CROWD)
            told.send(None)
            await asyncio.to_thread(told.poll, None)

    asyncio.run(stay())


# --- slowhttptest ---------------------------------------------------------------------------------


async def abused(mode: str, files: int) -> Row:
    """Others come while slowhttptest does what it does; its own samples count too."""
    with tempfile.TemporaryDirectory() as directory, watched(files) as (proxy, watch):
        async with pouring() as large, target(HELLO) as hello:
            others = asyncio.ensure_future(ask_on(watch, hello))
            report = Path(directory) / "report"
            arguments = (*MODES[mode], *OPTIONS, "-o", str(report))
            await attack_with(*arguments, "-u", f"http://127.0.0.1:{proxy.port}/{large}")
            row = watch.row()
            others.cancel()
            await asyncio.wait((others,))
        for sample in csv.DictReader(report.with_suffix(".csv").open()):
            watch.asked += 1
            watch.served += sample["Service Available"] != "0"
        return row._replace(available=f"{watch.served}/{watch.asked}")


async def attack_with(*arguments: str) -> None:
    """Runs slowhttptest."""
    null = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec("slowhttptest", *arguments, stdout=null)
    await process.wait()


async def ask_on(watch: Watch, hello: Target) -> None:
    """Others come until this is cancelled."""
    while True:
        await watch.ask(hello.url)
        await asyncio.sleep(EVERY)


@asynccontextmanager
async def pouring() -> AsyncIterator[str]:
    """Sends a large body to who asks, and waits for bodies."""
    server = await asyncio.start_server(_pour, "127.0.0.1", 0, backlog=1000)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"


async def _pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            if head.startswith(b"POST"):
                await reader.read(-1)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % BIG)
            for _ in range(BIG // MIB):
                writer.write(bytes(MIB))
                await writer.drain()
    writer.transport.abort()


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
