"""Any application of Tornado's on the connections of this package.

Owns: Tornado's interfaces to a connection: `HTTPConnection` for whoever answers, and the calls of
an `HTTPMessageDelegate`. Must not know: what is answered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from tornado import httputil

from cors_anywhere.errors import BadRequest, ProxyError
from cors_anywhere.fronts.fields import WireHeaders, pairs_of
from cors_anywhere.http1.head import ClientHead
from cors_anywhere.http1.life import Context
from cors_anywhere.http1.server import ServerConnection
from cors_anywhere.messages import CHUNKED


class TornadoService:
    """A delegate of Tornado's, an `Application` for one, as the `Service` of our connections."""

    def __init__(self, root: httputil.HTTPServerConnectionDelegate) -> None:
        self._root = root

    def receiver(self, connection: ServerConnection) -> WireConnection:
        """See Service.receiver."""
        return WireConnection(self._root, connection)


class WireConnection(httputil.HTTPConnection):
    """One request on our connection, as Tornado knows it: both its `HTTPConnection` and the
    `Receiver` that feeds its delegate."""

    def __init__(
        self, root: httputil.HTTPServerConnectionDelegate, connection: ServerConnection
    ) -> None:
        self._root = root
        self._ended = False
        self._close_callback: Callable[[], None] | None = None
        self._delegate: httputil.HTTPMessageDelegate | None = None
        self.wire = connection

    @property
    def context(self) -> Context:
        """What Tornado's handlers read of a connection."""
        return self.wire.context

    # --- Receiver ---------------------------------------------------------------------------------

    def head_received(self, head: ClientHead) -> Awaitable[None] | None:
        """Tornado's own server, too, sends 100 (Continue) when the delegate has seen the head."""
        self._delegate = delegate = self._root.start_request(self, self)
        line = httputil.RequestStartLine(head.method, head.path, head.version)
        headers = WireHeaders(head.fields)
        with _translated():
            waited = delegate.headers_received(line, headers)
        self.wire.want_body()
        return _soon(waited)

    def data_received(self, data: bytes) -> Awaitable[None] | None:
        if self._delegate is None:
            return None
        with _translated():
            return _soon(self._delegate.data_received(data))

    def ended(self) -> None:
        self._ended = True
        if self._delegate is not None:
            with _translated():
                self._delegate.finish()

    def at_fault(self, failure: ProxyError) -> None:
        pass  # Tornado's delegates are told that the connection closes

    def gone(self) -> None:
        delegate, self._delegate = self._delegate, None
        callback, self._close_callback = self._close_callback, None
        if delegate is not None and not self._ended:
            delegate.on_connection_close()
        if callback is not None:
            callback()

    # --- httputil.HTTPConnection ------------------------------------------------------------------

    def write_headers(
        self,
        start_line: httputil.RequestStartLine | httputil.ResponseStartLine,
        headers: httputil.HTTPHeaders,
        chunk: bytes | None = None,
    ) -> asyncio.Future[None]:
        assert isinstance(start_line, httputil.ResponseStartLine)
        fields = pairs_of(headers)
        announced = any(name.lower() == "content-length" for name, _ in fields)
        length = None if announced else CHUNKED
        written = self.wire.write_head(start_line.code, start_line.reason, fields, length)
        return self.wire.write(chunk) if chunk else written

    def write(self, chunk: bytes) -> asyncio.Future[None]:
        return self.wire.write(chunk)

    def finish(self) -> None:
        self._close_callback = None
        self.wire.finish()

    def set_close_callback(self, callback: Callable[[], None] | None) -> None:
        """As Tornado's `HTTP1Connection`: called when the client leaves before the reply's end."""
        self._close_callback = callback


@contextmanager
def _translated() -> Iterator[None]:
    """Tornado's delegates refuse a message by an error of Tornado's."""
    try:
        yield
    except httputil.HTTPInputError as error:
        raise BadRequest(str(error)) from error


def _soon(waited: Awaitable[None] | None) -> Awaitable[None] | None:
    return None if waited is None else _when_done(waited)


async def _when_done(waited: Awaitable[None]) -> None:
    with _translated():
        await waited
