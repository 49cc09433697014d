"""A network namespace in which every address is this machine's own, and the name server is ours.

Owns: how a script is run in one: loopback up, all of IPv4 and IPv6 routed to it, resolv.conf naming
127.0.0.1. Must not know: what the script does. The script prints JSON; the caller asserts on it.

As a module (``python -m tests.support.netns MODULE ARGS``) it is the half that runs inside.
"""

from __future__ import annotations

import functools
import json
import os
import runpy
import subprocess
import sys
import tempfile
from typing import Any

from tests.support.needs import needs

_SETUP = (
    "ip link set lo up",
    "ip route add local default dev lo",
    "ip -6 route add local default dev lo",
)


def run(module: str, *arguments: str, timeout: float) -> Any:
    """The JSON that `module`, run in a new namespace, prints last. `timeout` is in seconds."""
    done = subprocess.run(
        [*_unshare(), sys.executable, "-m", "tests.support.netns", module, *arguments],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def require() -> None:
    """Ends the test where no namespace can be made."""
    needs(not unavailable(), f"network namespace: {unavailable()}")


@functools.cache
def unavailable() -> str:
    """Why no namespace can be made here; empty when one can."""
    try:
        done = subprocess.run(
            [*_unshare(), sys.executable, "-m", "tests.support.netns"],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    except OSError as error:
        return str(error)
    return (
        "" if done.returncode == 0 else (done.stderr.strip() or "unshare failed").splitlines()[-1]
    )


def _unshare() -> list[str]:
    # Who is not root becomes root of a user namespace first. The namespace of processes sees to it
    # that none of them outlives a test that was given up.
    root = [] if os.getuid() == 0 else ["--map-root-user"]
    return ["unshare", *root, "--net", "--mount", "--pid", "--fork", "--kill-child", "--"]


def _enter() -> None:
    for line in _SETUP:
        subprocess.run(line.split(), check=True)
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as file:
        file.write("nameserver 127.0.0.1\n")
        file.flush()
        os.chmod(file.name, 0o644)
        # The mount keeps the file's content when its name goes.
        subprocess.run(["mount", "--bind", file.name, "/etc/resolv.conf"], check=True)


if __name__ == "__main__":
    _enter()
    if sys.argv[1:]:
        sys.argv = sys.argv[1:]
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
