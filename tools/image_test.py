"""Build the container image, run it, fetch a page through it, and see it end when told to.

Owns: proof that the Dockerfile works, without a container engine's daemon or an image registry:
the base is made by debootstrap (and kept for the next time), buildah builds and runs. The
package index that pip is set up for here is the one used in the build.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection, HTTPException, HTTPResponse
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).parent.parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "cors-anywhere-image"
BASE, IMAGE, CONTAINER = "cors-anywhere-base", "cors-anywhere", "cors-anywhere-test"
SUITE = "bookworm"
PACKAGES = "ca-certificates,python3,python3-venv,python3-pip"
PAGE = b"a page behind the proxy"


def main() -> None:
    os.environ.update(STORAGE_DRIVER="vfs", BUILDAH_ISOLATION="chroot")
    CACHE.mkdir(parents=True, exist_ok=True)
    make_base()
    build_image()
    try:
        buildah("from", "--name", CONTAINER, "--pull-never", IMAGE)
        test_image()
    finally:
        buildah("rm", CONTAINER, check=False)
        buildah("rmi", IMAGE, check=False)


def buildah(*arguments: str, check: bool = True) -> str:
    """Run buildah on a storage of our own, and return what it printed."""
    done = subprocess.run(command(*arguments), check=False, capture_output=True, text=True)
    if check and done.returncode:
        sys.exit(f"{done.stdout}\n{done.stderr}\nbuildah {arguments[0]}: {done.returncode}")
    return done.stdout


def command(*arguments: str) -> list[str]:
    storage = ["--root", str(CACHE / "storage"), "--runroot", str(CACHE / "run")]
    return ["buildah", *storage, *arguments]


def step(text: str) -> None:
    print(f"image-test: {text}", flush=True)


# --- building --------------------------------------------------------------------------------


def make_base() -> None:
    """A minimal Debian with its own Python; DEBIAN_MIRROR overrides debootstrap's mirror."""
    if buildah("images", "--quiet", "--filter", f"reference={BASE}").strip():
        return
    step(f"base image from debootstrap {SUITE}")
    with tempfile.TemporaryDirectory(dir=CACHE) as directory:
        root = Path(directory) / "rootfs"
        mirror = os.environ.get("DEBIAN_MIRROR", "").split()
        subprocess.run(
            [
                "debootstrap",
                "--variant=minbase",
                f"--include={PACKAGES}",
                SUITE,
                str(root),
                *mirror,
            ],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        (Path(directory) / "Dockerfile").write_text("FROM scratch\nCOPY rootfs /\n")
        buildah("build", "--tag", BASE, directory)


def build_image() -> None:
    step("image")
    with pip_settings() as volumes:
        # The format that knows HEALTHCHECK.
        options = ["--format", "docker", "--tag", IMAGE, "--pull-never", *volumes]
        base = f"BASE_IMAGE=localhost/{BASE}"
        buildah("build", *options, "--build-arg", base, str(SOURCE))


@contextmanager
def pip_settings() -> Iterator[list[str]]:
    """Volume options that give the build this environment's pip settings.

    They are merged into one file, and the files and directories that they name are mounted where
    they are named.
    """
    listing = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], check=True, capture_output=True, text=True
    ).stdout
    settings = dict(pip_setting(line) for line in listing.splitlines() if "=" in line)
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as config:
        config.write("[global]\n" + "".join(f"{k} = {v}\n" for k, v in settings.items()))
        config.flush()
        Path(config.name).chmod(0o644)
        mounts = {config.name: "/etc/pip.conf"}
        for word in " ".join(settings.values()).split():
            path = local_path(word)
            if path is not None:
                mounts[str(path)] = str(path)
        yield [
            word
            for source, place in mounts.items()
            for word in ("--volume", f"{source}:{place}:ro")
        ]


def pip_setting(line: str) -> tuple[str, str]:
    """ "global.index-url='…'" or ":env:.index-url='…'" -> name and value."""
    name, _, value = line.partition("=")
    return name.rpartition(".")[2], " ".join(shlex.split(value))


