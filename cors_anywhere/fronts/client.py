"""The client of one request, whatever kind of connection it has.

Owns: the queue of its body, and the task that serves it. Must not know: how a reply is written;
`wire` and `stock` know it, each for its kind of connection.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from cors_anywhere.errors import ProxyError
from cors_anywhere.http1.head import ClientHead
from cors_anywhere.messages import Answer, Deliver, Length, RequestHead
from cors_anywhere.proxy import Proxy

UPLOAD_QUEUE_BYTES = 65536
"""Of a request's body that may wait for the target before the client is read no further."""


class FrontClient(ABC):
    """What the relay's `Client` and whoever feeds it have in common on every connection."""

    def __init__(self, proxy: Proxy) -> None:
        self._proxy = proxy
        self._chunks: list[bytes] = []
        self._size = 0
        self._body_ended = False
        self._arrival: asyncio.Future[None] | None = None
        self._room: asyncio.Future[None] | None = None
        self._task: asyncio.Task[None] | None = None
        self.taken_up = False
        self.fault: ProxyError | None = None
        self.status = 0  # of the reply that has begun

    def take_head(self, head: ClientHead, base: str | None = None) -> None:
        """Notes what is asked; see `RequestHead`. `base` is where an application mounts the proxy,
        if one does. Trusted proxies are believed here."""
        peer, scheme, port = self._whence()
        client = self._proxy.trusted.believe(peer, scheme, port, head.fields)
        self.head = RequestHead(
            head.method,
            head.path,
            head.fields,
            head.length,
            client.address,
            client.scheme,
            client.port,
            base or "",
            mounted=base is not None,
            front=client.front,
        )

    @abstractmethod
    def _whence(self) -> tuple[str, str, int]:
        """The peer's address, "http" or "https", and the port that it reached."""

    def refuse(self, error: ProxyError) -> None:
        """Answers a request whose head is at fault: no further one is read."""
        self.answer(self._proxy.relay.refuse(error, self.head.peer))

    def at_fault(self, failure: ProxyError) -> None:
        """See Receiver.at_fault."""
        self.fault = failure

    def start(self) -> asyncio.Task[None]:
        """Begins to serve the request."""
        return self.run(self._proxy.serve(self))

    def run(self, serving: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Does what is left to do for the request."""
        task = asyncio.get_running_loop().create_task(serving)
        self._task = task
        return task

    def gone(self) -> None:
        """The client has left: whatever is done for it stops.

        A cancelled task holds its frames, and they hold this: forgetting it here spares buffers a
        wait for the garbage collector.
        """
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            if not self.taken_up:
                self._proxy.relay.missed(self)
        self._make_room()

    # --- its body -----------------------------------------------------------------------------

    def data_received(self, data: bytes) -> Awaitable[None] | None:
        """A piece has come; what is returned is done when the next may come."""
        self._chunks.append(data)
        self._size += len(data)
        self._wake()
        if self._size <= UPLOAD_QUEUE_BYTES or self._task is None or self._task.done():
            return None
        self._room = asyncio.get_running_loop().create_future()
        return self._room

    def ended(self) -> None:
        """The body is complete."""
        self._body_ended = True
        self._wake()

    def _wake(self) -> None:
        if self._arrival is not None and not self._arrival.done():
            self._arrival.set_result(None)

    def _make_room(self) -> None:
        if self._room is not None and not self._room.done():
            self._room.set_result(None)

    async def read(self) -> bytes:
        """The next piece of the body, b"" at its end."""
        while not self._chunks:
            if self._body_ended:
                return b""
            self._arrival = asyncio.get_running_loop().create_future()
            await self._arrival
        data = b"".join(self._chunks)
        self._chunks.clear()
        self._size = 0
        self._make_room()
        return data

    # --- its reply ----------------------------------------------------------------------------

    @property
    def begun(self) -> bool:
        """Whether a reply's head has been sent."""
        return self.status != 0

    @abstractmethod
    def answer(self, answer: Answer) -> None:
        """Sends a complete reply."""

    @abstractmethod
    def begin(self, deliver: Deliver, length: Length) -> None:
        """Sends a reply's head; `length` octets follow, or CHUNKED."""

    @abstractmethod
    def send(self, chunk: bytes) -> Awaitable[None]:
        """Sends a piece of the reply; done when the client takes more."""

    @abstractmethod
    def finish(self) -> None:
        """The reply is complete."""

    @abstractmethod
    def abort(self) -> None:
        """Ends the connection so that the reply cannot pass for complete."""

    @abstractmethod
    def when_draining(self, callback: Callable[[], None]) -> None:
        """Calls back once when the proxy is told to stop; at once if it has been."""
