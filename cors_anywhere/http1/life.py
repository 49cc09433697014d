"""A client's connection from its beginning to its end, whatever is said on it.

Owns: the transport, the state and its clock, the client that does not read, and the ways to end.
Must not know: messages.
"""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import NamedTuple

from cors_anywhere.http1.deadline import Deadline
from cors_anywhere.http1.head import MAX_FIELDS
from cors_anywhere.http1.output import Output
from cors_anywhere.http1.states import CLOSED, HEAD, IDLE, LINGERING, Clock, State, Step
from cors_anywhere.http1.transport import Reading, stream
from cors_anywhere.messages import UNIX

LINGER_SECONDS = 5.0
"""How long the rest of a request is read and dropped after its reply (nginx: lingering_timeout)."""

DRAIN_SECONDS = 0.5
"""How long a drained connection without a request still waits for one that is on its way."""

LOOK_SECONDS = 0.5
"""Between looks whether a client that is not read is still there."""

BODY_OCTETS_PER_SECOND = 1024
"""Below this rate a client is one that keeps the proxy waiting."""


class ClientLimits(NamedTuple):
    """What a client may take, in octets and seconds."""

    header_bytes: int = 32768
    url_bytes: int = 16384
    header_timeout: float = 10.0
    idle_timeout: float = 60.0
    stall_timeout: float = 60.0
    body_timeout: float = 30.0
    header_fields: int = MAX_FIELDS


@lru_cache(16)
def _clocks(limits: ClientLimits) -> Mapping[Clock, float]:
    """The seconds of each clock."""
    return {
        "idle": limits.idle_timeout,
        "head": limits.header_timeout,
        "body": limits.body_timeout,
        "linger": LINGER_SECONDS,
        "stall": limits.stall_timeout,
    }


class Context(NamedTuple):
    """Who is at the other end, and how they came."""

    remote_ip: str
    protocol: str  # "http" or "https"
    port: int  # the one they reached