def local_path(word: str) -> Path | None:
    path = Path(re.sub("^file://", "", word))
    while path.is_absolute() and path != Path("/"):
        if path.exists():
            # An index's page may link to files beside its own directory.
            return path.parent if word.startswith("file:") else path
        path = path.parent
    return None


# --- running ---------------------------------------------------------------------------------


def test_image() -> None:
    config = json.loads(buildah("inspect", "--type", "image", IMAGE))["Docker"]["config"]
    require(re.fullmatch(r"[1-9]\d*(:\d+)?", config["User"]), f"user is {config['User']!r}")
    told = buildah("run", CONTAINER, "--", "cors-anywhere", "--version")
    require("(compiled)" in told, f"the image says of itself: {told}")
    left = buildah("run", CONTAINER, "--", "sh", "-c", "command -v gcc cc mypy || true")
    require(not left, f"the image still has {left}")
    with target() as target_port, container(config) as (process, port):
        wait_until(lambda: get(port, "/iscorsneeded").status == 200, process)
        step("listening; fetching a page")
        reply = get(port, f"/http://127.0.0.1:{target_port}/page")
        require(reply.status == 200 and reply.read() == PAGE, f"reply {reply.status}")
        require(reply.headers["access-control-allow-origin"] == "*", "no CORS header")
        step("health check")
        run_health_check(config, port)
        step("SIGTERM")
        started = time.monotonic()
        os.kill(inner_pid(process.pid), signal.SIGTERM)
        status = process.wait(10)
        took = time.monotonic() - started
        require(status == 0, f"exit status {status} after SIGTERM")
        require(took < 5, f"{took:.1f} s from SIGTERM to the end")
    step(f"passed; ended {took:.2f} s after SIGTERM")


def require(fact: object, otherwise: str) -> None:
    if not fact:
        sys.exit(f"image-test: FAILED: {otherwise}")


@contextmanager
def container(config: dict[str, Any]) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """The image's own command, running. Under chroot isolation it shares the host's network."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    entry = [*config["Entrypoint"], *(config["Cmd"] or [])]
    environ = ["--env", f"PORT={port}", "--env", "CORSANYWHERE_ALLOW_NETWORK=127.0.0.0/8"]
    process = subprocess.Popen(command("run", *environ, CONTAINER, "--", *entry))
    try:
        yield process, port
    finally:
        if process.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(inner_pid(process.pid), signal.SIGKILL)
            process.wait(10)


def inner_pid(pid: int) -> int:
    """The container's own process: the last of the chain that buildah started."""
    while children := children_of(pid):
        pid = children[0]
    return pid


def children_of(pid: int) -> list[int]:
    """They are listed per thread: buildah has many, and any of them may have forked."""
    lists = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for path in lists for child in path.read_text().split()]


def run_health_check(config: dict[str, Any], port: int) -> None:
    kind, *check = config["Healthcheck"]["Test"]
    require(kind == "CMD", f"health check is {kind}")
    buildah("run", "--env", f"PORT={port}", CONTAINER, "--", *check)
    closed = command("run", "--env", "PORT=1", CONTAINER, "--", *check)
    status = subprocess.run(closed, check=False, stderr=subprocess.DEVNULL).returncode
    require(status != 0, "the health check passes where nothing listens")


def get(port: int, path: str) -> HTTPResponse:
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", path, headers={"Origin": "https://app.example"})
    return connection.getresponse()


def wait_until(condition: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        require(process.poll() is None, f"the container ended with {process.returncode}")
        with suppress(OSError, HTTPException):
            if condition():
                return
        time.sleep(0.1)
    require(False, "the container does not answer")


class Page(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(PAGE)))
        self.end_headers()
        self.wfile.write(PAGE)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing to say."""


@contextmanager
def target() -> Iterator[int]:
    """A server of one page on loopback; yields its port."""
    with HTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


if __name__ == "__main__":
    main()
