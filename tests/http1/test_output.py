"""The sending half, on real sockets."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
import uvloop

from cors_anywhere.http1.output import Output
from cors_anywhere.http1.transport import stream
from tests.support.loopback import in_loop


class Writer(asyncio.Protocol):
    """A protocol that only writes, through an Output."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = stream(transport)
        self.ended = asyncio.get_running_loop().create_future()
        self.output = Output(asyncio.get_running_loop(), self.transport)
        self.transport.set_write_buffer_limits(high=4096)

    def pause_writing(self) -> None:
        self.output.pause()

    def resume_writing(self) -> None:
        self.output.resume()

    def connection_lost(self, exc: BaseException | None) -> None:
        self.output.resume()
        self.ended.set_result(None)


@asynccontextmanager
async def pair() -> AsyncIterator[tuple[Writer, socket.socket]]:
    """A writer, and the plain socket at the other end of its TCP connection."""
    loop = asyncio.get_running_loop()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        _, protocol = await loop.create_connection(Writer, *listening.getsockname())
        assert isinstance(protocol, Writer)
        peer, _ = listening.accept()
        peer.setblocking(False)
        try:
            yield protocol, peer
        finally:
            peer.close()
            protocol.transport.abort()
            await protocol.ended


async def received(peer: socket.socket, size: int) -> bytes:
    """The next `size` octets, fewer at the end of the connection."""
    got = b""
    while len(got) < size:
        piece = await asyncio.get_running_loop().sock_recv(peer, min(65536, size - len(got)))
        if not piece:
            break
        got += piece
    return got


async def filled(writer: Writer) -> asyncio.Future[None]:
    """Writes until the peer's window and the transport's buffer are full."""
    future = writer.output.write(b"x" * 65536)
    while future.done():
        await asyncio.sleep(0)
        future = writer.output.write(b"x" * 65536)
    return future


@in_loop
async def test_small_writes_of_one_turn_leave_together_and_in_order() -> None:
    async with pair() as (writer, peer):
        writes: list[bytes] = []
        original = writer.transport.write
        writer.transport.write = lambda data: (writes.append(bytes(data)), original(data))[1]  # type: ignore[func-returns-value, method-assign]
        writer.output.write(b"a", b"b")
        writer.output.write(b"c")
        assert await received(peer, 3) == b"abc"
        assert writes == [b"abc"]


@in_loop
async def test_flush_sends_without_waiting_for_the_turn_to_end() -> None:
    async with pair() as (writer, peer):
        writer.output.write(b"abc")
        writer.output.flush()
        assert peer.recv(10) == b"abc"
        assert writer.output.unsent() == 0


@in_loop
async def test_large_writes_are_not_held_back() -> None:
    async with pair() as (writer, peer):
        writer.output.write(b"x" * 8192)
        assert len(peer.recv(10000)) == 8192


@in_loop
async def test_a_write_is_done_at_once_while_the_peer_reads() -> None:
    async with pair() as (writer, _):
        assert writer.output.write(b"abc").done()


@in_loop
async def test_a_write_waits_for_a_peer_that_does_not_read_and_goes_on_when_it_does() -> None:
    async with pair() as (writer, peer):
        future = await filled(writer)
        unsent = writer.output.unsent()
        assert writer.output.paused
        assert unsent > 4096
        reading = asyncio.ensure_future(received(peer, 2**40))
        await future
        assert writer.output.unsent() < unsent
        writer.transport.close()
        await reading


@in_loop
async def test_the_end_of_the_connection_releases_whoever_waits() -> None:
    async with pair() as (writer, _):
        future = await filled(writer)
        writer.transport.abort()
        await future


@in_loop
async def test_what_is_written_after_the_end_is_dropped() -> None:
    async with pair() as (writer, peer):
        writer.transport.close()
        writer.output.write(b"late")
        assert await received(peer, 1) == b""


@in_loop
async def test_reset_reaches_the_peer_as_an_error_and_drops_what_was_held() -> None:
    async with pair() as (writer, peer):
        writer.output.write(b"held")
        writer.output.reset()
        await writer.ended
        try:
            got = await received(peer, 1)
        except ConnectionResetError:
            return
        raise AssertionError(f"a clean end after {got!r}")


@in_loop
async def test_the_kernel_tells_that_the_peer_is_gone_while_nothing_is_read() -> None:
    async with pair() as (writer, peer):
        writer.transport.pause_reading()
        assert not writer.output.peer_is_gone()
        peer.shutdown(socket.SHUT_WR)
        assert writer.output.peer_is_gone()
        writer.transport.abort()
        await writer.ended
        assert not writer.output.peer_is_gone()


@in_loop
async def test_who_gives_up_waiting_to_write_cancels_nobody_else() -> None:
    async with pair() as (writer, peer):
        await filled(writer)
        one, other = (asyncio.ensure_future(_waits(writer)) for _ in range(2))
        await asyncio.sleep(0)
        one.cancel()
        reading = asyncio.ensure_future(received(peer, 2**40))
        await other
        assert one.cancelled()
        writer.transport.close()
        await reading


async def _waits(writer: Writer) -> None:
    await writer.output.wait()


@in_loop
async def test_what_waits_to_be_read_is_seen_before_any_event_tells_of_it() -> None:
    async with pair() as (writer, peer):
        assert not writer.output.peer_has_stirred()
        peer.send(b"x")  # no turn of the event loop until the question
        assert writer.output.peer_has_stirred()
        assert writer.output.peer_has_spoken()
    async with pair() as (writer, peer):
        peer.shutdown(socket.SHUT_WR)
        assert writer.output.peer_has_stirred()
        assert not writer.output.peer_has_spoken()


@pytest.mark.parametrize("loop_factory", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_a_reset_after_the_end_changes_nothing(
    loop_factory: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    async def end_twice() -> None:
        async with pair() as (writer, _):
            writer.transport.abort()
            writer.output.reset()
            await writer.ended
            writer.output.reset()

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(end_twice())
