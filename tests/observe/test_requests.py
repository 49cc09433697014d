"""What a proxy logs of its requests: all, or those that were refused or failed."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest

from cors_anywhere.observe.requests import RequestLog
from cors_anywhere.observe.sink import Sink
from tests.support.outcomes import outcome


def test_without_a_form_failures_alone_are_told(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    log = RequestLog(None)
    assert log.on_outcome is None
    assert log.on_failure is not None
    log.on_failure(outcome(502))
    assert "dns_error" in caplog.text


def test_what_was_left_out_is_told_at_the_end(caplog: pytest.LogCaptureFixture) -> None:
    async def flood() -> None:
        log = RequestLog(None)
        assert log.on_failure is not None
        for _ in range(100):
            log.on_failure(outcome(502))
        await log.close()

    asyncio.run(flood())
    assert "more refusals and failures were not logged" in caplog.text


def test_with_one_every_request_is_told_and_failures_only_once(tmp_path: Path) -> None:
    log = RequestLog("text", str(tmp_path / "log"))
    assert log.on_failure is None
    assert log.on_outcome is not None
    log.on_outcome(outcome(502))
    asyncio.run(log.close())
    assert (tmp_path / "log").read_text().count("\n") == 1


def test_a_sink_that_others_use_is_not_closed(tmp_path: Path) -> None:
    sink = Sink(str(tmp_path / "log"))
    log = RequestLog("json", sink=sink)
    asyncio.run(log.close())
    sink.write("more")
    sink.close()
    assert (tmp_path / "log").read_text() == "more\n"
