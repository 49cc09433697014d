"""One proxy in one scene: what it costs and what its clients see.

Owns: the load, and reading processor time and memory of a process with its children. Must not know:
how often a scene is played, or how the figures are shown.
"""

from __future__ import annotations

import os
import re
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection, HTTPSConnection
from pathlib import Path

from peers import Running, path, start
from scenes import STATUSES, Scene
from servers import HERE, SIZES, Bench, stop

Figures = dict[str, float]
"""By name: `cpu` (µs per request), `rate` (requests per second), `p50` and `p99` (ms), `peak`
(MiB), `errors`, `client` (KiB per idle client), `first` (ms to the first reply)."""

TICKS = os.sysconf("SC_CLK_TCK")
BATCH = 50
"""Idle clients that ask at the same time."""


def check(bench: Bench, running: Running, scene: Scene) -> None:
    """See that a proxy does what is asked before it is timed; a failure would be fast."""
    status, got = _ask(bench, running, scene)
    whole = scene.ask != "get" or got == SIZES[scene.size]
    if status not in STATUSES[scene.ask] or not whole:
        sys.exit(f"{running.name}: {scene.title}: {status} with {got} octets")


def _ask(bench: Bench, running: Running, scene: Scene) -> tuple[int, int]:
    """The status of one request, and its octets."""
    headers = {} if scene.ask == "refuse" else {"Origin": "https://app.example"}
    if scene.ask == "preflight":
        headers["Access-Control-Request-Method"] = "PUT"
    if scene.front == "https":
        trusting = ssl.create_default_context(cafile=str(bench.directory / "cert.pem"))
        connection: HTTPConnection = HTTPSConnection(
            "127.0.0.1", running.port, timeout=20, context=trusting
        )
    else:
        connection = HTTPConnection("127.0.0.1", running.port, timeout=20)
    method = "OPTIONS" if scene.ask == "preflight" else "GET"
    connection.request(method, path(bench, running, scene.size), headers=headers)
    reply = connection.getresponse()
    got = 0
    while read := reply.read(1 << 16):
        got += len(read)
    connection.close()
    return reply.status, got


# --- under load ------------------------------------------------------------------------------


def load(bench: Bench, running: Running, scene: Scene, seconds: int) -> Figures:
    """wrk's clients ask for some seconds."""
    pid = running.process.pid
    _forget_peak(pid)
    before = _cpu(pid)
    requests, duration, p50, p99, errors, refused, octets = _wrk(bench, running, scene, seconds)
    used = _cpu(pid) - before
    # What the end cuts off has been paid too, and counts where it is much.
    done = octets / SIZES[scene.size] if scene.size == "100 MiB" else requests
    errors += not done
    # wrk counts each status from 400 on as an error.
    errors += abs(requests - refused) if scene.ask == "refuse" else refused
    return {
        "cpu": used / max(done, 1) * 1e6,
        "rate": done / duration * 1e6,
        "p50": p50 / 1000,
        "p99": p99 / 1000,
        "peak": _peak(pid),
        "errors": errors,
    }


def _wrk(bench: Bench, running: Running, scene: Scene, seconds: int) -> list[int]:
    """Requests, and in microseconds duration, median and 99th percentile; then what failed, what
    had a status from 400 on, and octets."""
    url = f"{scene.front}://127.0.0.1:{running.port}{path(bench, running, scene.size)}"
    command = ["taskset", "--cpu-list", str(bench.other_core), "wrk", "--threads", "1"]
    command += ["--connections", str(scene.clients), "--duration", str(seconds), "--timeout", "20"]
    command += ["--script", str(HERE / "load.lua"), url, "--", scene.ask]
    command += ["closes"] if scene.closes else []
    done = subprocess.run(
        command, check=True, stdout=subprocess.PIPE, text=True, timeout=seconds + 60
    )
    line = next(line for line in done.stdout.splitlines() if line.startswith("RESULT "))
    return [int(word) for word in line.split()[1:]]


