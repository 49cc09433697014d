"""Three instances, one Redis, HAProxy before them: one count, trouble with Redis, one killed.

Run by `make scale`, in a network namespace of its own (netns.py), in under two minutes. Owns: the
instances, the load, and what is told of it. Must not know: how the proxy is built. Exit status 1
when a promise does not hold; times are shown, and only fail beyond ten times what is promised,
because a busy machine adds its own. docs/scaling.md has the balancer's block and the figures.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Final

from redis import Redis

from tests.support import PATIENCE, netns
from tests.support.front_servers import block, environment, executable
from tests.support.listening import stop_listening
from tests.support.process import Command, started
from tests.support.redis import RedisServer, redis_server

INSTANCES: Final = ("10.0.0.11", "10.0.0.12", "10.0.0.13")
BALANCER: Final = ("10.0.0.10", 80)
TARGET: Final = ("93.184.216.34", 80)
CLIENTS: Final = 16
PAUSE: Final = 0.05  # seconds between the requests of a client
LIMIT: Final = 3000
WINDOW: Final = 60.0  # seconds
WITHIN: Final = 0.02
TRIES: Final = 3
ADDED: Final = 0.05  # seconds that trouble with Redis may add
BACK: Final = 5.0  # seconds until they count together again
AT_FAULT: Final = (502, 503, 504)


# --- what is asked, and what came -----------------------------------------------------------------


@dataclass
class Seen:
    """What clients saw."""

    statuses: Counter[int] = field(default_factory=Counter)
    again: int = 0  # requests that were tried again
    lost: int = 0  # and those that failed each time
    took: list[tuple[float, float]] = field(default_factory=list)  # when each began, and its time

    def since(self, moment: float) -> list[float]:
        """The times of what began or was under way after a moment, in order of size."""
        return sorted(took for began, took in self.took if began + took > moment)


class Client:
    """One that asks by kept connections, from an address of its own, and tries again."""

    def __init__(self, address: str, where: tuple[str, int] = BALANCER, fields: str = "") -> None:
        self._address = address
        self._where = where
        self._fields = fields
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self) -> tuple[int, str]:
        """Status and head of one reply. Raises OSError or EOFError where none came whole."""
        try:
            async with asyncio.timeout(PATIENCE):
                return await self._ask()
        except BaseException:
            self.close()
            raise

    async def _ask(self) -> tuple[int, str]:
        if self._streams is None:
            local = (self._address, 0)
            self._streams = await asyncio.open_connection(*self._where, local_addr=local)
        reader, writer = self._streams
        writer.write(
            f"GET /http://{TARGET[0]}/ HTTP/1.1\r\nHost: cors.example.com\r\n"
            f"Origin: https://page.test\r\n{self._fields}\r\n".encode()
        )
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        length = int(head.partition("content-length: ")[2].partition("\r\n")[0])
        await reader.readexactly(length)
        if "connection: close" in head:
            self.close()
        return int(head.split(" ")[1]), head

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


async def load(seen: Seen, address: str, pause: float, until: asyncio.Event) -> None:
    """One client's requests, each tried again where it failed."""
    client, loop = Client(address), asyncio.get_running_loop()
    while not until.is_set():
        began = loop.time()
        status = await _tried(client, seen)
        seen.statuses[status] += 1
        seen.lost += status in (0, *AT_FAULT)
        seen.took.append((began, loop.time() - began))
        await asyncio.sleep(pause)
    client.close()


async def _tried(client: Client, seen: Seen) -> int:
    """The status that came at last; 0 for none."""
    status = 0
    for attempt in range(TRIES):
        seen.again += attempt == 1
        try:
            status, _ = await client.ask()
        except (OSError, EOFError):
            status = 0
        if status not in (0, *AT_FAULT):
            break
    return status


@asynccontextmanager
async def crowd(addresses: list[str], pause: float = PAUSE) -> AsyncIterator[Seen]:
    """Clients that ask all the while."""
    seen, until = Seen(), asyncio.Event()
    clients = [asyncio.create_task(load(seen, each, pause, until)) for each in addresses]
    try:
        yield seen
    finally:
        until.set()
        await asyncio.gather(*clients)


# --- what is there --------------------------------------------------------------------------------


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while await reader.readuntil(b"\r\n\r\n"):
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1024\r\n\r\n" + bytes(1024))
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


@contextmanager
def balancer(here: Path) -> Iterator[None]:
    """HAProxy with the block of docs/scaling.md, without TLS."""
    text = block("haproxy", "docs/scaling.md")
    lines = [line for line in text.split("\n") if not line.strip().startswith("bind ")]
    lines.insert(lines.index("listen cors") + 1, "    bind {}:{}".format(*BALANCER))
    (here / "haproxy.cfg").write_text("\n".join(lines), "utf-8")
    words = [executable("haproxy"), "-db", "-f", str(here / "haproxy.cfg")]
    with subprocess.Popen(words, env=environment(here), stdout=sys.stderr) as process:
        try:
            _wait(process)
            yield
        finally:
            process.terminate()


