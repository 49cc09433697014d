"""Whoever takes in the requests that a client's connection reads.

Owns: the shape of that. Must not know: any implementation, or how a connection reads.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Protocol

from cors_anywhere.errors import ProxyError
from cors_anywhere.http1.head import ClientHead


class Receiver(Protocol):
    """Takes in one request, piece by piece, and answers it by the connection's methods.

    What the first two return is waited for before the connection reads on. A ProxyError that any
    of them raises, or that comes out of what they return, is answered for by the connection;
    anything else is reported to the event loop and answered with 500.
    """

    def head_received(self, head: ClientHead, /) -> Awaitable[None] | None:
        """The head is complete. Who wants the body says so (`ServerConnection.want_body`)."""

    def data_received(self, data: bytes, /) -> Awaitable[None] | None:
        """A piece of the body, never b""."""

    def ended(self) -> None:
        """The body is complete, as are the octets of a tunnel."""

    def at_fault(self, failure: ProxyError) -> None:
        """What is left of the message cannot be served: it is answered so, and `gone` follows."""

    def gone(self) -> None:
        """The client has left before the end of the reply, or the connection has refused the rest
        of its message: nothing more comes, and what is written is dropped."""
