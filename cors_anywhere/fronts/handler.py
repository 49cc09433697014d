"""The proxy as a handler of any Tornado application.

Owns: what a `RequestHandler` must be told so that the relay has the connection to itself. Must not
know: what the relay does with it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Container
from typing import Any
from urllib.parse import unquote

from tornado.httputil import RequestStartLine
from tornado.web import RequestHandler, stream_request_body

from cors_anywhere.fronts.delegate import CorsProxy

CLIENT_LEFT = 499
"""Logged for a request that got no reply: what other servers log then."""


class _AnyMethod(Container[str]):
    def __contains__(self, method: object) -> bool:
        return True


class _Method(str):
    """A method as Tornado may have it, whatever token the client chose.

    Tornado calls the attribute of a handler that has the method's name in lower case: `RENDER`
    would read a file of the client's choice, `FINISH` write a page.
    """

    __slots__ = ()

    def lower(self) -> str:
        return "_end_request"


@stream_request_body
class CorsProxyHandler(RequestHandler):
    """Serves a `CorsProxy` at the path that is matched before the last group:

    `Application([(r"/proxy/(.*)", CorsProxyHandler, {"proxy": CorsProxy()})])`

    The group may have a name. A subclass may override `prepare`, as an async function too, and
    calls this one's unless it answers by itself. The application's cross-site checks do not apply:
    the proxy decides whom it serves.
    """

    SUPPORTED_METHODS = _AnyMethod()  # type: ignore[assignment]  # WebDAV's, and whatever comes

    def initialize(self, proxy: CorsProxy) -> None:
        connection = self.request.connection
        assert connection is not None
        self._proxy = proxy
        self._client = proxy.client(connection)

    def _cross_origin_protection(self) -> None:
        pass

    def check_xsrf_cookie(self) -> None:
        pass

    def decode_argument(self, value: bytes, name: str | None = None) -> str:
        """Never fails: what is fetched is read from the request line, octet for octet."""
        return value.decode("utf-8", "replace") if value else ""  # None: the group took no part

    def prepare(self) -> Awaitable[None] | None:
        """Starts the relay as soon as the head is here, if a body follows: it streams through it.

        Without one it waits for the request's end, which is next: Tornado would close a connection
        whose reply was complete before.
        """
        assert self.request.method is not None
        uri = self.request.uri or "/"
        captured = [*self.path_args, *self.path_kwargs.values()]
        base = _mounted_at(uri, captured[-1] if captured else "")
        line = RequestStartLine(self.request.method, uri, self.request.version)
        self._auto_finish = False
        self.request.method = _Method(self.request.method)
        headers = self.request.headers
        if not self._proxy.take(self._client, line, headers, base):
            self._served()
        elif self._client.head.length != 0:
            self._start()
        return None

    def _start(self) -> None:
        self._client.start().add_done_callback(self._served)

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        return self._client.data_received(chunk)

    def on_connection_close(self) -> None:
        # Tornado also comes here after a reply that was complete before the request was, and then
        # never calls the method's handler.
        self._client.gone()
        super().on_connection_close()

    def _served(self, _: asyncio.Task[None] | None = None) -> None:
        self.set_status(self._client.status or CLIENT_LEFT)  # for the log
        self._finished = True
        self._log()
        self.on_finish()

    def _end_request(self, *_: Any, **__: Any) -> None:
        self._client.ended()
        if self._client.head.length == 0:
            self._start()


def _mounted_at(uri: str, captured: str) -> str:
    """The path before the target in `uri`, without its final slash: Tornado hands over only the
    decoded target, and every octet counts."""
    path = uri.partition("?")[0]
    if not captured:
        return path.removesuffix("/")
    start = path.find("/")
    while start >= 0:
        if unquote(path[start + 1 :]) == captured:
            return path[:start]
        start = path.find("/", start + 1)
    return ""