class Life(Reading):
    """One connection. The clock of its state runs, or while the client takes no octets the one of a
    stall: only what it takes moves that, whatever it sends."""

    def __init__(self, limits: ClientLimits) -> None:
        super().__init__()
        self._limits = limits
        self._clocks = _clocks(limits)
        self._loop = asyncio.get_running_loop()
        self._deadline = Deadline(self._loop, self._expired)
        self._gone_timer: asyncio.TimerHandle | None = None
        self._waiting_since = 0.0  # when the client last did something, or could
        self._moved_at = 0.0  # when an octet last went either way
        self._unsent = 0  # octets, when a stall was last looked at
        self._draining = False  # the next reply says that it is the last
        self._on_drain: Callable[[], None] | None = None
        self.state: State = IDLE

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport = stream(transport)
        self.output = Output(self._loop, transport)
        # The kernel's own buffer keeps the client busy; this one only multiplies by the clients.
        transport.set_write_buffer_limits(high=16384)
        peer = transport.get_extra_info("peername")
        here = transport.get_extra_info("sockname")
        secure = transport.get_extra_info("ssl_object") is not None
        by_tcp = isinstance(here, tuple)  # a Unix socket's name is a text, and its peer has none
        self.context = Context(
            peer[0] if peer and by_tcp else "" if by_tcp else UNIX,
            "https" if secure else "http",
            here[1] if by_tcp else 0,
        )
        self._moved()
        self._watch()

    def connection_lost(self, exc: BaseException | None) -> None:
        self._step("lost")
        self._deadline.close()
        self._forget_gone_timer()
        self._on_drain = None
        self.output.resume()

    @property
    def closed(self) -> bool:
        """Whether the transport is gone."""
        return self.state is CLOSED

    # --- the state and its clock ------------------------------------------------------------------

    def _step(self, step: Step) -> State:
        """Takes a step; returns the new state. Raises IllegalStep."""
        self.state = state = self.state.after(step)
        return state

    def _watch(self) -> None:
        """Starts the clock of the state; none runs in it while the client does not read."""
        if self.output.paused:
            return
        clock = self.state.clock
        if clock is None:
            self._deadline.clear()
        elif self._draining and self.state is IDLE:
            self._deadline.set(DRAIN_SECONDS)
        else:
            self._deadline.set(self._clocks[clock])

    @abstractmethod
    def _expired(self) -> None:
        """The clock that runs has run out."""

    def _moved(self) -> None:
        """The client has done something, or can do something now."""
        self._waiting_since = self._moved_at = self._loop.time()

    def _note_progress(self, octets: int) -> None:
        """A body that comes in drops gains its client only as much time as its octets are worth."""
        self._moved_at = now = self._loop.time()
        gained = self._waiting_since + octets / BODY_OCTETS_PER_SECOND
        self._waiting_since = min(now, gained)

    def kept_waiting(self) -> float:
        """Seconds for which the connection has waited for the client; 0 while the proxy itself is
        at work on a request."""
        waits = self.state.waits or self.output.paused
        return self._loop.time() - self._waiting_since if waits else 0.0

    def stalled_for(self) -> float:
        """Seconds since an octet last went either way or a request began, whoever is waited for.
        What waits for the client to read has not gone."""
        return self._loop.time() - self._moved_at

    # --- a client that does not read --------------------------------------------------------------

    def pause_writing(self) -> None:
        self.output.pause()
        self._waiting_since = self._loop.time()
        self._unsent = self.output.unacknowledged()
        if self.state is not HEAD:  # whose clock nothing moves
            self._deadline.set(self._limits.stall_timeout)

    def resume_writing(self) -> None:
        self.output.resume()
        self._moved()
        if self.state is not HEAD:
            self._watch()

    def _abort_if_stalled(self) -> None:
        """Ends the connection of a client that has taken nothing since this was asked last. One
        that has is slow, but reading: it gets as long again."""
        unsent = self.output.unacknowledged()
        if unsent >= self._unsent:
            self.abort()
            return
        self._unsent = unsent
        self._moved()
        self._deadline.set(self._limits.stall_timeout)

    # --- a client that is not read ----------------------------------------------------------------

    def _pause_reading(self) -> None:
        if self._gone_timer is None and not self.transport.is_closing():
            self.transport.pause_reading()
            self._gone_timer = self._loop.call_later(LOOK_SECONDS, self._look_for_peer)

    def _resume_reading(self) -> None:
        if self._gone_timer is not None:
            self._forget_gone_timer()
            self.transport.resume_reading()

    def _look_for_peer(self) -> None:
        if self.output.peer_is_gone():
            self.abort()
        else:
            self._gone_timer = self._loop.call_later(LOOK_SECONDS, self._look_for_peer)

    def _forget_gone_timer(self) -> None:
        if self._gone_timer is not None:
            self._gone_timer.cancel()
            self._gone_timer = None

    # --- ends -------------------------------------------------------------------------------------

    def _linger(self) -> None:
        """Says that no more will come, and drops what the client still sends.

        Closing at once would make the kernel answer the unread octets with RST, and the client
        would lose the reply (RFC 9112 section 9.6).
        """
        assert self.state is LINGERING
        self.output.flush()
        self._resume_reading()
        try:
            if self.transport.can_write_eof():
                self.transport.write_eof()
            else:
                self.transport.close()  # asyncio's TLS reads on until the peer's close_notify
        except OSError:  # the client has reset the connection, and the loop is about to tell
            self.abort()
        self._watch()

    def close(self) -> None:
        """Closes once all that was written is sent, at most a stall's time from now."""
        if self.state is not CLOSED:
            self.output.flush()
            self._step("close")
            self._unsent = self.output.unacknowledged()
            self.transport.close()
            self._watch()

    def abort(self) -> None:
        """Ends the connection so that the client sees a failure, not an end."""
        if self.state is not CLOSED:
            self._step("close")
            self.output.reset()

    def drain(self) -> None:
        """No further request but one that is on its way; then closes.

        A client may send one until a reply has told it not to (RFC 9112 section 9.6).
        """
        self._draining = True
        if self._on_drain is not None:
            self._on_drain()
        if self.state is IDLE:
            self._watch()

    def when_draining(self, callback: Callable[[], None]) -> None:
        """Calls back once when the connection is drained; at once if it has been."""
        if self._draining:
            callback()
        else:
            self._on_drain = callback
