"""The log of a running command: what is in it, what never is, and that it harms no request."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.fronts import Front
from tests.support.process import Command, started
from tests.support.site import Site
from tests.support.waiting import eventually, has

HERE = ("--allow-network", "127.0.0.0/8")
PAGE = "Origin: https://page.test"
KEY = "Authorization: Basic c2VjcmV0"


@contextmanager
def logging_to(path: Path, *options: str) -> Iterator[Command]:
    """The command with this log file, which is complete at the end."""
    with started(*HERE, "--log-file", str(path), *options) as running:
        yield running
        end(running)


def end(running: Command) -> None:
    """Ends it as an operator does."""
    running.process.terminate()
    assert running.process.wait(60) == 0


def ask_in_all_ways(port: int, target: Site) -> None:
    """A good request, one that is refused by a rule, one beyond the limit, and one that fails."""
    proxy = Front("command", port)
    proxy.ask(f"{target.url}/a?secret=1", PAGE, KEY)
    proxy.ask(f"{target.url}/b?secret=1", "Origin: https://denied.test", KEY)
    proxy.ask("http://127.0.0.1:1/c?secret=1", PAGE, KEY)
    proxy.ask(f"{target.url}/d?secret=1", PAGE, KEY)


OPTIONS = ("--deny-origin", "https://denied.test", "--rate-limit", "2/60minutes")


def entries(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_every_request_is_an_object_a_line_refusals_and_failures_included(
    target: Site, tmp_path: Path
) -> None:
    path = tmp_path / "log"
    with logging_to(path, "--access-log", "json", *OPTIONS) as running:
        ask_in_all_ways(running.port, target)
    found = [entry for entry in entries(path) if entry["logger"] == "cors_anywhere.access"]
    assert [(entry["status"], entry["request"]["uri"]) for entry in found] == [
        (200, f"{target.url}/a"),
        (403, f"{target.url}/b"),
        (502, "http://127.0.0.1:1/c"),
        (429, f"{target.url}/d"),
    ]
    assert [entry["request"]["headers"]["Origin"][0] for entry in found] == [
        "https://page.test",
        "https://denied.test",
        "https://page.test",
        "https://page.test",
    ]
    assert [entry.get("rule") for entry in found] == [None, "denied-origin", None, "rate-limit"]
    assert found[0]["size"] > 0
    assert not re.search("secret|c2VjcmV0|uthorization", path.read_text())


def test_warnings_at_the_start_are_objects_too(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with logging_to(path, "--access-log", "json", "--insecure-targets"):
        pass
    assert any("--insecure-targets" in entry["msg"] for entry in entries(path))


def test_every_request_is_a_line_of_text_with_the_zone_and_without_colours(
    target: Site, tmp_path: Path
) -> None:
    path = tmp_path / "log"
    with logging_to(path, "--access-log", "text", *OPTIONS) as running:
        ask_in_all_ways(running.port, target)
    lines = path.read_text().splitlines()
    assert all(re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d ", line) for line in lines)
    assert [line.split(" ")[1] for line in lines if " GET " in line] == ["200", "403", "502", "429"]
    assert not re.search("secret|c2VjcmV0|uthorization|\x1b", path.read_text())


def test_without_it_refusals_and_failures_are_logged_all_the_same(
    target: Site, tmp_path: Path
) -> None:
    path = tmp_path / "log"
    with logging_to(path, *OPTIONS) as running:
        ask_in_all_ways(running.port, target)
    told = [line.split(" ", 2)[1:] for line in path.read_text().splitlines() if "GET" in line]
    assert [(level, text[:3]) for level, text in told] == [
        ("INFO", "403"),
        ("WARNING", "502"),
        ("INFO", "429"),
    ]
    assert "secret" not in path.read_text()


def test_of_a_flood_of_refusals_a_few_are_logged_and_the_others_counted(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with logging_to(path) as running:
        proxy = Front("command", running.port)
        for _ in range(60):
            proxy.ask("http://10.0.0.1/", PAGE)
    lines = path.read_text().splitlines()
    refusals = sum("403 for" in line for line in lines)
    others = [re.search(r"(\d+) more refusals", line) for line in lines]
    assert refusals + sum(int(found[1]) for found in others if found) == 60


def test_the_level_leaves_refusals_out(target: Site, tmp_path: Path) -> None:
    path = tmp_path / "log"
    with logging_to(path, "--log-level", "warning", *OPTIONS) as running:
        ask_in_all_ways(running.port, target)
    assert [line.split(" ")[2] for line in path.read_text().splitlines()] == ["502"]


def test_on_sigusr1_the_log_is_begun_anew(target: Site, tmp_path: Path) -> None:
    path = tmp_path / "log"
    with logging_to(path, "--access-log", "text") as running:
        Front("command", running.port).ask(f"{target.url}/before", PAGE)
        assert eventually(has(path, "/before"))
        path.rename(tmp_path / "moved")
        running.process.send_signal(signal.SIGUSR1)
        assert eventually(has(path))
        Front("command", running.port).ask(f"{target.url}/after", PAGE)
    assert "/after" in path.read_text()
    assert "/after" not in (tmp_path / "moved").read_text()
    assert "/before" in (tmp_path / "moved").read_text()


def test_workers_write_one_log_and_begin_it_anew_together(target: Site, tmp_path: Path) -> None:
    path = tmp_path / "log"
    with logging_to(path, "--access-log", "json", "--workers", "2") as running:
        for number in range(20):  # a connection each: both workers get some
            Front("command", running.port).ask(f"{target.url}/{number}", PAGE)
        assert eventually(has(path, f"{target.url}/19"))
        path.rename(tmp_path / "moved")
        running.process.send_signal(signal.SIGUSR1)
        assert eventually(has(path))
        # A worker may be later than the supervisor: what it writes until then is lost to nobody.
        for number in range(20, 40):
            Front("command", running.port).ask(f"{target.url}/{number}", PAGE)
    found = [*entries(tmp_path / "moved"), *entries(path)]
    urls = [entry["request"]["uri"] for entry in found if "request" in entry]
    assert sorted(urls) == sorted(f"{target.url}/{number}" for number in range(40))


def test_a_full_disk_harms_no_request(target: Site) -> None:
    with logging_to(Path("/dev/full"), "--access-log", "json") as running:
        proxy = Front("command", running.port)
        assert [proxy.ask(target.url, PAGE).status for _ in range(20)] == [200] * 20


def test_a_pipe_that_nobody_reads_harms_no_request_and_not_the_end(target: Site) -> None:
    reading, writing = os.pipe()
    with open(writing, "w") as log, started(*HERE, "--access-log", "json", log=log) as running:
        proxy = Front("command", running.port)
        with proxy.connect() as connection:
            for _ in range(400):  # more than a pipe holds
                connection.ask(target.url, PAGE)
                assert connection.reply().status == 200
        end(running)
    os.close(reading)


def test_a_terminal_has_colours(target: Site) -> None:
    ours, theirs = os.openpty()
    seen = bytearray()

    def read() -> None:
        while True:
            try:
                seen.extend(os.read(ours, 4096))
            except OSError:  # nobody has the other end any more
                return

    reader = threading.Thread(target=read)
    with open(theirs, "w") as terminal:
        reader.start()
        variables = {"TERM": "xterm", "NO_COLOR": ""}
        options = ("--access-log", "text")
        with started(*HERE, *options, log=terminal, variables=variables) as running:
            Front("command", running.port).ask(target.url, PAGE)
    reader.join(60)
    os.close(ours)
    assert b"\x1b[32m200\x1b[0m GET" in seen


@pytest.mark.parametrize(
    ("options", "mistake"),
    [
        (("--log-file", "/no/such/log"), '--log-file: "/no/such/log" cannot be made: "/no/such"'),
        (("--log-file", "/"), '--log-file: "/" cannot be written (Is a directory)'),
        (("--access-log", "xml"), '--access-log: "xml" is none of what it may be: write off, text'),
        (("--log-level", "loud"), "--log-level: "),
    ],
)
def test_a_mistake_in_it_is_told_before_anything_listens(
    options: tuple[str, ...], mistake: str
) -> None:
    command = [sys.executable, "-m", "cors_anywhere", "--check", "--port", "0", *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert mistake in done.stderr


def test_a_check_makes_no_log_file(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "cors_anywhere", "--check", "--port", "0"]
    subprocess.run([*command, "--log-file", str(tmp_path / "log")], timeout=60, check=True)
    assert not (tmp_path / "log").exists()
