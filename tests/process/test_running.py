"""What signals do to the process, besides ending it in peace (test_drain.py)."""

from __future__ import annotations

import asyncio
import os
import signal
import tempfile

import pytest

from tests.support.process import command
from tests.support.wire import client, until


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGUSR1])
def test_a_signal_by_which_others_reload_changes_nothing(number: signal.Signals) -> None:
    async def goes_on() -> None:
        with tempfile.TemporaryFile("w+") as log, command(log=log) as proxy:
            async with client(proxy) as connection:
                proxy.process.send_signal(number)
                said = b"which does nothing here"
                assert await until(lambda: said in os.pread(log.fileno(), 2**16, 0))
                await connection.ask("")
                assert (await connection.reply()).status == 200
            proxy.process.terminate()
            assert await asyncio.to_thread(proxy.process.wait, 10) == 0

    asyncio.run(goes_on())
