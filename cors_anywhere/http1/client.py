"""The target's side of the wire: one connection, one exchange at a time.

Owns: the order of sending and reading. Must not know: who asked, how the connection was made, or
the pool.
"""

from __future__ import annotations

from cors_anywhere.errors import (
    BodyLengthWrong,
    ConnectionTerminated,
    GatewayError,
    ProxyError,
    ResponseIncomplete,
)
from cors_anywhere.http1.head import TargetHead
from cors_anywhere.http1.sending import RequestWriter
from cors_anywhere.http1.target_life import TargetLife, TargetLimits
from cors_anywhere.http1.tls import was_cut
from cors_anywhere.messages import Fields, Length

REPLY_QUEUE_BYTES = 65536
"""Content that may wait for the client before the target is read no further."""


class TargetConnection(TargetLife):
    """One connection to a target. `send_head` begins an exchange, `read` to b"" ends it."""

    def __init__(self, limits: TargetLimits) -> None:
        super().__init__(limits)
        self._request = RequestWriter()

    # --- asyncio.Protocol -------------------------------------------------------------------------

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

    # --- the request ------------------------------------------------------------------------------

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
    def serves_one(self) -> bool:
        """Whether more may come than the replies that were asked for: any request had a body, which
        the target may have read as requests of its own, or it announced one in reply to a HEAD."""
        return self._request.carried_body or self._reply.announced

    def _has_spoken(self) -> bool:
        """Whether a plain connection holds octets before it was asked for any. TLS always does:
        tickets follow the handshake."""
        secure = self.transport.get_extra_info("ssl_object") is not None
        return not secure and self.output.peer_has_spoken()

    # --- the reply --------------------------------------------------------------------------------

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

    def _end_reply(self) -> None:
        """The target has closed."""
        if not self._reply.end():
            self.fail(ResponseIncomplete())
            return
        self._deadline.clear()
        if self._draining:
            self._leave()
        self._wake()
