"""The same proxy behind three fronts: the command, Tornado's own server, a Tornado application.

Owns: starting each with the same settings, and a blocking client that shows what came. Must not
know: what is asked, or what is right.
"""

from __future__ import annotations

import asyncio
import queue
import socket
import threading
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, closing, contextmanager
from typing import Any, Final, NamedTuple

import pytest
from tornado.httpserver import HTTPServer
from tornado.web import Application

from cors_anywhere import CorsProxy, CorsProxyHandler, Settings
from cors_anywhere.config.options import OPTIONS, PROXY_VARIABLES
from tests.support import PATIENCE
from tests.support.loops import run
from tests.support.process import started

FRONTS: Final = ("command", "server", "application")


def only(*kinds: str) -> pytest.MarkDecorator:
    """Collects a test on these fronts alone, for what the others do not promise."""
    return pytest.mark.parametrize("kind", kinds, indirect=True, scope="module")


ORIGIN: Final = "https://page.test"
HERE: Final = {"allow_networks": ("127.0.0.0/8",)}
OPEN: Final = {**HERE, "require_headers": ()}
"""Settings with which anybody may ask, and for targets on loopback."""


class Reply(NamedTuple):
    """A reply as it came, its body without framing."""

    status: int
    reason: str
    fields: list[tuple[str, str]]  # in order, names in lower case
    body: bytes
    whole: bool = True  # whether the framing says that nothing is missing

    def get(self, name: str) -> str | None:
        """A field's value, repeated ones joined by ", "; None without any."""
        values = [value for known, value in self.fields if known == name]
        return ", ".join(values) if values else None

    @property
    def text(self) -> str:
        """The body."""
        return self.body.decode()

    @property
    def cors(self) -> dict[str, str]:
        """The CORS fields, `access-control-` left out."""
        prefix = "access-control-"
        return {n.removeprefix(prefix): v for n, v in self.fields if n.startswith(prefix)}

    @property
    def exposed(self) -> list[str]:
        """The names that a page may read."""
        return (self.get("access-control-expose-headers") or "").split(",")

    @property
    def error(self) -> str:
        """The RFC 9209 error type."""
        return (self.get("proxy-status") or "").partition("error=")[2].partition(";")[0]


class Connection:
    """A client's connection to a front."""

    host = "proxy.test"

    def __init__(self, front: Front) -> None:
        self._base = front.base
        self.sock = socket.create_connection(("127.0.0.1", front.port), PATIENCE)
        self.file = self.sock.makefile("rb")

    def send(self, octets: bytes) -> None:
        """Sends them as they are."""
        self.sock.sendall(octets)

    def ask(self, path: str, *fields: str, method: str = "GET", body: bytes | None = None) -> None:
        """Sends a request; `path` is what follows the proxy's base URL and its slash."""
        lines = [f"{method} {self._base}/{path} HTTP/1.1", f"Host: {self.host}", *fields]
        if body is not None:
            lines.append(f"Content-Length: {len(body)}")
        self.send("\r\n".join([*lines, "", ""]).encode("latin-1") + (body or b""))

    def head(self) -> tuple[int, str, list[tuple[str, str]]]:
        """The next head: status, reason, fields."""
        line = self.file.readline().decode("latin-1")
        assert line.startswith("HTTP/1.1 "), line
        _, status, reason = line.removesuffix("\r\n").split(" ", 2)
        fields = []
        while (line := self.file.readline().decode("latin-1")) != "\r\n":
            name, colon, value = line.removesuffix("\r\n").partition(":")
            assert colon, line
            fields.append((name.lower(), value.strip(" \t")))
        return int(status), reason, fields

    def reply(self, method: str = "GET") -> Reply:
        """The next reply."""
        status, reason, fields = self.head()
        known = dict(fields)
        if method == "HEAD" or status in (204, 304):
            return Reply(status, reason, fields, b"")
        if known.get("transfer-encoding") == "chunked":
            return Reply(status, reason, fields, *self._chunked())
        length = int(known["content-length"])
        body = self.file.read(length)
        return Reply(status, reason, fields, body, len(body) == length)

    def chunk(self) -> bytes:
        """The next chunk of a chunked body, b"" for the last."""
        size = int(self.file.readline(), 16)
        data = self.file.read(size)
        assert self.file.readline() == b"\r\n"
        return data

    def _chunked(self) -> tuple[bytes, bool]:
        data = b""
        try:
            while line := self.file.readline():
                size = int(line, 16)
                data += self.file.read(size)
                self.file.readline()
                if not size:
                    return data, True
        except ConnectionResetError:
            pass
        return data, False

    def close(self) -> None:
        """Goes away."""
        self.file.close()
        self.sock.close()


