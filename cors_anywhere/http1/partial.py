"""A head that comes in pieces: where it ends, or that it cannot become one.

Owns: that each octet is looked at once, though a head may come octet by octet. Must not know: what
a complete head means.
"""

from __future__ import annotations

import re

from cors_anywhere.errors import BadRequest
from cors_anywhere.tokens import TOKEN

_METHOD = TOKEN.encode("ascii")
_METHOD_BEGINS = re.compile(_METHOD + rb"(?: |\Z)")
_METHOD_GOES_ON = re.compile(rb"(?:" + _METHOD + rb")?(?: |\Z)")


class PartialRequest:
    """The octets of a request's head."""

    __slots__ = ("_bare", "_in_method", "octets")

    def __init__(self) -> None:
        self.octets = bytearray()
        self._in_method = True
        self._bare = 0  # line feeds less line ends

    def feed(self, data: bytes) -> int:
        """Takes what has come. Returns where the head ends in `octets`, or -1 while it is not
        complete; raises BadRequest as soon as what is there cannot become a head."""
        octets, known = self.octets, len(self.octets)
        octets += data
        end = octets.find(b"\r\n\r\n", max(0, known - 3))
        if end >= 0:
            return end + 4
        self._bare += data.count(b"\n") - octets.count(b"\r\n", max(0, known - 1))
        if self._bare:
            raise BadRequest
        if self._in_method:
            method = (_METHOD_GOES_ON if known else _METHOD_BEGINS).match(octets, known)
            if method is None:
                raise BadRequest
            self._in_method = method.end() == len(octets) and octets[-1] != 0x20
        return -1


class PartialReply:
    """The octets of a reply's head, whose lines may end with a bare line feed."""

    __slots__ = ("octets",)

    def __init__(self) -> None:
        self.octets = bytearray()

    def feed(self, data: bytes) -> int:
        """Takes what has come. Returns where the head ends in `octets`, or -1."""
        octets, known = self.octets, len(self.octets)
        octets += data
        return find_reply_end(octets, max(0, known - 2))


def find_reply_end(octets: bytes | bytearray, start: int = 0) -> int:
    """Where the head ends that begins `octets`, or -1; looked for from `start` on."""
    end = octets.find(b"\n\r\n", start)
    bare = octets.find(b"\n\n", start, end + 1 if end >= 0 else len(octets))
    if bare >= 0:
        return bare + 2
    return end + 3 if end >= 0 else -1
