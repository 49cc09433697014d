"""Who has just been accepted is not lost."""

from __future__ import annotations

import asyncio
import gc
import socket

from tests.support.listening import TURNS, stop_listening
from tests.support.loopback import in_loop


@in_loop
async def test_who_is_accepted_in_the_turn_of_the_end_is_served() -> None:
    served: list[asyncio.StreamWriter] = []

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.append(writer)

    for turns in range(TURNS):
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        with socket.create_connection(server.sockets[0].getsockname()):
            for _ in range(turns):
                await asyncio.sleep(0)
            await stop_listening(server)
    assert served  # in the first turns the loop has not heard of it
    for writer in served:
        writer.transport.abort()
    await asyncio.sleep(0)
    gc.collect()  # an unclosed transport fails the test
