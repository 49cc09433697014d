"""Several hundred thousand requests, one in twenty of them at fault: what is left afterwards?

Run by `make soak`. Owns: the load, the target behind the proxy, and the figures. Must not know: how
the proxy is built. Exit status 1 when a reply was wrong, or memory or descriptors stayed behind.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import socket
import struct
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import NamedTuple

from tests.support.process import MIB, Command, command
from tests.support.wire import Client, client

CLIENTS = 32
WARM_UP = 20_000
FAULTY = 20  # one request in so many
NEW_CONNECTION = 10  # likewise
POOL_SECONDS = 31.0
"""After which no idle connection to a target is kept."""

GROWTH = 8 * MIB
OPTIONS = ("--head-timeout", "1", "--idle-timeout", "1")

SMALL = bytes(range(256)) * 4
LONG = SMALL * 20
LARGE = bytes(MIB)


# --- the target -----------------------------------------------------------------------------------


def whole(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


def chunked(body: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    pieces = [body[at : at + 1000] for at in range(0, len(body), 1000)]
    return head + b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + end


CUT = b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n" + SMALL
REPLIES = {
    b"/small": whole(SMALL),
    b"/long": chunked(LONG),
    b"/large": whole(LARGE),
    b"/cut": CUT,
    b"/reset": CUT,
    b"/bad-chunk": chunked(SMALL, b"zz\r\n"),
    b"/no-head": b"",
    b"/bad-head": b"HTTP/1.1 abc\r\n\r\n",
}
ENDS = frozenset((b"/cut", b"/reset", b"/no-head", b"/bad-head"))


class Target(asyncio.Protocol):
    """Answers by the path; does not answer at all where the path has no reply."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._buffer = b""

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, end, body = self._buffer.partition(b"\r\n\r\n")
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        if not end or len(body) < int(length or b"0"):
            return
        self._buffer = b""
        method, path, _ = head.split(b" ", 2)
        self._answer(method, path)

    def _answer(self, method: bytes, path: bytes) -> None:
        reply = REPLIES.get(path)
        if reply is None:
            return
        head, end, _ = reply.partition(b"\r\n\r\n")
        self._transport.write(head + end if method == b"HEAD" else reply)
        if path == b"/reset":
            reset(self._transport)
        elif path in ENDS:
            self._transport.close()


def reset(transport: asyncio.BaseTransport) -> None:
    sock = transport.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert isinstance(transport, asyncio.Transport)
    transport.abort()


# --- the requests ---------------------------------------------------------------------------------


class Good(NamedTuple):
    """A request and its reply."""

    method: str
    path: str
    body: bytes
    status: int
    content: bytes


GOOD = (
    Good("GET", "small", b"", 200, SMALL),
    Good("GET", "small", b"", 200, SMALL),
    Good("GET", "long", b"", 200, LONG),
    Good("HEAD", "small", b"", 200, b""),
    Good("POST", "small", LONG, 200, SMALL),
)


class World(NamedTuple):
    """Whom the clients talk to."""

    proxy: Command
    url: str
    closed: str  # where nobody listens


Fault = Callable[[World, Client], Awaitable[bool]]
"""Spoils one exchange; whether the proxy behaved. The connection is not used again."""


def refused(path: str, *statuses: int) -> Fault:
    """The target fails before its reply: the client is told, in a whole reply."""

    async def play(world: World, connection: Client) -> bool:
        await connection.ask(world.closed if path == "closed" else world.url + path)
        seen = await connection.reply()
        return seen.end == "whole" and seen.status in statuses

    return play


def cut(path: str) -> Fault:
    """The target fails in its reply: the client must not take it for whole."""

    async def play(world: World, connection: Client) -> bool:
        await connection.ask(world.url + path)
        seen = await connection.reply()
        return seen.end == "reset" or (seen.end, seen.status) == ("whole", 502)

    return play


def malformed(octets: bytes, status: int) -> Fault:
    """The client's head is not one: it is told, and the connection ends."""

    async def play(_: World, connection: Client) -> bool:
        connection.writer.write(octets)
        seen = await connection.reply()
        return seen.status == status and await connection.closed() == "fin"

    return play


def leaves(request: str, octets: int) -> Fault:
    """The client goes away after it has read so many octets."""

    async def play(world: World, connection: Client) -> bool:
        connection.writer.write(request.format(world.url).encode())
        await connection.reader.readexactly(octets)
        reset(connection.writer.transport)
        return True

    return play


