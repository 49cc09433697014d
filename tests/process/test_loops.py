"""A process serves on the event loop that was asked for."""

from __future__ import annotations

import asyncio
import re
import signal
import tempfile
from pathlib import Path

import pytest

from cors_anywhere.process.loops import run_on
from tests.support.loopback import in_real_time
from tests.support.process import command
from tests.support.target import Do, target
from tests.support.wire import client

NAMES = pytest.mark.parametrize("name", ["asyncio", "uvloop"])


@NAMES
def test_it_is_of_that_library(name: str) -> None:
    async def of() -> str:
        return type(asyncio.get_running_loop()).__module__

    assert run_on(name, of()).startswith(name)


@NAMES
@pytest.mark.parametrize("workers", ["1", "2"])
@in_real_time
async def test_the_command_serves_on_it_and_says_so(name: str, workers: str) -> None:
    hello = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
    with tempfile.TemporaryFile("w+") as log:
        options = ("--event-loop", name, "--workers", workers)
        async with target((Do.REQUEST, hello)) as server:
            with command(*options, log=log) as proxy:
                async with client(proxy) as connection:
                    await connection.ask(server.url)
                    assert (await connection.reply()).body == b"hello"
                    pids = [proxy.process.pid, *proxy.workers()]
                    loaded = any(_has_uvloop(pid) for pid in pids)
                proxy.process.send_signal(signal.SIGTERM)
                assert await asyncio.to_thread(proxy.process.wait, 10) == 0
        log.seek(0)
        assert re.search(rf"Running as .* on {name}$", log.read(), re.MULTILINE)
    assert loaded == (name == "uvloop")


def _has_uvloop(pid: int) -> bool:
    """Whether a process has uvloop's library in its memory."""
    return "uvloop" in Path(f"/proc/{pid}/maps").read_text()
