"""A client on a connection of Tornado's own server.

Owns: replies in Tornado's terms. Must not know: what is allowed, or how a target is reached.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Any

from tornado.http1connection import HTTP1Connection
from tornado.httputil import HTTPHeaders, ResponseStartLine
from tornado.iostream import StreamClosedError

from cors_anywhere.errors import BodyTooLarge, ProxyError
from cors_anywhere.fronts.client import FrontClient
from cors_anywhere.fronts.detached import DetachedConnection, linger, wait_for_room
from cors_anywhere.fronts.fields import WireHeaders
from cors_anywhere.fronts.heads import decompressed
from cors_anywhere.http1.answers import NO_CONTENT, answer_fields
from cors_anywhere.http1.head import ClientHead
from cors_anywhere.http1.output import reset_socket
from cors_anywhere.messages import CHUNKED, DEFAULT_PORTS, Answer, Deliver, Fields, Length
from cors_anywhere.proxy import Proxy


class StockClient(FrontClient):
    """The relay's `Client`."""

    def __init__(self, proxy: Proxy, connection: HTTP1Connection) -> None:
        super().__init__(proxy)
        self._connection = connection
        self._tunnel: DetachedConnection | None = None
        self._version = ""
        self._closing: Awaitable[None] | None = None
        """The head's way out, where the reply's end is that of its connection."""
        self._learn_address()
        # Otherwise Tornado resets what is larger than 100 MiB, whatever the settings allow.
        if connection.params.max_body_size is None:
            connection.set_max_body_size(sys.maxsize)

    def _whence(self) -> tuple[str, str, int]:
        context: Any = self._connection.context  # of a class that Tornado does not name in public
        scheme = context.protocol
        return context.remote_ip, scheme, DEFAULT_PORTS[scheme]

    def _learn_address(self) -> None:
        """The proxy must not connect to itself, and only here it learns where it listens."""
        stream = self._connection.stream
        if not stream.closed():
            self._proxy.own.add_sockets([stream.socket])

    def data_received(self, data: bytes) -> Awaitable[None] | None:
        room = super().data_received(data)
        if room is None or self._tunnel is not None:
            return room
        return wait_for_room(self._connection.stream, room, self.gone)

    @property
    def closed(self) -> bool:
        """Whether nobody is there any more: Tornado goes on with the requests that it has read of a
        connection which it has closed."""
        return self._connection.stream.closed()

    def accepted(self, head: ClientHead, headers: HTTPHeaders) -> ClientHead:
        """The head as it holds for the body that Tornado hands over. Raises BodyTooLarge for one
        that its server was told not to take. Of these `headers` of an HTTP/1.0 request Tornado
        would promise another reply on the connection, whatever ends this one."""
        self._version = head.version
        if head.version == "HTTP/1.0":
            headers.pop("Connection", None)
        params = self._connection.params
        most = params.max_body_size
        if most is not None and isinstance(head.length, int) and head.length > most:
            raise BodyTooLarge
        return decompressed(head) if params.decompress else head

    def refuse(self, error: ProxyError) -> None:
        """See FrontClient.refuse. Tornado would read on: a body, or what follows as requests."""
        written = self._write_answer(
            self._proxy.relay.refuse(error, self.head.peer), ("connection", "close")
        )
        linger(self._connection.detach(), written)

    def answer(self, answer: Answer) -> None:
        self._write_answer(answer)
        self.finish()

    def _write_answer(self, answer: Answer, *others: tuple[str, str]) -> Awaitable[None]:
        body = b"" if self.head.method == "HEAD" else answer.body
        fields = [*answer_fields(answer), *others]
        return self._write_head(answer.status, answer.reason, fields, body)

    def begin(self, deliver: Deliver, length: Length) -> None:
        fields = deliver.fields
        status = deliver.status
        bodiless = self.head.method == "HEAD" or status == 101 or status in NO_CONTENT
        if length is not CHUNKED and not bodiless:
            fields = [*fields, ("content-length", str(length))]
        written = self._write_head(deliver.status, deliver.reason, fields, None)
        if length is CHUNKED and not bodiless and self._version == "HTTP/1.0":  # without chunks
            self._closing = written
        if deliver.status == 101:
            self._body_ended = False  # what the client sends goes on, in another protocol
            stream = self._connection.detach()
            self._tunnel = DetachedConnection(stream, self.data_received, self.ended, self.gone)

    def _write_head(
        self, status: int, reason: str, fields: Fields, body: bytes | None
    ) -> Awaitable[None]:
        line = ResponseStartLine("HTTP/1.1", status, reason)
        written = self._connection.write_headers(line, WireHeaders(fields), body)
        self.status = status
        return written

    async def send(self, chunk: bytes) -> None:
        if self._tunnel is not None:
            await self._tunnel.write(chunk)
            return
        try:
            await self._connection.write(chunk)
            return
        except StreamClosedError:  # it may come before the call that says so
            self.gone()
        await asyncio.sleep(0)  # where the cancellation arrives

    def finish(self) -> None:
        self._make_room()
        if self._tunnel is not None:
            self._tunnel.finish()
        elif self._closing is not None:
            linger(self._connection.detach(), self._closing)
        else:
            self._connection.finish()

    def abort(self) -> None:
        if self._tunnel is not None:
            self._tunnel.abort()
            return
        stream = self._connection.stream
        if not stream.closed():
            reset_socket(stream.socket)
            stream.close()
        self._make_room()  # Tornado's reading waits for it, and sees the end when it goes on

    def when_draining(self, callback: Callable[[], None]) -> None:
        """Never: Tornado's own server does not tell."""
