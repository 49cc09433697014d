"""The line that a person reads of each request."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from cors_anywhere.messages import RequestHead
from cors_anywhere.observe.json_lines import JsonLines
from cors_anywhere.observe.text import TextLines
from cors_anywhere.outcome import MOST_OF_A_METHOD, End, Record
from tests.support.outcomes import HOPS, outcome


def line(status: int | None = 200, *, colour: bool = False, **others: Any) -> str:
    written = TextLines(colour=colour).of_outcome(outcome(status, **others))
    return written.partition(" ")[2]  # behind the time


def test_a_line_tells_status_method_target_origin_client_and_time() -> None:
    assert line(sent=12) == (
        "200 GET http://a.test/x, from https://page.test at 192.0.2.7, 12 octets in 250 ms"
    )


def test_without_an_origin_it_tells_the_client() -> None:
    assert ", from 192.0.2.7, " in line(origin=None)


def test_the_holder_of_a_key_is_named() -> None:
    assert ", from ann, https://page.test at 192.0.2.7, " in line(key="ann")


def test_neither_query_nor_credentials_are_in_it() -> None:
    assert not {"secret", "hidden"} & {*line(502).replace("=", " ").split()}


def test_redirects_are_in_order() -> None:
    assert ", -> 302 http://a.test/y, -> 301 http://b.test/, from" in line(hops=HOPS)


def test_a_failure_is_told_by_its_error_and_a_refusal_by_its_rule() -> None:
    assert line(502).endswith(", dns_error")
    refused = line(403, error="http_request_denied", rule="denied-origin")
    assert refused.endswith(", http_request_denied by denied-origin")


def test_a_request_without_a_reply_has_no_status() -> None:
    assert line(None, end=End.CLIENT_GONE).startswith("--- GET")
    assert line(None, end=End.CLIENT_GONE).endswith(", client gone")


def test_a_request_without_a_head_is_none() -> None:
    assert line(400, method=None, target=None).startswith("400 no request, from")


def test_the_status_is_coloured_by_its_class_when_asked() -> None:
    assert line(200, colour=True).startswith("\x1b[32m200\x1b[0m ")
    assert line(502, colour=True).startswith("\x1b[31m502\x1b[0m ")
    assert line(999, colour=True).startswith("999\x1b[0m ")


@pytest.mark.parametrize("name", ["origin", "detail"])
def test_what_a_stranger_sends_neither_steers_the_terminal_nor_begins_a_line(name: str) -> None:
    hostile: dict[str, Any] = {name: "https://\x1b[2J\r\n\x85"}
    written = line(502, **hostile)
    assert written.isprintable()


def test_a_line_is_bounded() -> None:
    url = "http://a.test/" + "x" * 20_000
    hops = tuple(hop._replace(url=url) for hop in HOPS)
    assert len(line(502, target=url, hops=hops, detail=url, origin=url, final=url)) < 2600


@pytest.fixture
def calcutta(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A time zone with a half hour, which has no other name."""
    monkeypatch.setenv("TZ", "IST-5:30")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("calcutta")
def test_the_time_has_its_zone() -> None:
    seconds = iter((0.9, 1.0, 1.5))
    lines = TextLines(now=lambda: next(seconds))
    times = [lines.of_message("INFO", "said") for _ in range(3)]
    assert times == [
        "1970-01-01T05:30:00+05:30 INFO said",
        "1970-01-01T05:30:01+05:30 INFO said",
        "1970-01-01T05:30:01+05:30 INFO said",
    ]


def test_a_method_is_told_by_its_beginning() -> None:
    """A token may be as long as a head, and a line is to stay within what a pipe takes at once."""
    head = RequestHead("X" * 5000, "/", (), 0, "192.0.2.7", "http", 80)
    outcome = Record(head, 0.0).outcome("1", None, 1.0)
    for line in (TextLines().of_outcome(outcome), JsonLines().of_outcome(outcome)):
        assert "X" * MOST_OF_A_METHOD in line
        assert len(line) < 400
