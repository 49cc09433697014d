"""The proxy in Tornado's terms: thin adapters over one relay.

Owns: turning Tornado's messages into the values the relay works with, and back. Must not know:
what is allowed, or how a target is reached.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import secrets
from collections.abc import Awaitable, Callable
from importlib import resources
from typing import TYPE_CHECKING, Any

from tornado import httputil
from tornado.http1connection import HTTP1Connection
from tornado.httputil import RequestStartLine, ResponseStartLine
from tornado.iostream import IOStream

from cors_anywhere.detached import DetachedConnection
from cors_anywhere.egress import DirectEgress, OwnAddresses
from cors_anywhere.egress.pool import TOTAL
from cors_anywhere.forwarded import TrustedProxies
from cors_anywhere.http1.fields import WireHeaders, pairs_of
from cors_anywhere.http1.output import reset_socket
from cors_anywhere.limiter import Limiter
from cors_anywhere.messages import CHUNKED, Answer, Deliver, Exceeded, Fields, RequestHead
from cors_anywhere.observe import FailureLog
from cors_anywhere.outbound import OutboundProxy
from cors_anywhere.policy import Policy
from cors_anywhere.rates import RateLimit
from cors_anywhere.relay import Meter, Relay
from cors_anywhere.settings import Settings
from cors_anywhere.target import Target

if TYPE_CHECKING:
    from cors_anywhere.egress.resolver import Resolver

LOG = logging.getLogger("cors_anywhere")

QUEUE_BYTES = 65536
"""Of a request's body that may wait for the target before the client is read no further."""

FirstLook = Callable[[RequestHead], Answer | Awaitable[Answer | None] | None]
"""Sees every request but OPTIONS before anything is checked; may answer it."""

ChooseProxy = Callable[[Target], OutboundProxy | Awaitable[OutboundProxy | None] | None]
"""Which HTTP proxy carries a request to a target; None for none."""

RateVerdict = bool | str | None
"""None, True or "" allows a request; False answers it with 429, a text with that text added."""

CheckRate = Callable[[str], RateVerdict | Awaitable[RateVerdict]]
"""Judges one more request of an origin ("" for none), instead of the counting of a rate limit."""


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
        resolver: Resolver | None = None,
        max_idle: int = TOTAL,
    ) -> None:
        self.settings = settings = settings or Settings()
        self.own = OwnAddresses()
        self._trusted = TrustedProxies(settings.trusted_proxies)
        self.policy = Policy(
            settings,
            help_page=_help_page(settings),
            loop_token=f"cors-anywhere-{secrets.token_hex(8)}",
            metered=check_rate is not None,
        )
        self._egress = DirectEgress(
            settings,
            own=self.own,
            resolver=resolver,
            choose_proxy=None if choose_proxy is None else _asynchronous(choose_proxy),
            max_idle=max_idle,
        )
        self._relay = Relay(
            self.policy,
            self._egress,
            _meter(settings, check_rate),
            first_look=None if first_look is None else _asynchronous(first_look),
            on_failure=FailureLog(LOG),
            tunnel_idle=settings.client_idle_timeout,
            replay_bytes=settings.replay_bytes,
            max_body_bytes=settings.max_body_bytes,
            max_response_bytes=settings.max_response_bytes,
        )

    def start_request(
        self, server_conn: object, request_conn: httputil.HTTPConnection
    ) -> httputil.HTTPMessageDelegate:
        return _Message(self, request_conn)

    def serve(self, client: ConnectionClient) -> asyncio.Task[None]:
        """Starts to answer one request."""
        return asyncio.get_running_loop().create_task(self._relay.serve(client))

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
            line.method, line.path, fields, _announced_length(fields), peer, scheme, port, base
        )

    def listens_at(self, stream: IOStream) -> None:
        """Learns from a connection of Tornado's server where that listens: the proxy must not
        connect to itself."""
        here = "" if stream.closed() else stream.socket.getsockname()
        if isinstance(here, tuple):
            self.own.add(*here[:2])

    async def close(self) -> None:
        """Ends idle connections to targets."""
        await self._egress.close()


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
        if self._size <= QUEUE_BYTES or self._task is None or self._task.done():
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

    def begin(self, deliver: Deliver, length: int) -> None:
        """Sends a reply's head; `length` octets follow, or CHUNKED."""
        fields = deliver.fields
        bodiless = self.head.method == "HEAD" or deliver.status in (101, 204, 304)
        if length != CHUNKED and not bodiless:
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


class _CountingMeter:
    """A rate limit's counting, as the relay's `Meter`."""

    def __init__(self, limiter: Limiter) -> None:
        self._limiter = limiter

    async def count(self, key: str) -> Exceeded | None:
        quota = await self._limiter.hit(key)
        return None if quota.allowed else Exceeded("", quota.remaining, quota.reset_after)


class _AskingMeter:
    """The operator's own function, as the relay's `Meter`."""

    def __init__(self, check: Callable[[str], Awaitable[RateVerdict]]) -> None:
        self._check = check

    async def count(self, key: str) -> Exceeded | None:
        verdict = await self._check(key)
        if verdict is None or verdict is True or verdict == "":
            return None
        return Exceeded(str(verdict or ""))


def _meter(settings: Settings, check_rate: CheckRate | None) -> Meter | None:
    if check_rate is not None:
        return _AskingMeter(_asynchronous(check_rate))
    if settings.rate_limit is not None:
        return _CountingMeter(Limiter(RateLimit.parse(settings.rate_limit)))
    return None


def _asynchronous(function: Callable[[Any], Any]) -> Callable[[Any], Awaitable[Any]]:
    async def call(argument: Any) -> Any:
        result = function(argument)
        return await result if inspect.isawaitable(result) else result

    return call


def _help_page(settings: Settings) -> tuple[str, str]:
    if settings.help_text is not None:
        return settings.help_type, settings.help_text
    text = resources.files("cors_anywhere").joinpath("pages", "help.txt").read_text("utf-8")
    return "text/plain", text


def _announced_length(fields: Fields) -> int:
    """The body's length by a head that a server has accepted."""
    for name, value in fields:
        size = len(name)
        if size == 14 and name.lower() == "content-length":
            return int(value)
        if size == 17 and name.lower() == "transfer-encoding":
            return CHUNKED
    return 0
