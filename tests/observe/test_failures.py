"""What is logged of failures, and what never is."""

from __future__ import annotations

import asyncio
import logging

import pytest

from cors_anywhere.errors import (
    BadRequest,
    DnsError,
    ProhibitedTarget,
    ProxyError,
    TooManyRequests,
)
from cors_anywhere.messages import RequestHead
from cors_anywhere.observe.budget import LINES_PER_SECOND
from cors_anywhere.observe.failures import FailureLog
from cors_anywhere.outcome import Outcome, Record
from tests.support.urls import parse_path


def failed(error: ProxyError, path: str = "/http://a.test/x?secret=1") -> Outcome:
    record = Record(RequestHead("GET", path, (), 0, "192.0.2.7", "http", 8080), 1.0)
    record.failure, record.status = error, error.status
    return record.outcome("id", parse_path(path), 2.0)


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> FailureLog:
    caplog.set_level(logging.INFO)
    return FailureLog(logging.getLogger("cors_anywhere"))


def test_a_refusal_names_the_address_and_the_option_to_the_operator(
    log: FailureLog, caplog: pytest.LogCaptureFixture
) -> None:
    log(failed(ProhibitedTarget(log_detail="a.test is 10.1.2.3: --allow-network 10.0.0.0/8")))
    assert "a.test is 10.1.2.3: --allow-network 10.0.0.0/8" in caplog.text
    assert "192.0.2.7: GET http://a.test/x:" in caplog.text


def test_a_query_is_never_logged(log: FailureLog, caplog: pytest.LogCaptureFixture) -> None:
    log(failed(DnsError()))
    assert "dns_error" in caplog.text
    assert "secret" not in caplog.text


def test_the_query_of_a_percent_encoded_url_is_not_logged_either(
    log: FailureLog, caplog: pytest.LogCaptureFixture
) -> None:
    log(failed(DnsError(), "/http%3A%2F%2Fa.test%2Fx%3Fsecret%3D1"))
    assert "http://a.test/x:" in caplog.text
    assert "secret" not in caplog.text


def test_a_refusal_is_told_with_its_rule(log: FailureLog, caplog: pytest.LogCaptureFixture) -> None:
    log(failed(TooManyRequests()))
    assert (
        "429 for 192.0.2.7: GET http://a.test/x: http_request_denied by rate-limit" in caplog.text
    )


@pytest.mark.parametrize(
    ("error", "level"),
    [(BadRequest(), "INFO"), (ProhibitedTarget(), "INFO"), (DnsError(), "WARNING")],
)
def test_a_failure_weighs_more_than_a_refusal(
    log: FailureLog, caplog: pytest.LogCaptureFixture, error: ProxyError, level: str
) -> None:
    log(failed(error))
    (record,) = caplog.records
    assert record.levelname == level


def test_what_was_logged_where_it_went_wrong_is_not_told_twice(
    log: FailureLog, caplog: pytest.LogCaptureFixture
) -> None:
    log(failed(ProxyError()))
    assert not caplog.records


def test_nothing_that_a_stranger_sent_begins_a_line(
    log: FailureLog, caplog: pytest.LogCaptureFixture
) -> None:
    log(failed(DnsError(log_detail="a\r\nb\x1b")))
    (record,) = caplog.records
    assert record.getMessage().isprintable()


def told(caplog: pytest.LogCaptureFixture) -> tuple[int, int]:
    """How many lines there are of failures, and how many more they tell of."""
    texts = [record.getMessage() for record in caplog.records]
    counts = [int(text.split()[0]) for text in texts if "were not logged" in text]
    return len(texts) - len(counts), sum(counts)


def test_a_flood_of_failures_is_a_few_lines_and_the_number_of_the_others(
    log: FailureLog, caplog: pytest.LogCaptureFixture
) -> None:
    async def flood() -> None:
        for _ in range(1000):
            log(failed(DnsError()))
        log.close()

    asyncio.run(flood())
    lines, others = told(caplog)
    assert lines <= 2 * LINES_PER_SECOND  # the clock may turn once
    assert lines + others == 1000


def test_what_was_left_out_is_told_though_nothing_else_comes(
    log: FailureLog, caplog: pytest.LogCaptureFixture
) -> None:
    async def flood() -> None:
        for _ in range(1000):
            log(failed(DnsError()))
        async with asyncio.timeout(60):
            while sum(told(caplog)) < 1000:
                await asyncio.sleep(0.02)

    asyncio.run(flood())
