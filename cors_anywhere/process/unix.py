"""Listening on a Unix socket: a file that outlives the process which made it.

Owns: when an old file gives way, who may connect, and that the file goes with its process. Must not
know: who is accepted.
"""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from time import monotonic, sleep

PROBE_SECONDS = 1.0
"""For a listener to take a connection; a full queue is a listener's, too."""


def bind_unix(path: str, mode: int) -> socket.socket:
    """Takes the path, also where a socket is left that nobody listens on. Raises OSError, with the
    path as its `filename` and a sentence about it as its `strerror`. It listens, so that nobody
    takes the path for one that is left; nobody is accepted yet."""
    sock = socket.socket(socket.AF_UNIX)
    try:
        with _alone_in(os.path.dirname(path) or "."):
            _clear(path)
            with _umask(0o777 & ~mode):
                sock.bind(path)
            sock.listen()
    except OSError as error:
        sock.close()
        if error.filename is not None:
            raise
        reason = error.strerror or str(error)
        raise OSError(error.errno, f"cannot be listened on ({reason})", path) from error
    return sock


def _clear(path: str) -> None:
    """Removes a stale socket."""
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(found.st_mode):
        raise OSError(errno.EEXIST, "is there and no socket: choose another path", path)
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(PROBE_SECONDS)
        try:
            probe.connect(path)
        except (ConnectionRefusedError, FileNotFoundError):
            with suppress(FileNotFoundError):
                os.unlink(path)
            return
        except (TimeoutError, BlockingIOError):  # as many wait there as may
            pass
    raise OSError(
        errno.EADDRINUSE,
        "is in use: stop the program that listens there, or choose another path",
        path,
    )


@contextmanager
def _alone_in(directory: str) -> Iterator[None]:
    """Of those who start at once, one after the other looks at a path and takes it. Whoever holds
    the directory for long is not waited for, nor is a directory that cannot be held."""
    try:
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        yield  # what is wrong is told by the bind
        return
    try:
        end = monotonic() + PROBE_SECONDS
        while not _held(descriptor) and monotonic() < end:
            sleep(0.01)
        yield
    finally:
        os.close(descriptor)


def _held(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


@contextmanager
def _umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


Names = Sequence[tuple[str, tuple[int, int, int]]]
"""Paths, and for each the device, number and time of its file: a number is soon used again."""


def names_of(sockets: Sequence[socket.socket]) -> Names:
    """The files of those that have one."""
    paths = [sock.getsockname() for sock in sockets if sock.family == socket.AF_UNIX]
    return [(path, identity) for path in paths if (identity := _identity(path)) is not None]


def remove(names: Names) -> None:
    """Removes the files, where they are still the same: another process may have come."""
    for path, identity in names:
        if _identity(path) == identity:
            with suppress(OSError):
                os.unlink(path)


def _identity(path: str) -> tuple[int, int, int] | None:
    try:
        found = os.lstat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_mtime_ns
