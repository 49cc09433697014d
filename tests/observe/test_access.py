"""The line that a person at a terminal reads of each request."""

from __future__ import annotations

import io
import os
from contextlib import suppress

import pytest

from cors_anywhere.errors import DnsError
from cors_anywhere.messages import RequestHead
from cors_anywhere.observe.access import AccessLog, at_terminal
from cors_anywhere.outcome import Outcome, Record
from tests.support.urls import parse_path


def outcome(status: int | None, origin: str = "https://page.test") -> Outcome:
    fields = (("Origin", origin),)
    head = RequestHead("GET", "/http://a.test/x?secret=1", fields, 0, "192.0.2.7", "http", 80)
    record = Record(head, 1.0)
    record.status = status
    if status == 502:
        record.failure = DnsError()
    return record.outcome("id", parse_path(head.path), 1.25)


def line(of: Outcome, *, colour: bool = False) -> str:
    lines: list[str] = []
    AccessLog(lines.append, colour=colour)(of)
    (written,) = lines
    return written.partition(" ")[2]  # behind the time


def test_a_line_tells_status_method_target_origin_and_time() -> None:
    assert line(outcome(200)) == (
        "200 GET http://a.test/x, from https://page.test, 0 octets in 250 ms"
    )


def test_a_failure_is_told_by_its_error() -> None:
    assert line(outcome(502)).endswith("dns_error")


def test_a_request_without_a_reply_has_no_status() -> None:
    assert line(outcome(None)).startswith("--- GET")


def test_the_status_is_coloured_by_its_class_when_asked() -> None:
    assert line(outcome(200), colour=True).startswith("\x1b[32m200\x1b[0m ")
    assert line(outcome(502), colour=True).startswith("\x1b[31m502\x1b[0m ")


def test_what_a_stranger_sends_cannot_steer_the_terminal() -> None:
    assert "\x1b" not in line(outcome(200, origin="https://\x1b[2J"))


@pytest.mark.parametrize(("objection", "coloured"), [("", True), ("1", False)])
def test_a_terminal_is_coloured_unless_somebody_objects(
    monkeypatch: pytest.MonkeyPatch, objection: str, coloured: bool
) -> None:
    monkeypatch.setenv("NO_COLOR", objection)
    ours, theirs = os.openpty()
    with open(ours, "rb", buffering=0) as seen, open(theirs, "w") as terminal:
        at_terminal(terminal)(outcome(200))
        assert (b"\x1b[32m200" in seen.read(1000)) is coloured


def test_a_file_is_not_coloured() -> None:
    stream = io.StringIO()
    at_terminal(stream)(outcome(200))
    assert " 200 GET " in stream.getvalue()
    assert stream.getvalue().endswith("ms\n")


def test_a_stream_that_is_gone_harms_nothing() -> None:
    read, write = os.pipe()
    os.close(read)
    stream = os.fdopen(write, "w")
    at_terminal(stream)(outcome(200))
    with suppress(BrokenPipeError):  # what it still holds
        stream.close()
