"""One process that serves, and what it is told."""

from __future__ import annotations

import asyncio

from tests.support.process import command


def test_it_ends_with_status_0_when_nothing_is_under_way() -> None:
    with command() as proxy:
        proxy.process.terminate()
        assert asyncio.run(asyncio.to_thread(proxy.process.wait, 10)) == 0
