"""The proxies that are compared, and the target they fetch from: how each is made and started.

Owns: command lines and their configuration. Must not know: how anything is measured.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "cors-anywhere-bench"
NPM_VERSION = "0.4.4"
SIZES = {"1 KiB": 1024, "64 KiB": 65536}


class Bench(NamedTuple):
    """Where the servers of one run keep their files, and on which cores they run."""

    directory: Path
    proxy_core: int
    other_core: int  # the target's and the load generator's


class Target(NamedTuple):
    http: int  # ports
    https: int
    process: subprocess.Popen[bytes]


class Peer(NamedTuple):
    """A running proxy."""

    name: str
    port: int
    process: subprocess.Popen[bytes]


def free_port() -> int:
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


def spawn(
    bench: Bench, name: str, core: int, command: list[str], **environ: str
) -> subprocess.Popen[bytes]:
    """Start a server bound to one core; what it prints goes to a file named after it."""
    with (bench.directory / f"{name}.log").open("wb") as log:
        return subprocess.Popen(
            ["taskset", "--cpu-list", str(core), *command],
            cwd=bench.directory,
            env={**without_proxies(os.environ), **environ},
            stdout=log,
            stderr=log,
        )


def without_proxies(environ: os._Environ[str]) -> dict[str, str]:
    """The environment without the variables that would send the requests through another proxy."""
    return {key: value for key, value in environ.items() if not key.lower().endswith("_proxy")}


def wait_for(bench: Bench, name: str, process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as sock:
            if sock.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    process.kill()
    sys.exit(f"{name} does not listen:\n{(bench.directory / f'{name}.log').read_text()}")


# --- the target ------------------------------------------------------------------------------


def start_target(bench: Bench) -> Target:
    files = bench.directory / "files"
    files.mkdir()
    for size in SIZES.values():
        (files / str(size)).write_bytes(os.urandom(size))
    make_certificate(bench.directory)
    http, https = free_port(), free_port()
    config = fill("target.conf", bench.directory, HTTP=http, HTTPS=https)
    process = spawn(bench, "target", bench.other_core, nginx(bench, config))
    wait_for(bench, "target", process, https)
    return Target(http, https, process)


def make_certificate(directory: Path) -> None:
    """A self-signed certificate for the loopback address, and its key."""
    command = (
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
        " -keyout key.pem -out cert.pem -subj /CN=benchmark"
        " -addext subjectAltName=IP:127.0.0.1 -addext keyUsage=digitalSignature,keyCertSign"
    )
    subprocess.run(command.split(), cwd=directory, check=True, capture_output=True)


def fill(template: str, directory: Path, **values: int) -> Path:
    text = (HERE / template).read_text()
    for key, value in values.items():
        text = text.replace(f"@{key}@", str(value))
    path = directory / template
    path.write_text(text)
    return path


def nginx(bench: Bench, config: Path) -> list[str]:
    return [find("nginx"), "-p", str(bench.directory), "-e", "stderr", "-c", str(config)]


# --- the proxies -----------------------------------------------------------------------------


def start_ours(bench: Bench, port: int) -> subprocess.Popen[bytes]:
    """The command with its default policy; only the benchmark's own target is allowed on top."""
    options = ["--host", "127.0.0.1", "--port", str(port), "--ca-file", "cert.pem"]
    options += ["--allow-network", "127.0.0.0/8"]
    command = [sys.executable, "-m", "cors_anywhere", *options]
    return spawn(bench, "ours", bench.proxy_core, command, PYTHONPATH=str(HERE.parent))


def start_npm(bench: Bench, port: int) -> subprocess.Popen[bytes]:
    """The Node.js package's own server.js."""
    package = CACHE / "node_modules" / "cors-anywhere"
    if not package.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        install = ["npm", "install", "--prefix", str(CACHE), f"cors-anywhere@{NPM_VERSION}"]
        subprocess.run(install, check=True, stdout=sys.stderr)
    return spawn(
        bench,
        "npm",
        bench.proxy_core,
        [find("node"), str(package / "server.js")],
        HOST="127.0.0.1",
        PORT=str(port),
        # It asks for verification whatever NODE_TLS_REJECT_UNAUTHORIZED says.
        NODE_EXTRA_CA_CERTS="cert.pem",
    )


def start_nginx(bench: Bench, port: int) -> subprocess.Popen[bytes]:
    config = fill("proxy.conf", bench.directory, PORT=port)
    return spawn(bench, "nginx", bench.proxy_core, nginx(bench, config))


def start_go(bench: Bench, port: int) -> subprocess.Popen[bytes]:
    program = bench.directory / "reverseproxy"
    source = HERE / "reverseproxy.go"
    subprocess.run(["go", "build", "-o", str(program), str(source)], check=True)
    return spawn(bench, "go", bench.proxy_core, [str(program), f"127.0.0.1:{port}"])


PROXIES: dict[str, Callable[[Bench, int], subprocess.Popen[bytes]]] = {
    "ours": start_ours,
    "npm": start_npm,
    "nginx": start_nginx,
    "go": start_go,
}


def start_proxy(bench: Bench, name: str) -> Peer:
    port = free_port()
    process = PROXIES[name](bench, port)
    wait_for(bench, name, process, port)
    return Peer(name, port, process)
