"""The share of requests that a client has behind a trusted proxy."""

from __future__ import annotations

import asyncio
from typing import Any

from cors_anywhere.errors import ProxyError
from cors_anywhere.messages import RequestHead
from cors_anywhere.sharing import SharedRelay


class Asking:
    """A client with a request."""

    def __init__(self, peer: str, front: str | None = "10.0.0.1") -> None:
        self.head = RequestHead("GET", "/", (), 0, peer, "http", 80, front=front)


class Slow:
    """A relay that serves until it is told."""

    def __init__(self) -> None:
        self.served: list[str] = []
        self.refused: list[tuple[str, int]] = []
        self.goes_on = asyncio.Event()

    async def serve(self, client: Asking) -> None:
        self.served.append(client.head.peer)
        await self.goes_on.wait()

    def decline(self, client: Asking, error: ProxyError) -> None:
        self.refused.append((client.head.peer, error.status))


async def ask(*clients: Asking) -> tuple[Slow, SharedRelay, list[asyncio.Task[None]]]:
    """All of them at once, with a share of two."""
    slow: Any = Slow()
    shared = SharedRelay(slow, 2)
    tasks = [asyncio.ensure_future(shared.serve(client)) for client in clients]  # type: ignore[arg-type]
    await asyncio.sleep(0)
    return slow, shared, tasks


def test_what_is_beyond_a_named_clients_share_is_refused() -> None:
    async def share() -> None:
        first = [Asking("192.0.2.1"), Asking("::ffff:192.0.2.1"), Asking("192.0.2.1")]
        slow, _, _ = await ask(*first, Asking("192.0.2.2"))
        assert slow.served == ["192.0.2.1", "::ffff:192.0.2.1", "192.0.2.2"]
        assert slow.refused == [("192.0.2.1", 503)]

    asyncio.run(share())


def test_who_came_without_a_front_server_is_not_counted() -> None:
    async def share() -> None:
        slow, _, _ = await ask(*[Asking("192.0.2.1", front=None)] * 3)
        assert (len(slow.served), slow.refused) == (3, [])

    asyncio.run(share())


def test_a_request_that_has_ended_in_any_way_leaves_its_share() -> None:
    async def share() -> None:
        slow, shared, tasks = await ask(*[Asking("192.0.2.1")] * 2)
        tasks[0].cancel()
        slow.goes_on.set()
        await asyncio.gather(*tasks, return_exceptions=True)
        for _ in range(2):
            await shared.serve(Asking("192.0.2.1"))  # type: ignore[arg-type]
        assert (len(slow.served), slow.refused) == (4, [])

    asyncio.run(share())
