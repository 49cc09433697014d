"""A page in a real Chromium, steered by its DevTools protocol.

Owns: one connection to one page. Must not know: what the page is used for.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from websockets.asyncio.client import ClientConnection, connect

from tests.support.browser import chromium


class Page:
    """A page; `events` are those that came, in order, until somebody takes them away."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._number = 0
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self.events: list[tuple[str, dict[str, Any]]] = []

    async def call(self, method: str, **params: Any) -> Any:
        """The result of a command."""
        self._number += 1
        number = self._number
        self._waiting[number] = asyncio.get_running_loop().create_future()
        await self._connection.send(json.dumps({"id": number, "method": method, "params": params}))
        async with asyncio.timeout(60):
            return await self._waiting[number]

    async def evaluate(self, expression: str) -> Any:
        """The value of a script's expression, awaited where it is a promise."""
        came = await self.call(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in came, came
        return came["result"].get("value")

    async def open(self, url: str) -> None:
        """Done when the page has loaded: before, its scripts' world may still be replaced."""
        await self.call("Page.enable")
        self.events.clear()
        await self.call("Page.navigate", url=url)
        async with asyncio.timeout(60):
            while not any(name == "Page.loadEventFired" for name, _ in self.events):
                await self.call("Runtime.evaluate", expression="0")

    async def listen(self) -> None:
        async for text in self._connection:
            message = json.loads(text)
            if "id" not in message:
                self.events.append((message["method"], message["params"]))
            elif "error" in message:
                self._waiting.pop(message["id"]).set_exception(
                    RuntimeError(message["error"]["message"])
                )
            else:
                self._waiting.pop(message["id"]).set_result(message["result"])


@asynccontextmanager
async def page(url: str, profile: Path, *flags: str) -> AsyncIterator[Page]:
    """A page at a URL, in a browser of its own whose files are in `profile`."""
    async with chromium("about:blank", profile, *flags):
        address = await _debugger(profile)
        async with connect(address, max_size=None) as connection:
            found = Page(connection)
            listening = asyncio.ensure_future(found.listen())
            try:
                await found.open(url)
                yield found
            finally:
                listening.cancel()


async def _debugger(profile: Path) -> str:
    """Where the page's debugger listens; Chromium writes its port to a file."""
    async with asyncio.timeout(60):
        while True:
            pages = await asyncio.to_thread(_pages, profile)
            for known in pages:
                if known["type"] == "page":
                    return str(known["webSocketDebuggerUrl"])
            await asyncio.sleep(0.05)


def _pages(profile: Path) -> Any:
    try:
        port = (profile / "DevToolsActivePort").read_text().split()[0]
    except (FileNotFoundError, IndexError):
        return []
    with urlopen(f"http://127.0.0.1:{port}/json/list") as answer:
        return json.load(answer)
