"""A target that records every octet it is sent, in a thread; also as a forward proxy.

Owns: what it recorded, and what it was told to answer. Must not know: the proxy under test.
"""

from __future__ import annotations

import queue
import socket
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, NamedTuple

from tests.support import PATIENCE


class Request(NamedTuple):
    """What came, octet for octet."""

    method: str
    path: str
    fields: list[tuple[str, str]]  # names as they came
    body: bytes  # without framing

    def get(self, name: str) -> str | None:
        """A field's value, repeated ones joined by ", "; None without any."""
        values = [value for known, value in self.fields if known.lower() == name]
        return ", ".join(values) if values else None

    @property
    def names(self) -> set[str]:
        """The fields' names in lower case."""
        return {name.lower() for name, _ in self.fields}


class Wire(NamedTuple):
    """The connection that a scripted answer has to itself."""

    request: Request
    reader: BinaryIO
    sock: socket.socket

    def send(self, octets: bytes) -> None:
        """Sends them as they are."""
        self.sock.sendall(octets)

    def end(self) -> None:
        """Ends the connection."""
        self.sock.shutdown(socket.SHUT_RDWR)


Script = Callable[[Wire], None]


class Site(socketserver.ThreadingTCPServer):
    """A target. `requests` holds what came; paths without an answer of their own get `b"ok"`."""

    allow_reuse_address = True
    request_queue_size = 128
    daemon_threads = False

    def __init__(
        self, tls: ssl.SSLContext | None = None, tunnelled: ssl.SSLContext | None = None
    ) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.tls = tls
        self.tunnelled = tunnelled  # whom it plays after a CONNECT
        self.requests: list[Request] = []
        self.answers: dict[str, bytes | Script] = {}
        self.finished: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self.sockets: set[socket.socket] = set()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.server_address[1])

    @property
    def url(self) -> str:
        """Its origin."""
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    @property
    def last(self) -> Request:
        """The newest request."""
        return self.requests[-1]

    def on(self, path: str, answer: bytes | Script) -> str:
        """From now on a request for `path` is answered so; returns its URL."""
        self.answers[path] = answer
        return self.url + path

    def clear(self) -> None:
        """Forgets everything."""
        self.requests.clear()
        self.answers.clear()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A proxy may go at any time."""


class _Connection(socketserver.BaseRequestHandler):
    server: Site
    request: socket.socket

    def handle(self) -> None:
        self.server.sockets.add(self.request)
        self.request.settimeout(PATIENCE)
        try:
            if self.server.tls is not None:
                self.request = self.server.tls.wrap_socket(self.request, server_side=True)
            self._serve()
        except (OSError, ValueError):
            pass
        finally:
            self.request.close()

    def _serve(self) -> None:
        with self.request.makefile("rb") as reader:
            while head := _head(reader):
                if head.method == "CONNECT":
                    self.server.requests.append(head)
                    self._tunnel()
                    return
                answer = self.server.answers.get(head.path, reply(b"ok"))
                if callable(answer):
                    self.server.requests.append(head)
                    answer(Wire(head, reader, self.request))
                    continue
                self.server.requests.append(head._replace(body=_body(head, reader)))
                self.request.sendall(answer)

    def _tunnel(self) -> None:
        """Plays the proxy, and then the target behind it."""
        self.request.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        assert self.server.tunnelled is not None
        self.request = self.server.tunnelled.wrap_socket(self.request, server_side=True)
        self._serve()


def _head(reader: BinaryIO) -> Request | None:
    line = reader.readline().decode("latin-1")
    if not line:
        return None
    method, path, _ = line.split(" ")
    fields = []
    while (line := reader.readline().decode("latin-1")) != "\r\n":
        name, _, value = line.removesuffix("\r\n").partition(":")
        fields.append((name, value.strip(" \t")))
    return Request(method, path, fields, b"")


def _body(head: Request, reader: BinaryIO) -> bytes:
    if head.get("transfer-encoding") == "chunked":
        return b"".join(iter(lambda: read_chunk(reader), b""))
    return reader.read(int(head.get("content-length") or 0))


def read_chunk(reader: BinaryIO) -> bytes:
    """The next chunk, b"" for the last."""
    data = reader.read(int(reader.readline(), 16))
    assert reader.readline() == b"\r\n"
    return data


def reply(body: bytes = b"", *fields: str, status: str = "200 OK") -> bytes:
    """A complete reply with a length."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *fields, "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


def redirect(location: str, status: str = "302 Found") -> bytes:
    """A redirect."""
    return reply(b"moved", f"Location: {location}", status=status)


@contextmanager
def site(
    tls: ssl.SSLContext | None = None, tunnelled: ssl.SSLContext | None = None
) -> Iterator[Site]:
    """A running target."""
    with Site(tls, tunnelled) as serving:
        thread = threading.Thread(target=serving.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield serving
        finally:
            serving.shutdown()
            thread.join()
            for sock in serving.sockets:
                try:
                    sock.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
