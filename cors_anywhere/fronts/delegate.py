"""The proxy in Tornado's terms: thin adapters over one relay.

Owns: turning Tornado's messages into the values the relay works with, and back. Must not know:
what is allowed, or how a target is reached.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from tornado import httputil
from tornado.http1connection import HTTP1Connection
from tornado.httputil import RequestStartLine, ResponseStartLine
from tornado.iostream import IOStream

from cors_anywhere.config.settings import Settings
from cors_anywhere.egress.pool import TOTAL
from cors_anywhere.egress.resolver import Resolver
from cors_anywhere.fronts.detached import DetachedConnection
from cors_anywhere.fronts.fields import WireHeaders, pairs_of
from cors_anywhere.hooks import CheckRate, ChooseProxy, FirstLook, OnOutcome
from cors_anywhere.http1.output import reset_socket
from cors_anywhere.messages import CHUNKED, Answer, Deliver, Fields, Length, RequestHead
from cors_anywhere.proxy import Proxy

UPLOAD_QUEUE_BYTES = 65536
"""Of a request's body that may wait for the target before the client is read no further."""


class CorsProxy(httputil.HTTPServerConnectionDelegate):
    """The proxy: serve it with `tornado.httpserver.HTTPServer`, or mount `CorsProxyHandler`.

    The hooks may be plain or async functions. `max_idle` bounds the connections to targets that
    wait for their next request. Raises SettingsError or OSError (a CA file).
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        first_look: FirstLook | None = None,
        choose_proxy: ChooseProxy | None = None,
        check_rate: CheckRate | None = None,
        on_outcome: OnOutcome | None = None,
        resolver: Resolver | None = None,
        max_idle: int = TOTAL,
    ) -> None:
        self.proxy = Proxy(
            settings or Settings(),
            first_look=first_look,
            choose_proxy=choose_proxy,
            check_rate=check_rate,
            on_outcome=on_outcome,
            resolver=resolver,
            max_idle=max_idle,
        )
        self.settings = self.proxy.settings
        self.own = self.proxy.own
        self.policy = self.proxy.policy
        self._trusted = self.proxy.trusted

    def start_request(
        self, server_conn: object, request_conn: httputil.HTTPConnection
    ) -> httputil.HTTPMessageDelegate:
        return _Message(self, request_conn)

    def serve(self, client: ConnectionClient) -> asyncio.Task[None]:
        """Starts to answer one request."""
        return asyncio.get_running_loop().create_task(self.proxy.relay.serve(client))

    def head(
        self, line: RequestStartLine, fields: Fields, context: object, base: str = ""
    ) -> RequestHead:
        """The values that the relay works with."""
        peer = getattr(context, "remote_ip", None) or ""
        scheme = getattr(context, "protocol", None) or "http"
        port = getattr(context, "port", None) or (443 if scheme == "https" else 80)
        if self._trusted:
            peer, scheme = self._trusted.believe(peer, scheme, fields)
        return RequestHead(
            line.method, line.path, fields, _body_length(fields), peer, scheme, port, base
        )

    def listens_at(self, stream: IOStream) -> None:
        """Learns from a connection of Tornado's server where that listens: the proxy must not
        connect to itself."""
        here = "" if stream.closed() else stream.socket.getsockname()
        if isinstance(here, tuple):
            self.own.add(*here[:2])

    async def close(self) -> None:
        """Ends idle connections to targets."""
        await self.proxy.close()


class ConnectionClient:
    """The client of one request, over any `HTTPConnection`: the relay's `Client`."""

    def __init__(self, proxy: CorsProxy, connection: httputil.HTTPConnection) -> None:
        self._proxy = proxy
        if isinstance(connection, HTTP1Connection):
            proxy.listens_at(connection.stream)
        self._connection: Any = connection  # in part more than Tornado's interface names
        self._chunks: list[bytes] = []
        self._size = 0
        self._ended = False
        self._arrival: asyncio.Future[None] | None = None
        self._room: asyncio.Future[None] | None = None
        self._task: asyncio.Task[None] | None = None
        self.status = 0  # of the reply that has begun

    @property
    def begun(self) -> bool:
        """Whether a reply's head has been sent."""
        return self.status != 0

    def start(self, head: RequestHead) -> asyncio.Task[None]:
        """Begins to serve the request."""
        self.head = head
        self._connection.set_close_callback(self.gone)
        self._task = self._proxy.serve(self)
        return self._task

    def gone(self) -> None:
        """The client has left: whatever is done for it stops.

        A cancelled task holds its frames, and they hold this: forgetting it here spares buffers a
        wait for the garbage collector.
        """
        task, self._task = self._task, None
        if task is not None:
            task.cancel()

    # --- its body -----------------------------------------------------------------------------

    def feed(self, chunk: bytes) -> Awaitable[None] | None:
        """A piece has come; what is returned is done when the next may come."""
        self._chunks.append(chunk)
        self._size += len(chunk)
        self._wake()
        if self._size <= UPLOAD_QUEUE_BYTES or self._task is None or self._task.done():
            return None
        self._room = asyncio.get_running_loop().create_future()
        return self._room

    def end(self) -> None:
        """The body is complete."""
        self._ended = True
        self._wake()

    def _wake(self) -> None:
        if self._arrival is not None and not self._arrival.done():
            self._arrival.set_result(None)

    def _make_room(self) -> None:
        if self._room is not None and not self._room.done():
            self._room.set_result(None)

    async def read(self) -> bytes:
        """The next piece of the body, b"" at its end."""
        want_body = getattr(self._connection, "want_body", None)
        if want_body is not None:
            want_body()
        while not self._chunks:
            if self._ended:
                return b""
            self._arrival = asyncio.get_running_loop().create_future()
            await self._arrival
        data = b"".join(self._chunks)
        self._chunks.clear()
        self._size = 0
        self._make_room()
        return data

    # --- its reply ----------------------------------------------------------------------------

    def answer(self, answer: Answer) -> None:
        """Sends a complete reply."""
        fields = [*answer.fields, ("content-length", str(len(answer.body)))]
        body = b"" if self.head.method == "HEAD" else answer.body
        self._write_head(answer.status, answer.reason, fields, body)
        self.finish()

    def begin(self, deliver: Deliver, length: Length) -> None:
        """Sends a reply's head; `length` octets follow, or CHUNKED."""
        fields = deliver.fields
        bodiless = self.head.method == "HEAD" or deliver.status in (101, 204, 304)
        if length is not CHUNKED and not bodiless:
            fields = [*fields, ("content-length", str(length))]
        self._write_head(deliver.status, deliver.reason, fields, None)
        if deliver.status == 101:
            self._ended = False  # what the client sends goes on, in another protocol
        if deliver.status == 101 and isinstance(self._connection, HTTP1Connection):
            stream = self._connection.detach()
            self._connection = DetachedConnection(stream, self.feed, self.end, self.gone)

    def _write_head(self, status: int, reason: str, fields: Fields, body: bytes | None) -> None:
        self.status = status
        line = ResponseStartLine("HTTP/1.1", status, reason)
        self._connection.write_headers(line, WireHeaders(fields), body)

    def send(self, chunk: bytes) -> Awaitable[None]:
        """Sends a piece of the reply; done when the client takes more."""
        sent: Awaitable[None] = self._connection.write(chunk)
        return sent

    def finish(self) -> None:
        """The reply is complete."""
        self._make_room()
        self._connection.finish()

    def when_draining(self, callback: Callable[[], None]) -> None:
        """Calls back when the proxy is told to stop. Tornado's own server does not tell."""
        when_draining = getattr(self._connection, "when_draining", None)
        if when_draining is not None:
            when_draining(callback)

    def abort(self) -> None:
        """Ends the connection so that the reply cannot pass for complete."""
        abort = getattr(self._connection, "abort", None)
        if abort is not None:
            abort()
            return
        stream = getattr(self._connection, "stream", None)
        if stream is not None and not stream.closed():
            reset_socket(stream.socket)
            stream.close()


class _Message(httputil.HTTPMessageDelegate):
    """One request on a connection that is served by the proxy alone."""

    asks_for_body = True  # see ServerConnection.want_body

    def __init__(self, proxy: CorsProxy, connection: httputil.HTTPConnection) -> None:
        self._proxy = proxy
        self._connection = connection
        self._client = ConnectionClient(proxy, connection)

    def headers_received(
        self,
        start_line: RequestStartLine | ResponseStartLine,
        headers: httputil.HTTPHeaders,
    ) -> Awaitable[None] | None:
        assert isinstance(start_line, RequestStartLine)
        context = getattr(self._connection, "context", None)
        self._client.start(self._proxy.head(start_line, pairs_of(headers), context))
        return None

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        return self._client.feed(chunk)

    def finish(self) -> None:
        self._client.end()

    def on_connection_close(self) -> None:
        self._client.gone()


def _body_length(fields: Fields) -> Length:
    """The body's length by a head that a server has accepted."""
    for name, value in fields:
        size = len(name)
        if size == 14 and name.lower() == "content-length":
            return int(value)
        if size == 17 and name.lower() == "transfer-encoding":
            return CHUNKED
    return 0
