"""The log of each request: its form, and its colours."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cors_anywhere.observe.access import AccessLog, Form, lines
from cors_anywhere.observe.json_lines import JsonLines
from cors_anywhere.observe.sink import Sink
from cors_anywhere.observe.text import TextLines
from tests.support.outcomes import outcome


def test_there_are_two_forms() -> None:
    assert isinstance(lines("text"), TextLines)
    assert isinstance(lines("json"), JsonLines)


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_file_has_a_line_without_colours(tmp_path: Path, form: Form) -> None:
    sink = Sink(str(tmp_path / "log"))
    AccessLog(sink, form)(outcome(200))
    sink.close()
    written = (tmp_path / "log").read_text()
    assert written.count("\n") == 1
    assert "http://a.test/x" in written
    assert "\x1b" not in written


@pytest.mark.parametrize(
    ("variable", "value", "coloured"),
    [("NO_COLOR", "", True), ("NO_COLOR", "1", False), ("TERM", "dumb", False)],
)
def test_a_terminal_is_coloured_unless_somebody_objects(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, coloured: bool
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv(variable, value)
    ours, theirs = os.openpty()
    with open(ours, "rb", buffering=0) as seen, open(theirs, "w"):
        sink = Sink(os.ttyname(theirs))
        AccessLog(sink, "text")(outcome(200))
        sink.close()
        assert (b"\x1b[32m200" in seen.read(1000)) is coloured
