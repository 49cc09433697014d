"""How a connection reads from its transport, whichever event loop made that.

Owns: the buffer that all connections of a thread read into, and so the size of a read. Must not
know: what is read.
"""

from __future__ import annotations

import asyncio
import threading
from abc import abstractmethod
from typing import cast

READ_BYTES = 65536
"""Of one read. Event loops' own choice, 256 KiB, is taken from each connection's memory."""


class _Shared(threading.local):
    """One buffer for all connections of a thread."""

    def __init__(self) -> None:
        self.octets = memoryview(bytearray(READ_BYTES))


_SHARED = _Shared()


def shared_buffer() -> memoryview:
    """The buffer of this thread.

    A transport asks for the buffer, fills it and has it emptied in one step of the event loop, TLS
    between the two included: nothing stays in it between two steps.
    """
    return _SHARED.octets


def stream(transport: asyncio.BaseTransport) -> asyncio.Transport:
    """The same, for its type: uvloop's transports derive from nothing of asyncio's."""
    return cast(asyncio.Transport, transport)


class Reading(asyncio.BufferedProtocol):
    """A protocol that is given its octets by `data_received`, at most READ_BYTES at a time."""

    def __init__(self) -> None:
        self._inbox = shared_buffer()

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where the transport puts what it reads."""
        return self._inbox

    def buffer_updated(self, nbytes: int) -> None:
        """So many octets have been read."""
        self.data_received(bytes(self._inbox[:nbytes]))

    @abstractmethod
    def data_received(self, data: bytes) -> None:
        """Octets have come."""
