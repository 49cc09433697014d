from __future__ import annotations

import ast
from collections.abc import Callable
from operator import call
from pathlib import Path
from typing import Any

import pytest

import cors_anywhere
from cors_anywhere.observe.exposition import Exposition
from cors_anywhere.observe.metrics import ERRORS, OCTETS, RULES, WIDTH, Metrics
from cors_anywhere.observe.tally import Tally
from cors_anywhere.outcome import End, Outcome, Times

SERVED = Outcome(
    request_id="1",
    client="192.0.2.1",
    origin="https://app.example",
    method="GET",
    target="https://api.example/",
    final="https://api.example/",
    hops=(),
    status=200,
    end=End.COMPLETE,
    error=None,
    rule=None,
    detail=None,
    received=3,
    sent=5,
    times=Times(0.0, 0.0, 0.02, 0.3),
    reused=True,
)


def shown(*outcomes: Outcome) -> list[str]:
    tally = Tally(1, WIDTH)
    count = Metrics(tally.row(0), call)
    for outcome in outcomes:
        count(outcome)
    text = Exposition(tally, {"version": "1", "form": "plain"}).text().decode()
    return [line for line in text.splitlines() if not line.startswith("#")]


@pytest.mark.parametrize(
    ("change", "labels"),
    [
        ({}, 'outcome="served",status="2xx"'),
        ({"status": 403, "rule": "loopback", "error": "x"}, 'outcome="refused",status="4xx"'),
        ({"status": 502, "error": "dns_error"}, 'outcome="failed",status="5xx"'),
        ({"end": End.ABORTED}, 'outcome="aborted",status="2xx"'),
        ({"end": End.CLIENT_GONE, "status": None}, 'outcome="client_gone",status="none"'),
        ({"status": 999}, 'outcome="served",status="none"'),
    ],
)
def test_a_request_counts_by_what_became_of_it(change: dict[str, Any], labels: str) -> None:
    assert f"cors_anywhere_requests_total{{{labels}}} 1.0" in shown(SERVED._replace(**change))


def test_refusals_count_by_rule_and_failures_by_error() -> None:
    lines = shown(
        SERVED._replace(rule="private", error="destination_ip_prohibited"),
        SERVED._replace(rule="what a hook says", error="of its own"),
    )
    assert 'cors_anywhere_refusals_total{rule="private"} 1.0' in lines
    assert 'cors_anywhere_refusals_total{rule="other"} 1.0' in lines
    assert 'cors_anywhere_errors_total{error="destination_ip_prohibited"} 1.0' in lines
    assert 'cors_anywhere_errors_total{error="other"} 1.0' in lines


def test_times_fall_into_buckets_that_hold_all_below() -> None:
    lines = shown(SERVED, SERVED._replace(times=Times(0.0, 0.0, 400.0, 500.0)))
    assert 'cors_anywhere_total_seconds_bucket{le="0.25"} 0.0' in lines
    assert 'cors_anywhere_total_seconds_bucket{le="0.5"} 1.0' in lines
    assert 'cors_anywhere_total_seconds_bucket{le="+Inf"} 2.0' in lines
    assert "cors_anywhere_total_seconds_sum 500.3" in lines
    assert "cors_anywhere_look_up_seconds_count 0.0" in lines


def test_octets_and_connections_are_counted() -> None:
    lines = shown(SERVED, SERVED._replace(reused=False))
    assert 'cors_anywhere_body_octets_total{direction="received"} 6.0' in lines
    assert 'cors_anywhere_body_octets_total{direction="sent"} 10.0' in lines
    assert 'cors_anywhere_target_connections_total{connection="new"} 1.0' in lines
    assert 'cors_anywhere_target_connections_total{connection="reused"} 1.0' in lines


def test_many_requests_are_written_down_at_once_and_later() -> None:
    waiting: list[Callable[[], None]] = []
    row = Tally(1, WIDTH).row(0)
    count = Metrics(row, waiting.append)
    for _ in range(3):
        count(SERVED)
    assert not any(row)
    (write,) = waiting
    write()
    assert row[OCTETS + 1] == 15
    count(SERVED)
    assert len(waiting) == 2


def test_who_takes_a_dead_ones_place_goes_on_from_what_it_counted() -> None:
    row = Tally(1, WIDTH).row(0)
    Metrics(row, call)(SERVED)
    Metrics(row, call)(SERVED)
    assert row[OCTETS + 1] == 10


def test_there_are_at_most_200_series_whatever_strangers_send() -> None:
    strange = SERVED._replace(origin="https://x", method="PUT", target="https://y/", client="z")
    series = {line.rpartition(" ")[0] for line in shown(SERVED, strange)}
    assert len(series) <= 200
    assert series == {line.rpartition(" ")[0] for line in shown()}


def test_every_rule_of_the_code_has_its_series() -> None:
    package = Path(cors_anywhere.__file__).parent
    rules = {
        keyword.value.value
        for module in package.rglob("*.py")
        for node in ast.walk(ast.parse(module.read_text("utf-8")))
        if isinstance(node, ast.Call)
        for keyword in node.keywords
        if keyword.arg == "rule" and isinstance(keyword.value, ast.Constant)
    }
    assert rules - {None} <= set(RULES)
    assert {"embedded", "rate-limit", "byte-limit"} <= set(RULES)
    assert "dns_error" in ERRORS
