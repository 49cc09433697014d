"""The object that a program reads of each request."""

from __future__ import annotations

import json
import tracemalloc
from typing import Any

import pytest

from cors_anywhere.observe.json_lines import JsonLines
from cors_anywhere.outcome import End, Times
from tests.support.outcomes import HOPS, outcome


def entry(status: int | None = 200, **others: Any) -> dict[str, Any]:
    written = JsonLines(now=lambda: 1000.5).of_outcome(outcome(status, **others))
    assert written.isascii()
    assert "\n" not in written
    found: dict[str, Any] = json.loads(written)
    return found


def test_a_request_has_the_names_of_caddys_log() -> None:
    assert entry(sent=12, received=3) == {
        "level": "info",
        "ts": 1000.5,
        "logger": "cors_anywhere.access",
        "msg": "handled request",
        "request_id": "id-1",
        "request": {
            "client_ip": "192.0.2.7",
            "method": "GET",
            "uri": "http://a.test/x",
            "headers": {"Origin": ["https://page.test"]},
        },
        "bytes_read": 3,
        "duration": 0.25,
        "size": 12,
        "status": 200,
    }


@pytest.mark.parametrize(
    ("total", "written"),
    [
        (0.0, "0.000000"),
        (0.0000014, "0.000001"),
        (0.25, "0.250000"),
        (0.9999994, "0.999999"),
        (0.9999996, "1.000000"),
        (3723.5, "3723.500000"),
    ],
)
def test_durations_are_seconds_to_the_microsecond(total: float, written: str) -> None:
    line = JsonLines().of_outcome(outcome(200, times=Times(None, None, None, total)))
    assert f'"duration":{written},' in line


def test_without_an_origin_it_has_none() -> None:
    assert entry(origin=None)["request"]["headers"] == {}


def test_the_holder_of_a_key_is_the_user() -> None:
    assert entry(key="ann")["user_id"] == "ann"


def test_a_failure_is_an_error_with_what_is_known_of_it() -> None:
    failed = entry(502, rule="r", detail="a.test: no address")
    assert (failed["level"], failed["error"], failed["rule"], failed["detail"]) == (
        "error",
        "dns_error",
        "r",
        "a.test: no address",
    )


def test_a_request_without_a_reply_has_the_status_0_and_its_end() -> None:
    gone = entry(None, end=End.CLIENT_GONE)
    assert (gone["status"], gone["end"]) == (0, "client gone")
    assert "end" not in entry()


def test_a_request_without_a_head_has_nulls() -> None:
    request = entry(400, method=None, target=None)["request"]
    assert (request["method"], request["uri"]) == (None, None)


def test_redirects_are_in_order() -> None:
    redirected = entry(hops=HOPS, final="http://b.test/z")
    assert redirected["redirects"] == [[302, "http://a.test/y"], [301, "http://b.test/"]]
    assert redirected["final"] == "http://b.test/z"


@pytest.mark.parametrize(
    ("times", "reused", "expected"),
    [
        (Times(0.1, 0.2, 0.3, 0.4), False, {"look_up": 0.1, "connect": 0.2, "first_octet": 0.3}),
        (Times(0.0, 0.0, 0.3, 0.4), True, {"first_octet": 0.3}),
        (Times(0.1, 0.2, None, 0.4), False, {"look_up": 0.1, "connect": 0.2}),
    ],
)
def test_what_it_took_is_told_in_seconds(
    times: Times, reused: bool, expected: dict[str, float]
) -> None:
    written = entry(times=times, reused=reused)
    names = ("look_up", "connect", "first_octet")
    assert {name: written[name] for name in names if name in written} == expected
    assert written["reused"] is reused


@pytest.mark.parametrize("text", ['"', "\\", "\x1b\r\n", "\u2028\xff"])
def test_whatever_a_stranger_sends_it_is_one_line_of_json(text: str) -> None:
    written = entry(502, origin=text, client=text, method=text, detail=text)
    assert written["request"]["method"] == text


def test_neither_query_nor_credentials_are_in_it() -> None:
    written = JsonLines().of_outcome(outcome(502))
    assert "secret" not in written
    assert "hidden" not in written


def test_what_is_no_request_has_its_logger_and_level() -> None:
    written = json.loads(JsonLines(now=lambda: 2.0).of_message("WARNING", 'a "b"\n', "asyncio"))
    assert written == {"level": "warning", "ts": 2.0, "logger": "asyncio", "msg": 'a "b"\n'}


def test_no_memory_is_filled_with_origins_that_no_browser_sends() -> None:
    lines = JsonLines()
    tracemalloc.start()
    try:
        for number in range(400):
            lines.of_outcome(outcome(200, origin=f"https://{number}" + "a" * 30_000))
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 1_000_000