def _wait(process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < end:
        try:
            socket.create_connection(BALANCER).close()
            return
        except ConnectionRefusedError:
            time.sleep(0.05)
    raise AssertionError("HAProxy does not listen")


def instance(address: str, store: str, log: Path) -> Any:
    """One of the three."""
    limit = f"{LIMIT}/minute by client"
    options = ("--rate-limit", limit, "--store", store, "--trusted-proxy", "10.0.0.0/8")
    place = ("--host", address, "--port", "8080")
    return started(*place, *options, log=log.open("w"))


# --- what is shown --------------------------------------------------------------------------------


async def one_count(redis: RedisServer) -> dict[str, Any]:
    """D3: one client asks for twice its limit, over all instances, for a minute."""
    before = redis_seconds(redis)
    async with crowd(["192.0.2.1"] * CLIENTS, CLIENTS * WINDOW / LIMIT / 2) as seen:
        await asyncio.sleep(WINDOW - 0.5)
    asked = seen.statuses.total()
    return {
        "asked": asked,
        "let through": seen.statuses[200],
        "limit": LIMIT,
        "redis, µs a request": round((redis_seconds(redis) - before) / asked * 1e6),
        "holds": abs(seen.statuses[200] - LIMIT) <= LIMIT * WITHIN and asked > LIMIT * 1.5,
    }


def redis_seconds(redis: RedisServer) -> float:
    """Processor time that Redis says it has used."""
    with Redis(port=redis.port) as asking:
        told: Any = asking.info("cpu")
    return float(told["used_cpu_user"]) + float(told["used_cpu_sys"])


ADDRESSES: Final = [f"198.51.100.{number}" for number in range(1, CLIENTS + 1)]


async def trouble(redis: RedisServer) -> dict[str, Any]:
    """D4: Redis is stopped and goes on; it is killed and comes back, empty."""
    loop = asyncio.get_running_loop()
    async with crowd(ADDRESSES) as seen:
        await asyncio.sleep(3)
        usual = median(took for _, took in seen.took)
        began = loop.time()
        redis.signal(signal.SIGSTOP)
        await asyncio.sleep(4)
        stopped = seen.since(began)
        redis.signal(signal.SIGCONT)
        stopped_back = await together(1)
        began = loop.time()
        redis.kill()
        await asyncio.sleep(4)
        killed = seen.since(began)
        await asyncio.to_thread(redis.start)
        killed_back = await together(2)
    slowest = max(stopped[-1], killed[-1])
    return {
        "asked": seen.statuses.total(),
        "of these 5xx or lost": sum(seen.statuses[s] for s in seen.statuses if s not in (200, 429)),
        "tried again": seen.again,
        "usual, ms": _ms(usual),
        "slowest while it was stopped, ms": _ms(stopped[-1]),
        "and how many took 25 ms more than usual": sum(t > usual + 0.025 for t in stopped),
        "slowest while it was gone, ms": _ms(killed[-1]),
        "together again after SIGCONT, s": round(stopped_back, 2),
        "together again after a start, s": round(killed_back, 2),
        "holds": set(seen.statuses) <= {200, 429}
        and seen.again == 0
        and slowest < usual + 10 * ADDED
        and max(stopped_back, killed_back) < BACK,
    }


async def together(network: int) -> float:
    """Seconds until all three have one count again. A newcomer asks each of them once: who counts
    alone tells it the same rest as the others do."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    for number in range(1, 250):
        if await _rests(f"X-Forwarded-For: 203.0.{network}.{number}\r\n") == [1, 2, 3]:
            return loop.time() - began
        await asyncio.sleep(0.1)
    return float("inf")


async def _rests(field: str) -> list[int]:
    used = []
    for address in INSTANCES:
        client = Client("10.0.0.9", (address, 8080), field)
        _, head = await client.ask()
        client.close()
        rest = head.partition('"client";r=')[2].partition(";")[0]
        used.append(LIMIT - int(rest or LIMIT))
    return used


async def one_killed(victim: Command) -> dict[str, Any]:
    """An instance ends as by a power cut, under load."""
    async with crowd(ADDRESSES, 0.01) as seen:
        await asyncio.sleep(2)
        before = seen.statuses.total()
        victim.process.kill()
        await asyncio.sleep(4)
    return {
        "asked": seen.statuses.total(),
        "after the kill": seen.statuses.total() - before,
        "tried again by the client": seen.again,
        "failed": seen.lost,
        "holds": seen.lost == 0 and set(seen.statuses) <= {200, 429},
    }


async def shown(here: Path) -> dict[str, Any]:
    server = await asyncio.start_server(_answer, *TARGET, backlog=1000)
    with redis_server() as redis, ExitStack() as stack:
        three = [
            stack.enter_context(instance(address, redis.url, here / address))
            for address in INSTANCES
        ]
        stack.enter_context(balancer(here))
        assert await together(0) < BACK
        found = {
            "one count over three instances (D3)": await one_count(redis),
            "trouble with Redis (D4)": await trouble(redis),
            "an instance is killed": await one_killed(three[1]),
        }
    await stop_listening(server)
    return found


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 1)


def main() -> None:
    if netns.unavailable():
        sys.exit(f"make scale needs a network namespace: {netns.unavailable()}")
    load_average = os.getloadavg()[0]
    found = netns.run("tests.scale", "inside", timeout=300)
    print(f"{os.cpu_count()} cores, load average {load_average:.1f} before")
    for name, figures in found.items():
        print(f"\n{name}")
        for what, figure in figures.items():
            print(f"  {what:42} {figure}")
    sys.exit(0 if all(figures["holds"] for figures in found.values()) else 1)


if __name__ == "__main__":
    if sys.argv[1:] == ["inside"]:
        with tempfile.TemporaryDirectory() as directory:
            print(json.dumps(asyncio.run(shown(Path(directory)))))
    else:
        main()
