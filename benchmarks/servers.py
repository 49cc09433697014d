"""The servers of one run: how any of them is started and ended, and the target that all fetch from.

Owns: processes, ports, certificates and filled-in configuration. Must not know: which proxies are
compared, or how anything is measured.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Literal, NamedTuple

HERE = Path(__file__).parent
SIZES = {"1 KiB": 1024, "64 KiB": 65536, "100 MiB": 100 << 20}
"""Octets of the files that the target has; each is named by its number."""

Scheme = Literal["http", "https"]


class Target(NamedTuple):
    """Where the target listens."""

    http: int
    https: int


class Bench(NamedTuple):
    """Where the servers of one run keep their files, on which cores they run, and their target."""

    directory: Path
    proxy_core: int
    other_core: int  # the target's and the load generator's
    target: Target

    def url(self, scheme: Scheme, size: str = "1 KiB") -> str:
        """The target's file of that size."""
        port = self.target.https if scheme == "https" else self.target.http
        return f"{scheme}://127.0.0.1:{port}/{SIZES[size]}"


class Command(NamedTuple):
    """What is started, and the variables that it gets besides."""

    words: list[str]
    environ: dict[str, str] = {}  # noqa: RUF012 - never changed


def free_port() -> int:
    """A port that nobody has at the moment."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def find(command: str) -> str:
    """The path of a command, also of those that Debian keeps out of a user's PATH."""
    path = shutil.which(command, path=os.environ["PATH"] + ":/usr/sbin:/sbin")
    if path is None:
        sys.exit(f"{command} is not installed")
    return path


def spawn(directory: Path, name: str, core: int, command: Command) -> subprocess.Popen[bytes]:
    """Starts a server bound to one core; what it prints goes to a file named after it."""
    with (directory / f"{name}.log").open("wb") as log:
        return subprocess.Popen(
            ["taskset", "--cpu-list", str(core), *command.words],
            cwd=directory,
            env={**_without_proxies(os.environ), **command.environ},
            stdout=log,
            stderr=log,
        )


def _without_proxies(environ: os._Environ[str]) -> dict[str, str]:
    """The environment without the variables that would send the requests through another proxy."""
    return {key: value for key, value in environ.items() if not key.lower().endswith("_proxy")}


def wait_for(
    directory: Path, name: str, process: subprocess.Popen[bytes], port: int, patience: float = 15
) -> None:
    """Returns once the port is listened on; ends the run with the server's words if it never is."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as sock:
            if sock.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.002)
    stop(process)
    sys.exit(f"{name} does not listen:\n{(directory / f'{name}.log').read_text()}")


def stop(process: subprocess.Popen[bytes]) -> None:
    """Ends a server; by force if it does not within 5 s."""
    process.terminate()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def fill(template: str, directory: Path, **values: object) -> Path:
    """A copy of a configuration file in which each @NAME@ has its value."""
    text = (HERE / template).read_text()
    for key, value in values.items():
        text = text.replace(f"@{key}@", str(value))
    path = directory / template
    path.write_text(text)
    return path


def nginx(directory: Path, config: Path) -> Command:
    """nginx with that configuration."""
    return Command([find("nginx"), "-p", str(directory), "-e", "stderr", "-c", str(config)])


# --- the target ------------------------------------------------------------------------------


def start_target(directory: Path, core: int) -> tuple[Target, subprocess.Popen[bytes]]:
    """nginx with the files of `SIZES`, over HTTP and HTTPS; its certificate is cert.pem."""
    files = directory / "files"
    files.mkdir()
    for size in SIZES.values():
        (files / str(size)).write_bytes(os.urandom(size))
    _make_certificate(directory)
    target = Target(free_port(), free_port())
    config = fill("target.conf", directory, HTTP=target.http, HTTPS=target.https)
    process = spawn(directory, "target", core, nginx(directory, config))
    wait_for(directory, "target", process, target.https)
    return target, process


def _make_certificate(directory: Path) -> None:
    """A self-signed certificate for the loopback address, its key, and both in one file."""
    command = (
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
        " -keyout key.pem -out cert.pem -subj /CN=benchmark"
        " -addext subjectAltName=IP:127.0.0.1 -addext keyUsage=digitalSignature,keyCertSign"
    )
    subprocess.run(command.split(), cwd=directory, check=True, capture_output=True)
    both = [(directory / name).read_text() for name in ("cert.pem", "key.pem")]
    (directory / "both.pem").write_text("".join(both))
