"""Who takes in requests in the tests of the wire: small receivers, and the octets of their replies.

Owns: receivers that note what happens to them. Must not know: the proxy.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

from cors_anywhere.errors import ProxyError
from cors_anywhere.http1.head import ClientHead
from cors_anywhere.http1.server import ServerConnection
from cors_anywhere.messages import CHUNKED, Length

HOST = b"Host: proxy.test\r\n"
GET = b"GET /%s HTTP/1.1\r\n" + HOST + b"\r\n"


class Message:
    """Answers with what it was sent, when it is complete; notes what happens."""

    asks_at_once = True  # for the body

    def __init__(self, root: Root, connection: ServerConnection) -> None:
        self.root = root
        self.connection = connection
        self.body = bytearray()
        self.left = asyncio.Event()
        self.faults: list[ProxyError] = []

    def head_received(self, head: ClientHead) -> Awaitable[None] | None:
        self.head = head
        self.root.messages.append(self)
        self.root.arrived.put_nowait(self)
        if self.asks_at_once:
            self.connection.want_body()
        return None

    def data_received(self, data: bytes) -> Awaitable[None] | None:
        self.body += data
        return None

    def ended(self) -> None:
        self.answer(f"{self.head.method} {self.head.path} ".encode() + self.body)

    def at_fault(self, failure: ProxyError) -> None:
        self.faults.append(failure)

    def gone(self) -> None:
        self.left.set()

    def begin(self, length: Length | None = CHUNKED, status: int = 200) -> None:
        """Begins the reply."""
        self.connection.write_head(status, "OK", [("A", "b")], length)

    def answer(self, body: bytes) -> None:
        """A whole reply."""
        self.begin(len(body))
        self.connection.write(body)
        self.connection.finish()


class Silent(Message):
    """Does nothing by itself: the test does."""

    def ended(self) -> None:
        pass


class Asking(Silent):
    """Says itself when it wants the body."""

    asks_at_once = False


class Held(Message):
    """Takes one piece of the body at a time, when the test lets it."""

    def data_received(self, data: bytes) -> Awaitable[None] | None:
        super().data_received(data)
        self.room = asyncio.get_running_loop().create_future()
        return self.room


class Root:
    """Makes messages of one kind."""

    def __init__(self, kind: type[Message] = Message) -> None:
        self.kind = kind
        self.messages: list[Message] = []
        self.arrived: asyncio.Queue[Message] = asyncio.Queue()

    def receiver(self, connection: ServerConnection) -> Message:
        return self.kind(self, connection)


def reply(body: bytes, *fields: bytes) -> bytes:
    """The octets of an answer by Message."""
    extra = b"".join(field + b"\r\n" for field in fields)
    return b"HTTP/1.1 200 OK\r\nA: b\r\ncontent-length: %d\r\n%s\r\n%s" % (len(body), extra, body)
