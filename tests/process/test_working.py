"""One process that serves, and what it is told."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from cors_anywhere.config.settings import Settings
from cors_anywhere.observe.sink import Sink
from cors_anywhere.process.common import common
from cors_anywhere.process.orders import Order, Orders
from cors_anywhere.process.sockets import bind
from cors_anywhere.process.working import Duty, work
from cors_anywhere.rules.policy import Policy
from tests.support import PATIENCE
from tests.support.loopback import in_loop
from tests.support.process import command


def test_it_ends_with_status_0_when_nothing_is_under_way() -> None:
    with command() as proxy:
        proxy.process.terminate()
        assert asyncio.run(asyncio.to_thread(proxy.process.wait, 10)) == 0


@asynccontextmanager
async def working(log: Path, again: Callable[..., Settings]) -> AsyncIterator[tuple[Orders, int]]:
    """Who serves in this loop: its orders and its port."""
    settings, sink, orders, listening = Settings(port=0), Sink(str(log)), Orders(), asyncio.Event()
    sockets = bind(settings)
    port = sockets[0].getsockname()[1]
    duty = Duty(settings, sockets, common(sink, settings, 1), again)
    serving = asyncio.ensure_future(work(duty, orders, listening.set))
    try:
        await listening.wait()
        yield orders, port
        orders.give(Order.STOP)
        assert await serving == 0
    finally:
        serving.cancel()
        sink.close()


@in_loop
async def test_requests_are_served_while_new_settings_are_read(tmp_path: Path) -> None:
    reading, served = threading.Event(), threading.Event()

    def again(*, quiet: bool) -> Settings:
        reading.set()
        assert served.wait(PATIENCE)
        return Settings(port=0)

    async with working(tmp_path / "log", again) as (orders, port):
        orders.give(Order.RELOAD)
        assert await asyncio.to_thread(reading.wait, PATIENCE)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /iscorsneeded HTTP/1.1\r\nHost: p\r\nConnection: close\r\n\r\n")
        assert (await reader.read()).endswith(b"no")
        writer.close()
        served.set()


def policies() -> int:
    """How many there are, garbage included."""
    return sum(type(one) is Policy for one in gc.get_objects())


@in_loop
async def test_a_reload_leaves_nothing_of_the_settings_before(tmp_path: Path) -> None:
    """With long lists that is a lot, and the collector seldom looks by itself."""
    read = threading.Semaphore(0)

    def again(*, quiet: bool) -> Settings:
        read.release()
        return Settings(port=0)

    gc.collect()
    before = policies()
    gc.disable()
    try:
        async with working(tmp_path / "log", again) as (orders, _):
            for _ in range(4):
                orders.give(Order.RELOAD)
                assert await asyncio.to_thread(read.acquire, timeout=PATIENCE)
        assert policies() - before <= 2
    finally:
        gc.enable()
