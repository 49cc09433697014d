"""A target's replies, from the octets of one connection.

Owns: where each reply's head and body end, and whether another reply may follow on the connection.
Must not know: sockets, deadlines, or who waits.
"""

from __future__ import annotations

from cors_anywhere.errors import GatewayError, ResponseHeadTooLarge, UpgradeFailed
from cors_anywhere.http1.answers import NO_CONTENT
from cors_anywhere.http1.body import Body, LengthBody, reply_body
from cors_anywhere.http1.head import TargetHead, parse_reply
from cors_anywhere.http1.partial import PartialReply, find_reply_end
from cors_anywhere.messages import UNTIL_CLOSE, Fields

MAX_INTERIM = 64
"""1xx replies that are dropped before the final one; more is taken for a flood."""

_NO_BODY = LengthBody(0)
_BODY_FIELDS = frozenset(("content-length", "transfer-encoding"))


class ReplyReader:
    """Reads one reply after another; `begin` says to what request the next one answers."""

    def __init__(self, header_bytes: int, header_fields: int) -> None:
        self._header_bytes = header_bytes
        self._header_fields = header_fields
        self._method = ""
        self._upgrade = False
        self._partial: PartialReply | None = None  # a head that has begun
        self._interim = 0
        self._body: Body = _NO_BODY
        self._content: list[bytes] = []
        self.head: TargetHead | None = None
        self.queued = 0  # octets of content that nobody has taken yet
        self.keep_alive = True  # whether another reply may follow
        self.announced = False  # a body in reply to a HEAD: some targets send it

    def begin(self, method: str, upgrade: bool) -> None:
        """The next reply is to a request of this method; only with `upgrade` may it be a 101."""
        self._method = method
        self._upgrade = upgrade
        self._interim = 0
        self.head = None

    def feed(self, data: bytes) -> None:
        """Takes octets from the wire. Raises ProxyError."""
        if self.head is None:
            self._read_head(data)
        elif self._body.done:
            self.keep_alive = False  # octets behind the reply
        else:
            self._read_body(data)

    def take(self) -> bytes:
        """The content that has come since the last call."""
        content = self._content
        if not content:
            return b""
        self._content = []
        self.queued = 0
        return content[0] if len(content) == 1 else b"".join(content)

    def end(self) -> bool:
        """The connection has ended: whether the reply is complete by that."""
        self.keep_alive = False
        return self._body.eof()

    @property
    def complete(self) -> bool:
        """Whether the whole reply has come."""
        return self.head is not None and self._body.done

    @property
    def tunnelling(self) -> bool:
        """Whether the connection carries another protocol from here on."""
        return self.head is not None and self.head.status == 101

    # --- the head -----------------------------------------------------------------------------

    def _read_head(self, data: bytes) -> None:
        while self.head is None and data:
            octets, data = self._whole_head(data)
            if not octets:
                return
            head = parse_reply(octets, self._header_fields)
            if head.status >= 200:
                self._take_head(head, data)
            elif head.status == 101:
                if not (self._upgrade and head.upgrades):
                    raise UpgradeFailed
                self._take_head(head._replace(length=UNTIL_CLOSE, keep_alive=False), data)
            else:
                self._interim += 1
                if self._interim > MAX_INTERIM:
                    raise GatewayError("The target sent interim replies without end.")

    def _whole_head(self, data: bytes) -> tuple[bytes, bytes]:
        """A head that `data` completes and what follows it, or nothing while it is not complete."""
        octets: bytes | bytearray = data
        end = find_reply_end(data) if self._partial is None else -1  # nearly always whole
        if end < 0:
            self._partial = self._partial or PartialReply()
            octets = self._partial.octets
            end = self._partial.feed(data)
        if end < 0 and not octets.startswith(b"HTTP/1."[: len(octets)]):
            raise GatewayError  # never a status line: no need to wait for its end
        if (end if end >= 0 else len(octets)) > self._header_bytes:
            raise ResponseHeadTooLarge
        if end < 0:
            return b"", b""
        self._partial = None
        return bytes(octets[:end]), bytes(octets[end:])

    def _take_head(self, head: TargetHead, rest: bytes) -> None:
        length = head.length
        if self._method == "HEAD":
            self.announced = self.announced or length != 0
            length = 0
        self._body = reply_body(length, self._header_bytes)
        self.keep_alive = head.keep_alive and not _is_ambiguous(head)
        self.head = head
        if rest and self._body.done:
            self.keep_alive = False
        elif rest:
            self._read_body(rest)

    # --- the body -----------------------------------------------------------------------------

    def _read_body(self, data: bytes) -> None:
        body = self._body
        content = body.feed(data)
        if content:
            self._content.append(content)
            self.queued += len(content)
        if body.done and body.rest != b"":
            self.keep_alive = False


def _is_ambiguous(head: TargetHead) -> bool:
    """Whether what comes next on the connection may not be the next reply.

    A 204 or 304 has no body whatever its fields say; a target that announces one may send it all
    the same. A 408 may be the last word to an idle connection, sent before our request came there
    (RFC 9110 section 15.5.9).
    """
    if head.status == 408:
        return True
    return head.status in NO_CONTENT and _declares_body(head.fields)


def _declares_body(fields: Fields) -> bool:
    return any(name.lower() in _BODY_FIELDS and value != "0" for name, value in fields)