class Front(NamedTuple):
    """A proxy that is served: `base` is the path under which it is mounted."""

    kind: str
    port: int
    base: str = ""

    @property
    def at(self) -> str:
        """Its authority and base path."""
        return f"127.0.0.1:{self.port}{self.base}"

    def connect(self) -> closing[Connection]:
        """A connection, closed at the end of the block."""
        return closing(Connection(self))

    def ask(self, path: str, *fields: str, method: str = "GET", body: bytes | None = None) -> Reply:
        """One request on a connection of its own."""
        with self.connect() as connection:
            connection.ask(path, *fields, method=method, body=body)
            return connection.reply(method)

    def page(
        self, path: str, *fields: str, method: str = "GET", body: bytes | None = None
    ) -> Reply:
        """One request as a page's script makes it: with an `Origin`."""
        return self.ask(path, f"Origin: {ORIGIN}", *fields, method=method, body=body)


@contextmanager
def front(kind: str, **settings: Any) -> Iterator[Front]:
    """A front of this kind with these settings."""
    if kind == "command":
        with started(*options(settings), variables=_proxies(settings)) as running:
            yield Front(kind, running.port, settings.get("base_path", ""))
        return
    with tornado_front(kind, settings) as served:
        yield served


@contextmanager
def tornado_front(kind: str, settings: dict[str, Any], **options: Any) -> Iterator[Front]:
    """A front on Tornado's own server, which has these options."""
    cors = CorsProxy(Settings(**settings))
    if kind == "server":
        with _in_thread(HTTPServer(cors, **options), cors) as port:
            yield Front(kind, port)
        return
    application = Application(
        [(r"/proxy/(.*)", CorsProxyHandler, {"proxy": cors})],
        xsrf_cookies=True,
        cross_origin_protection=True,
        cookie_secret="of these tests",
        log_function=lambda handler: None,
    )
    with _in_thread(HTTPServer(application, **options), cors) as port:
        yield Front(kind, port, "/proxy")


# --- the command ----------------------------------------------------------------------------------


def options(settings: Mapping[str, Any]) -> list[str]:
    """The command line that means these settings."""
    args: list[str] = []
    for option in OPTIONS:
        if option.field not in settings:
            continue
        value = settings[option.field]
        if option.kind == "clear":
            args += [] if value else [option.flag]
        elif option.kind == "flag":
            args.append(option.flag if value else option.declaration.partition("/")[2])
        else:
            values = value if option.kind == "many" else (value,)
            between = "=" if option.field == "mounts" else ": "
            for one in values.items() if isinstance(values, dict) else values:
                args += [option.flag, between.join(one) if isinstance(one, tuple) else str(one)]
    return args


def _proxies(settings: Mapping[str, Any]) -> dict[str, str]:
    return {name: settings[name] for name in PROXY_VARIABLES if name in settings}


# --- Tornado's servers ----------------------------------------------------------------------------


@contextmanager
def _in_thread(server: HTTPServer, cors: CorsProxy) -> Iterator[int]:
    """Serves in a thread with a loop of its own. What asyncio reports as lost fails the test."""
    started: queue.SimpleQueue[tuple[int, asyncio.AbstractEventLoop, asyncio.Event]]
    started = queue.SimpleQueue()
    reports: list[dict[str, Any]] = []

    async def main() -> None:
        loop, stop = asyncio.get_running_loop(), asyncio.Event()
        loop.set_exception_handler(lambda _, report: reports.append(report))
        async with _served(server, cors) as port:
            started.put((port, loop, stop))
            await stop.wait()

    thread = threading.Thread(target=run, args=(main(),))
    thread.start()
    port, loop, stop = started.get(timeout=PATIENCE)
    try:
        yield port
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(PATIENCE)
    assert not reports, reports


@asynccontextmanager
async def _served(server: HTTPServer, cors: CorsProxy) -> AsyncIterator[int]:
    listening = socket.create_server(("127.0.0.1", 0))
    listening.setblocking(False)
    server.add_sockets([listening])
    yield listening.getsockname()[1]
    server.stop()
    await server.close_all_connections()
    await cors.close()
    await asyncio.sleep(0)