FAULTS: dict[str, Fault] = {
    "target refuses": refused("closed", 502),
    "target closes": refused("no-head", 502),
    "target babbles": refused("bad-head", 502),
    "target hangs": refused("hang", 504),
    "body cut": cut("cut"),
    "body reset": cut("reset"),
    "chunk broken": cut("bad-chunk"),
    "head malformed": malformed(b"GET / HTTP/1.1\r\nHost: a\r\nno field\r\n\r\n", 400),
    "lengths conflict": malformed(
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400
    ),
    "leaves in head": leaves("GET /{}small HTTP/1.1\r\nHost: ", 0),
    "leaves waiting": leaves("GET /{}hang HTTP/1.1\r\nHost: proxy.test\r\n\r\n", 0),
    "leaves reading": leaves("GET /{}large HTTP/1.1\r\nHost: proxy.test\r\n\r\n", 1000),
    "leaves sending": leaves(
        "POST /{}small HTTP/1.1\r\nHost: proxy.test\r\nContent-Length: 99\r\n\r\nabc", 0
    ),
}


# --- the load -------------------------------------------------------------------------------------


class Tally:
    """What came of the requests."""

    def __init__(self, total: int) -> None:
        self.numbers = iter(range(total))
        self.good = 0
        self.faulty = 0
        self.connections = 0
        self.wrong: Counter[str] = Counter()


async def load(world: World, total: int, seed: int) -> Tally:
    """So many requests by all clients together."""
    tally = Tally(total)
    dice = random.Random(seed)
    await asyncio.gather(*(keep_asking(world, tally, dice) for _ in range(CLIENTS)))
    return tally


async def keep_asking(world: World, tally: Tally, dice: random.Random) -> None:
    while await use_connection(world, tally, dice):
        pass


async def use_connection(world: World, tally: Tally, dice: random.Random) -> bool:
    """Asks on one connection until it is spoilt; whether there is more to ask."""
    tally.connections += 1
    async with client(world.proxy) as connection:
        for number in tally.numbers:
            if number % FAULTY == 0:
                name, fault = dice.choice(list(FAULTS.items()))
                tally.faulty += 1
                tally.wrong[name] += not await behaved(fault, world, connection)
                return True
            asked = dice.choice(GOOD)
            await connection.ask(f"{world.url}{asked.path}", asked.method, asked.body)
            seen = await connection.reply(asked.method)
            tally.good += 1
            if (seen.status, seen.body, seen.end) != (asked.status, asked.content, "whole"):
                tally.wrong[f"{asked.method} {asked.path}: {seen.status} {seen.end}"] += 1
                return True
            if dice.randrange(NEW_CONNECTION) == 0:
                return True
    return False


async def behaved(fault: Fault, world: World, connection: Client) -> bool:
    try:
        return await fault(world, connection)
    except (OSError, EOFError, TimeoutError, AssertionError):
        return False


# --- the figures ----------------------------------------------------------------------------------


class Rest(NamedTuple):
    """The proxy when nobody asks it anything."""

    memory: int
    descriptors: int

    def __str__(self) -> str:
        return f"{self.memory / MIB:.1f} MiB resident, {self.descriptors} descriptors"


def at_rest(proxy: Command) -> Rest:
    return Rest(proxy.resident(), proxy.descriptors())


@asynccontextmanager
async def target() -> AsyncIterator[tuple[str, str]]:
    """The target's URL, and one at which nobody listens."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Target, "127.0.0.1", 0, backlog=1000)
    port = server.sockets[0].getsockname()[1]
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{port}/", f"http://127.0.0.1:{closed.getsockname()[1]}/"
    server.close()


async def soak(total: int) -> int:
    with tempfile.TemporaryFile("w+") as log, command(*OPTIONS, log=log) as proxy:
        async with target() as (url, closed):
            world = World(proxy, url, closed)
            fresh = at_rest(proxy)
            print(f"fresh: {fresh}", flush=True)
            await load(world, min(WARM_UP, total // 3), 1)
            await asyncio.sleep(POOL_SECONDS)
            warm = at_rest(proxy)
            print(f"after the warm-up: {warm}", flush=True)
            began, cpu = asyncio.get_running_loop().time(), proxy.cpu()
            tally = await load(world, total, 2)
            seconds = asyncio.get_running_loop().time() - began
            print(
                f"{tally.good} good and {tally.faulty} faulty requests on {tally.connections}"
                f" connections in {seconds:.0f} s; {proxy.cpu() - cpu:.0f} s of processor time",
                flush=True,
            )
            await asyncio.sleep(POOL_SECONDS)
            after = at_rest(proxy)
            print(f"afterwards: {after}")
            wrong = +tally.wrong
            print(f"wrong: {dict(wrong) or 'none'}")
            left = after.descriptors - fresh.descriptors
            return int(bool(wrong) or left > 0 or after.memory - warm.memory > GROWTH)


def main() -> int:
    parser = argparse.ArgumentParser(description="Soak the proxy and see what is left.")
    parser.add_argument("--requests", type=int, default=300_000)
    return asyncio.run(soak(parser.parse_args().requests))


if __name__ == "__main__":
    sys.exit(main())
