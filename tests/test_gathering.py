"""Replies that are held whole: their bounds, and how what is made of them goes out."""

from __future__ import annotations

import pytest

from cors_anywhere.errors import ResponseBodyTooLarge, Unavailable
from cors_anywhere.gathering import Gathering, Room
from cors_anywhere.messages import Answer, Deliver, Length, RequestHead
from cors_anywhere.outcome import Record
from tests.support.loopback import in_loop
from tests.test_upload import Sink, Source


class Reply(Sink):
    """A target whose reply is these pieces."""

    def __init__(self, *pieces: bytes) -> None:
        super().__init__()
        self._pieces = [*pieces, b""]

    async def read(self) -> bytes:
        return self._pieces.pop(0)


class Page(Source):
    """A client that keeps what it is sent."""

    def __init__(self) -> None:
        super().__init__()
        self.begun_with: tuple[Deliver, Length] | None = None
        self.pieces: list[bytes] = []
        self.finished = False

    def begin(self, deliver: Deliver, length: Length) -> None:
        self.begun_with = (deliver, length)

    async def send(self, chunk: bytes) -> None:
        self.pieces.append(chunk)

    def finish(self) -> None:
        self.finished = True


@in_loop
async def test_a_reply_is_read_whole_up_to_its_bound() -> None:
    assert await Gathering(Room(), "a").read(Reply(b"ab", b"cd"), 4) == b"abcd"
    with pytest.raises(ResponseBodyTooLarge, match="larger than the 3 octets"):
        await Gathering(Room(), "a").read(Reply(b"ab", b"cd", b"unread"), 3)


@in_loop
async def test_all_of_them_have_one_room() -> None:
    room = Room(10)
    first, second = Gathering(room, "a"), Gathering(room, "b")
    await first.read(Reply(b"x" * 6), 100)
    with pytest.raises(Unavailable, match="as many replies"):
        await second.read(Reply(b"x" * 4, b"x"), 100)
    first.hold(0)
    second.hold(0)
    assert room.held == 0
    assert await second.read(Reply(b"x" * 10), 100) == b"x" * 10


@in_loop
async def test_what_was_made_of_one_goes_out_in_pieces_with_its_length() -> None:
    room, page = Room(), Page()
    gathering = Gathering(room, "a")
    body = b"x" * 100_000
    record = Record(RequestHead("GET", "/", (), 0, "192.0.2.1", "http", 80), 0.0)
    await gathering.send(page, Answer(200, "OK", [("a", "b")], body), record)
    assert page.begun_with == (Deliver(200, "OK", [("a", "b")]), len(body))
    assert [len(piece) for piece in page.pieces] == [65536, 100_000 - 65536]
    assert (b"".join(page.pieces), page.finished) == (body, True)
    assert (record.status, record.sent, room.held) == (200, len(body), len(body))


@in_loop
async def test_one_client_leaves_room_for_others() -> None:
    room = Room(40)
    hers = [Gathering(room, "a") for _ in range(3)]
    await hers[0].read(Reply(b"x" * 5), 100)
    await hers[1].read(Reply(b"x" * 5), 100)
    with pytest.raises(Unavailable, match="one client"):
        await hers[2].read(Reply(b"x"), 100)
    await Gathering(room, "b").read(Reply(b"x" * 30), 100)  # one alone may be larger
    for one in hers:
        one.hold(0)
    assert (len(room.by_client), room.by_client.by("b")) == (1, 30)
