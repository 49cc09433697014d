"""What is logged of failures, and what never is."""

from __future__ import annotations

import logging

import pytest

from cors_anywhere.errors import BadRequest, DnsError, ProhibitedTarget, ProxyError
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


def test_a_clients_own_mistake_is_not_logged(
    log: FailureLog, caplog: pytest.LogCaptureFixture
) -> None:
    log(failed(BadRequest()))
    assert caplog.text == ""


def test_a_flood_of_failures_is_a_few_lines(
    log: FailureLog, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(1000):
        log(failed(DnsError()))
    assert len(caplog.records) <= 2 * (LINES_PER_SECOND + 1)  # the clock may turn once
