"""The client's side of the wire: one connection, any number of requests in turn.

Owns: when octets are read, what they mean as messages, how replies are framed, and the client's
deadlines. Must not know: targets, policy, or what a reply says: a `Service` makes a `Receiver` for
each request.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import NamedTuple, Protocol

from cors_anywhere.errors import HeadTooLarge, ProxyError, RequestTimeout, UrlTooLong
from cors_anywhere.http1.answers import NO_CONTENT, own_fields
from cors_anywhere.http1.body import Body, CloseBody, LengthBody, request_body
from cors_anywhere.http1.deadline import Deadline
from cors_anywhere.http1.head import (
    MAX_FIELDS,
    ClientHead,
    parse_request,
    serialise,
    skip_empty_lines,
)
from cors_anywhere.http1.output import Output
from cors_anywhere.http1.partial import PartialRequest
from cors_anywhere.http1.receiver import Receiver
from cors_anywhere.http1.transport import stream
from cors_anywhere.messages import CHUNKED, Answer, Fields, Length

LINGER_SECONDS = 5.0
"""How long the rest of a request is read and dropped after its reply (nginx: lingering_timeout)."""

DRAIN_SECONDS = 0.5
"""How long a drained connection without a request still waits for one that is on its way."""

PIPELINE_BYTES = 65536
"""What may wait unread behind a request; a larger burst stays in the kernel."""

BODY_OCTETS_PER_SECOND = 1024
"""Below this rate a client is one that keeps the proxy waiting."""

_NO_BODY = LengthBody(0)


class ClientLimits(NamedTuple):
    """What a client may take, in octets and seconds."""

    header_bytes: int = 32768
    url_bytes: int = 16384
    header_timeout: float = 10.0
    idle_timeout: float = 60.0
    stall_timeout: float = 60.0
    body_timeout: float = 30.0
    header_fields: int = MAX_FIELDS


class Context(NamedTuple):
    """Who is at the other end, and how they came."""

    remote_ip: str
    protocol: str
    port: int


class Registry(Protocol):
    """Who knows the open connections."""

    def add(self, connection: ServerConnection, /) -> None: ...

    def discard(self, connection: ServerConnection, /) -> None: ...


class Service(Protocol):
    """Who answers."""

    def receiver(self, connection: ServerConnection, /) -> Receiver:
        """Who takes in the next request of a connection."""


class ServerConnection(asyncio.Protocol):
    """One client connection.

    `refusal` turns a failure of the client's own message into the reply for it. `registry` is told
    when the connection opens and when it has ended; a set will do.
    """

    def __init__(
        self,
        service: Service,
        refusal: Callable[[ProxyError], Answer],
        limits: ClientLimits,
        registry: Registry,
    ) -> None:
        self._service = service
        self._refusal = refusal
        self._limits = limits
        self._registry = registry
        self._loop = asyncio.get_running_loop()
        self._deadline = Deadline(self._loop, self._expired)
        self._buffer = b""
        self._head: ClientHead | None = None  # of the request that is being served
        self._body: Body = _NO_BODY
        self._receiver: Receiver | None = None
        self._request_ended = False  # the receiver knows that the request is complete
        self._blocked = False  # the receiver asked to wait before more of the body
        self._head_late = False  # the header deadline runs
        self._gone_timer: asyncio.TimerHandle | None = None
        self._reply_begun = self._reply_done = True
        self._chunked = False
        self._continue_due = False
        self._tunnelling = False
        self._waiting_since = 0.0  # when the client last did something, or could
        self._moved_at = 0.0  # when an octet last moved, or a request began
        self._unsent = 0  # octets, when a stall was last looked at
        self._closing = False  # no further request is read
        self._on_drain: Callable[[], None] | None = None
        self._draining = False  # the next reply says that it is the last
        self._lingering = False
        self.closed = False

    # --- asyncio.Protocol ---------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport = stream(transport)
        self.output = Output(self._loop, transport)
        # The kernel's own buffer keeps the client busy; this one only multiplies by the clients.
        transport.set_write_buffer_limits(high=16384)
        peer = transport.get_extra_info("peername")
        here = transport.get_extra_info("sockname")
        secure = transport.get_extra_info("ssl_object") is not None
        self.context = Context(
            peer[0] if peer else "", "https" if secure else "http", here[1] if here else 0
        )
        self._waiting_since = self._moved_at = self._loop.time()
        self._deadline.set(self._limits.idle_timeout)
        self._registry.add(self)

    def data_received(self, data: bytes) -> None:
        if not self._lingering:
            self._moved_at = self._loop.time()
            if not self._head_late:
                self._note_progress(len(data))
            self._buffer = self._buffer + data if self._buffer else data
            self._advance()

    def pause_writing(self) -> None:
        self.output.pause()
        self._waiting_since = self._loop.time()
        self._unsent = self.output.unacknowledged()
        self._deadline.set(self._limits.stall_timeout)

    def resume_writing(self) -> None:
        self.output.resume()
        self._waiting_since = self._moved_at = self._loop.time()
        self._set_deadline()

    def eof_received(self) -> bool:
        if self._tunnelling and self._body.eof():
            self._end_request()
            return self.context.protocol == "http"  # TLS cannot be half closed
        if self._head is not None and not self._reply_done:
            self.abort()  # as nginx: who does not wait for the reply is gone
        return False

    def connection_lost(self, exc: BaseException | None) -> None:
        self.closed = True
        self._registry.discard(self)
        self._deadline.close()
        self._forget_gone_timer()
        self._drop_receiver()
        self._on_drain = None
        self.output.resume()

    # --- reading ------------------------------------------------------------------------------

    def _advance(self) -> None:
        """Uses what has arrived as far as it goes."""
        try:
            self._use_buffer()
        except Exception as failure:
            self._failed(failure)

    def _use_buffer(self) -> None:
        whole = self._head is not None and self._body.done
        if whole and not self._blocked and not self._request_ended:
            self._end_request()
        while self._buffer and not self._blocked and not self.closed:
            if not self._body.done:
                self._read_body()
            elif self._head is not None:
                if len(self._buffer) > PIPELINE_BYTES:
                    self._pause_reading()
                return
            elif self._lingering or not self._read_head():
                return

    def _failed(self, failure: BaseException) -> None:
        """Answers for a message that is at fault, or for a receiver that is."""
        if isinstance(failure, ProxyError):
            self._refuse(failure)
        else:
            report = {"message": "a receiver failed", "exception": failure, "protocol": self}
            self._loop.call_exception_handler(report)
            self._refuse(ProxyError())

    def _read_head(self) -> bool:
        buffer = self._buffer
        if buffer[0] == 0x0D:
            self._buffer = buffer = skip_empty_lines(buffer)
            if buffer in (b"", b"\r"):
                return False
        end = PartialRequest().feed(buffer)
        limits = self._limits
        if (end if end >= 0 else len(buffer)) > limits.header_bytes:
            first_line = buffer.find(b"\r\n", 0, limits.header_bytes)
            raise HeadTooLarge if first_line >= 0 else UrlTooLong
        if end < 0:
            if not self._head_late:
                self._head_late = True
                self._deadline.set(self._limits.header_timeout)
            return False
        self._buffer = buffer[end:]
        self._head_late = False
        self._start(parse_request(buffer[:end], limits.url_bytes, limits.header_fields))
        return True

    def _start(self, head: ClientHead) -> None:
        self._head = head
        self._reply_begun = self._reply_done = self._request_ended = False
        if head.length:
            self._body = request_body(head.length, self._limits.header_bytes)
            self._continue_due = head.expects_continue
        self._set_deadline()
        self._receiver = receiver = self._service.receiver(self)
        self._wait_for(receiver.head_received(head))
        if self._body.done and not self._blocked:
            self._end_request()

    def _read_body(self) -> None:
        content = self._body.feed(self._buffer)
        self._continue_due = False
        rest = self._body.rest if self._body.done else b""
        self._closing = self._closing or rest is None
        self._buffer = rest or b""
        if not self._reply_done:  # what is only dropped has one deadline for all of it
            self._set_deadline()
        if content and self._receiver is not None:
            self._wait_for(self._receiver.data_received(content))
        if self._body.done and not self._blocked:
            self._end_request()

    def _end_request(self) -> None:
        self._request_ended = True
        if self._receiver is not None:
            self._receiver.ended()
        elif self._reply_done:
            self._next()

    def _wait_for(self, waited: Awaitable[None] | None) -> None:
        """Reads no further until the receiver has taken what it was given."""
        if waited is None:
            return
        future = asyncio.ensure_future(waited)
        if not future.done():
            self._blocked = True
            self._pause_reading()
            self._set_deadline()
            future.add_done_callback(self._unblock)

    def _unblock(self, future: asyncio.Future[None]) -> None:
        self._blocked = False
        self._waiting_since = self._loop.time()
        if not future.cancelled() and (failure := future.exception()) is not None:
            self._failed(failure)
        if self.closed or self._lingering or self.transport.is_closing():
            return
        self._resume_reading()
        self._set_deadline()
        self._advance()

    def _pause_reading(self) -> None:
        if self._gone_timer is None and not self.transport.is_closing():
            self.transport.pause_reading()
            self._gone_timer = self._loop.call_later(0.5, self._look_for_peer)

    def _resume_reading(self) -> None:
        if self._gone_timer is not None:
            self._forget_gone_timer()
            self.transport.resume_reading()

    def _look_for_peer(self) -> None:
        if self.output.peer_is_gone():
            self.abort()
        else:
            self._gone_timer = self._loop.call_later(0.5, self._look_for_peer)

    def _forget_gone_timer(self) -> None:
        if self._gone_timer is not None:
            self._gone_timer.cancel()
            self._gone_timer = None

    def want_body(self) -> None:
        """The receiver wants the body: tell a client that waits for leave (RFC 9110, 10.1.1)."""
        if self._continue_due and not self._reply_begun:
            self.output.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self._waiting_since = self._loop.time()
        self._continue_due = False

    # --- replying -------------------------------------------------------------------------------

    def write_head(
        self, status: int, reason: str, fields: Fields, length: Length | None
    ) -> asyncio.Future[None]:
        """Begins the reply. Its body is `length` octets, or CHUNKED; None: the fields tell.

        The future is done when more may be written. Raises ValueError for a field that cannot be
        sent; nothing was, then.
        """
        head = self._head
        if head is None or self._reply_begun or self.closed:
            return self.output.wait()
        bodiless = head.method == "HEAD" or status in NO_CONTENT
        chunked = length is CHUNKED and not bodiless and head.version == "HTTP/1.1"
        framing: list[tuple[str, str]] = []
        if chunked:
            framing.append(("transfer-encoding", "chunked"))
        elif isinstance(length, int) and not bodiless:
            framing.append(("content-length", str(length)))
        self._chunked = chunked
        ends_with_connection = length is CHUNKED and not bodiless and not chunked
        framing += self._connection_field(head, ends_with_connection)
        octets = serialise(f"HTTP/1.1 {status} {reason}", [*fields, *framing])
        self._reply_begun = True
        self._moved_at = self._loop.time()
        return self.output.write(octets)

    def _connection_field(self, head: ClientHead, ends: bool) -> list[tuple[str, str]]:
        """What a reply says about the connection's future (RFC 9112 section 9.3)."""
        last = self._closing or ends or not head.keep_alive or self._continue_due
        if last or (self._draining and not self._buffer):
            self._closing = True
            return [("connection", "close")]
        return [("connection", "keep-alive")] if head.version == "HTTP/1.0" else []

    def answer(self, answer: Answer) -> None:
        """Sends a complete reply that the proxy made itself. Raises ValueError or TypeError for
        one that cannot be sent; nothing was, then."""
        head = self._head
        if head is None or self._reply_begun or self.closed:
            return
        fields = [*own_fields(answer), *self._connection_field(head, ends=False)]
        body = b"" if head.method == "HEAD" or answer.status in NO_CONTENT else answer.body
        octets = serialise(f"HTTP/1.1 {answer.status} {answer.reason}", fields) + body
        self._reply_begun, self._chunked = True, False
        self.output.write(octets)
        self.finish()

    def switch(self, reason: str, fields: Fields, receiver: Receiver) -> None:
        """Replies with 101: what the client sends from now on is one body without end, for
        `receiver`, and what is written goes out as it is (RFC 9110 section 7.8)."""
        if self._head is None or self._reply_begun or self.closed:
            return
        self._reply_begun = self._closing = True
        self._chunked = False
        self.output.write(serialise(f"HTTP/1.1 101 {reason}", fields))
        self._receiver = receiver
        self._body = CloseBody()
        self._tunnelling = True
        self._request_ended = False
        self._resume_reading()
        self._set_deadline()
        self._loop.call_soon(self._advance)

    def write(self, chunk: bytes) -> asyncio.Future[None]:
        if self._reply_done or self.closed or not chunk:
            return self.output.wait()
        self._moved_at = self._loop.time()
        if self._chunked:
            return self.output.write(b"%x\r\n" % len(chunk), chunk, b"\r\n")
        return self.output.write(chunk)

    def finish(self) -> None:
        if self._reply_done or self.closed:
            return
        self._reply_done = True
        self._waiting_since = self._loop.time()
        if self._chunked:
            self.output.write(b"0\r\n\r\n")
        self.output.flush()
        self._receiver = self._on_drain = None
        if self._body.done and not self._blocked:
            self._next()
        elif self._continue_due or self._tunnelling:
            self._linger()
        else:  # read and drop the rest of the body, so that the reply is not lost to a reset
            self._set_deadline()
            self._resume_reading()

    # --- ends -----------------------------------------------------------------------------------

    def _next(self) -> None:
        """The request and its reply are complete: close, or go on to what was pipelined."""
        self._head = self._receiver = None
        self._body = _NO_BODY
        if self._closing:
            self._linger() if self._buffer else self.close()
            return
        self._set_deadline()
        self._resume_reading()
        if self._buffer:
            self._loop.call_soon(self._advance)

    def _set_deadline(self) -> None:
        """The deadline that the connection's state asks for."""
        limits = self._limits
        if self.output.paused:
            self._deadline.set(limits.stall_timeout)
        elif self._lingering or (self._reply_done and self._head is not None):
            self._deadline.set(LINGER_SECONDS)
        elif self._head is None:
            self._deadline.set(DRAIN_SECONDS if self._draining else limits.idle_timeout)
        elif self._tunnelling:
            self._deadline.clear()
        elif not self._body.done and not self._blocked:
            self._deadline.set(limits.body_timeout)
        else:
            self._deadline.clear()

    def _expired(self) -> None:
        if self.output.paused and (unsent := self.output.unacknowledged()) < self._unsent:
            self._unsent = unsent  # slow, but reading
            self._deadline.set(self._limits.stall_timeout)
        elif self.output.paused:
            self.abort()
        elif self._head_late or (self._head is not None and not self._reply_begun):
            self._refuse(RequestTimeout())
        elif self.output.unsent() or not self._reply_done or self.transport.is_closing():
            self.abort()
        else:
            self.close()

    def _refuse(self, error: ProxyError) -> None:
        """Answers a message that cannot be served; the connection ends with it."""
        if self._reply_begun and self._head is not None and not self._reply_done:
            self.abort()  # nothing may be put into a reply that has begun
            return
        late = self._head is not None and self._reply_done
        self._drop_receiver()
        self._closing = True
        if not late:
            answer = self._refusal(error)
            fields = [*own_fields(answer), ("connection", "close")]
            octets = serialise(f"HTTP/1.1 {answer.status} {answer.reason}", fields)
            of_head = self._head is not None and self._head.method == "HEAD"
            self.output.write(octets, b"" if of_head else answer.body)
        self._reply_begun = self._reply_done = True
        self._head_late = False
        self._linger()

    def _linger(self) -> None:
        """Says that no more will come, and drops what the client still sends.

        Closing at once would make the kernel answer the unread octets with RST, and the client
        would lose the reply (RFC 9112 section 9.6).
        """
        self.output.flush()
        self._lingering = True
        self._buffer = b""
        self._blocked = False
        self._resume_reading()
        if self.transport.can_write_eof():
            self.transport.write_eof()
        else:
            self.transport.close()  # asyncio's TLS reads on until the peer's close_notify
        self._set_deadline()

    def _drop_receiver(self) -> None:
        receiver, self._receiver = self._receiver, None
        if receiver is not None:
            receiver.gone()

    def close(self) -> None:
        """Closes once all that was written is sent, at most a stall's time from now."""
        self.output.flush()
        self._closing = self._lingering = True
        self.transport.close()
        if not self.closed:
            self._deadline.set(self._limits.stall_timeout)

    def abort(self) -> None:
        """Ends the connection so that the client sees a failure, not an end."""
        self._closing = True
        self.output.reset()

    def give_way(self) -> None:
        """Ends the connection at once for the sake of another; a whole reply still arrives."""
        if self._reply_done and not self.output.unsent():
            self._closing = True
            self.transport.abort()
        else:
            self.abort()

    def drain(self) -> None:
        """No further request but one that is on its way; then closes.

        A client may send one until a reply has told it not to (RFC 9112 section 9.6).
        """
        self._draining = True
        if self._on_drain is not None:
            self._on_drain()
        if self._head is None and not self._head_late and not self._lingering:
            self._set_deadline()

    def when_draining(self, callback: Callable[[], None]) -> None:
        """Calls back once when the connection is drained; at once if it has been."""
        if self._draining:
            callback()
        else:
            self._on_drain = callback

    def kept_waiting(self) -> float:
        """Seconds for which the connection has waited for the client; 0 while the proxy itself is
        at work on a request."""
        due = self._head is None or self._lingering or self.output.paused
        idle = self._body.done or self._blocked or self._tunnelling or self._continue_due
        return self._loop.time() - self._waiting_since if due or not idle else 0.0

    def stalled_for(self) -> float:
        """Seconds since the last octet moved either way, or the last request began."""
        return self._loop.time() - self._moved_at

    def _note_progress(self, octets: int) -> None:
        """A body that comes in drops gains its client only as much time as its octets are worth."""
        now = self._loop.time()
        gained = self._waiting_since + octets / BODY_OCTETS_PER_SECOND
        self._waiting_since = now if self._head is None else min(now, gained)
