"""Where the lines of a log go: a file, or a standard stream.

Owns: that whoever logs never waits, whatever a disk or a pipe is like: a thread of its own writes,
many lines at once; what is left out when too much waits or cannot be written is counted, and told.
Must not know: what the lines say.
"""

from __future__ import annotations

import atexit
import os
import select
import stat
from collections import deque
from collections.abc import Callable
from threading import Event, Lock, Thread
from typing import Final
from weakref import WeakMethod

MOST_WAITING: Final = 10_000
"""Lines: a second or two of a busy proxy, some megabytes."""

GATHER_SECONDS: Final = 0.1
"""For which the thread lets lines gather after it has written some."""

CLOSE_SECONDS: Final = 2.0
"""For what waits at the end; a pipe that nobody reads is then given up."""

LOOK_SECONDS: Final = 0.5
"""Between looks whether a log that nobody reads is to be begun anew."""

_AT_ONCE: Final = 256
"""Lines that are written at once to a file; to a pipe as many as PIPE_BUF holds, so that those of
processes which share it do not mingle."""

_STANDARD_ERROR: Final = 2


class Sink:
    """Takes lines, and has them written soon. Without a path they go to the standard error.

    `told` makes a line of what the sink itself has to tell: how many were left out, and why. Any
    thread may write. At a fork everything that waits is written first, and the child has a thread
    of its own. Raises OSError for a file that cannot be opened.
    """

    def __init__(self, path: str | None = None, *, told: Callable[[str], str] = str) -> None:
        self._path = path
        self._told = told
        self._descriptor = _STANDARD_ERROR if path is None else open_log(path)
        self._torn = False  # the last line was written in part
        self._closed = False
        self._reopening = False
        self._begin()
        atexit.register(_weakly(self.close))
        os.register_at_fork(before=_weakly(self._rest), after_in_child=_weakly(self._begin))

    def _begin(self) -> None:
        self._lines: deque[str] = deque()
        self._left_out = 0
        self._why = ""
        self._lock = Lock()
        self._thread: Thread | None = None
        self._resting = False
        self._asked = False  # the thread is told, or about to look by itself
        self._wake = Event()
        self._hurry = Event()

    @property
    def is_terminal(self) -> bool:
        """Whether a person reads along."""
        return os.isatty(self._descriptor)

    def write(self, line: str) -> None:
        """Has a line written; its end is added."""
        if len(self._lines) >= MOST_WAITING:
            self._leave_out(1, "they came faster than they could be written")
            return
        self._lines.append(line)
        if not self._asked:
            self._ask()

    def reopen(self) -> bool:
        """Writes what waits, and what comes then to a new file at the same path: whoever moved the
        log away has it begun anew. One that cannot be opened is told of, and the old one is written
        on. False where there is no path."""
        if self._path is None:
            return False
        self._reopening = True
        self._hurry.set()
        self._ask()
        return True

    def close(self) -> None:
        """Writes what waits, for at most CLOSE_SECONDS, and takes no more."""
        if self._closed:
            return
        self._closed = True
        if self._rest() and self._path is not None:
            os.close(self._descriptor)

    def _ask(self) -> None:
        with self._lock:
            self._asked = True
            alive = self._thread is not None and self._thread.is_alive()
            if not alive and not self._closed:
                self._thread = Thread(target=self._run, name="log", daemon=True)
                self._thread.start()
        self._wake.set()

    def _leave_out(self, count: int, why: str) -> None:
        with self._lock:
            self._left_out += count
            self._why = why

    def _rest(self) -> bool:
        """Has the thread write what waits and end; the next line begins another. Whether it has."""
        thread = self._thread
        if thread is None:
            return True
        self._resting = True
        self._hurry.set()
        self._wake.set()
        thread.join(CLOSE_SECONDS)
        self._resting = False
        self._hurry.clear()
        if thread.is_alive():  # it waits for a pipe that nobody reads
            return False
        self._thread = None
        self._asked = False
        return True

    # --- the thread -------------------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            self._wake.wait()
            last = self._resting
            self._wake.clear()
            self._asked = False  # a line from now on wakes again
            self._write_all()
            if self._reopening:
                self._reopening = False
                self._hurry.clear()
                self._reopen()
                self._write_all()  # what nobody took before
            if last:
                return
            self._hurry.wait(GATHER_SECONDS)  # the next ones come together

    def _write_all(self) -> None:
        """Writes what waits; at a failure the rest is tried when more comes."""
        is_file = stat.S_ISREG(os.fstat(self._descriptor).st_mode)
        while waiting := len(self._lines):
            if is_file:
                lines = [self._lines.popleft() for _ in range(min(waiting, _AT_ONCE))]
            else:
                lines = self._next(select.PIPE_BUF)
            lost, why = self._put(lines)
            if lost:
                self._leave_out(lost, why)
                return
        if self._left_out:
            with self._lock:
                count, self._left_out = self._left_out, 0
            those = "1 line of the log was" if count == 1 else f"{count} lines of the log were"
            text = f"{those} left out: {self._why}"
            lost, _ = self._put([self._told(text)])
            if lost:
                self._leave_out(count, self._why)

    def _next(self, most: int) -> list[str]:
        """The lines to be written at once: at least one, and no more than `most` octets if they are
        ASCII."""
        lines = [self._lines.popleft()]
        size = len(lines[0]) + 1
        while self._lines and size + len(self._lines[0]) < most:
            lines.append(self._lines.popleft())
            size += len(lines[-1]) + 1
        return lines

    def _put(self, lines: list[str]) -> tuple[int, str]:
        """How many of these could not be written whole, and why."""
        text = "\n".join(lines) + "\n"
        if self._torn:
            text = "\n" + text
        data = memoryview(text.encode("utf-8", "backslashreplace"))
        whole = len(data)
        while data:
            try:
                data = data[os.write(self._descriptor, data) :]
            except BlockingIOError:
                if self._reopening:
                    return self._lost(data, whole), "nobody read the file that the log went to"
                _wait_for(self._descriptor)
            except OSError as error:
                return self._lost(data, whole), error.strerror or "no reason was given"
        self._torn = False
        return 0, ""

    def _lost(self, left: memoryview, whole: int) -> int:
        """How many lines have not come to their ends, where so many octets were to be written."""
        self._torn = self._torn or len(left) < whole
        return bytes(left).count(b"\n")

    def _reopen(self) -> None:
        if self._path is None:
            return
        try:
            opened = open_log(self._path)
        except OSError as error:
            text = f"{self._path} cannot be reopened, the old file is kept: {error.strerror}"
            self._put([self._told(text)])
            return
        self._descriptor, old = opened, self._descriptor
        self._torn = False
        os.close(old)


def open_log(path: str) -> int:
    """Opens a file, or a device, to append to it. Raises OSError.

    Not waiting: opening a named pipe that nobody reads would not end.
    """
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK
    return os.open(path, flags, 0o640)


def _wait_for(descriptor: int) -> None:
    """Until the descriptor takes more, or it is time to look around."""
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    poll.poll(LOOK_SECONDS * 1000)


def _weakly(method: Callable[[], object]) -> Callable[[], object]:
    """A hook that stays registered, and keeps nothing alive."""
    found = WeakMethod(method)

    def call() -> object:
        alive = found()
        return None if alive is None else alive()

    return call
