"""A WebSocket's octets, carried both ways.

Owns: when a tunnel ends. Must not know: frames, or how either side is reached.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from cors_anywhere.errors import ProxyError
from cors_anywhere.sides import Client, Exchange


async def tunnel(client: Client, exchange: Exchange, idle: float) -> None:
    """Carries octets both ways until either side ends, or both are silent for too long."""
    ways: list[asyncio.Future[None]] = []
    try:
        async with asyncio.timeout(idle) as deadline:
            for read, send in ((client.read, exchange.send), (exchange.read, client.send)):
                ways.append(asyncio.ensure_future(_carry(read, send, deadline, idle)))
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    except TimeoutError:
        pass  # an end like any other
    finally:
        for way in ways:
            way.cancel()
        ends = await asyncio.gather(*ways, return_exceptions=True)
    for end in ends:
        if isinstance(end, ProxyError):
            raise end
    client.finish()


async def _carry(
    read: Callable[[], Awaitable[bytes]],
    send: Callable[[bytes], Awaitable[None]],
    deadline: asyncio.Timeout,
    idle: float,
) -> None:
    while chunk := await read():
        await send(chunk)
        deadline.reschedule(asyncio.get_running_loop().time() + idle)
