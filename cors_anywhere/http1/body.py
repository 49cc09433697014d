"""Message bodies: octets from the wire to content, by the framing that the head announced.

Owns: where a body ends (RFC 9112 sections 6 and 7). Must not know: connections, or whose body it
is.
"""

from __future__ import annotations

from typing import Protocol

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser, HttpResponseParser

from cors_anywhere.errors import BadRequest, ProxyError, TransferCodingError
from cors_anywhere.messages import CHUNKED, UNTIL_CLOSE, Length

FRAMING_PER_OCTET = 16
"""Octets of chunked framing that nobody counts for each octet of content: the smallest chunks need
five, and a short extension is no offence."""

MAX_PIECES = 512
"""Empty lines of one read at which a body's end is looked for. Content may be made of them, and
each costs a microsecond."""


class Body(Protocol):
    """What is left of a body that is being read."""

    done: bool
    rest: bytes | None  # what came after the end, once done; None: that is not known

    def feed(self, data: bytes) -> bytes:
        """Takes octets from the wire, returns the content among them; raises ProxyError."""

    def eof(self) -> bool:
        """Whether the end of the connection is the end of the body."""


class LengthBody:
    """A body of a known number of octets."""

    __slots__ = ("_left", "done", "rest")

    def __init__(self, length: int) -> None:
        self._left = length
        self.done = length == 0
        self.rest: bytes | None = b""

    def feed(self, data: bytes) -> bytes:
        left = self._left
        if len(data) > left:
            self.rest = data[left:]
            data = data[:left]
        self._left = left = left - len(data)
        self.done = left == 0
        return data

    def eof(self) -> bool:
        return False


class CloseBody:
    """A body that lasts as long as its connection."""

    __slots__ = ("done", "rest")

    def __init__(self) -> None:
        self.done = False
        self.rest: bytes | None = b""

    def feed(self, data: bytes) -> bytes:
        return data

    def eof(self) -> bool:
        self.done = True
        return True


class ChunkedBody:
    """A chunked body. Small chunks of one read are joined; extensions and trailers are dropped.

    It can end only where an empty line ends: so the pieces that llhttp gets are cut there, and
    the octets behind the body are found although llhttp does not tell where it stopped. After
    MAX_PIECES the rest of a read is one piece; what is behind a body that ends in it is lost.

    `max_overhead` bounds, in octets, the framing beyond what FRAMING_PER_OCTET allows: extensions
    and trailers have no other limit.
    """

    def __init__(
        self,
        parser: type[HttpRequestParser] | type[HttpResponseParser],
        error: type[ProxyError],
        max_overhead: int,
    ) -> None:
        self.done = False
        self.rest: bytes | None = b""
        self._chunks: list[bytes] = []
        self._error = error
        self._overhead = 0
        self._max_overhead = max_overhead
        self._tail = b""
        self._parser = parser(self)
        if isinstance(self._parser, HttpResponseParser):
            self._parser.set_dangerous_leniencies(lenient_spaces_after_chunk_size=True)
            self._parser.feed_data(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        else:
            self._parser.feed_data(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n")

    def on_body(self, chunk: bytes) -> None:
        """llhttp's callback."""
        if not self.done:
            self._chunks.append(chunk)

    def on_message_complete(self) -> None:
        """llhttp's callback."""
        self.done = True

    def feed(self, data: bytes) -> bytes:
        start, pieces = 0, 0
        while start < len(data) and not self.done and pieces < MAX_PIECES:
            end = self._piece_end(data, start)
            self._feed_piece(data[start:end] if (start or end < len(data)) else data)
            start, pieces = end, pieces + 1
        self.rest = data[start:]
        if start < len(data) and not self.done:
            self._tail = data[-2:]
            self._feed_last(data[start:])
            start = len(data)
        chunks, self._chunks = self._chunks, []
        content = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        overhead = self._overhead + start - (FRAMING_PER_OCTET + 1) * len(content)
        if overhead > self._max_overhead:
            raise self._error("The chunked framing has more overhead than this proxy accepts.")
        self._overhead = max(0, overhead)
        return content

    def eof(self) -> bool:
        return False

    def _piece_end(self, data: bytes, start: int) -> int:
        """The end of the first empty line in or across the start of data[start:]."""
        tail, self._tail = self._tail, b""
        if tail:
            for need in (b"\r\n", b"\n"):
                if (tail + need).endswith(b"\n\r\n") and data.startswith(need, start):
                    return start + len(need)
        end = data.find(b"\n\r\n", start)
        if end >= 0:
            return end + 3
        self._tail = (tail + data[start:])[-2:]
        return len(data)

    def _feed_last(self, piece: bytes) -> None:
        self._feed_piece(piece)
        self.rest = None if self.done else b""

    def _feed_piece(self, piece: bytes) -> None:
        try:
            self._parser.feed_data(piece)
        except (HttpParserError, HttpParserUpgrade) as error:
            if self.done:
                return  # it is of what comes behind
            raise self._error(f"{self._error.sentence} ({error})", log_detail=str(error)) from error


def request_body(length: Length, max_overhead: int) -> Body:
    """The reader for a client's body, by `ClientHead.length`."""
    if length is CHUNKED:
        return ChunkedBody(HttpRequestParser, BadRequest, max_overhead)
    assert isinstance(length, int)  # a request never lasts until the close
    return LengthBody(length)


def reply_body(length: Length, max_overhead: int) -> Body:
    """The reader for a target's body, by `TargetHead.length`."""
    if length is CHUNKED:
        return ChunkedBody(HttpResponseParser, TransferCodingError, max_overhead)
    if length is UNTIL_CLOSE:
        return CloseBody()
    return LengthBody(length)
