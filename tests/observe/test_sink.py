"""Where lines go: all of them, in order, and nobody waits for it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest

from cors_anywhere.observe import sink as sinks
from cors_anywhere.observe.sink import Sink, open_log
from tests.support.waiting import eventually, has


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log"


def written(path: Path) -> list[str]:
    return path.read_text().splitlines()


def test_every_line_is_written_in_order_by_the_end(path: Path) -> None:
    sink = Sink(str(path))
    for number in range(5000):
        sink.write(str(number))
    sink.close()
    assert written(path) == [str(number) for number in range(5000)]


def test_a_line_is_written_soon(path: Path) -> None:
    sink = Sink(str(path))
    sink.write("a")
    assert eventually(has(path, "a"))
    sink.write("b")  # the thread waits again
    assert eventually(has(path, "b"))
    sink.close()


def test_what_is_there_is_appended_to(path: Path) -> None:
    path.write_text("before\n")
    sink = Sink(str(path))
    sink.write("after")
    sink.close()
    assert written(path) == ["before", "after"]


def test_any_thread_may_write(path: Path) -> None:
    sink = Sink(str(path))

    def write(name: str) -> None:
        for number in range(500):
            sink.write(f"{name} {number}")

    threads = [Thread(target=write, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sink.close()
    lines = written(path)
    for name in "abcd":
        assert [line for line in lines if line[0] == name] == [f"{name} {n}" for n in range(500)]


def test_a_log_that_was_moved_away_is_begun_anew(path: Path, tmp_path: Path) -> None:
    sink = Sink(str(path))
    sink.write("old")
    assert eventually(has(path, "old"))
    path.rename(tmp_path / "moved")
    sink.write("old too")
    assert sink.reopen()
    assert eventually(has(path))
    sink.write("new")
    sink.close()
    assert (written(tmp_path / "moved"), written(path)) == (["old", "old too"], ["new"])


def test_a_log_that_cannot_be_begun_anew_goes_on_in_the_old_file(path: Path) -> None:
    sink = Sink(str(path), told=lambda text: f"! {text}")
    sink.write("a")
    assert eventually(has(path, "a"))
    moved = path.with_name("moved")
    path.rename(moved)
    path.mkdir()
    sink.reopen()
    sink.write("b")
    sink.close()
    a, *others = written(moved)
    complaint = f"! {path} cannot be reopened, the old file is kept: Is a directory"
    assert (a, sorted(others)) == ("a", [complaint, "b"])


def test_a_standard_stream_cannot_be_reopened() -> None:
    assert not Sink().reopen()


def test_a_full_disk_harms_nobody_and_the_log_ends_all_the_same() -> None:
    sink = Sink("/dev/full")
    for number in range(100):
        sink.write(str(number))
    sink.close()


@pytest.fixture
def pipe(tmp_path: Path) -> Iterator[tuple[str, int]]:
    """A named pipe, and its end to read from."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reading = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    yield str(path), reading
    os.close(reading)


def drained(reading: int) -> bytes:
    """What can be read by now."""
    got = b""
    while True:
        try:
            chunk = os.read(reading, 2**16)
        except BlockingIOError:
            return got
        if not chunk:
            return got
        got += chunk


def test_a_pipe_that_nobody_reads_keeps_nobody_and_what_was_left_out_is_counted(
    pipe: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sinks, "MOST_WAITING", 1000)
    path, reading = pipe
    sink = Sink(path, told=lambda text: f"! {text}")
    for number in range(20_000):  # far more than the pipe holds, and none of it waits
        sink.write(f"{number:99}")
    got = bytearray()

    def told() -> bool:
        got.extend(drained(reading))
        return b"\n!" in got and got.endswith(b"\n")

    assert eventually(told)
    sink.close()
    lines = got.splitlines()
    assert lines[-1].endswith(
        b" lines of the log were left out: they came faster than they could be written"
    )
    assert len(lines) - 1 + int(lines[-1].split()[1]) == 20_000
    assert [int(line) for line in lines[:-1]] == sorted(int(line) for line in lines[:-1])


def test_the_end_does_not_wait_for_ever_for_a_pipe_that_nobody_reads(
    pipe: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sinks, "CLOSE_SECONDS", 0.05)
    path, reading = pipe
    sink = Sink(path)
    for number in range(5000):
        sink.write(f"{number:99}")
    sink.close()
    assert eventually(lambda: not drained(reading))  # so that the thread ends


def test_a_pipe_that_nobody_reads_can_be_given_up_for_a_new_log(pipe: tuple[str, int]) -> None:
    path, _ = pipe
    sink = Sink(path, told=lambda text: f"! {text}")
    for number in range(5000):
        sink.write(f"{number:99}")
    os.rename(path, f"{path}.old")
    assert sink.reopen()
    assert eventually(has(Path(path), f"{4999:99}"))
    sink.close()
    lines = written(Path(path))
    assert [len(line) for line in lines if not line.startswith("!")] == [99] * (len(lines) - 1)
    assert lines[-1].endswith("left out: nobody read the file that the log went to")


def test_a_pipe_whose_reader_has_gone_harms_nobody(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reading = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    sink = Sink(str(path))
    os.close(reading)
    for number in range(100):
        sink.write(str(number))
    sink.close()


def test_a_pipe_that_nobody_reads_cannot_be_a_log_from_the_beginning(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="No such device"):
        open_log(str(tmp_path / "pipe"))


def test_strange_characters_are_written_somehow(path: Path) -> None:
    sink = Sink(str(path))
    sink.write("\udcff")
    sink.close()
    assert written(path) == ["\\udcff"]


FORKING = """
import os, sys
from cors_anywhere.observe.sink import Sink
sink = Sink(sys.argv[1])
for number in range(100):
    sink.write(f"parent {number}")
child = os.fork()
name = "parent" if child else "child"
for number in range(100, 200):
    sink.write(f"{name} {number}")
sink.close()
if not child:
    os._exit(0)
os.waitpid(child, 0)
"""


def test_after_a_fork_both_write_and_no_line_twice(path: Path) -> None:
    subprocess.run([sys.executable, "-W", "error", "-c", FORKING, path], check=True, timeout=60)
    lines = written(path)
    expected = [f"parent {number}" for number in range(200)]
    assert [line for line in lines if line.startswith("parent")] == expected
    assert [line for line in lines if line.startswith("child")] == [
        f"child {number}" for number in range(100, 200)
    ]


def test_what_waits_is_written_when_the_program_ends(path: Path) -> None:
    code = "import sys; from cors_anywhere.observe.sink import Sink; Sink(sys.argv[1]).write('a')"
    subprocess.run([sys.executable, "-c", code, path], check=True, timeout=60)
    assert written(path) == ["a"]


FULL = """
import resource, sys
from cors_anywhere.observe.sink import Sink
sink = Sink(sys.argv[1])
before = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (25, before[1]))
for name in "abc":
    sink.write(name * 9)
sink._rest()
resource.setrlimit(resource.RLIMIT_FSIZE, before)
sink.write("d")
sink.close()
"""


def test_after_a_line_that_was_written_in_part_the_next_begins_its_own(path: Path) -> None:
    """A limit of the file's size stands for the end of a disk."""
    subprocess.run([sys.executable, "-c", FULL, path], check=True, timeout=60)
    lines = written(path)
    assert lines[:3] == ["aaaaaaaaa", "bbbbbbbbb", "ccccc"]
    assert lines[3:] == ["d", "1 line of the log was left out: File too large"]
