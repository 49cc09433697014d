"""The target's side of the wire: one connection, one exchange at a time.

Owns: sending a request, reading its reply, and knowing whether the connection may serve another.
Must not know: who asked, how the connection was made, or the pool.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import NamedTuple

from cors_anywhere.errors import (
    ConnectionTerminated,
    GatewayError,
    ProxyError,
    ReadTimeout,
    ResponseHeadTooLarge,
    ResponseIncomplete,
    ResponseTimeout,
    UpgradeFailed,
    WriteTimeout,
)
from cors_anywhere.http1.body import Body, LengthBody, reply_body
from cors_anywhere.http1.deadline import Deadline
from cors_anywhere.http1.head import MAX_FIELDS, TargetHead, parse_reply, serialise
from cors_anywhere.http1.output import Output
from cors_anywhere.http1.partial import PartialReply
from cors_anywhere.http1.transport import stream
from cors_anywhere.messages import CHUNKED, UNTIL_CLOSE, Fields, Length

REPLY_QUEUE_BYTES = 65536
"""Content that may wait for the client before the target is read no further."""

MAX_INTERIM = 64
"""1xx replies that are dropped before the final one; more is taken for a flood."""

LAST_FRAME_SECONDS = 0.5
"""What a target may take to accept the rest of a tunnel whose client has gone."""

_NO_BODY = LengthBody(0)


class TargetLimits(NamedTuple):
    """What a target may take, in octets and seconds."""

    header_bytes: int = 32768
    head_timeout: float = 30.0
    idle_timeout: float = 30.0
    header_fields: int = MAX_FIELDS


class TargetConnection(asyncio.Protocol):
    """One connection to a target. `exchange()` begins; `read()` to b"" ends an exchange."""

    def __init__(self, limits: TargetLimits) -> None:
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self._deadline = Deadline(self._loop, self._expired)
        self._partial: PartialReply | None = None  # a head that has begun
        self._method = ""
        self._head: TargetHead | None = None
        self._body: Body = _NO_BODY
        self._content: list[bytes] = []
        self._queued = 0
        self._reading_paused = False
        self._interim = 0
        self._sending = False  # the request is not complete yet
        self._waiter: asyncio.Future[None] | None = None
        self._failure: ProxyError | None = None
        self._keep_alive = True
        self.on_idle_end: Callable[[], None] | None = None
        self.answered = False  # an octet of the reply has come
        self.exchanges = 0
        self.closed = False

    # --- asyncio.Protocol ---------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = stream(transport)
        self.output = Output(self._loop, self.transport)
        self.transport.set_write_buffer_limits(high=65536)

    def data_received(self, data: bytes) -> None:
        self.answered = True
        try:
            if self._head is None:
                if not self._method:
                    raise GatewayError("The target sent a reply that was not asked for.")
                self._read_head(data)
            elif self._body.done:
                self._keep_alive = False  # octets after the end
            else:
                self._read_body(data)
        except ProxyError as error:
            self.fail(error)

    def eof_received(self) -> None:
        if not self._method or self._complete():
            return
        if self._head is None:
            self.fail(ConnectionTerminated())
        elif self._tls_was_cut() or not self._body.eof():
            self.fail(ResponseIncomplete())
        else:
            self._keep_alive = False
            self._deadline.clear()
            self._wake()

    def connection_lost(self, exc: BaseException | None) -> None:
        self.closed = True
        self._deadline.close()
        if self._method and not self._complete():
            lost = ConnectionTerminated if self._head is None else ResponseIncomplete
            self._failure = self._failure or lost()
        self._wake()
        self.output.resume()
        if self.on_idle_end is not None:
            self.on_idle_end()

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
        self._upgrade = upgrade
        self._method = method
        self._head = None
        self._interim = 0
        self._chunked = length is CHUNKED
        self.answered = False
        self.on_idle_end = None
        self.exchanges += 1
        if length is CHUNKED:
            fields = [*fields, ("transfer-encoding", "chunked")]
        elif length or method not in _BODILESS:
            fields = [*fields, ("content-length", str(length))]
        self._sending = length != 0
        self.output.write(serialise(f"{method} {path} HTTP/1.1", fields))
        self.output.flush()
        if self._sending:
            self._deadline.clear()  # the pool's; from here on it is the client that may be slow
        else:
            self._deadline.set(self._limits.head_timeout)

    async def send(self, chunk: bytes) -> None:
        """Sends a piece of the body; returns when more may be sent. Raises ProxyError."""
        if self._failure is not None:
            raise self._failure
        if self._chunked:
            sent = self.output.write(b"%x\r\n" % len(chunk), chunk, b"\r\n")
        else:
            sent = self.output.write(chunk)
        if not sent.done():
            self._deadline.set(self._limits.idle_timeout)
            await sent
            if self._head is None or self._tunnelling:
                self._deadline.clear()

    def end_request(self) -> None:
        """The body is complete."""
        if self._chunked:
            self.output.write(b"0\r\n\r\n")
        self._sending = False
        if self._head is None and not self.closed:
            self._deadline.set(self._limits.head_timeout)

    # --- the reply ----------------------------------------------------------------------------

    async def reply(self) -> TargetHead:
        """The final reply's head. Raises ProxyError."""
        while self._head is None:
            await self._wait()
        return self._head

    async def read(self) -> bytes:
        """All content that has come since the last read; b"" at the end. Raises ProxyError."""
        while not self._content:
            if self._body.done:
                return b""
            await self._wait()
        content = self._content
        data = content[0] if len(content) == 1 else b"".join(content)
        self._content = []
        self._queued = 0
        if self._reading_paused:
            self._reading_paused = False
            self.transport.resume_reading()
            if not self._tunnelling:
                self._deadline.set(self._limits.idle_timeout)
        return data

    @property
    def ended(self) -> bool:
        """Whether the reply is complete and read to its end."""
        return self._body.done and not self._content

    @property
    def _tunnelling(self) -> bool:
        return self._head is not None and self._head.status == 101

    @property
    def reusable(self) -> bool:
        """Whether another exchange may follow the one that has ended."""
        return (
            self._keep_alive
            and self._head is not None
            and self.ended
            and not self._sending
            and self._failure is None
            and not self.closed
            and not self.transport.is_closing()
        )

    def to_idle(self, ended: Callable[[], None], timeout: float) -> None:
        """The exchange is over; calls `ended` once when the connection ends, at most `timeout`
        seconds from now."""
        self._method = ""
        self._head = None
        self.on_idle_end = ended
        self._deadline.set(timeout)

    def abort(self) -> None:
        """Ends the connection at once.

        A failure that was raised holds the frames it passed, and they hold this connection: a new
        one in its place spares buffers a wait for the garbage collector.
        """
        self.on_idle_end = None
        self._failure = ConnectionTerminated()
        if self._tunnelling and not self.closed:
            self.output.flush()  # the last frame, a Close perhaps, has no end of its own
            self.transport.close()
            self._deadline.set(LAST_FRAME_SECONDS)
            return
        self._deadline.close()
        self._drop()

    # --- reading ------------------------------------------------------------------------------

    def _read_head(self, data: bytes) -> None:
        while self._head is None and data:
            octets, data = self._whole_head(data)
            if not octets:
                return
            head = parse_reply(octets, self._limits.header_fields)
            if head.status == 101:
                self._take_upgrade(head, data)
            elif head.status >= 200:
                self._take_head(head, data)
            else:
                self._interim += 1
            if self._interim > MAX_INTERIM:
                raise GatewayError("The target sent interim replies without end.")

    def _whole_head(self, data: bytes) -> tuple[bytes, bytes]:
        """A head that `data` completes and what follows it, or nothing while it is not complete."""
        if self._partial is None:
            self._partial = PartialReply()
        octets = self._partial.octets
        end = self._partial.feed(data)
        if end < 0 and not octets.startswith(b"HTTP/1."[: len(octets)]):
            raise GatewayError  # never a status line: no need to wait for its end
        if (end if end >= 0 else len(octets)) > self._limits.header_bytes:
            raise ResponseHeadTooLarge
        if end < 0:
            return b"", b""
        self._partial = None
        return bytes(octets[:end]), bytes(octets[end:])

    def _take_head(self, head: TargetHead, rest: bytes) -> None:
        length = 0 if self._method == "HEAD" else head.length
        self._keep_alive = head.keep_alive
        self._body = reply_body(length, self._limits.header_bytes)
        self._head = head
        if self._body.done:
            self._keep_alive = self._keep_alive and not rest
            self._deadline.clear()
            self._wake()
        else:
            self._deadline.set(self._limits.idle_timeout)
            if self._tunnelling:
                self._deadline.clear()
            self._wake()
            if rest:
                self._read_body(rest)

    def _take_upgrade(self, head: TargetHead, rest: bytes) -> None:
        if not (self._upgrade and head.upgrades):
            raise UpgradeFailed
        self._take_head(head._replace(length=UNTIL_CLOSE, keep_alive=False), rest)

    def _read_body(self, data: bytes) -> None:
        body = self._body
        content = body.feed(data)
        if content:
            self._content.append(content)
            self._queued += len(content)
        if body.done:
            self._keep_alive = self._keep_alive and body.rest == b""
            self._deadline.clear()
        elif self._queued > REPLY_QUEUE_BYTES:
            self._reading_paused = True
            self._deadline.clear()
            self.transport.pause_reading()
        elif self._tunnelling:
            self._deadline.clear()
        else:
            self._deadline.set(self._limits.idle_timeout)
        if content or body.done:
            self._wake()

    # --- waiting ------------------------------------------------------------------------------

    async def _wait(self) -> None:
        if self._failure is not None:
            raise self._failure
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None
        if self._failure is not None and not self._content:
            raise self._failure

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _tls_was_cut(self) -> bool:
        """Whether the end came without close_notify: anybody can forge a FIN (RFC 9112, 9.8).

        asyncio tells of both ends alike; OpenSSL reads nothing more after the one, and after the
        other still waits for octets.
        """
        tls = self.transport.get_extra_info("ssl_object")
        if tls is None:
            return False
        try:
            return bool(tls.read(1))
        except ssl.SSLError:
            return True

    def _complete(self) -> bool:
        return self._head is not None and self._body.done

    def fail(self, failure: ProxyError) -> None:
        """Ends the connection; whoever waits for the reply gets `failure`."""
        if self._failure is None and not self._complete():
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

    def _expired(self) -> None:
        if self.on_idle_end is not None:
            self.transport.close()
        elif self.output.paused:
            self.fail(WriteTimeout())
        else:
            self.fail(ResponseTimeout() if self._head is None else ReadTimeout())


_BODILESS = frozenset(
    ("GET", "HEAD", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "REPORT", "SEARCH")
)
"""Methods that send no Content-Length when they have no body (RFC 9110 section 8.6)."""
