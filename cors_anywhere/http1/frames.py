"""Where the frames of a WebSocket end (RFC 6455 section 5.2).

Owns: the length of a frame, and the one frame that the proxy itself may send: Close. Must not know:
what any frame says, or connections.
"""

from __future__ import annotations

import re
import secrets

GOING_AWAY = (1001).to_bytes(2, "big")  # section 7.4.1
_CLOSE = 0x8


_SHORT = tuple(
    2 + (second & 0x7F) + (4 if second & 0x80 else 0) if second & 0x7F < 126 else 0
    for second in range(256)
)
"""The size of a whole frame by its second octet; 0 where more octets tell it."""


_TINY = 15
"""Octets of content below which frames are passed over many at a time."""


def _tiny_frames() -> re.Pattern[bytes]:
    """Whole frames of little content in a row, none of them a Close."""
    closes = b"".join(b"\\x%02x" % first for first in range(256) if first & 0x0F == _CLOSE)
    rests = [
        b"\\x%02x[\\x00-\\xff]{%d}" % (second, size - 2)
        for second, size in enumerate(_SHORT)
        if second & 0x7F < _TINY
    ]
    return re.compile(b"(?:[^%b](?:%b))*+" % (closes, b"|".join(rests)))


_RUN = _tiny_frames()
"""64 KiB of frames of two octets take 1 ms by it, and one by one 10: so long nobody else would be
served."""


class Frames:
    """Follows one direction of a tunnel, so that it is known where a frame of our own could be
    put. `closing` says that a Close frame has begun."""

    __slots__ = ("_head", "_left", "closing")

    def __init__(self) -> None:
        self._head = b""  # of a frame, as far as it has come
        self._left = 0  # octets of the frame that are still to come, the masking key among them
        self.closing = False

    @property
    def between(self) -> bool:
        """Whether no frame is under way."""
        return not self._left and not self._head

    def feed(self, data: bytes) -> int:
        """Takes what travels on. Returns how many of its octets belong to frames that have ended:
        behind them a frame can be put, before any other octet of `data`."""
        known = len(self._head)
        if known:
            data = self._head + data
            self._head = b""
        at, start, size = self._left, 0, len(data)
        while at < size - 1:  # the shortest frames have two octets: nothing here may be slow
            if data[at + 1] & 0x7F < _TINY and (run := _RUN.match(data, at)) and run.end() > at:
                at = run.end()
                continue
            step = _SHORT[data[at + 1]] or _long(data, at)
            if not step:
                break
            if data[at] & 0x0F == _CLOSE:
                self.closing = True
            start = at
            at += step
        if at > size:
            self._left = at - size
            return max(0, start - known)
        self._left = 0
        self._head = data[at:]
        return max(0, at - known)


def _long(data: bytes, at: int) -> int:
    """The size of a whole frame whose length is extended; 0 while that has not come."""
    second, known = data[at + 1], len(data) - at
    key = 4 if second & 0x80 else 0
    if second & 0x7F == 126:
        return 4 + key + (data[at + 2] << 8 | data[at + 3]) if known >= 4 else 0
    return 10 + key + int.from_bytes(data[at + 2 : at + 10], "big") if known >= 10 else 0


def close_frame(*, masked: bool) -> bytes:
    """A Close frame that says 1001; masked as a client's must be (section 5.3)."""
    if not masked:
        return bytes((0x80 | _CLOSE, len(GOING_AWAY))) + GOING_AWAY
    key = secrets.token_bytes(4)
    hidden = bytes(octet ^ key[i] for i, octet in enumerate(GOING_AWAY))
    return bytes((0x80 | _CLOSE, 0x80 | len(GOING_AWAY))) + key + hidden
