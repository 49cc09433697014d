"""Figures that depend on the machine, so that no test asserts them.

Run by `make figures`. Owns: what is measured and how it is told. Must not know: what is good.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support import netns
from tests.support.process import Command, command
from tests.support.target import Do, target
from tests.support.wire import client, until
from tests.system.test_memory import CHUNKS, others_during_tiny_chunks

TIMES = 10
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\nx"


@contextmanager
def quiet() -> Iterator[Command]:
    """The command, its log unseen."""
    with Path(os.devnull).open("w") as log, command(log=log) as running:
        yield running


def listener_closed() -> str:
    """From SIGTERM until nobody listens."""
    return in_milliseconds([_closing() for _ in range(TIMES)])


def _closing() -> float:
    with quiet() as proxy:
        begun = time.monotonic()
        proxy.process.send_signal(signal.SIGTERM)
        while _listens(proxy.port):
            pass
        return time.monotonic() - begun


def _listens(port: int) -> bool:
    """By what the kernel says: who asks for a connection in that moment hears only a second later
    that nobody is there."""
    sockets = (line.split() for line in Path("/proc/net/tcp").read_text("ascii").splitlines())
    return any(at.endswith(f":{port:04X}") and state == "0A" for _, at, _, state, *_ in sockets)


def target_left() -> str:
    """From a client's leaving in the middle of a reply to the end of the target's connection."""
    with quiet() as proxy:
        return in_milliseconds([asyncio.run(_leaving(proxy)) for _ in range(TIMES)])


async def _leaving(proxy: Command) -> float:
    async with target((Do.REQUEST, HEAD, Do.WAIT)) as server, client(proxy) as connection:
        await connection.ask(server.url)
        await connection.reader.readuntil(b"\r\n\r\nx")
        begun = time.monotonic()
        connection.leave()
        assert await until(server.ended.is_set)
        return time.monotonic() - begun


def hanging_look_ups() -> str:
    """Requests of others while 200 look-ups hang."""
    if netns.unavailable():
        return f"no network namespace: {netns.unavailable()}"
    seen = netns.run("tests.support.egress", "slow", timeout=90)
    return f"p50 {1000 * seen['p50']:.1f} ms, p99 {1000 * seen['p99']:.1f} ms"


def tiny_chunks() -> str:
    """Requests of others while a body passes in chunks of one octet."""
    with quiet() as proxy:
        _, times = asyncio.run(others_during_tiny_chunks(proxy))
    return f"{CHUNKS} chunks: {in_milliseconds(times)}"


def in_milliseconds(seconds: list[float]) -> str:
    """The middle, the 99th of a hundred, and how many there were."""
    known = sorted(seconds)
    p50, p99 = (1000 * known[len(known) * part // 100] for part in (50, 99))
    return f"p50 {p50:.1f} ms, p99 {p99:.1f} ms of {len(known)}"


FIGURES: tuple[Callable[[], str], ...] = (
    listener_closed,
    target_left,
    hanging_look_ups,
    tiny_chunks,
)

if __name__ == "__main__":
    for figure in FIGURES:
        print(f"{(figure.__doc__ or '').rstrip('.')}: {figure()}", flush=True)
