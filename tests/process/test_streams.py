"""The standard streams of the real command, closed or not to be written."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.process import free_ports
from tests.support.waiting import eventually, has

SHELL = "exec {python} -m cors_anywhere --port {port} --access-log text --log-file {log} {streams}"


def ended(port: int, log: Path, says: str, streams: str, *options: str) -> int:
    """The exit status of a command whose log says this, and that was told to stop then."""
    words = SHELL.format(python=sys.executable, port=port, log=log, streams=streams)
    process = subprocess.Popen(["/bin/sh", "-c", f"{words} {' '.join(options)}"])
    try:
        assert eventually(has(log, says)), "it does not serve"
        socket.create_connection(("127.0.0.1", port), 60).close()
        for number in (0, 1, 2):
            assert not os.readlink(f"/proc/{process.pid}/fd/{number}").startswith("socket:")
        process.send_signal(signal.SIGTERM)
        return process.wait(60)
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("streams", ["0<&- 1>&- 2>&-", ">&-", "2>&-", ">/dev/full"])
@pytest.mark.parametrize("options", [(), ("--workers", "2")], ids=["alone", "workers"])
def test_the_command_serves_whatever_its_streams_are(
    tmp_path: Path, streams: str, options: tuple[str, ...]
) -> None:
    """No connection gets the number of a stream: it would be sent what is said there."""
    (port,) = free_ports(1)
    log = tmp_path / "log"
    says = "cannot be written" if streams == ">/dev/full" else "At most"
    assert ended(port, log, says, streams, *options) == 0
