"""slowhttptest against the command: is the service available in every sample?

Run by `make abuse`. Owns: the runs, the target behind the proxy, and the table. Must not know: how
the proxy keeps places free. Exit status 1 when a sample says that the service was not available.
"""

from __future__ import annotations

import asyncio
import csv
import os
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from itertools import product
from pathlib import Path
from typing import NamedTuple

from tests.support.process import MIB, Command, command
from tests.support.wire import client

SECONDS = 30
MODES = {
    "slow headers": ("-H", "-i", "10", "-x", "24"),
    "slow body": ("-B", "-i", "10", "-x", "10", "-s", "8192"),
    "slow reading": ("-X", "-w", "512", "-y", "1024", "-n", "5", "-z", "32", "-k", "3"),
}
CONNECTIONS = (400, 1000)
DESCRIPTORS = (256, 1024)
OPTIONS = ("-g", "-r", "200", "-l", str(SECONDS), "-p", "3")
BIG = 20 * MIB


class Run(NamedTuple):
    """One row of the table."""

    samples: int  # one a second
    available: int  # of them
    connected: int  # the most at a time
    slowest: float  # seconds that a request of somebody else took
    busy: float  # share of a processor
    grown: float  # MiB
    lines: int  # of log


async def main() -> int:
    print("{:14}{:>7}{:>7}{:>9}{:>11}{:>11}{:>9}{:>7}{:>9}{:>5}".format(*HEADING))
    runs = []
    for mode, connections, descriptors in product(MODES, CONNECTIONS, DESCRIPTORS):
        run = await abused(mode, connections, descriptors)
        runs.append(run)
        available = f"{run.available}/{run.samples}"
        print(
            f"{mode:14}{connections:7}{descriptors:7}{available:>9}{run.connected:11}"
            f"{run.slowest:9.2f} s{run.busy:9.1%}{run.grown:7.1f}{run.lines:9}",
            flush=True,
        )
    return int(any(run.available < run.samples for run in runs))


HEADING = (
    *("mode", "conns", "files", "avail.", "connected", "slowest", "CPU", "MiB", "lines", ""),
)


async def abused(mode: str, connections: int, descriptors: int) -> Run:
    """One run against a proxy of its own."""
    with (
        tempfile.TemporaryDirectory() as directory,
        tempfile.TemporaryFile("w+") as log,
        command(descriptors=descriptors, log=log) as proxy,
    ):
        async with target() as url:
            loop = asyncio.get_running_loop()
            cpu, memory, began = proxy.cpu(), proxy.resident(), loop.time()
            others = asyncio.ensure_future(slowest_of_others(proxy, url))
            report = Path(directory) / "report"
            arguments = (*MODES[mode], *OPTIONS, "-c", str(connections), "-o", str(report))
            await attack(*arguments, "-u", f"http://127.0.0.1:{proxy.port}/{url}big")
            busy = (proxy.cpu() - cpu) / (loop.time() - began)
            others.cancel()
            slowest = await others
        rows = list(csv.DictReader(report.with_suffix(".csv").open()))
        lines = os.pread(log.fileno(), MIB, 0).count(b"\n")
        return Run(
            len(rows),
            sum(row["Service Available"] != "0" for row in rows),
            max(int(row["Connected"]) for row in rows),
            slowest,
            busy,
            (proxy.resident() - memory) / MIB,
            lines,
        )


async def attack(*arguments: str) -> None:
    """Runs slowhttptest."""
    null = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec("slowhttptest", *arguments, stdout=null)
    await process.wait()


async def slowest_of_others(proxy: Command, url: str) -> float:
    """Asks on new connections until it is cancelled: the longest that one took, in seconds; what
    is not served counts as endless."""
    loop = asyncio.get_running_loop()
    slowest = 0.0
    with suppress(asyncio.CancelledError):
        while True:
            began = loop.time()
            async with client(proxy) as connection:
                await connection.ask(url)
                served = (await connection.reply()).body == b"hello"
            slowest = max(slowest, loop.time() - began if served else float("inf"))
            await asyncio.sleep(0.2)
    return slowest


@asynccontextmanager
async def target() -> AsyncIterator[str]:
    """Sends a large body to who asks for /big, a small one to others, and waits for bodies."""
    server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=1000)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One connection."""
    with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            if head.startswith(b"POST"):
                await reader.read(-1)
            size = BIG if b" /big " in head else 5
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
            for _ in range(size // MIB):
                writer.write(bytes(MIB))
                await writer.drain()
            if size == 5:
                writer.write(b"hello")
    writer.transport.abort()


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