# --- idle, and at the start ------------------------------------------------------------------


def idle(bench: Bench, scene: Scene, name: str) -> Figures:
    """Clients of a fresh proxy ask once each and stay; what each takes is resident memory."""
    with _fresh(bench, scene, name) as running, ExitStack() as clients:
        with ExitStack() as first:
            _batch(bench, running, first)
        time.sleep(0.5)
        before = _resident(running.process.pid)
        held: list[socket.socket] = []
        while len(held) < scene.clients:
            held += _batch(bench, running, clients)
        time.sleep(0.5)
        used = _resident(running.process.pid) - before
        gone = sum(not _is_open(client) for client in held)
        return {
            "client": used / len(held),
            "peak": _peak(running.process.pid),
            "errors": gone,
        }


def _batch(bench: Bench, running: Running, held: ExitStack) -> list[socket.socket]:
    """Clients that have had their reply."""
    head = f"GET {path(bench, running, '1 KiB')} HTTP/1.1\r\nHost: 127.0.0.1:{running.port}\r\n"
    request = (head + "Connection: keep-alive\r\nOrigin: https://app.example\r\n\r\n").encode()
    place = ("127.0.0.1", running.port)
    clients = [held.enter_context(socket.create_connection(place, 20)) for _ in range(BATCH)]
    for client in clients:
        client.sendall(request)
    for client in clients:
        _read_reply(client)
    return clients


def _read_reply(client: socket.socket) -> None:
    """Reads a reply of 1 KiB, with its length or in one chunk."""
    got = b""
    while len(got.partition(b"\r\n\r\n")[2]) < 1024:
        read = client.recv(1 << 16)
        if not read:
            sys.exit(f"An idle client was sent away: {got[:200]!r}")
        got += read


def _is_open(client: socket.socket) -> bool:
    """Whether nothing but the end of a chunked reply has come since, and the peer is there."""
    client.setblocking(False)
    try:
        return bool(client.recv(64))
    except BlockingIOError:
        return True
    except OSError:
        return False


def first_reply(bench: Bench, scene: Scene, name: str) -> Figures:
    """From the start of the command to the last octet of its first reply."""
    began = time.perf_counter()
    with _fresh(bench, scene, name) as running:
        status, got = _ask(bench, running, scene)
        took = time.perf_counter() - began
        pid = running.process.pid
        failed = (status, got) != (200, SIZES[scene.size])
        return {
            "first": took * 1000,
            "cpu": _cpu(pid) * 1e6,
            "peak": _peak(pid),
            "errors": int(failed),
        }


@contextmanager
def _fresh(bench: Bench, scene: Scene, name: str) -> Iterator[Running]:
    running = start(bench, name, scene.way)
    try:
        yield running
    finally:
        stop(running.process)


# --- a process and its children ----------------------------------------------------------------


def _over_all(pid: int, figure: Callable[[int], float]) -> float:
    lists = Path(f"/proc/{pid}/task").glob("*/children")
    children = [int(child) for path in lists for child in path.read_text().split()]
    return figure(pid) + sum(_over_all(child, figure) for child in children)


def _cpu(pid: int) -> float:
    """Seconds of user and system time of all threads and children, also ended ones."""

    def of(pid: int) -> float:
        stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return sum(map(int, stat[11:15])) / TICKS

    return _over_all(pid, of)


def _resident(pid: int) -> float:
    """KiB of resident memory."""
    return _over_all(pid, lambda pid: _status(pid, "VmRSS"))


def _peak(pid: int) -> float:
    """MiB of resident memory, at most, since `_forget_peak`."""
    return _over_all(pid, lambda pid: _status(pid, "VmHWM")) / 1024


def _forget_peak(pid: int) -> None:
    def forget(pid: int) -> float:
        Path(f"/proc/{pid}/clear_refs").write_text("5")
        return 0

    _over_all(pid, forget)


def _status(pid: int, field: str) -> float:
    found = re.search(rf"^{field}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.M)
    return float(found[1]) if found else 0.0
