"""What signals do to the process, besides ending it (test_drain.py) and new settings
(test_reloading.py)."""

from __future__ import annotations

import asyncio
import os
import signal
import tempfile

from tests.support.process import command
from tests.support.wire import client, until


def test_the_signal_to_open_the_log_anew_ends_nothing() -> None:
    async def goes_on() -> None:
        with tempfile.TemporaryFile("w+") as log, command(log=log) as proxy:
            async with client(proxy) as connection:
                proxy.process.send_signal(signal.SIGUSR1)
                said = b"The log has no file"
                assert await until(lambda: said in os.pread(log.fileno(), 2**16, 0))
                await connection.ask("")
                assert (await connection.reply()).status == 200
            proxy.process.terminate()
            assert await asyncio.to_thread(proxy.process.wait, 10) == 0

    asyncio.run(goes_on())
