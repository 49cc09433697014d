"""What a connection asks of its transport, whichever event loop made that.

Owns: the size of a read. Must not know: what is read.
"""

from __future__ import annotations

import asyncio
from typing import cast

READ_BYTES = 65536
"""Of one read; asyncio's own choice, 256 KiB, is taken from each connection's memory."""


def stream(transport: asyncio.BaseTransport) -> asyncio.Transport:
    """The transport of a stream, for reads of READ_BYTES where its event loop lets us choose."""
    streaming = cast(asyncio.Transport, transport)  # uvloop's derive from nothing of asyncio's
    try:
        streaming.max_size = READ_BYTES  # type: ignore[attr-defined]
    except AttributeError:
        pass  # uvloop's, which all read into one buffer
    return streaming
