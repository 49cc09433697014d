"""The client's side of the wire, on real sockets, with small receivers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from cors_anywhere.errors import Refused
from cors_anywhere.http1.body import MAX_PIECES
from cors_anywhere.http1.head import ClientHead
from cors_anywhere.http1.life import ClientLimits
from cors_anywhere.http1.states import HEAD
from tests.support import PATIENCE
from tests.support.clock import LeapingLoop
from tests.support.loopback import connected, in_loop, refused, serving
from tests.support.receivers import GET, HOST, Asking, Held, Message, Root, Silent, reply

# --- requests in turn ----------------------------------------------------------------------------


@in_loop
async def test_a_connection_serves_one_request_after_another() -> None:
    async with serving(Root()) as server, connected(server.port) as peer:
        for number in range(3):
            peer.writer.write(GET % b"%d" % number)
            await peer.exactly(reply(b"GET /%d " % number))


@in_loop
async def test_pipelined_requests_are_answered_in_order_however_they_are_cut() -> None:
    post = b"POST /p HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n"
    octets = GET % b"a" + post + b"3\r\nabc\r\n0\r\n\r\n" + b"\r\n" + GET % b"b"
    expected = reply(b"GET /a ") + reply(b"POST /p abc") + reply(b"GET /b ")
    async with serving(Root()) as server:
        for size in (1, 7, 50, 1000):
            async with connected(server.port) as peer:
                for start in range(0, len(octets), size):
                    peer.writer.write(octets[start : start + size])
                    await asyncio.sleep(0)
                await peer.exactly(expected)


@in_loop
async def test_a_connection_ends_where_the_next_request_would_have_to_be_guessed() -> None:
    post = b"POST /p HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n"
    content = b"\n\r\n" * (MAX_PIECES + 1)
    async with serving(Root()) as server, connected(server.port) as peer:
        octets = b"%x\r\n%b\r\n0\r\n\r\n" % (len(content), content)
        peer.writer.write(post + octets + GET % b"b")
        expected = reply(b"POST /p " + content, b"connection: close")
        assert await peer.ended() == expected


@in_loop
async def test_a_pipelined_request_waits_for_the_reply_before_it() -> None:
    root = Root(Silent)
    async with serving(root) as server, connected(server.port) as peer:
        peer.writer.write(GET % b"a" + GET % b"b")
        first = await root.arrived.get()
        assert root.arrived.empty()
        first.answer(b"1")
        await peer.exactly(reply(b"1"))
        second = await root.arrived.get()
        assert second.head.path == "/b"


@in_loop
async def test_pipelining_without_end_leaves_the_octets_in_the_kernel() -> None:
    root = Root(Silent)
    async with serving(root) as server, connected(server.port) as peer:
        peer.writer.write(GET % b"first")
        message = await root.arrived.get()
        flood = b"GET / HTTP/1.1\r\n" + HOST + b"X: " + b"x" * 8000 + b"\r\n\r\n"
        peer.writer.transport.set_write_buffer_limits(high=0)
        peer.writer.write(flood * 2000)
        drained = asyncio.ensure_future(peer.writer.drain())
        done, _ = await asyncio.wait((drained,), timeout=0.2)
        assert not done
        assert len(message.connection._buffer + message.connection._behind) <= 3 * 65536
        drained.cancel()


@pytest.mark.parametrize(
    ("field", "last", "added"),
    [
        (b"", True, b"connection: close"),
        (b"Connection: keep-alive\r\n", False, b"connection: keep-alive"),
    ],
)
@in_loop
async def test_an_http_1_0_client_is_told_whether_the_connection_stays(
    field: bytes, last: bool, added: bytes
) -> None:
    request = b"GET /x HTTP/1.0\r\n" + field + b"\r\n"
    async with serving(Root()) as server, connected(server.port) as peer:
        peer.writer.write(request)
        await peer.exactly(reply(b"GET /x ", added))
        if last:
            assert await peer.ended() == b""
        else:
            peer.writer.write(request)
            await peer.exactly(reply(b"GET /x ", added))


@in_loop
async def test_connection_close_ends_the_connection_after_the_reply() -> None:
    async with serving(Root()) as server, connected(server.port) as peer:
        peer.writer.write(b"GET /x HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n" + GET % b"y")
        assert await peer.ended() == reply(b"GET /x ", b"connection: close")


@pytest.mark.parametrize(
    ("version", "framing", "body"),
    [
        (b"1.1", b"transfer-encoding: chunked\r\n\r\n", b"2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"),
        (b"1.0", b"connection: close\r\n\r\n", b"abc"),
    ],
)
@in_loop
async def test_a_reply_of_unknown_length_is_framed_as_the_version_allows(
    version: bytes, framing: bytes, body: bytes
) -> None:
    root = Root(Silent)
    async with serving(root) as server, connected(server.port) as peer:
        peer.writer.write(b"GET / HTTP/" + version + b"\r\n" + HOST + b"\r\n")
        message = await root.arrived.get()
        message.begin()
        message.connection.write(b"ab")
        message.connection.write(b"")
        message.connection.write(b"c")
        message.connection.finish()
        await peer.exactly(b"HTTP/1.1 200 OK\r\nA: b\r\n" + framing + body)


@pytest.mark.parametrize(("method", "status"), [(b"HEAD", 200), (b"GET", 204), (b"GET", 304)])
@in_loop
async def test_a_reply_without_a_body_is_not_framed_and_keeps_the_connection(
    method: bytes, status: int
) -> None:
    root = Root(Silent)
    async with serving(root) as server, connected(server.port) as peer:
        for _ in range(2):
            peer.writer.write(method + b" / HTTP/1.1\r\n" + HOST + b"\r\n")
            message = await root.arrived.get()
            message.begin(5, status)
            message.connection.finish()
            await peer.exactly(b"HTTP/1.1 %d OK\r\nA: b\r\n\r\n" % status)


# --- Expect --------------------------------------------------------------------------------------

EXPECTING = b"POST /x HTTP/1.1\r\n" + HOST + b"Content-Length: 3\r\nExpect: 100-Continue\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


@in_loop
async def test_a_client_that_expects_100_gets_it_before_its_body_is_read() -> None:
    async with serving(Root()) as server, connected(server.port) as peer:
        peer.writer.write(EXPECTING)
        await peer.exactly(CONTINUE)
        peer.writer.write(b"abc" + GET % b"y")
        await peer.exactly(reply(b"POST /x abc") + reply(b"GET /y "))


@in_loop
async def test_a_client_that_does_not_wait_for_100_is_not_sent_it() -> None:
    root = Root(Asking)
    async with serving(root) as server, connected(server.port) as peer:
        peer.writer.write(EXPECTING + b"abc")
        message = await root.arrived.get()
        message.connection.want_body()
        message.answer(b"ok")
        await peer.exactly(reply(b"ok"))


@in_loop
async def test_a_reply_instead_of_100_ends_the_connection() -> None:
    root = Root(Asking)
    async with serving(root) as server, connected(server.port) as peer:
        peer.writer.write(EXPECTING)
        (await root.arrived.get()).answer(b"no")
        assert await peer.ended() == reply(b"no", b"connection: close")


@in_loop
async def test_100_is_sent_once_when_the_receiver_asks() -> None:
    root = Root(Asking)
    async with serving(root) as server, connected(server.port) as peer:
        peer.writer.write(EXPECTING)
        message = await root.arrived.get()
        message.connection.want_body()
        message.connection.want_body()
        await peer.exactly(CONTINUE)
        peer.writer.write(b"abc")
        message.answer(b"ok")
        await peer.exactly(reply(b"ok"))


# --- backpressure --------------------------------------------------------------------------------


@in_loop
async def test_a_receiver_that_is_busy_stops_the_clients_upload() -> None:
    root = Root(Held)
    async with serving(root) as server, connected(server.port) as peer:
        peer.writer.write(b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 30000000\r\n\r\n")
        message = await root.arrived.get()
        assert isinstance(message, Held)
        peer.writer.transport.set_write_buffer_limits(high=0)
        peer.writer.write(b"x" * 30_000_000)
        done, _ = await asyncio.wait(
            (drained := asyncio.ensure_future(peer.writer.drain()),), timeout=0.2
        )
        assert not done
        assert len(message.body) <= 65536
        while len(message.body) < 30_000_000:
            if message.room.done():
                await asyncio.sleep(0)
            else:
                message.room.set_result(None)
        message.room.set_result(None)
        await drained
        assert (await peer.until(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")


@in_loop
async def test_a_client_that_does_not_read_makes_writes_wait() -> None:
    root = Root(Silent)
    async with serving(root) as server, connected(server.port, limit=1024) as peer:
        peer.writer.write(GET % b"x")
        message = await root.arrived.get()
        message.begin(2**30)
        written = 0
        while (future := message.connection.write(b"x" * 65536)).done():
            written += 65536
            await asyncio.sleep(0)
        assert message.connection.output.unsent() < 4 * 65536
        await peer.reader.readexactly(written // 2)
        reading = asyncio.ensure_future(peer.reader.readexactly(written // 2))
        await future
        message.connection.abort()
        await asyncio.gather(reading, return_exceptions=True)


# --- deadlines -----------------------------------------------------------------------------------

SHORT = 0.05


@pytest.mark.parametrize("begun", [b"G", b"GET / HTTP/1.1\r\n" + HOST])
@in_loop
async def test_a_head_that_does_not_end_in_time_is_answered_with_408(begun: bytes) -> None:
    root = Root()
    async with (
        serving(root, ClientLimits(header_timeout=SHORT)) as server,
        connected(server.port) as peer,
    ):
        peer.writer.write(begun)
        assert (await refused(peer)).startswith(b"408")
        assert not root.messages


@in_loop
async def test_a_head_that_trickles_does_not_move_its_deadline() -> None:
    loop = asyncio.get_running_loop()
    async with (
        serving(Root(), ClientLimits(header_timeout=SHORT)) as server,
        connected(server.port) as peer,
    ):
        peer.writer.write(b"GET / HTTP/1.1\r\n" + HOST)

        def trickle() -> None:
            peer.writer.write(b"X: y\r\n")
            timers.append(loop.call_later(SHORT / 5, trickle))

        timers: list[asyncio.TimerHandle] = []
        trickle()
        assert (await refused(peer)).startswith(b"408")
        timers[-1].cancel()


@pytest.mark.parametrize("octets", [b"", b"\r\n\r\n", b"\r"])
@in_loop
async def test_a_connection_without_a_request_is_closed_in_silence(octets: bytes) -> None:
    async with (
        serving(Root(), ClientLimits(idle_timeout=SHORT)) as server,
        connected(server.port) as peer,
    ):
        peer.writer.write(octets)
        assert await peer.ended() == b""


@in_loop
async def test_a_kept_connection_is_closed_when_no_other_request_comes() -> None:
    async with (
        serving(Root(), ClientLimits(idle_timeout=SHORT)) as server,
        connected(server.port) as peer,
    ):
        peer.writer.write(GET % b"x")
        assert await peer.ended() == reply(b"GET /x ")


@in_loop
async def test_a_head_that_came_in_pieces_leaves_no_deadline_behind() -> None:
    limits = ClientLimits(header_timeout=6 * SHORT, idle_timeout=9 * SHORT)
    async with serving(Root(), limits) as server, connected(server.port) as peer:
        peer.writer.write((GET % b"x")[:9])
        while not any(connection.state is HEAD for connection in server.connections):
            await asyncio.sleep(0)
        peer.writer.write((GET % b"x")[9:])
        assert await peer.ended() == reply(b"GET /x ")


@pytest.mark.parametrize("framing", [b"Content-Length: 9", b"Transfer-Encoding: chunked"])
@in_loop
async def test_a_body_that_stops_is_answered_with_408(framing: bytes) -> None:
    root = Root()
    async with (
        serving(root, ClientLimits(body_timeout=SHORT)) as server,
        connected(server.port) as peer,
    ):
        peer.writer.write(b"POST / HTTP/1.1\r\n" + HOST + framing + b"\r\n\r\n1")
        assert (await refused(peer)).startswith(b"408")
        await root.messages[0].left.wait()


@in_loop
async def test_a_body_that_stops_after_the_reply_began_resets_the_connection() -> None:
    root = Root()
    async with (
        serving(root, ClientLimits(body_timeout=SHORT)) as server,
        connected(server.port) as peer,
    ):
        peer.writer.write(b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 9\r\n\r\n1")
        (await root.arrived.get()).begin(5)
        assert await peer.was_reset()


@in_loop
async def test_a_client_that_stops_reading_is_reset_and_its_receiver_told() -> None:
    root = Root(Silent)
    limits = ClientLimits(stall_timeout=SHORT)
    async with serving(root, limits) as server, connected(server.port, limit=1) as peer:
        peer.writer.write(GET % b"x")
        message = await root.arrived.get()
        message.begin(2**30)
        message.connection.write(b"x" * 20_000_000)
        await message.left.wait()
        assert message.connection.closed


@in_loop
async def test_a_client_that_reads_slowly_is_not_reset() -> None:
    root, stall, loop = Root(Silent), 10.0, asyncio.get_running_loop()
    assert isinstance(loop, LeapingLoop)
    limits = ClientLimits(stall_timeout=stall)
    async with serving(root, limits) as server, connected(server.port, limit=65536) as peer:
        peer.writer.write(GET % b"x")
        message = await root.arrived.get()
        message.begin(20000000)
        message.connection.write(b"x" * 20_000_000)
        message.connection.finish()
        await peer.until(b"\r\n\r\n")
        got, output = 0, message.connection.output
        for _ in range(6):  # more than three stall times, and in each the client reads a little
            before = output.unacknowledged()
            while output.unacknowledged() >= before:
                got += len(await peer.reader.read(100_000))
            loop.leap(0.6 * stall)
            await asyncio.sleep(0)
        while got < 20_000_000:
            piece = await peer.reader.read(2**20)
            assert piece
            got += len(piece)


@in_loop
async def test_no_deadline_runs_while_the_receiver_thinks() -> None:
    root = Root(Silent)
    limits = ClientLimits(1000, 1000, SHORT, SHORT, SHORT, SHORT)
    async with serving(root, limits) as server, connected(server.port) as peer:
        peer.writer.write(GET % b"x")
        message = await root.arrived.get()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(message.left.wait(), 3 * SHORT)
        message.answer(b"late")
        await peer.exactly(reply(b"late"))


# --- refusals and ends ---------------------------------------------------------------------------


@in_loop
async def test_a_refusal_survives_what_the_client_still_sends() -> None:
    async with serving(Root()) as server, connected(server.port) as peer:
        peer.writer.write(b"GET / HTTP/1.1\r\nBad Name: x\r\n\r\n" + b"x" * 10_000_000)
        await peer.writer.drain()
        assert (await refused(peer)).startswith(b"400")


@in_loop
async def test_a_refusal_to_head_has_no_body() -> None:
    async with serving(Root()) as server, connected(server.port) as peer:
        peer.writer.write(
            b"HEAD / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\nx\r\n"
        )
        octets = await peer.ended()
        assert octets.startswith(b"HTTP/1.1 400")
        assert octets.endswith(b"\r\n\r\n")


@in_loop
async def test_replies_before_the_refused_request_are_sent_first() -> None:
    async with serving(Root()) as server, connected(server.port) as peer:
        peer.writer.write(GET % b"a" + b"NO\r\n\r\n" + GET % b"b")
        await peer.exactly(reply(b"GET /a "))
        assert (await refused(peer)).startswith(b"400")


@in_loop
async def test_a_body_that_turns_out_bad_is_refused_and_its_receiver_told() -> None:
    root = Root()
    async with serving(root) as server, connected(server.port) as peer:
        peer.writer.write(
            b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n1\r\na"
        )
        message = await root.arrived.get()
        peer.writer.write(b"x\r\n")
        assert (await refused(peer)).startswith(b"400")
        assert message.left.is_set()


@in_loop
async def test_a_bad_body_puts_no_octet_into_a_reply_that_has_begun() -> None:
    root = Root(Silent)
    async with serving(root) as server, connected(server.port) as peer:
        peer.writer.write(b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n")
        message = await root.arrived.get()
        message.begin()
        message.connection.write(b"abc")
        await peer.until(b"3\r\nabc\r\n")
        peer.writer.write(b"x\r\n")
        assert await peer.was_reset()


@in_loop
async def test_the_rest_of_a_body_is_dropped_after_an_early_reply() -> None:
    root = Root(Silent)
    async with serving(root) as server, connected(server.port) as peer:
        peer.writer.write(b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 1000000\r\n\r\n")
        (await root.arrived.get()).answer(b"early")
        await peer.exactly(reply(b"early"))
        peer.writer.write(b"x" * 1_000_000 + GET % b"next")
        message = await root.arrived.get()
        assert message.head.path == "/next"


@in_loop
async def test_a_client_that_shuts_its_side_does_not_wait_for_the_reply() -> None:
    root = Root(Silent)
    async with serving(root) as server, connected(server.port) as peer:
        peer.writer.write(GET % b"x")
        message = await root.arrived.get()
        peer.writer.write_eof()
        await message.left.wait()
        assert await peer.was_reset()


@in_loop
async def test_a_client_that_shuts_its_side_after_the_replies_sees_a_clean_end() -> None:
    async with serving(Root()) as server, connected(server.port) as peer:
        peer.writer.write(GET % b"x")
        await peer.exactly(reply(b"GET /x "))
        peer.writer.write_eof()
        assert await peer.ended() == b""


@pytest.mark.parametrize("sent", [b"G", b"GET / HTTP/1.1\r\n" + HOST])
@in_loop
async def test_half_a_request_before_the_end_is_no_request(sent: bytes) -> None:
    root = Root()
    async with serving(root) as server, connected(server.port) as peer:
        peer.writer.write(sent)
        peer.writer.write_eof()
        assert await peer.ended() == b""
        assert not root.messages


@in_loop
async def test_a_client_that_leaves_while_its_upload_waits_is_noticed() -> None:
    root = Root(Held)
    async with serving(root) as server, connected(server.port) as peer:
        peer.writer.write(b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 9\r\n\r\n1")
        message = await root.arrived.get()
        peer.writer.transport.abort()
        async with asyncio.timeout(PATIENCE):
            await message.left.wait()


@in_loop
async def test_abort_is_a_reset_at_the_client() -> None:
    root = Root(Silent)
    async with serving(root) as server, connected(server.port) as peer:
        peer.writer.write(GET % b"x")
        message = await root.arrived.get()
        message.begin()
        message.connection.write(b"abc")
        await peer.until(b"abc\r\n")
        message.connection.abort()
        assert await peer.was_reset()


@in_loop
async def test_close_sends_what_was_written_first() -> None:
    root = Root(Silent)
    async with serving(root) as server, connected(server.port) as peer:
        peer.writer.write(GET % b"x")
        message = await root.arrived.get()
        message.begin(1000000)
        message.connection.write(b"x" * 1_000_000)
        message.connection.close()
        await peer.until(b"\r\n\r\n")
        assert len(await peer.ended()) == 1_000_000


@in_loop
async def test_draining_closes_an_idle_connection_and_lets_a_request_finish() -> None:
    root = Root(Silent)
    async with (
        serving(root) as server,
        connected(server.port) as idle,
        connected(server.port) as busy,
    ):
        busy.writer.write(GET % b"x")
        message = await root.arrived.get()
        for connection in list(server.connections):
            connection.drain()
        assert await idle.ended() == b""
        message.answer(b"done")
        assert await busy.ended() == reply(b"done", b"connection: close")


@in_loop
async def test_nothing_of_a_connection_is_left_when_it_has_ended() -> None:
    async with serving(Root()) as server:
        async with connected(server.port) as peer:
            peer.writer.write(GET % b"x")
            await peer.exactly(reply(b"GET /x "))
            (connection,) = server.connections
        while server.connections:
            await asyncio.sleep(0)
        assert connection.closed
        loop: Any = asyncio.get_running_loop()
        ours = [t for t in loop._scheduled if not t.cancelled() and "Deadline" in repr(t)]
        assert not ours


# --- failing receivers ---------------------------------------------------------------------------


class Failing(Message):
    """Fails where its path says."""

    def head_received(self, head: ClientHead) -> Awaitable[None] | None:
        super().head_received(head)
        self.fail_at("head")
        return self.later() if "later" in head.path else None

    async def later(self) -> None:
        await asyncio.sleep(0)
        raise self.failure

    def data_received(self, data: bytes) -> Awaitable[None] | None:
        self.fail_at("data")
        return None

    def ended(self) -> None:
        self.fail_at("end")

    def fail_at(self, place: str) -> None:
        if place in self.head.path:
            raise self.failure

    @property
    def failure(self) -> Exception:
        kind = self.head.path.rpartition("/")[2]
        table: dict[str, Callable[[], Exception]] = {
            "refused": Refused,
            "bug": lambda: RuntimeError("bug"),
        }
        return table[kind]()


@pytest.mark.parametrize("place", ["head", "later", "data", "end"])
@pytest.mark.parametrize(("kind", "status"), [("refused", b"403"), ("bug", b"500")])
def test_a_receiver_that_fails_is_answered_for_wherever_it_fails(
    place: str, kind: str, status: bytes
) -> None:
    reports: list[Any] = []

    async def scenario() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, said: reports.append(said))
        async with serving(Root(Failing)) as server, connected(server.port) as peer:
            path = f"POST /{place}/{kind} HTTP/1.1\r\n".encode()
            peer.writer.write(path + HOST + b"Content-Length: 1\r\n\r\n1")
            assert (await refused(peer)).startswith(status)

    asyncio.run(asyncio.wait_for(scenario(), 5))
    assert [str(said["exception"]) for said in reports] == (["bug"] if kind == "bug" else [])
