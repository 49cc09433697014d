"""A connection to a target from its beginning to its end, whatever is said on it.

Owns: the transport, the deadline of what is awaited, the times without a user, and the ways to end.
Must not know: how a request is sent or a reply read, who asked, how the connection was made, or the
pool.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NamedTuple

from cors_anywhere.errors import (
    ConnectionTerminated,
    ProxyError,
    ReadTimeout,
    ResponseTimeout,
    WriteTimeout,
)
from cors_anywhere.http1.deadline import Deadline
from cors_anywhere.http1.head import MAX_FIELDS
from cors_anywhere.http1.output import Output
from cors_anywhere.http1.reading import ReplyReader
from cors_anywhere.http1.transport import Reading, stream

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


class TargetLife(Reading):
    """One connection. While an exchange is under way the clock of what is awaited runs; between two
    of them, that of its owner."""

    def __init__(self, limits: TargetLimits) -> None:
        super().__init__()
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self._deadline = Deadline(self._loop, self._expired)
        self._reply = ReplyReader(limits.header_bytes, limits.header_fields)
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

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = stream(transport)
        self.output = Output(self._loop, self.transport)
        self.transport.set_write_buffer_limits(high=65536)

    def pause_writing(self) -> None:
        self.output.pause()

    def resume_writing(self) -> None:
        self.output.resume()

    # --- waiting ----------------------------------------------------------------------------------

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

    # --- between exchanges ------------------------------------------------------------------------

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

    def when_lost(self, ended: Callable[[], None]) -> None:
        """Has `ended` called once when the connection, which is not over yet, is."""
        self._on_end = ended

    def _leave(self) -> None:
        self._draining = False
        on_end, self._on_end = self._on_end, None
        if on_end is not None:
            on_end()

    # --- the end ----------------------------------------------------------------------------------

    def abort(self) -> None:
        """Ends the connection at once, but a tunnel with its last frame; told again, that at once
        too.

        A failure that was raised holds the frames it passed, and they hold this connection: a new
        one in its place spares buffers a wait for the garbage collector.
        """
        self._on_end = None
        self._failure = ConnectionTerminated()
        if self._reply.tunnelling and not self.closed and not self._parting:
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
