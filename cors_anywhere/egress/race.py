"""The first of several addresses to accept a connection (RFC 8305).

Owns: that each failure of the others is known. Must not know: what the addresses are of.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from typing import Any, cast

from aiohappyeyeballs import AddrInfoType, start_connection

from cors_anywhere.egress.failures import os_failure

ATTEMPT_DELAY = 0.25
"""Seconds before the next address is tried beside the first (RFC 8305 section 8)."""


class _Listening:
    """An event loop that remembers which attempts failed, and how: of failures of several kinds
    aiohappyeyeballs tells no more than a text."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.failures: list[OSError] = []

    async def sock_connect(self, sock: socket.socket, address: Any) -> None:
        try:
            await self._loop.sock_connect(sock, address)
        except OSError as error:
            self.failures.append(error)
            raise

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loop, name)


async def connected(addresses: Sequence[AddrInfoType]) -> socket.socket:
    """A socket that is connected to one of the addresses. Raises ProxyError."""
    listening = _Listening(asyncio.get_running_loop())
    try:
        return await start_connection(
            addresses,
            happy_eyeballs_delay=ATTEMPT_DELAY,
            interleave=1,
            loop=cast(asyncio.AbstractEventLoop, listening),
        )
    except OSError as error:  # of no attempt: there was no descriptor for its socket
        for failure in (*listening.failures, error):
            failure.__traceback__ = None  # a frame in it holds the failure
        raise os_failure(listening.failures or [error]) from error
