"""How a tunnel says goodbye when the proxy is told to stop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from cors_anywhere.errors import ProxyError
from cors_anywhere.http1.frames import close_frame
from cors_anywhere.messages import Answer, Deliver, Length, ReplyHead, RequestHead
from cors_anywhere.outcome import Record
from cors_anywhere.tunnel import tunnel
from tests.support.loopback import in_loop

HEAD = RequestHead("GET", "/ws://a.test/", (), 0, "192.0.2.1", "http", 80)
GOODBYE = close_frame(masked=False)
TEXT = b"\x81\x05hello"
PATIENCE = 20.0


class Side:
    """One side of a tunnel: what it sends is put into `says`, what it is sent is in `heard`."""

    taken_up = False
    fault: ProxyError | None = None

    look_up = connect = 0.0
    reused = False
    begun = True
    head = HEAD

    def __init__(self) -> None:
        self.says: asyncio.Queue[bytes] = asyncio.Queue()
        self.heard = b""
        self.hears = asyncio.Event()
        self.finished = False
        self.drain: Callable[[], None] | None = None

    async def read(self) -> bytes:
        return await self.says.get()

    async def send(self, chunk: bytes) -> None:
        self.heard += chunk
        self.hears.set()

    async def heard_more(self) -> bytes:
        """What has been heard when something new has come."""
        await asyncio.wait_for(self.hears.wait(), PATIENCE)
        self.hears.clear()
        return self.heard

    def finish(self) -> None:
        self.finished = True

    def when_draining(self, callback: Callable[[], None]) -> None:
        self.drain = callback

    def answer(self, answer: Answer) -> None: ...
    def begin(self, deliver: Deliver, length: Length) -> None: ...
    def abort(self) -> None: ...
    def end_request(self) -> None: ...
    def fail(self, failure: ProxyError) -> None: ...
    def release(self) -> None: ...
    async def reply(self) -> ReplyHead:
        raise NotImplementedError


class Tunnel:
    """A tunnel under way between two sides."""

    def __init__(self, idle: float = 60.0) -> None:
        self.page, self.target = Side(), Side()
        self.record = Record(HEAD, 0.0)
        self.task = asyncio.ensure_future(tunnel(self.page, self.target, self.record, idle))

    async def drain(self) -> None:
        """The proxy is told to stop."""
        while self.page.drain is None:
            await asyncio.sleep(0)
        self.page.drain()

    async def end(self) -> None:
        """Waits for the tunnel's end, which must not be the farewell's deadline."""
        await asyncio.wait_for(self.task, 4.0)


@in_loop
async def test_both_sides_are_told_and_their_answers_end_the_tunnel() -> None:
    one = Tunnel()
    await one.drain()
    assert await one.page.heard_more() == GOODBYE
    assert (await one.target.heard_more())[:2] == b"\x88\x82"
    one.page.says.put_nowait(close_frame(masked=True))
    one.target.says.put_nowait(close_frame(masked=False))
    await one.end()
    assert one.page.finished


@in_loop
async def test_the_close_waits_for_the_end_of_a_frame() -> None:
    one = Tunnel()
    one.target.says.put_nowait(TEXT[:4])
    await one.page.heard_more()
    await one.drain()
    one.target.says.put_nowait(TEXT[4:] + TEXT)
    assert (await one.page.heard_more()).startswith(TEXT)
    assert one.page.heard == TEXT + TEXT + GOODBYE
    one.task.cancel()


@in_loop
async def test_nothing_follows_the_close() -> None:
    one = Tunnel()
    await one.drain()
    await one.page.heard_more()
    one.target.says.put_nowait(TEXT)
    one.target.says.put_nowait(b"")
    one.page.says.put_nowait(b"")
    await one.end()
    assert one.page.heard == GOODBYE


@in_loop
async def test_a_side_that_is_closing_already_is_not_told_again() -> None:
    one = Tunnel()
    one.target.says.put_nowait(GOODBYE)
    await one.page.heard_more()
    await one.drain()
    one.target.says.put_nowait(b"")
    one.page.says.put_nowait(close_frame(masked=True))
    await one.end()
    assert one.page.heard == GOODBYE


@in_loop
async def test_the_record_counts_the_octets_of_both_ways() -> None:
    one = Tunnel()
    one.page.says.put_nowait(b"abc")
    await one.target.heard_more()
    one.target.says.put_nowait(b"hello")
    await one.page.heard_more()
    one.target.says.put_nowait(b"")
    await one.end()
    assert (one.record.received, one.record.sent) == (3, 5)


@in_loop
async def test_a_tunnel_that_has_ended_before_the_proxy_is_told_to_stop_says_nothing() -> None:
    one = Tunnel()
    one.page.says.put_nowait(b"")
    await one.end()
    await one.drain()
    assert (one.page.heard, one.target.heard) == (b"", b"")


@in_loop
async def test_a_tunnel_that_is_cut_off_while_the_proxy_is_told_to_stop_just_ends() -> None:
    one = Tunnel()
    while one.page.drain is None:
        await asyncio.sleep(0)
    one.task.cancel()
    for _ in range(5):  # whatever it has come to by then
        await asyncio.sleep(0)
        await one.drain()
    await asyncio.wait((one.task,))
    assert one.task.cancelled()


@in_loop
async def test_what_has_passed_is_known_while_a_tunnel_lasts() -> None:
    one = Tunnel()
    one.target.says.put_nowait(TEXT)
    one.page.says.put_nowait(TEXT[:4])
    await one.page.heard_more()
    await one.target.heard_more()
    assert (one.record.sent, one.record.received) == (len(TEXT), 4)
    one.task.cancel()


@in_loop
async def test_a_frame_that_comes_when_the_time_is_up_is_no_failure() -> None:
    """Both are told in one turn of the event loop: the timer first, then the octets."""
    one = Tunnel(idle=0.01)
    while one.page.drain is None:
        await asyncio.sleep(0)
    loop = asyncio.get_running_loop()
    loop.call_at(loop.time() + 0.01, one.target.says.put_nowait, TEXT)
    loop.call_at(loop.time() + 0.01, one.page.drain)
    time.sleep(0.05)  # all of it is due at once then
    await one.end()
    assert one.page.finished
