"""The client's side of the wire: one connection, any number of requests in turn.

Owns: when octets are read, and what they mean as messages. Must not know: targets, policy, or what
a reply says: a `Service` makes a `Receiver` for each request.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import NoReturn, Protocol

from cors_anywhere.errors import HeadTooLarge, ProxyError, RequestTimeout, UrlTooLong
from cors_anywhere.http1.body import request_body
from cors_anywhere.http1.head import ClientHead, parse_request, skip_empty_lines
from cors_anywhere.http1.life import ClientLimits
from cors_anywhere.http1.partial import PartialRequest
from cors_anywhere.http1.receiver import Receiver
from cors_anywhere.http1.replies import ReplyWriter
from cors_anywhere.http1.states import (
    BODY,
    CLOSING,
    DROPPING,
    HEAD,
    IDLE,
    TUNNEL,
    TUNNEL_HELD,
    WAITING,
    Reply,
)
from cors_anywhere.messages import Answer

PIPELINE_BYTES = 65536
"""What may wait unread behind a request; a larger burst stays in the kernel."""


class Registry(Protocol):
    """Who knows the open connections."""

    def add(self, connection: ServerConnection, /) -> None: ...

    def discard(self, connection: ServerConnection, /) -> None: ...


class Service(Protocol):
    """Who answers."""

    def receiver(self, connection: ServerConnection, /) -> Receiver:
        """Who takes in the next request of a connection."""


class ServerConnection(ReplyWriter):
    """One client connection.

    `refusal` turns a failure of the client's own message into the reply for it. `registry` is told
    when the connection opens and when it has ended; a set will do.
    """

    def __init__(
        self,
        service: Service,
        refusal: Callable[[ProxyError, str | None], Answer],
        limits: ClientLimits,
        registry: Registry,
    ) -> None:
        super().__init__(limits)
        self._service = service
        self._refusal = refusal
        self._registry = registry
        self._behind = bytearray()  # what came after `_buffer`, while that was not looked at
        self._partial: PartialRequest | None = None  # a head that is not complete

    # --- asyncio.Protocol ---------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._registry.add(self)

    def connection_lost(self, exc: BaseException | None) -> None:
        self._registry.discard(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        state = self.state
        if state.over:
            return
        if state is not IDLE and state is not HEAD:  # there, only a whole head is progress
            self._note_progress(len(data))
        if self._buffer:
            self._behind += data
        else:
            self._buffer = data
        self._advance()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self.state is IDLE and self._buffer:
            self._resume_reading()
            self._loop.call_soon(self._advance)

    def eof_received(self) -> bool:
        if (self.state is TUNNEL or self.state is TUNNEL_HELD) and self._body.eof():
            self._advance()
            return self.context.protocol == "http"  # TLS cannot be half closed
        if self._reply is Reply.NONE:
            self.close()
        else:
            self.abort()  # as nginx: who does not wait for the reply is gone
        return False

    # --- reading ------------------------------------------------------------------------------

    def _advance(self) -> None:
        try:
            self._use_buffer()
        except Exception as failure:
            self._failed(failure)

    def _failed(self, failure: BaseException) -> None:
        """Answers for a message that is at fault, or for a receiver that is."""
        if not isinstance(failure, ProxyError):
            report = {"message": "a receiver failed", "exception": failure, "protocol": self}
            self._loop.call_exception_handler(report)
            failure = ProxyError()
        if not self.state.over:
            self._refuse_with(self._answer_to(failure))

    def _answer_to(self, failure: ProxyError) -> Answer:
        if self._receiver is None:
            return self._refusal(failure, self.context.remote_ip)
        self._receiver.at_fault(failure)
        return self._refusal(failure, None)

    def _use_buffer(self) -> None:
        if self._body.done and (self.state is BODY or self.state is TUNNEL):
            self._end_message()  # which waited for the receiver
        while self._buffer:
            state = self.state
            between = state is IDLE or state is HEAD
            if (between and self.output.paused) or (not between and state not in _READING):
                self._wait_with_the_rest()
                return
            if self._behind:
                self._buffer += bytes(self._behind)
                self._behind.clear()
            if not between:
                self._read_body()
            elif not self._read_head():
                self._wait_with_the_rest()
                break
        if self._hold is None:
            self._resume_reading()

    def _wait_with_the_rest(self) -> None:
        """What has come is for later; nothing more comes while that is much."""
        if self._waiting() > PIPELINE_BYTES:
            self._pause_reading()

    def _waiting(self) -> int:
        """Octets that have come and not been looked at."""
        return len(self._buffer) + len(self._behind)

    def _resume_reading(self) -> None:
        """Not before what waits has become less: each request that is done calls this."""
        if self._waiting() <= PIPELINE_BYTES:
            super()._resume_reading()

    def _linger(self) -> None:
        self._buffer = b""
        self._behind.clear()
        super()._linger()

    def _read_head(self) -> bool:
        """Whether there was a whole one, and what is behind it may be looked at in this turn of the
        event loop: not where it was answered at once, or a burst would keep all others waiting."""
        buffer = self._buffer
        if self._partial is None and buffer[0] == 0x0D:
            self._buffer = buffer = skip_empty_lines(buffer)
            if buffer in (b"", b"\r"):
                return False
        octets = self._whole_head(buffer)
        if octets is not None:
            limits = self._limits
            self._begin(parse_request(octets, limits.url_bytes, limits.header_fields))
        return octets is not None and self.state is not IDLE

    def _whole_head(self, buffer: bytes) -> bytes | None:
        """The octets of a complete head; what is behind them stays in the buffer."""
        if self._partial is None:
            end = buffer.find(b"\r\n\r\n") + 4
            if end > 3:
                if end > self._limits.header_bytes:
                    self._too_large(buffer)
                self._buffer = buffer[end:]
                return buffer[:end]
            self._partial = PartialRequest()
        self._buffer = b""
        octets = self._partial.octets
        end = self._partial.feed(buffer)
        if (end if end >= 0 else len(octets)) > self._limits.header_bytes:
            self._too_large(octets)
        if end < 0:
            if self.state is IDLE:
                self._step("begin")
                self._moved()
                self._watch()
            return None
        self._partial = None
        self._buffer = bytes(octets[end:])
        return bytes(octets[:end])

    def _too_large(self, octets: bytes | bytearray) -> NoReturn:
        first_line = octets.find(b"\r\n", 0, self._limits.header_bytes)
        raise HeadTooLarge if first_line >= 0 else UrlTooLong

    def _begin(self, head: ClientHead) -> None:
        self._head = head
        self._reply = Reply.DUE
        if head.length:
            self._body = request_body(head.length, self._limits.header_bytes)
        self._step("expect" if head.expects_continue and head.length else "head")
        self._moved()
        self._receiver = receiver = self._service.receiver(self)
        self._wait_for(receiver.head_received(head))
        self._settle()

    def _read_body(self) -> None:
        body = self._body
        if self.state is WAITING:
            self._step("ask")  # it did not wait
        content = body.feed(self._buffer)
        rest = body.rest if body.done else b""
        self._last = self._last or rest is None
        self._buffer = rest or b""
        if content and self._receiver is not None:
            self._wait_for(self._receiver.data_received(content))
        self._settle()

    def _settle(self) -> None:
        """A piece of a message has been used."""
        state = self.state
        if self._body.done and (state is BODY or state is TUNNEL):
            self._end_message()
        elif self._body.done and state is DROPPING:
            self._next()
        elif state is BODY or state is WAITING:  # what is only dropped has one clock for all
            self._watch()

    def _end_message(self) -> None:
        self._step("end")
        self._watch()
        if self._receiver is not None:
            self._receiver.ended()

    # --- a receiver that has enough ---------------------------------------------------------------

    def _wait_for(self, waited: Awaitable[None] | None) -> None:
        """Reads no further until the receiver has taken what it was given."""
        if waited is None:
            return
        self.want_body()  # who is to be waited for has the head in hand
        future = asyncio.ensure_future(waited)
        if self.state is BODY or self.state is TUNNEL:  # not where the reply is complete already
            self._hold = future
            self._step("hold")
            self._pause_reading()
            self._watch()
        future.add_done_callback(self._unhold)

    def _unhold(self, future: asyncio.Future[None]) -> None:
        failure = None if future.cancelled() else future.exception()
        if future is not self._hold:
            return  # it has answered meanwhile, or its client has gone
        self._hold = None
        self._moved()
        if failure is not None:
            self._failed(failure)
            return
        self._step("release")
        self._watch()
        self._advance()

    # --- clocks -----------------------------------------------------------------------------------

    def _expired(self) -> None:
        state = self.state
        if self.output.paused or state is CLOSING:
            self._abort_if_stalled()
        elif state is HEAD or (state is BODY and self._reply is Reply.DUE):
            self._failed(RequestTimeout())
        elif state is BODY:
            self.abort()
        elif self.output.unsent():
            self._abort_if_stalled()
        elif self.transport.is_closing():
            self.abort()
        else:
            self.close()


_READING = frozenset((BODY, TUNNEL, DROPPING, WAITING))
