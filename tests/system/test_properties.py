"""Whatever a client asks and a target does: a reply or an abort comes in time, readable by pages,
whole where it looks whole (B2), and nothing of it stays behind.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Iterator
from contextlib import asynccontextmanager
from enum import Enum
from typing import Any, NamedTuple

from hypothesis import HealthCheck, Phase, event, given, settings
from hypothesis import strategies as st

from tests.support.clock import LeapingLoop
from tests.support.listening import stop_listening
from tests.support.wire import Client, Held, Proxy, Seen, client, proxied, until

DEADLINE = 4.0
"""Of the proxy, for a target's head and for silence in its body, in seconds. A target that falls
silent makes the clock leap so far."""

EXAMPLES = 100


# --- what a target means, and what becomes of it ------------------------------------------------


class Framing(Enum):
    """How a target says where its body ends."""

    LENGTH = "Content-Length"
    CHUNKED = "chunked"
    CLOSE = "the end of the connection"


class Fate(Enum):
    """What comes after the octets that a target gets to send."""

    REST = "the connection goes on"
    FIN = "the target closes"
    RST = "the target vanishes"
    SILENCE = "nothing"


class Behaviour(NamedTuple):
    """What a target answers. Of its reply `percent` is sent, in pieces, before `fate`."""

    status: int
    body: bytes
    framing: Framing
    fate: Fate
    percent: int
    cuts: tuple[int, ...]
    redirects: int
    interim: bool

    def bodiless(self, method: str) -> bool:
        """Whether the reply has no body (RFC 9112 section 6.3)."""
        return method == "HEAD" or self.status in (204, 304)

    def head(self, method: str) -> bytes:
        """The final reply's, with what comes before it."""
        interim = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" if self.interim else b""
        line = b"HTTP/1.1 %d Whatever\r\n" % self.status
        fields = b"Access-Control-Allow-Origin: https://nobody.test\r\nX-Of: target\r\n"
        if self.status in (204, 304) or self.framing is Framing.CLOSE:
            return interim + line + fields + b"\r\n"
        if self.framing is Framing.CHUNKED:
            return interim + line + fields + b"Transfer-Encoding: chunked\r\n\r\n"
        return interim + line + fields + b"Content-Length: %d\r\n\r\n" % len(self.body)

    def octets(self, method: str) -> bytes:
        """All of the reply, as a target without mishap sends it."""
        if self.bodiless(method):
            return self.head(method)
        if self.framing is not Framing.CHUNKED:
            return self.head(method) + self.body
        middle = len(self.body) // 2
        chunks = [piece for piece in (self.body[:middle], self.body[middle:]) if piece]
        framed = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in chunks)
        return self.head(method) + framed + b"0\r\n\r\n"

    def sent(self, method: str) -> bytes:
        """What is sent of it."""
        octets = self.octets(method)
        return octets if self.fate is Fate.REST else octets[: len(octets) * self.percent // 100]

    def pieces(self, method: str) -> Iterator[bytes]:
        """The same, as it is sent."""
        octets, start = self.sent(method), 0
        for cut in sorted(cut % (len(octets) + 1) for cut in self.cuts):
            yield octets[start:cut]
            start = cut
        yield octets[start:]

    def meant(self, method: str) -> bytes | None:
        """The body that must arrive; None when the reply must not look whole, unless it was."""
        sent, head, octets = self.sent(method), self.head(method), self.octets(method)
        if self.fate is Fate.RST or len(sent) < len(head):
            return None
        if self.bodiless(method):
            return b""
        if self.framing is Framing.CLOSE:  # whoever closes says that this was all
            return None if self.fate is Fate.SILENCE else sent[len(head) :]
        return self.body if sent == octets else None


class Ask(NamedTuple):
    """What a client asks of such a target."""

    method: str
    body: bytes
    chunked: bool
    cuts: tuple[int, ...]
    leaves: bool  # before it has read the reply
    behaviour: Behaviour

    @property
    def last_method(self) -> str:
        """The method after the redirects, all of them 302."""
        return "GET" if self.behaviour.redirects and self.method != "HEAD" else self.method

    @property
    def repeatable(self) -> bool:
        """Whether it may be sent again where a pooled connection has died."""
        return self.method not in ("POST", "MADE-UP") and not self.body

    def octets(self, url: str) -> bytes:
        """The request."""
        lines = [f"{self.method} /{url} HTTP/1.1", "Host: p.test", "Origin: https://page.test"]
        if self.body:
            length = f"Content-Length: {len(self.body)}"
            lines.append("Transfer-Encoding: chunked" if self.chunked else length)
        head = "\r\n".join([*lines, "", ""]).encode()
        if self.chunked and self.body:
            return head + b"%x\r\n%b\r\n0\r\n\r\n" % (len(self.body), self.body)
        return head + self.body


CONTENT = st.one_of(
    st.binary(max_size=40),
    st.integers(1, 300_000).map(lambda size: bytes(range(256)) * (size // 256 + 1)),
)
CUTS = st.lists(st.integers(0, 200_000), max_size=3).map(tuple)
BEHAVIOURS = st.builds(
    Behaviour,
    status=st.sampled_from((200, 200, 200, 206, 404, 500, 204, 304)),
    body=CONTENT,
    framing=st.sampled_from(Framing),
    fate=st.sampled_from((Fate.REST, Fate.REST, Fate.REST, Fate.FIN, Fate.RST, Fate.SILENCE)),
    percent=st.sampled_from((0, 1, 10, 50, 90, 99, 100)),
    cuts=CUTS,
    redirects=st.sampled_from((0, 0, 0, 1, 3)),
    interim=st.booleans(),
)
ASKS = st.builds(
    Ask,
    method=st.sampled_from(("GET", "GET", "HEAD", "POST", "PUT", "DELETE", "PROPFIND", "MADE-UP")),
    body=st.just(b"") | CONTENT,
    chunked=st.booleans(),
    cuts=CUTS,
    leaves=st.sampled_from((False,) * 7 + (True,)),
    behaviour=BEHAVIOURS,
)


# --- the two ends -------------------------------------------------------------------------------


class Target:
    """Does what the path's number says, on as many connections as the proxy makes."""

    def __init__(self, asks: list[Ask]) -> None:
        self._asks = asks
        self.bodies: dict[int, bytes] = {}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self._exchange(reader, writer):
                pass
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            writer.transport.abort()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        method, path, _ = head.decode("latin-1").split("\r\n")[0].split(" ")
        number, hop = map(int, path.split("/")[1:])
        body = await _read_body(reader, head)
        if hop:
            where = b"Location: /%d/%d\r\nContent-Length: 0\r\n\r\n" % (number, hop - 1)
            writer.write(b"HTTP/1.1 302 Found\r\n" + where)
        if hop == self._asks[number].behaviour.redirects:
            self.bodies[number] = body
        return bool(hop) or await self._end(method, self._asks[number].behaviour, reader, writer)

    async def _end(
        self,
        method: str,
        behaviour: Behaviour,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> bool:
        """Sends the final reply; whether the connection goes on."""
        for piece in behaviour.pieces(method):
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)
        fate = behaviour.fate
        if fate is Fate.REST and behaviour.framing is Framing.CLOSE:
            fate = Fate.REST if behaviour.bodiless(method) else Fate.FIN
        if fate is Fate.RST:
            linger = struct.pack("ii", 1, 0)
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        elif fate is Fate.FIN:
            writer.write_eof()
            await reader.read()
        elif fate is Fate.SILENCE:
            await _silence(reader)
        return fate is Fate.REST


async def _silence(reader: asyncio.StreamReader) -> None:
    """Lasts until the proxy has had enough."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, LeapingLoop)
    ended = asyncio.ensure_future(reader.read())
    for _ in range(2):  # the first leap may come before the proxy has read what was sent
        await asyncio.wait((ended,), timeout=0.02)
        loop.leap(DEADLINE)
    await ended


async def _read_body(reader: asyncio.StreamReader, head: bytes) -> bytes:
    body = b""
    if b"transfer-encoding: chunked" in head.lower():
        while size := int(await reader.readuntil(b"\r\n"), 16):
            body += await reader.readexactly(size)
            await reader.readexactly(2)
        await reader.readexactly(2)
    elif b"content-length: " in head.lower():
        size = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        body = await reader.readexactly(size)
    return body


@asynccontextmanager
async def listening(target: Target) -> Any:
    """The target's authority. Its connections end with it."""
    writers: list[asyncio.StreamWriter] = []
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        await target.serve(reader, writer)
        tasks.discard(task)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    await stop_listening(server)
    for writer in writers:
        writer.transport.abort()
    await asyncio.gather(*tasks)


async def ask(connection: Client, octets: bytes, cuts: tuple[int, ...]) -> None:
    """Sends a request in pieces."""
    start = 0
    for cut in sorted(cut % (len(octets) + 1) for cut in cuts):
        connection.writer.write(octets[start:cut])
        await connection.writer.drain()
        await asyncio.sleep(0)
        start = cut
    connection.writer.write(octets[start:])
    await connection.writer.drain()


async def converse(asks: list[Ask]) -> None:
    """All of it, on as few client connections as the proxy allows."""
    target = Target(asks)
    chosen = {"head_timeout": DEADLINE, "idle_timeout": DEADLINE}
    async with proxied(**chosen) as proxy, listening(target) as host:
        before = Held.by(proxy)
        number = 0
        while number < len(asks):
            async with client(proxy) as connection:
                number = await _on_one(connection, asks, number, host, target)
        await _nothing_is_left(proxy, before)


async def _on_one(
    connection: Client, asks: list[Ask], number: int, host: str, target: Target
) -> int:
    """Asks on one connection until it ends; the number of the next."""
    while number < len(asks):
        one = asks[number]
        url = f"http://{host}/{number}/{one.behaviour.redirects}"
        sending = asyncio.ensure_future(ask(connection, one.octets(url), one.cuts))
        number += 1
        if one.leaves:
            await asyncio.wait((sending,), timeout=0.02)
            sending.cancel()
            connection.leave()
            return number
        seen = await connection.reply(one.method)
        await asyncio.wait((sending,))
        judge(one, seen, target.bodies.get(number - 1))
        if seen.end != "whole" or seen.fields.get("connection") == "close":
            return number
    return number


def judge(one: Ask, seen: Seen, received: bytes | None) -> None:
    """Whether this may come of that."""
    method, behaviour = one.last_method, one.behaviour
    meant = behaviour.meant(method)
    by_target = seen.fields.get("x-of") == "target"
    event(f"{'target' if by_target else seen.error or 'nothing'}, {seen.end}")
    if seen.status:
        assert seen.fields["access-control-allow-origin"] == "*"
    if meant is not None and not _may_have_died(one, seen):
        assert (seen.end, seen.status, by_target) == ("whole", behaviour.status, True)
        assert seen.body == (b"" if behaviour.bodiless(method) else meant)
        assert received == one.body
    elif seen.end != "whole":
        assert seen.end == "reset"
    elif by_target:  # it may have been complete before it was reset
        assert behaviour.fate is Fate.RST
        assert behaviour.sent(method) == behaviour.octets(method)
        assert behaviour.framing is not Framing.CLOSE or behaviour.bodiless(method)
        assert seen.body == (b"" if behaviour.bodiless(method) else behaviour.body)
    else:
        assert seen.status in (502, 504)
        assert seen.error
        assert seen.body or one.method == "HEAD"


def _may_have_died(one: Ask, seen: Seen) -> bool:
    """Whether the proxy met the end of a pooled connection, and could not ask again."""
    return not one.repeatable and seen.error == "connection_terminated"


async def _nothing_is_left(proxy: Proxy, before: Held) -> None:
    settled = before._replace(connections=0)

    def nothing() -> bool:
        proxy.cors.egress._pool.close()  # a request whose client has left may give one back yet
        return Held.by(proxy) == settled

    assert await until(nothing), (before, Held.by(proxy))


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    phases=(Phase.generate,),  # a case is small as it is, and takes too long to be made smaller
    suppress_health_check=list(HealthCheck),
)
@given(st.lists(ASKS, min_size=1, max_size=3))
def test_a_whole_reply_or_an_abort_comes_in_time_and_nothing_stays(asks: list[Ask]) -> None:
    with asyncio.Runner(loop_factory=LeapingLoop) as runner:
        runner.run(converse(asks))
