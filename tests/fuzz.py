"""Random octets from both sides: `python -m tests.fuzz` runs until it is stopped.

Owns: what is sent, and what may never come of it (B1). Must not know: what each input ought to
lead to; the tables of tests/malformed.py and tests/faults.py do.

A case is a conversation: requests and replies that are nearly right, cut anywhere, with peers
that end, vanish, stop reading or fall silent in between. hypothesis makes it smaller when it fails.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from typing import Any, NamedTuple

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from cors_anywhere.errors import ProxyError
from cors_anywhere.http1.head import serialise
from cors_anywhere.messages import Target
from cors_anywhere.rules.redirects import resolve_location
from cors_anywhere.rules.targets import host_rule
from tests.support.pipe import Complaints, HandSetLoop, Pipe, Sandbox
from tests.support.urls import parse_path

ROUND = 400
"""Cases of each kind in a round."""

# --- what is sent --------------------------------------------------------------------------------

METHODS = (b"GET", b"POST", b"HEAD", b"PUT", b"OPTIONS", b"DELETE", b"CONNECT", b"TRACE", b"get")
HOSTS = (b"a.example", b"8.8.8.8", b"[2a00::1]", b"b.example:8080", b"10.0.0.1", b"localhost", b"x")
PATHS = (
    *(b"/http://" + host + b"/p?q" for host in HOSTS),
    *(b"/", b"*", b"/https://a.example", b"/a.example/x", b"http://p/http://a.example/"),
    *(b"/iscorsneeded", b"/ws://a.example/", b"/http:/a.example", b"//", b"/http://[", b"/%", b""),
    *(b"/http%3A%2F%2Fa.example", b"/?url=http%3A%2F%2Fa.example", b"/\xff", b"/http://xn--/"),
    *(
        b"/get?url=http%3A%2F%2Fa.example%2F",
        b"/get?url=http://a.example/&callback=x",
        b"/get?url=",
    ),
    *(b"/raw?url=http://a.example/", b"/m/x", b"/m/..%2fx", b"/m?", b"/m/%252e.;/"),
)
VERSIONS = (b" HTTP/1.1", b" HTTP/1.1", b" HTTP/1.1", b" HTTP/1.0", b" HTTP/2.0", b" HTTP/0.9", b"")
LINE_ENDS = (b"\r\n",) * 12 + (b"\n", b"\r", b"\r\n ", b"\r\n\r\n", b"")
COMMON = (
    *(
        b"Content-Length: %s" % n
        for n in (b"0", b"1", b"5", b"5", b"05", b"-1", b"5, 5", b"9" * 30)
    ),
    *(b"Transfer-Encoding: %s" % n for n in (b"chunked", b"chunked", b"gzip, chunked", b"x", b"")),
    *(b"Connection: %s" % n for n in (b"close", b"keep-alive", b"Upgrade", b"host, te", b",")),
    *(b"Upgrade: websocket", b"Upgrade: h2c", b"X: \xff\x80", b"X:\x00", b"X : a", b": a", b"X"),
    *(b"Trailer: a", b"Vary: *", b"Date: x", b"A" * 300 + b": b", b"X: " + b"b" * 40000),
)
REQUEST_FIELDS = (
    *((b"Host: p.example",) * 4 + (b"Host: a, b", b"Host:")),
    *((b"Origin: https://page.example",) * 2 + (b"Origin: null", b"Origin: \xff")),
    *(b"Expect: 100-continue", b"Expect: x", b"Cookie: a=b", b"CDN-Loop: x", b"Range: bytes=0-"),
    *(b"Access-Control-Request-Method: PUT", b"Sec-WebSocket-Key: AAAA", b"Forwarded: for=x"),
)
STATUSES = (
    *(
        b" 200 OK",
        b" 200 OK",
        b" 200",
        b" 204 No",
        b" 304 Not",
        b" 206 Part",
        b" 404 \xff",
        b" 999",
    ),
    *(b" 100 Continue", b" 103 Early", b" 101 Switching", b" 301 Moved", b" 307 Again", b" 407 No"),
    *(b" 099 X", b" 600 X", b" 20 X", b" OK", b" 200 a\rb", b" 200 a\x00"),
)
REPLY_FIELDS = (
    *(b"Location: %s" % to for to in (b"/x", b"http://b.example/", b"//[", b"\xff", b"x:y", b"")),
    *(b"Location: http://10.0.0.1/", b"Location: http://a:b@c.example/", b"Set-Cookie: a=b"),
    *(b"Access-Control-Allow-Origin: x", b"Content-Encoding: gzip", b"Keep-Alive: timeout=0"),
)
BODIES = (
    *(
        b"",
        b"hello",
        b"hello",
        b"5\r\nhello\r\n0\r\n\r\n",
        b"5\r\nhello\r\n0\r\n\r\n",
        b"0\r\n\r\n",
    ),
    *(
        b"5\r\nhel",
        b"5;a=b\r\nhello\r\n0\r\nA: b\r\n\r\n",
        b"6\r\nhello\r\n",
        b"g\r\n",
        b"5\nhello\n",
    ),
    *(b"f" * 17 + b"\r\n", b"-5\r\nhello\r\n", b"0\r\n" + b"A: b\r\n" * 9000, b"x" * 70000),
)


class Edit(NamedTuple):
    """A change to a good message: from where, how many octets it replaces, and by what."""

    at: int
    size: int
    new: bytes


def _edited(good: bytes, edits: list[Edit]) -> bytes:
    """Places are counted in lines and octets alike: most of what matters is at a line's ends."""
    for at, size, new in edits:
        ends = [found.start() for found in re.finditer(rb"\r?\n|[: ]", good)] or [0]
        start = ends[at // 2 % len(ends)] if at % 2 else at % (len(good) + 1)
        good = good[:start] + new + good[start + size :]
    return good


def _nearly(good: tuple[bytes, ...], *tokens: tuple[bytes, ...]) -> st.SearchStrategy[bytes]:
    """Good messages with a few changes; many have none."""
    lines = [b"\r\n" + token for group in (*tokens, COMMON) for token in group]
    new = st.sampled_from((*lines, *BODIES, *LINE_ENDS)) | st.binary(max_size=4)
    edits = st.lists(st.builds(Edit, st.integers(0, 400), st.integers(0, 3), new), max_size=2)
    return st.builds(_edited, st.sampled_from(good), edits)


def _request(method: bytes, path: bytes, version: bytes = VERSIONS[0], rest: bytes = b"") -> bytes:
    head = b"Host: p.example\r\nOrigin: https://page.example\r\n"
    return method + b" " + path + version + b"\r\n" + head + (rest or b"\r\n")


BODY = b"Content-Length: 5\r\n\r\nhello"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
UPGRADE = b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
FETCH = _request(b"GET", PATHS[0])
REQUESTS = st.just(FETCH) | _nearly(
    (
        *(_request(b"POST", PATHS[0], rest=rest) for rest in (BODY, BODY, CHUNKED, CHUNKED)),
        *(_request(b"POST", PATHS[0], rest=b"Expect: 100-continue\r\n" + BODY), FETCH + FETCH),
        _request(b"HEAD", PATHS[0]),
        *(_request(method, PATHS[0]) for method in METHODS),
        *(_request(b"GET", path) for path in PATHS),
        *(_request(b"GET", PATHS[0], version) for version in VERSIONS),
    ),
    REQUEST_FIELDS,
)
REPLIES = st.just(b"HTTP/1.1 200 OK\r\n" + BODY) | _nearly(
    (
        *(b"HTTP/1.1 200 OK\r\n" + rest for rest in (BODY, CHUNKED, b"\r\nhello", CHUNKED)),
        *(b"HTTP/1.1" + status + b"\r\n" + BODY for status in STATUSES),
        *(b"HTTP/1.1 302 Found\r\n" + field + b"\r\n" + BODY for field in REPLY_FIELDS),
        *(b"HTTP/1.1 100 Go\r\n\r\nHTTP/1.1 200 OK\r\n" + BODY, b"HTTP/1.0 200 OK\r\n" + BODY),
    ),
    REPLY_FIELDS,
)
HANDSHAKES = _nearly((_request(b"GET", b"/ws://a.example/", rest=UPGRADE),), REQUEST_FIELDS)
SWITCHES = _nearly((b"HTTP/1.1 101 Switching\r\n" + UPGRADE,), REPLY_FIELDS)


class Event(Enum):
    """What a peer does besides sending."""

    CLIENT_FIN = "the client sends no more"
    CLIENT_RST = "the client has gone"
    CLIENT_STALLS = "the client does not read"
    CLIENT_READS = "the client reads again"
    TARGET_FIN = "the target sends no more"
    TARGET_RST = "the target has gone"
    SILENCE = "nobody does anything for a while"
    LONG_SILENCE = "for longer than any deadline"
    DRAIN = "the proxy is told to stop"


class Sent(NamedTuple):
    """Octets from one side, in pieces."""

    by_client: bool
    octets: bytes
    cuts: tuple[int, ...]

    def pieces(self) -> Iterator[bytes]:
        """Them, cut where the cuts say."""
        start = 0
        for cut in sorted(cut % (len(self.octets) + 1) for cut in self.cuts):
            yield self.octets[start:cut]
            start = cut
        yield self.octets[start:]


CUTS = st.lists(st.integers(0, 400), max_size=3).map(tuple)
EVENTS = st.lists(st.sampled_from(Event), max_size=1)


def _exchange(
    requests: st.SearchStrategy[bytes], replies: st.SearchStrategy[bytes]
) -> st.SearchStrategy[Any]:
    asks = st.builds(Sent, st.just(True), requests, CUTS)
    return st.tuples(asks, EVENTS, st.builds(Sent, st.just(False), replies, CUTS), EVENTS)


PIPELINED = st.lists(REQUESTS | HANDSHAKES, min_size=2, max_size=3).map(b"".join)
EXCHANGES = st.one_of(
    *(_exchange(REQUESTS, REPLIES) for _ in range(4)),
    _exchange(PIPELINED, REPLIES),
    _exchange(HANDSHAKES, SWITCHES),
)
CONVERSATIONS = st.lists(EXCHANGES, min_size=1, max_size=4)

# --- what may come of it -------------------------------------------------------------------------

_STATUS = re.compile(rb"HTTP/1\.1 ([0-9]{3}) ")


class Fuzzer:
    """Plays cases, and counts them. A failure is an AssertionError or whatever the proxy raised."""

    def __init__(self) -> None:
        self.cases: Counter[str] = Counter()
        self.statuses: Counter[int] = Counter()
        self.complaints = Complaints()
        self._loop = HandSetLoop()
        self._loop.set_exception_handler(self.complaints.report)
        self._sandbox = self._loop.run_until_complete(self._start())

    async def _start(self) -> Sandbox:
        return Sandbox(self._loop, mounts={"/m": "http://a.example/base"}, open_proxy=True)

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Sees what is logged."""
        root = logging.getLogger()
        root.addHandler(self.complaints)
        asyncio.set_event_loop(self._loop)
        try:
            yield
            gc.collect()  # what nobody waited for is reported when it is collected
            assert not self.complaints.seen, self.complaints.seen
        finally:
            root.removeHandler(self.complaints)
            self._loop.close()
            asyncio.set_event_loop(None)

    def converse(self, conversation: list[Any]) -> None:
        """Plays one conversation on one client connection."""
        self._loop.run_until_complete(self._converse(conversation))
        assert not self.complaints.seen, self.complaints.seen

    async def _converse(self, conversation: list[Any]) -> None:
        sandbox = self._sandbox
        sandbox.targets.clear()
        client = sandbox.client()
        for exchange in conversation:
            for step in exchange:
                for part in step if isinstance(step, list) else [step]:
                    await self._play(part, sandbox, client)
        self._count(bytes(client.sent), conversation)
        client.reset()
        await self._loop.settle()
        tasks, _, connections = sandbox.held()
        assert (tasks, connections) == (0, 0)
        await self._loop.pass_time(61)  # the pool's connections end too
        assert sandbox.held() == (0, 0, 0)
        assert all(pipe.end for pipe in sandbox.targets)

    async def _play(self, part: Sent | Event, sandbox: Sandbox, client: Pipe) -> None:
        if isinstance(part, Event):
            self._happen(part, sandbox, client)
            if part in (Event.SILENCE, Event.LONG_SILENCE):
                await self._loop.pass_time(4 if part is Event.SILENCE else 200)
            await self._loop.settle()
            return
        self.cases["requests" if part.by_client else "replies"] += 1
        for piece in part.pieces():
            for pipe in [client] if part.by_client else sandbox.targets[-1:]:
                pipe.feed(piece)
            await self._loop.settle()

    def _happen(self, event: Event, sandbox: Sandbox, client: Pipe) -> None:
        target = sandbox.targets[-1] if sandbox.targets else None
        if event is Event.CLIENT_FIN:
            client.feed_eof()
        elif event is Event.CLIENT_RST:
            client.reset()
        elif event in (Event.CLIENT_STALLS, Event.CLIENT_READS) and not client.is_closing():
            stalls = event is Event.CLIENT_STALLS
            (client._protocol.pause_writing if stalls else client._protocol.resume_writing)()
        elif event is Event.DRAIN:
            for connection in list(sandbox.server.connections):
                connection.drain()
        elif event is Event.TARGET_FIN and target is not None:
            target.feed_eof()
        elif event is Event.TARGET_RST and target is not None:
            target.reset()

    def _count(self, sent: bytes, conversation: list[Any]) -> None:
        """Counts the replies, of which none may say that the proxy failed, nor lack its CORS."""
        assert b"proxy_internal_error" not in sent
        first = _STATUS.match(sent)
        assert first or not sent
        for status in _STATUS.findall(sent):
            self.statuses[int(status)] += 1
        head = sent.partition(b"\r\n\r\n")[0].lower()
        of_ours = first is not None and first[1] != b"100" and b"\r\n\r\n" in sent
        if of_ours and b"iscorsneeded" not in conversation[0][0].octets:
            assert b"\r\naccess-control-allow-origin: *\r\n" in head + b"\r\n"

    def path(self, text: str) -> None:
        """A request target is a target or a refusal, and what is sent of it is sound."""
        self.cases["paths"] += 1
        try:
            target = parse_path(text)
        except ProxyError as error:
            assert error.status < 500
            return
        _check(target)
        again = parse_path("/" + target.url)
        assert (again.url, again.host, again.port) == (target.url, target.host, target.port)

    def location(self, text: str) -> None:
        """A Location is a target or nothing."""
        self.cases["locations"] += 1
        target = resolve_location(_BASE, text)
        if target is not None:
            _check(target)

    def told(self) -> str:
        """What was played, and what came of it."""
        played = ", ".join(f"{count} {kind}" for kind, count in self.cases.items())
        statuses = ", ".join(f"{n} of {status}" for status, n in sorted(self.statuses.items()))
        return f"{played}; replies: {statuses}"


_BASE = parse_path("/http://a.example/b/c?d")


def _check(target: Target) -> None:
    assert target.scheme in ("http", "https")
    assert 0 <= target.port <= 65535
    host_rule(target.host, target.port)
    serialise(f"GET {target.path} HTTP/1.1", [("Host", target.authority)])
    assert not re.search("[\x00-\x20\x7f]", target.path)


URL_PARTS = (
    *("/", "//", "/http://", "/https:/", "http:", "ws://", "/?url=", "%2F", "%3A", "%", "%00", "?"),
    *("a.example", "127.1", "0x7f.1", "[::1]", "[", "]", "@", ":", ":80", ":443", ":99999", "\\"),
    *(
        "#",
        "..",
        "xn--",
        "xn--a",
        ".",
        "\x00",
        "\r\n",
        " ",
        "\xff",
        "ä",
        "①",
        "。",
        "com",
        "-",
        "_",
    ),
    *("a" * 64, "a." * 130, "\t", "\xad", "\u202e", "\ud800", "%e2%91%a0", "HTTP://", "mailto:"),
)
URLS = st.lists(st.sampled_from(URL_PARTS) | st.text(max_size=3), max_size=8).map("".join)
LATIN_URLS = URLS.map(lambda text: text.encode("utf-8", "replace").decode("latin-1"))

# --- rounds --------------------------------------------------------------------------------------


def play(fuzzer: Fuzzer, number: int, cases: int = ROUND) -> None:
    """One round; the same number gives the same cases."""
    chosen = settings(
        max_examples=cases,
        database=None,
        deadline=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    for strategy, function in (
        (CONVERSATIONS, fuzzer.converse),
        (LATIN_URLS, fuzzer.path),
        (LATIN_URLS, fuzzer.location),
    ):
        seed(number)(chosen(given(strategy)(_taking(function))))()


def _taking(function: Callable[[Any], None]) -> Callable[[Any], None]:
    """The function as hypothesis wants it: with an argument of its own."""

    def case(value: Any) -> None:
        function(value)

    return case


def main() -> None:
    """Plays rounds for some time, and says how many."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--first", type=int, default=0, help="number of the first round")
    chosen = parser.parse_args()
    fuzzer, end, number = Fuzzer(), time.monotonic() + chosen.seconds, chosen.first
    with fuzzer.listening():
        while time.monotonic() < end:
            play(fuzzer, number)
            number += 1
            print(f"{number} rounds: {fuzzer.told()}", flush=True)


if __name__ == "__main__":
    main()
