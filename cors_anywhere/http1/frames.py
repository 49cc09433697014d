"""Where the frames of a WebSocket end (RFC 6455 section 5.2).

Owns: the length of a frame, and the one frame that the proxy itself may send: Close. Must not know:
what any frame says, or connections.
"""

from __future__ import annotations

import secrets

GOING_AWAY = (1001).to_bytes(2, "big")  # section 7.4.1
_CLOSE = 0x8


class Frames:
    """Follows one direction of a tunnel, so that it is known where a frame of our own could be
    put. `closing` says that a Close frame has begun."""

    __slots__ = ("_head", "_left", "closing")

    def __init__(self) -> None:
        self._head = b""  # of a frame, as far as it has come
        self._left = 0  # octets of the payload that are still to come
        self.closing = False

    @property
    def between(self) -> bool:
        """Whether no frame is under way."""
        return not self._left and not self._head

    def feed(self, data: bytes) -> int:
        """Takes what travels on. Returns how many of its octets belong to frames that have ended:
        behind them a frame can be put, before any other octet of `data`."""
        ended, at = 0, 0
        while at < len(data):
            if self._left:
                step = min(self._left, len(data) - at)
                self._left -= step
                at += step
            else:
                at = self._read_head(data, at)
            if self.between:
                ended = at
        return ended

    def _read_head(self, data: bytes, at: int) -> int:
        head = self._head + data[at : at + 14]
        need = _head_size(head)
        if len(head) < need:
            self._head = head
            return len(data)
        at += need - len(self._head)
        self._head = b""
        self.closing = self.closing or head[0] & 0x0F == _CLOSE
        self._left = _payload_size(head)
        return at


def _head_size(head: bytes) -> int:
    if len(head) < 2:
        return 2
    short = head[1] & 0x7F
    return 2 + (2 if short == 126 else 8 if short == 127 else 0) + (4 if head[1] & 0x80 else 0)


def _payload_size(head: bytes) -> int:
    short = head[1] & 0x7F
    if short == 126:
        return int.from_bytes(head[2:4], "big")
    return int.from_bytes(head[2:10], "big") if short == 127 else short


def close_frame(*, masked: bool) -> bytes:
    """A Close frame that says 1001; masked as a client's must be (section 5.3)."""
    if not masked:
        return bytes((0x80 | _CLOSE, len(GOING_AWAY))) + GOING_AWAY
    key = secrets.token_bytes(4)
    hidden = bytes(octet ^ key[i] for i, octet in enumerate(GOING_AWAY))
    return bytes((0x80 | _CLOSE, 0x80 | len(GOING_AWAY))) + key + hidden
