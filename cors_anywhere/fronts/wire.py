"""A client on a connection of this package: the path of nearly every request.

Owns: that nothing stands between the relay and the connection. Must not know: Tornado.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from cors_anywhere.fronts.client import FrontClient
from cors_anywhere.http1.head import ClientHead
from cors_anywhere.http1.server import ServerConnection
from cors_anywhere.messages import Answer, Deliver, Length
from cors_anywhere.proxy import Proxy


class WireService:
    """A proxy as the `Service` of our connections."""

    def __init__(self, proxy: Proxy) -> None:
        self.proxy = proxy  # may be replaced: a request has the one that it began with

    def receiver(self, connection: ServerConnection) -> WireClient:
        """See Service.receiver."""
        return WireClient(self.proxy, connection)


class WireClient(FrontClient):
    """The relay's `Client`, and the connection's `Receiver`."""

    def __init__(self, proxy: Proxy, connection: ServerConnection) -> None:
        super().__init__(proxy)
        self._connection = connection

    def head_received(self, head: ClientHead) -> None:
        """See Receiver.head_received."""
        self.take_head(head)
        rest = self._proxy.begin(self)
        if rest is not None:
            self.run(rest)

    def _whence(self) -> tuple[str, str, int]:
        return self._connection.context

    async def read(self) -> bytes:
        """The next piece of the body, b"" at its end."""
        self._connection.want_body()
        return await super().read()

    def answer(self, answer: Answer) -> None:
        self._connection.answer(answer)
        self.status = answer.status
        self._make_room()

    def begin(self, deliver: Deliver, length: Length) -> None:
        if deliver.status == 101:
            self._body_ended = False  # what the client sends goes on, in another protocol
            self._connection.switch(deliver.reason, deliver.fields, self)
        else:
            self._connection.write_head(deliver.status, deliver.reason, deliver.fields, length)
        self.status = deliver.status

    def send(self, chunk: bytes) -> Awaitable[None]:
        return self._connection.write(chunk)

    def finish(self) -> None:
        self._make_room()
        self._connection.finish()

    def abort(self) -> None:
        self._connection.abort()

    def when_draining(self, callback: Callable[[], None]) -> None:
        self._connection.when_draining(callback)
