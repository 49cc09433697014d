"""The client's body on its way to the target, and again after a 307 or 308."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from cors_anywhere.errors import BodyTooLarge, ProxyError, RequestTimeout
from cors_anywhere.messages import CHUNKED, Answer, Deliver, Length, ReplyHead, RequestHead
from cors_anywhere.outcome import Record
from cors_anywhere.upload import Upload
from tests.support.loopback import in_loop


class Source:
    """A client that sends pieces of a body, or fails in the middle of it."""

    taken_up = False
    fault: ProxyError | None = None

    begun = False

    def __init__(self, *pieces: bytes | ProxyError, length: Length = CHUNKED) -> None:
        self.head = RequestHead("POST", "/", (), length, "192.0.2.1", "http", 80)
        self._pieces = [*pieces, b""]

    async def read(self) -> bytes:
        piece = self._pieces.pop(0)
        if isinstance(piece, ProxyError):
            raise piece
        return piece

    def send(self, chunk: bytes) -> Awaitable[None]:
        raise NotImplementedError

    def answer(self, answer: Answer) -> None: ...
    def begin(self, deliver: Deliver, length: Length) -> None: ...
    def finish(self) -> None: ...
    def abort(self) -> None: ...
    def when_draining(self, callback: Callable[[], None]) -> None: ...


class Sink:
    """A target that keeps what it is sent."""

    look_up = connect = 0.0
    reused = False

    def __init__(self) -> None:
        self.got: list[bytes] = []
        self.ended = False
        self.failure: ProxyError | None = None

    async def send(self, chunk: bytes) -> None:
        self.got.append(chunk)

    def end_request(self) -> None:
        self.ended = True

    def fail(self, failure: ProxyError) -> None:
        self.failure = failure

    async def reply(self) -> ReplyHead:
        raise NotImplementedError

    async def read(self) -> bytes:
        raise NotImplementedError

    def release(self) -> None: ...


def sent_on(source: Source, replay_bytes: int, max_bytes: int | None) -> Upload:
    return Upload(source, Record(source.head, 0.0), replay_bytes, max_bytes)


@in_loop
async def test_the_pieces_arrive_in_order_and_the_end_is_told() -> None:
    upload, sink = sent_on(Source(b"ab", b"c"), 100, None), Sink()
    await upload.pump(sink)
    assert (sink.got, sink.ended, upload.size) == ([b"ab", b"c"], True, 3)


@in_loop
async def test_a_body_within_the_replay_buffer_can_be_sent_again() -> None:
    upload, again = sent_on(Source(b"ab", b"c"), 3, None), Sink()
    assert not upload.replayable
    await upload.pump(Sink())
    assert upload.replayable
    await upload.pump(again)
    assert (again.got, again.ended) == ([b"ab", b"c"], True)


@in_loop
async def test_a_body_beyond_the_replay_buffer_is_not_kept() -> None:
    upload, sink = sent_on(Source(b"ab", b"cd"), 3, None), Sink()
    await upload.pump(sink)
    assert sink.got == [b"ab", b"cd"]
    assert not upload.replayable


@pytest.mark.parametrize(("limit", "whole"), [(4, True), (3, False)])
@in_loop
async def test_a_body_beyond_the_limit_fails_the_exchange(limit: int, whole: bool) -> None:
    upload, sink = sent_on(Source(b"ab", b"cd"), 100, limit), Sink()
    await upload.pump(sink)
    assert sink.ended is whole
    assert isinstance(sink.failure, BodyTooLarge) is not whole
    assert sink.got == ([b"ab", b"cd"] if whole else [b"ab"])


@in_loop
async def test_a_failure_of_the_client_reaches_whoever_waits_for_the_reply() -> None:
    late = RequestTimeout()
    sink = Sink()
    await sent_on(Source(b"ab", late), 100, None).pump(sink)
    assert (sink.failure, sink.ended) == (late, False)


@pytest.mark.parametrize(
    ("length", "waits"), [(3, True), (CHUNKED, True), (101, False)], ids=["fits", "open", "large"]
)
@in_loop
async def test_the_rest_of_a_body_is_waited_for_where_it_may_be_sent_again(
    length: Length, waits: bool
) -> None:
    upload = sent_on(Source(b"abc", length=length), 100, None)
    sending = asyncio.ensure_future(upload.pump(Sink()))
    await upload.complete(sending)
    assert sending.done() is waits
    await sending
    await upload.complete(None)


@in_loop
async def test_what_has_come_is_known_before_the_end_comes() -> None:
    source = Source(b"ab", b"c", RequestTimeout())
    record = Record(source.head, 0.0)
    seen: list[int] = []

    class Watched(Sink):
        async def send(self, chunk: bytes) -> None:
            seen.append(record.received)

    await Upload(source, record, 100, None).pump(Watched())
    assert seen == [2, 3]
