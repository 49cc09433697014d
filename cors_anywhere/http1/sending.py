"""A request to a target, as octets of one connection.

Owns: the framing of its body, and that never an octet more than was announced is written: it would
be the target's next request. Must not know: sockets, or who feeds it.
"""

from __future__ import annotations

from cors_anywhere.errors import BodyLengthWrong
from cors_anywhere.http1.head import serialise
from cors_anywhere.messages import CHUNKED, Fields, Length

_BODILESS = frozenset(
    ("GET", "HEAD", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "REPORT", "SEARCH")
)
"""Methods that send no Content-Length when they have no body (RFC 9110 section 8.6)."""


class RequestWriter:
    """Frames one request after another."""

    def __init__(self) -> None:
        self._chunked = False
        self._tunnelling = False
        self._left = 0  # octets of an announced length that are still to come
        self.carried_body = False  # of any request so far

    def begin(self, method: str, path: str, fields: Fields, length: Length) -> bytes:
        """The head of the next request. `length` is the body's: octets, 0 for none, or CHUNKED."""
        self._tunnelling = False
        self._chunked = length is CHUNKED
        self._left = length if isinstance(length, int) else 0
        if self._chunked:
            fields = [*fields, ("transfer-encoding", "chunked")]
        elif length or method not in _BODILESS:
            fields = [*fields, ("content-length", str(length))]
        if length != 0:
            self.carried_body = True
        return serialise(f"{method} {path} HTTP/1.1", fields)

    def switch(self) -> None:
        """The reply was a 101: what is sent from here on has no framing."""
        self._tunnelling = True

    def piece(self, chunk: bytes) -> tuple[bytes, ...]:
        """A piece of the body as it is written. Raises BodyLengthWrong."""
        if self._tunnelling:
            return (chunk,)
        if self._chunked:
            return (b"%x\r\n" % len(chunk), chunk, b"\r\n") if chunk else ()
        if len(chunk) > self._left:
            raise BodyLengthWrong("The request's body is longer than its head announced.")
        self._left -= len(chunk)
        return (chunk,)

    def end(self) -> bytes:
        """What ends the body. Raises BodyLengthWrong."""
        if self._left:
            raise BodyLengthWrong("The request's body is shorter than its head announced.")
        return b"0\r\n\r\n" if self._chunked else b""
