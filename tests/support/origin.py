"""A target on Tornado that tells what it was asked.

Owns: serving it on the current event loop. Must not know: the proxy.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPServerRequest
from tornado.testing import bind_unused_port
from tornado.web import Application, RequestHandler, stream_request_body


class _AnyMethod:
    def __contains__(self, method: object) -> bool:
        return True


@stream_request_body
class _Echo(RequestHandler):
    """Answers with the request as JSON."""

    SUPPORTED_METHODS = _AnyMethod()  # type: ignore[assignment]

    def initialize(self, origin: Origin) -> None:
        self._origin = origin
        self._body = b""

    def check_xsrf_cookie(self) -> None:
        pass

    def data_received(self, chunk: bytes) -> None:
        self._body += chunk
        self._origin.received.set()

    def _echo(self, *_: object) -> None:
        request = self.request
        self._origin.requests.append(request)
        self.set_header("Set-Cookie", "a=b")
        said: dict[str, Any] = {
            "method": request.method,
            "uri": request.uri,
            "headers": {name.lower(): value for name, value in request.headers.get_all()},
            "body": self._body.decode("latin-1"),
        }
        self.finish(json.dumps(said))

    get = head = post = put = patch = delete = options = _echo

    def __getattr__(self, name: str) -> Any:
        if name == ((self.__dict__.get("request") and self.request.method) or "").lower():
            return self._echo
        raise AttributeError(name)


class Origin:
    """Listens on a free port of 127.0.0.1."""

    def __init__(self) -> None:
        self.requests: list[HTTPServerRequest] = []
        self.received = asyncio.Event()  # a piece of some request's body
        application = Application([(r".*", _Echo, {"origin": self})])
        self._server = HTTPServer(application)
        listening, self.port = bind_unused_port(address="127.0.0.1")
        self._server.add_socket(listening)

    @property
    def url(self) -> str:
        """Where it listens, without a final slash."""
        return f"http://127.0.0.1:{self.port}"

    def close(self) -> None:
        """Stops listening."""
        self._server.stop()
