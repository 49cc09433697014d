"""A server of asyncio's that ends without losing whom it has just accepted.

Owns: how to stop listening. Must not know: who is served.
"""

from __future__ import annotations

import asyncio

TURNS = 4
"""Of the event loop, in which a connection that was just accepted begins to be served."""


async def stop_listening(server: asyncio.Server) -> None:
    """Closes a server once everybody whom it accepted is being served.

    One that is accepted in the turn in which asyncio closes the server is lost: its transport is
    never made whole, nor closed (an assertion of CPython 3.11 that nobody sees).
    """
    loop = asyncio.get_running_loop()
    for sock in server.sockets:
        loop.remove_reader(sock)
    for _ in range(TURNS):
        await asyncio.sleep(0)
    server.close()
