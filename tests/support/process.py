"""The command as a process of its own, and what it costs.

Owns: starting and ending it, and reading its figures. Must not know: what it is asked.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

from tests.support.loops import CHOSEN

MIB = 2**20


class Command:
    """A running `cors-anywhere`."""

    def __init__(self, process: subprocess.Popen[str], port: int) -> None:
        self.process = process
        self.port = port

    def resident(self, figure: str = "VmRSS") -> int:
        """Its resident memory in octets; "VmHWM" is the most there ever was."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(rf"{figure}:\s+(\d+) kB", status)
        assert found is not None
        return int(found[1]) * 1024

    def descriptors(self) -> int:
        """How many it has open."""
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def workers(self) -> list[int]:
        """The process ids of its children."""
        pid = self.process.pid
        return [int(child) for child in _words(f"/proc/{pid}/task/{pid}/children")]

    def cpu(self) -> float:
        """Seconds of processor time that it has used."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def free_ports(count: int) -> list[int]:
    """Ports of loopback that nobody listens on, for a command that has to be told its own."""
    with ExitStack() as stack:
        found = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [sock.getsockname()[1] for sock in found]


def sockets_of(pid: int) -> int:
    """How many sockets a process has open; 0 for one that has gone."""
    try:
        files = [os.readlink(link) for link in Path(f"/proc/{pid}/fd").iterdir()]
    except OSError:
        return 0
    return sum(name.startswith("socket:") for name in files)


def _words(path: str) -> list[str]:
    try:
        return Path(path).read_text().split()
    except OSError:
        return []


@contextmanager
def started(
    *options: str,
    variables: Mapping[str, str] = {},
    descriptors: int | None = None,
    log: IO[str] | None = None,
) -> Iterator[Command]:
    """The command on a free port, with its defaults but for the options and the variables, whatever
    this machine's environment says. `descriptors` limits those it may have open; `log` takes its
    log."""
    limit = ("sh", "-c", f'ulimit -n {descriptors}; exec "$@"', "sh") if descriptors else ()
    others = {name: value for name, value in os.environ.items() if not _is_ours(name)}
    process = subprocess.Popen(
        [*limit, sys.executable, "-m", "cors_anywhere", *options],
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
        env={"PORT": "0", **CHOSEN, **others, **variables},
    )
    with process:
        try:
            assert process.stdout is not None
            said = process.stdout.readline()
            found = re.search(r":(\d+)", said)
            assert found is not None, said
            yield Command(process, int(found[1]))
        finally:
            _end(process)


def command(*options: str, **how: Any) -> AbstractContextManager[Command]:
    """The command with loopback targets allowed, and no header required unless the options name
    one."""
    required = () if "--require-header" in options else ("--no-require-header",)
    return started("--allow-network", "127.0.0.0/8", *required, *options, **how)


def _end(process: subprocess.Popen[str]) -> None:
    """Ends it, by force where a client or a target still holds it."""
    process.terminate()
    try:
        process.wait(0.5)
    except subprocess.TimeoutExpired:
        process.kill()


def _is_ours(name: str) -> bool:
    return name in ("HOST", "PORT") or name.startswith("CORSANYWHERE_") or "_proxy" in name.lower()
