"""What the relay sees of either side: protocols that the fronts, egress and limits fulfil.

Owns: their shape. Must not know: any implementation.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from cors_anywhere.errors import ProxyError
from cors_anywhere.messages import (
    Answer,
    Counted,
    Deliver,
    Fetch,
    Length,
    Metered,
    ReplyHead,
    RequestHead,
    Transfer,
)


class Client(Protocol):
    """The client of one request."""

    head: RequestHead
    taken_up: bool  # the relay has begun to serve it
    fault: ProxyError | None  # what is wrong with the rest of its message, and is answered already

    @property
    def begun(self) -> bool:
        """Whether a reply's head has been sent."""

    async def read(self) -> bytes:
        """The next piece of the request's body; b"" at its end."""

    def answer(self, answer: Answer) -> None:
        """Sends a complete reply."""

    def begin(self, deliver: Deliver, length: Length) -> None:
        """Sends a reply's head; `length` octets follow, 0 for none, or CHUNKED."""

    def send(self, chunk: bytes) -> Awaitable[None]:
        """Sends a piece of the reply; done when the client takes more."""

    def finish(self) -> None:
        """The reply is complete."""

    def abort(self) -> None:
        """Ends the connection so that what was sent cannot pass for complete."""

    def when_draining(self, callback: Callable[[], None]) -> None:
        """Calls back once when the proxy is told to stop; at once if it has been."""


class Exchange(Protocol):
    """One request to a target, and its reply. The times are in seconds."""

    look_up: float
    connect: float
    reused: bool

    async def send(self, chunk: bytes) -> None: ...

    def end_request(self) -> None: ...

    def fail(self, failure: ProxyError) -> None:
        """Makes whoever waits for the reply get this failure."""

    async def reply(self) -> ReplyHead: ...

    async def read(self) -> bytes:
        """Content that has come; b"" at the end."""

    def release(self) -> None:
        """Ends the exchange: a connection fit for another is kept, any other is aborted."""


class Egress(Protocol):
    """The way to targets."""

    async def open(self, fetch: Fetch) -> Exchange:
        """Connects if need be and sends the head. Raises ProxyError."""


class Meter(Protocol):
    """Counts requests, and what they transfer."""

    async def count(self, head: RequestHead, metered: Metered, transfer: Transfer) -> Counted:
        """Counts one, and whether it is allowed. If it is, its octets may be counted as they pass,
        until `ended`."""

    def ended(self, transfer: Transfer) -> None:
        """What was counted is over."""
