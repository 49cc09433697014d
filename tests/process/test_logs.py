"""All that is logged goes to one place, in one form."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cors_anywhere.config.settings import Settings
from cors_anywhere.observe.sink import Sink
from cors_anywhere.process.logs import start_log


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Of a log file."""
    return tmp_path / "log"


@contextmanager
def started(settings: Settings) -> Iterator[Sink]:
    """The log, the loggers being as in a new process before, and as they were afterwards."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    root.handlers[:] = []
    sink = start_log(settings)
    yield sink
    sink.close()
    root.handlers[:] = before
    root.setLevel(level)


def logged(settings: Settings) -> None:
    """Has a few things said."""
    logger = logging.getLogger("cors_anywhere")
    with started(settings):
        logger.debug("small")
        logger.info("plain %s", "text")
        logger.warning("odd\r\n\x1b text")
        try:
            raise ValueError("wrong")
        except ValueError:
            logger.exception("failed")


def test_text_has_a_line_for_each_message_and_tracebacks_as_they_are(path: Path) -> None:
    logged(Settings(log_file=str(path)))
    lines = path.read_text().splitlines()
    said = [line.partition(" ")[2] for line in lines[:3]]
    assert said == ["INFO plain text", r"WARNING odd\x0d\x0a\x1b text", "ERROR failed"]
    assert lines[3].startswith("Traceback")
    assert lines[-1] == "ValueError: wrong"


def test_with_json_whatever_is_logged_is_an_object_a_line(path: Path) -> None:
    logged(Settings(log_file=str(path), access_log="json"))
    entries = [json.loads(line) for line in path.read_text().splitlines()]
    assert [entry["level"] for entry in entries] == ["info", "warning", "error"]
    assert {entry["logger"] for entry in entries} == {"cors_anywhere"}
    assert entries[2]["msg"].startswith("failed\nTraceback")


@pytest.mark.parametrize(
    ("level", "count"), [("debug", 4), ("info", 3), ("warning", 2), ("error", 1)]
)
def test_the_level_is_the_least_that_is_logged(path: Path, level: str, count: int) -> None:
    logged(Settings(log_file=str(path), log_level=level))
    lines = path.read_text().splitlines()
    named = [line for line in lines if line.partition(" ")[2].split(" ")[0].isupper()]
    assert len(named) == count


def test_what_was_left_out_is_told_in_the_same_form(path: Path) -> None:
    path.mkdir()
    path = path / "log"
    with started(Settings(log_file=str(path), access_log="json")) as sink:
        sink.write("{}")
        moved = path.parent.with_name("moved")
        path.parent.rename(moved)
        sink.reopen()
    _, told = (moved / "log").read_text().splitlines()
    assert json.loads(told)["msg"].startswith(f"{path} cannot be reopened")
