"""The target's side of the wire: one connection, one exchange at a time.

Owns: the order of sending and reading, the deadlines of both, and whether the connection may serve
another exchange. Must not know: who asked, how the connection was made, or the pool.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NamedTuple

from cors_anywhere.errors import (
    BodyLengthWrong,
    ConnectionTerminated,
    GatewayError,
    ProxyError,
    ReadTimeout,
    ResponseIncomplete,
    ResponseTimeout,
    WriteTimeout,
)
from cors_anywhere.http1.deadline import Deadline
from cors_anywhere.http1.head import MAX_FIELDS, TargetHead
from cors_anywhere.http1.output import Output
from cors_anywhere.http1.reading import ReplyReader
from cors_anywhere.http1.sending import RequestWriter
from cors_anywhere.http1.tls import was_cut
from cors_anywhere.http1.transport import Reading, stream
from cors_anywhere.messages import Fields, Length

REPLY_QUEUE_BYTES = 65536
"""Content that may wait for the client before the target is read no further."""

LAST_FRAME_SECONDS = 0.5
"""What a target may take to accept the rest of a tunnel whose client has gone."""

UNREAD_BYTES = 65536
UNREAD_SECONDS = 0.25
"""What a reply that nobody reads may still cost, so that its connection can be used again."""


class TargetLimits(NamedTuple):
    """What a target may take, in octets and seconds."""

    header_bytes: int = 32768
    head_timeout: float = 120.0
    idle_timeout: float = 120.0
    header_fields: int = MAX_FIELDS


class TargetConnection(Reading):
    """One connection to a target. `send_head` begins an exchange, `read` to b"" ends it."""

    def __init__(self, limits: TargetLimits) -> None:
        super().__init__()
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self._deadline = Deadline(self._loop, self._expired)
        self._reply = ReplyReader(limits.header_bytes, limits.header_fields)
        self._request = RequestWriter()
        self._begun = False  # there is an exchange
        self._sending = False  # the request is not complete yet
        self._blocked = False  # a writer waits for the target to read
        self._reading_paused = False
        self._waiter: asyncio.Future[None] | None = None
        self._failure: ProxyError | None = None
        self._on_end: Callable[[], None] | None = None  # of a connection without a user
        self._draining = False
        self._drained = 0
        self._parting = False  # the last octets are on their way
        self.answered = False  # an octet of the reply has come
        self.exchanges = 0
        self.closed = False

    # --- asyncio.Protocol ---------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = stream(transport)
        self.output = Output(self._loop, self.transport)
        self.transport.set_write_buffer_limits(high=65536)

    def data_received(self, data: bytes) -> None:
        if self._parting:
            return
        self.answered = True
        reply = self._reply
        before = reply.head
        try:
            if not self._begun:
                raise GatewayError("The target sent a reply that was not asked for.")
            reply.feed(data)
        except ProxyError as error:
            self.fail(error)
            return
        if reply.head is None:
            return
        if self._draining:
            self._drain_on()
            return
        if before is None and reply.tunnelling:
            self._request.switch()
        if reply.queued > REPLY_QUEUE_BYTES and not reply.complete:
            self._reading_paused = True
            self.transport.pause_reading()
        self._watch()
        self._wake()

    def eof_received(self) -> None:
        if self._parting or not self._begun or self._reply.complete:
            return
        if self._reply.head is None:
            self.fail(ConnectionTerminated())
        elif self._reply.tunnelling or not was_cut(self.transport):
            self._end_reply()
        else:
            self.fail(ResponseIncomplete())

    def connection_lost(self, exc: BaseException | None) -> None:
        self.closed = True
        if self._begun and not self._reply.complete and self._failure is None:
            if self._reply.tunnelling and not isinstance(exc, ConnectionError):
                self._end_reply()
            else:
                lost = ConnectionTerminated if self._reply.head is None else ResponseIncomplete
                self._failure = lost()
        self._deadline.close()
        self._wake()
        self.output.resume()
        self._leave()

    def pause_writing(self) -> None:
        self.output.pause()

    def resume_writing(self) -> None:
        self.output.resume()

    # --- the request --------------------------------------------------------------------------

    def send_head(
        self, method: str, path: str, fields: Fields, length: Length, *, upgrade: bool = False
    ) -> None:
        """Begins an exchange. `length` is the body's: octets, 0 for none, or CHUNKED. `upgrade`
        says that the fields ask for another protocol: only then may the reply be a 101."""
        head = self._request.begin(method, path, fields, length)
        self._reply.begin(method, upgrade)
        self._on_end = None
        self.answered = False
        self.exchanges += 1
        if self.closed:
            self._failure = self._failure or ConnectionTerminated()
            return
        if self.exchanges == 1 and self._has_spoken():
            self.fail(GatewayError("The target sent a reply that was not asked for."))
            return
        self._begun = True
        self._sending = length != 0
        self.output.write_now(head)
        self._watch()

    async def send(self, chunk: bytes) -> None:
        """Sends a piece of the body; returns when more may be sent. Raises ProxyError."""
        if self._failure is not None:
            raise self._failure
        try:
            sent = self.output.write(*self._request.piece(chunk))
        except BodyLengthWrong as error:
            self.fail(error)
            raise
        if not sent.done():
            self._blocked = True
            self._watch()
            try:
                await sent
            finally:
                self._blocked = False
                self._watch()

    def end_request(self) -> None:
        """The body is complete."""
        try:
            end = self._request.end()
        except BodyLengthWrong as error:
            self.fail(error)
            return
        if end:
            self.output.write(end)
        self._sending = False
        if self._reply.head is None:
            self._watch()

    @property
    def carried_body(self) -> bool:
        """Whether any request had a body: the target may have read it as requests of its own."""
        return self._request.carried_body

    # --- the reply ----------------------------------------------------------------------------

    async def reply(self) -> TargetHead:
        """The final reply's head. Raises ProxyError."""
        reply = self._reply
        while reply.head is None:
            await self._next_event()
            if not reply.queued:
                self._raise_failure()
        return reply.head

    async def read(self) -> bytes:
        """All content that has come since the last read; b"" at the end. Raises ProxyError."""
        reply = self._reply
        while not reply.queued:
            if reply.complete:
                return b""
            await self._next_event()
            if not reply.queued:
                self._raise_failure()
        data = reply.take()
        if self._reading_paused:
            self._reading_paused = False
            self.transport.resume_reading()
            self._watch()
        return data

    # --- between exchanges ----------------------------------------------------------------------

    @property
    def ended(self) -> bool:
        """Whether the reply is complete and read to its end."""
        return self._reply.complete and not self._reply.queued

    @property
    def reusable(self) -> bool:
        """Whether another exchange may follow the one that has ended."""
        return self._reply.keep_alive and self.ended and self._is_sound()

    @property
    def drainable(self) -> bool:
        """Whether what is left of the reply may be little enough to wait for its end."""
        head = self._reply.head
        if head is None or not self._reply.keep_alive or not self._is_sound():
            return False
        return not isinstance(head.length, int) or head.length <= UNREAD_BYTES

    def _is_sound(self) -> bool:
        return (
            not self._sending
            and self._failure is None
            and not self.closed
            and not self.transport.is_closing()
        )

    def drain(self, ended: Callable[[], None]) -> None:
        """Nobody reads the rest of the reply; calls `ended` once, when it has come, or too much
        of it, or the connection is over, within UNREAD_SECONDS."""
        self._draining = True
        self._drained = 0
        self._on_end = ended
        self._deadline.set(UNREAD_SECONDS)
        if self._reading_paused:
            self._reading_paused = False
            self.transport.resume_reading()
        self._drain_on()

    def _drain_on(self) -> None:
        self._drained += len(self._reply.take())
        if self._drained > UNREAD_BYTES:
            self._reply.keep_alive = False
        if self._reply.complete or not self._reply.keep_alive:
            self._leave()

    def to_idle(self, ended: Callable[[], None], timeout: float) -> None:
        """The exchange is over; calls `ended` once when the connection ends, at most `timeout`
        seconds from now."""
        self._begun = False
        self._on_end = ended
        self._deadline.set(timeout)

    def is_fresh(self) -> bool:
        """Whether an idle connection may be used: nothing has come from the target meanwhile, not
        even what no event has told of yet."""
        silent = not self.output.peer_has_stirred()
        return silent and not self.closed and not self.transport.is_closing()

    def abort(self) -> None:
        """Ends the connection at once.

        A failure that was raised holds the frames it passed, and they hold this connection: a new
        one in its place spares buffers a wait for the garbage collector.
        """
        self._on_end = None
        self._failure = ConnectionTerminated()
        if self._reply.tunnelling and not self.closed:
            self._part()
            return
        self._deadline.close()
        self._drop()

    def _part(self) -> None:
        """Ends a tunnel. The last frame, a Close perhaps, has no end of its own: it still goes out,
        with the end behind it. A target that has not taken them by the deadline is reset: in the
        kernel's queue the end would wait for as long as the target does not read."""
        self._parting = True
        self.output.flush()
        try:
            if self.transport.can_write_eof():
                self.transport.write_eof()
            else:
                self.transport.close()  # TLS, which waits for the target's own end
        except OSError:  # the target has reset the connection, and the loop is about to tell
            self.transport.abort()
        self._deadline.set(LAST_FRAME_SECONDS)

    def _leave(self) -> None:
        self._draining = False
        on_end, self._on_end = self._on_end, None
        if on_end is not None:
            on_end()

    # --- waiting ------------------------------------------------------------------------------

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _next_event(self) -> asyncio.Future[None]:
        """Done when anything has happened. Raises the failure that already has."""
        self._raise_failure()
        self._waiter = waiter = self._loop.create_future()
        return waiter

    def _wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def _watch(self) -> None:
        """Sets the deadline of what is awaited of the target now. There is none while it is the
        client who is slow, nor in a tunnel, whose deadline is the relay's."""
        if self._failure is not None or self.closed:
            return
        reply, limits = self._reply, self._limits
        if reply.tunnelling:
            self._deadline.clear()
        elif self._blocked:
            self._deadline.set(limits.idle_timeout)
        elif reply.head is None and not self._sending:
            self._deadline.set(limits.head_timeout)
        elif reply.head is None or reply.complete or self._reading_paused:
            self._deadline.clear()
        else:
            self._deadline.set(limits.idle_timeout)

    def _expired(self) -> None:
        if self._parting:
            if self.output.unacknowledged():
                self.output.reset()
            else:
                self.transport.abort()
        elif self._draining:
            self._leave()
        elif not self._begun:
            self.transport.close()
        elif self.output.paused:
            self.fail(WriteTimeout())
        else:
            self.fail(ResponseTimeout() if self._reply.head is None else ReadTimeout())

    # --- the end ------------------------------------------------------------------------------

    def _has_spoken(self) -> bool:
        """Whether a plain connection holds octets before it was asked for any. TLS always does:
        tickets follow the handshake."""
        secure = self.transport.get_extra_info("ssl_object") is not None
        return not secure and self.output.peer_has_spoken()

    def _end_reply(self) -> None:
        """The target has closed."""
        if not self._reply.end():
            self.fail(ResponseIncomplete())
            return
        self._deadline.clear()
        if self._draining:
            self._leave()
        self._wake()

    def fail(self, failure: ProxyError) -> None:
        """Ends the connection; whoever waits for the reply gets `failure`."""
        if self._failure is None and not (self._begun and self._reply.complete):
            self._failure = failure
        self._drop()
        self._wake()
        self.output.resume()

    def _drop(self) -> None:
        """Closes; with a reset where an end that waits its turn behind octets which the target
        does not take would not reach it."""
        if self._sending or self.output.unsent():
            self.output.reset()
        else:
            self.transport.abort()
