"""What a connection sends its client: one reply for each request, in its framing.

Owns: in what order a reply's parts may come, and what says where it ends (RFC 9112 section 6). Must
not know: how a request is read, or what a reply says.
"""

from __future__ import annotations

import asyncio
from abc import abstractmethod

from cors_anywhere.errors import IllegalStep
from cors_anywhere.http1.answers import NO_CONTENT, answer_fields
from cors_anywhere.http1.body import Body, CloseBody, LengthBody
from cors_anywhere.http1.head import ClientHead, serialise
from cors_anywhere.http1.life import ClientLimits, Life
from cors_anywhere.http1.receiver import Receiver
from cors_anywhere.http1.states import (
    DROPPING,
    IDLE,
    LINGERING,
    WAITING,
    Reply,
)
from cors_anywhere.messages import CHUNKED, Answer, Fields, Length

_NO_BODY = LengthBody(0)


class ReplyWriter(Life):
    """The methods by which a `Receiver` answers. What is written when the client has gone is
    dropped: a receiver is told of that, but may be in the middle of something."""

    def __init__(self, limits: ClientLimits) -> None:
        super().__init__(limits)
        self._head: ClientHead | None = None  # of the request that is being served
        self._body: Body = _NO_BODY
        self._buffer = b""
        self._receiver: Receiver | None = None
        self._hold: asyncio.Future[None] | None = None  # what the receiver waits for
        self._reply = Reply.NONE
        self._chunked = False
        self._last = False  # no further request is read

    def want_body(self) -> None:
        """The receiver wants the body: tell a client that waits for leave (RFC 9110, 10.1.1)."""
        if self.state is WAITING and self._reply is Reply.DUE:
            self.output.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self._step("ask")
            self._moved()
            self._watch()

    def write_head(
        self, status: int, reason: str, fields: Fields, length: Length | None
    ) -> asyncio.Future[None]:
        """Begins the reply. Its body is `length` octets, or CHUNKED; None: the fields tell.

        The future is done when more may be written. Raises ValueError for a field that cannot be
        sent, and IllegalStep where no reply may begin; nothing was sent, then.
        """
        head = self._may_begin()
        if head is None:
            return self.output.wait()
        bodiless = head.method == "HEAD" or status in NO_CONTENT
        announced = bodiless or length is not CHUNKED
        chunked = not announced and head.version == "HTTP/1.1"
        framing: list[tuple[str, str]] = []
        if chunked:
            framing.append(("transfer-encoding", "chunked"))
        elif isinstance(length, int) and not bodiless:
            framing.append(("content-length", str(length)))
        last = self._is_last(head, ends_with_connection=not announced and not chunked)
        octets = serialise(
            f"HTTP/1.1 {status} {reason}", [*fields, *framing, *_connection(head, last)]
        )
        self._reply, self._chunked, self._last = Reply.BEGUN, chunked, last
        self._moved_at = self._loop.time()
        return self.output.write(octets)

    def answer(self, answer: Answer) -> None:
        """Sends a complete reply that the proxy made itself. Raises ValueError or TypeError for
        one that cannot be sent, and IllegalStep; nothing was sent, then."""
        head = self._may_begin()
        if head is None:
            return
        last = self._is_last(head)
        octets = _whole(answer, of_head=head.method == "HEAD", more=_connection(head, last))
        self._reply, self._chunked, self._last = Reply.BEGUN, False, last
        self.output.write(octets)
        self.finish()

    def switch(self, reason: str, fields: Fields, receiver: Receiver) -> None:
        """Replies with 101: what the client sends from now on is one body without end, for
        `receiver`, and what is written goes out as it is (RFC 9110 section 7.8). The request must
        be complete."""
        if self._may_begin() is None:
            return
        octets = serialise(f"HTTP/1.1 101 {reason}", fields)
        self._step("switch")
        self._reply, self._chunked, self._last = Reply.BEGUN, False, True
        self.output.write(octets)
        self._receiver = receiver
        self._body = CloseBody()
        self._resume_reading()
        self._watch()
        self._loop.call_soon(self._advance)

    def write(self, chunk: bytes) -> asyncio.Future[None]:
        """Sends a piece of the reply; the future is done when more may be written."""
        if self.state.over or not chunk:
            return self.output.wait()
        if self._reply is not Reply.BEGUN:
            raise IllegalStep("a piece of a reply is not legal before its head or after its end")
        if not self.output.paused:
            self._moved_at = self._loop.time()
        if self._chunked:
            return self.output.write(b"%x\r\n" % len(chunk), chunk, b"\r\n")
        return self.output.write(chunk)

    def finish(self) -> None:
        """The reply is complete."""
        if self.state.over:
            return
        if self._reply is not Reply.BEGUN:
            raise IllegalStep("the end of a reply is not legal before its head or after its end")
        if self._chunked:
            self.output.write(b"0\r\n\r\n")
        self.output.flush()
        self._reply = Reply.NONE
        self._receiver = self._hold = self._on_drain = None
        self._moved()
        state = self._step("reply")
        if state is LINGERING:
            self._linger()
        elif state is IDLE or self._body.done:
            self._next()
        else:  # read and drop the rest of the body, so that the reply is not lost to a reset
            self._watch()
            self._resume_reading()
            self._loop.call_soon(self._advance)

    @property
    def serving(self) -> bool:
        """Whether a request's reply is due, or has begun."""
        return self._reply is not Reply.NONE

    # --- whether and how --------------------------------------------------------------------------

    def _may_begin(self) -> ClientHead | None:
        """The head that is to be answered; None when its client has gone. Raises IllegalStep."""
        if self.state.over:
            return None
        if self._reply is not Reply.DUE or self._head is None:
            raise IllegalStep("a reply is not legal where none is due")
        return self._head

    def _is_last(self, head: ClientHead, *, ends_with_connection: bool = False) -> bool:
        """Whether no further request may follow this reply (RFC 9112 section 9.3)."""
        if self._last or ends_with_connection or not head.keep_alive or self.state is WAITING:
            return True
        return self._draining and not self._buffer

    def _next(self) -> None:
        """The request and its reply are complete: close, or go on to what was pipelined."""
        if self.state is DROPPING:
            self._step("dropped")
        self._head = None
        self._body = _NO_BODY
        if self._last and self._buffer:
            self._step("refuse")
            self._linger()
        elif self._last:
            self.close()
        else:
            self._watch()
            self._resume_reading()
            if self._buffer:
                self._loop.call_soon(self._advance)

    @abstractmethod
    def _advance(self) -> None:
        """Uses what has arrived as far as it goes."""

    # --- ends -------------------------------------------------------------------------------------

    def connection_lost(self, exc: BaseException | None) -> None:
        super().connection_lost(exc)
        self._hold = None
        self._drop_receiver()

    def _drop_receiver(self) -> None:
        receiver, self._receiver = self._receiver, None
        if receiver is not None:
            receiver.gone()

    def _refuse_with(self, answer: Answer) -> None:
        """Answers a message that cannot be served; the connection ends with it."""
        reply, self._reply = self._reply, Reply.NONE
        of_head = self._head is not None and self._head.method == "HEAD"
        if reply is Reply.BEGUN:
            self._drop_receiver()
            self.abort()  # nothing may be put into a reply that has begun
            return
        late = self.state is DROPPING
        self._last = True
        self._hold = None
        self._step("refuse")
        self._drop_receiver()
        if not late:
            close = [("connection", "close")]
            self.output.write(_whole(answer, of_head=of_head, more=close))
        self._linger()

    def give_way(self) -> None:
        """Ends the connection at once for the sake of another; a whole reply still arrives."""
        if self._reply is Reply.NONE and not self.output.unsent():
            if not self.closed:
                self._step("close")
            self.transport.abort()
        else:
            self.abort()


def _connection(head: ClientHead, last: bool) -> list[tuple[str, str]]:
    """What a reply says of the connection's future; persistence is HTTP/1.1's default."""
    if last:
        return [("connection", "close")]
    return [("connection", "keep-alive")] if head.version == "HTTP/1.0" else []


def _whole(answer: Answer, *, of_head: bool, more: Fields) -> bytes:
    """The octets of an answer."""
    head = serialise(f"HTTP/1.1 {answer.status} {answer.reason}", [*answer_fields(answer), *more])
    return head if of_head or answer.status in NO_CONTENT else head + answer.body
