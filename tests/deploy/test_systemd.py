"""deploy/systemd: systemd takes the units, and they shut in what they promise to."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest

from cors_anywhere import Settings
from tests.support import PATIENCE
from tests.support.fronts import Front
from tests.support.needs import needs
from tests.support.rows import ROWS, Row, refusing, samples

UNITS = Path(__file__).parents[2] / "deploy" / "systemd"
SERVICE, SOCKET = UNITS / "cors-anywhere.service", UNITS / "cors-anywhere.socket"
PROGRAM = "/opt/cors-anywhere/bin/cors-anywhere"
HERE = str(Path(sys.executable).parent / "cors-anywhere")
MOST_EXPOSED = 15
"""In tenths of what `systemd-analyze security` counts; who may connect at all has some."""


def values(unit: Path, name: str) -> list[str]:
    """What a unit says of a setting, in order."""
    return re.findall(rf"^{name}=(.*)$", unit.read_text("utf-8"), re.MULTILINE)


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A directory with the units, for the command of these tests."""
    needs(shutil.which("systemd-analyze"), "systemd-analyze")
    for unit in (SERVICE, SOCKET):
        text = unit.read_text("utf-8")
        (tmp_path / unit.name).write_text(text.replace(PROGRAM, HERE), "utf-8")
    return tmp_path


def analyse(*arguments: str) -> str:
    done = subprocess.run(
        ["systemd-analyze", *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_systemd_takes_the_units_without_a_remark(installed: Path) -> None:
    units = (installed / unit.name for unit in (SERVICE, SOCKET))
    assert analyse("verify", "--man=no", *map(str, units)) == ""


def test_the_service_is_as_shut_in_as_one_can_be_that_connects(installed: Path) -> None:
    where = str(installed / SERVICE.name)
    analyse("security", "--offline=true", f"--threshold={MOST_EXPOSED}", where)


# The two of ISATAP are told by the lower half of an address, which no network can say.
NETWORKS = [row for row in ROWS if "5efe" not in row.cidr]


@pytest.mark.parametrize("row", NETWORKS, ids=lambda row: row.cidr)
def test_the_service_connects_where_the_proxy_would(row: Row) -> None:
    denied = [ip_network(net) for net in " ".join(values(SERVICE, "IPAddressDeny")).split()]
    found = {
        address: any(ip_address(address) in network for network in denied)
        for address in samples(row)
    }
    assert found == {address: refusing(address) is not None for address in samples(row)}


def test_a_stop_waits_longer_than_the_proxy_drains() -> None:
    (seconds,) = values(SERVICE, "TimeoutStopSec")
    assert int(seconds.removesuffix("s")) > Settings().drain_timeout


# --- run as the units say -------------------------------------------------------------------------


@contextmanager
def activated(port: int) -> Iterator[None]:
    """What the service runs, started by the first connection to the socket's address."""
    program = shutil.which("systemd-socket-activate")
    needs(program, "systemd-socket-activate")
    (line,) = values(SERVICE, "ExecStart")
    words = line.replace(PROGRAM, HERE).split()
    with subprocess.Popen(
        [program or "", "--listen", f"127.0.0.1:{port}", *words], stderr=subprocess.PIPE
    ) as process:
        try:
            assert process.stderr is not None
            assert b"Listening on" in process.stderr.readline()
            yield
        finally:
            process.terminate()
            process.wait(PATIENCE)
    assert process.returncode == 0


def test_the_proxy_serves_on_the_socket_that_systemd_keeps() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with activated(port):
        assert Front("command", port).page("iscorsneeded").status == 200
