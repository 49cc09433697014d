"""The proxies that are compared: how each is installed, configured and started.

Owns: command lines, configuration, and what is said of each in the report. Must not know: how
anything is measured.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from servers import HERE, Bench, Command, Scheme, fill, find, free_port, nginx, spawn, wait_for

from cors_anywhere.form import COMPILED, PLAIN

CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "cors-anywhere-bench"
ROOT = HERE.parent
COMPILED_PYTHON = ROOT / ".venv-compiled" / "bin" / "python"
NPM = {"cors-anywhere": "0.4.4", "local-cors-proxy": "1.1.0"}
SHARE = 8192
"""Connections that one client may hold here: all load comes from one address."""


class Way(NamedTuple):
    """What the clients speak with a proxy, and what it speaks with the target."""

    front: Scheme
    target: Scheme


class Running(NamedTuple):
    """A proxy that listens."""

    name: str
    port: int
    process: subprocess.Popen[bytes]
    way: Way


class Peer(NamedTuple):
    """One of those that are compared."""

    title: str
    command: Callable[[Bench, Way, int], Command]
    tool: tuple[str, ...]  # a command that prints the version
    note: str
    can: frozenset[str] = frozenset({"get", "idle"})  # what scenes ask, and to keep clients
    fronts: tuple[Scheme, ...] = ("http", "https")


def start(bench: Bench, name: str, way: Way) -> Running:
    """Starts a proxy and waits until it listens. A form of ours that was not asked for is fatal."""
    port = free_port()
    process = spawn(bench.directory, name, bench.proxy_core, PEERS[name].command(bench, way, port))
    wait_for(bench.directory, name, process, port)
    if name in FORMS:
        assert_form(name, process)
    return Running(name, port, process, way)


def path(bench: Bench, running: Running, size: str) -> str:
    """What a client asks a proxy for, to get the target's file of that size."""
    url = bench.url(running.way.target, size)
    return "/proxy/" + url.rpartition("/")[2] if running.name == "lcp" else "/" + url


# --- this proxy ------------------------------------------------------------------------------

FORMS = {"uvloop": COMPILED, "compiled": COMPILED, "plain": PLAIN}


def _ours(bench: Bench, way: Way, port: int, python: str, **environ: str) -> Command:
    """The command with its default policy; only the benchmark's own target is allowed on top."""
    options = ["--host", "127.0.0.1", "--port", str(port), "--ca-file", "cert.pem"]
    options += ["--allow-network", "127.0.0.0/8", "--max-connections-per-client", str(SHARE)]
    if way.front == "https":
        options += ["--tls-cert", "cert.pem", "--tls-key", "key.pem"]
    return Command([python, "-m", "cors_anywhere", *options], environ)


def _compiled(bench: Bench, way: Way, port: int) -> Command:
    if not COMPILED_PYTHON.exists():
        sys.exit("The compiled form is missing: `make compiled`")
    return _ours(bench, way, port, str(COMPILED_PYTHON))


def _uvloop(bench: Bench, way: Way, port: int) -> Command:
    words, environ = _compiled(bench, way, port)
    return Command([*words, "--event-loop", "uvloop"], environ)


def _plain(bench: Bench, way: Way, port: int) -> Command:
    return _ours(bench, way, port, sys.executable, PYTHONPATH=str(ROOT))


def assert_form(name: str, process: subprocess.Popen[bytes]) -> None:
    """Sees which form a process of ours runs, whatever was started; the wrong one is fatal.

    It has mapped compiled modules of ours, or none.
    """
    maps = Path(f"/proc/{process.pid}/maps").read_text().splitlines()
    libraries = [line for line in maps if "/cors_anywhere/" in line and line.endswith(".so")]
    loaded = COMPILED if libraries else PLAIN
    if loaded != FORMS[name]:
        process.kill()
        sys.exit(f"{name}: the {FORMS[name]} form was wanted, and the {loaded} one runs")


# --- the others ------------------------------------------------------------------------------


def _package(name: str) -> Path:
    """An npm package, installed into a cache of the benchmark's own the first time."""
    package = CACHE / "node_modules" / name
    if not package.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        wanted = [f"{name}@{version}" for name, version in NPM.items()]
        install = ["npm", "install", "--prefix", str(CACHE), *wanted]
        subprocess.run(install, check=True, stdout=sys.stderr)
    return package


def _npm(bench: Bench, way: Way, port: int) -> Command:
    """The package's own server.js."""
    words = [find("node"), str(_package("cors-anywhere") / "server.js")]
    # It asks for verification whatever NODE_TLS_REJECT_UNAUTHORIZED says.
    environ = {"HOST": "127.0.0.1", "PORT": str(port), "NODE_EXTRA_CA_CERTS": "cert.pem"}
    return Command(words, environ)


def _lcp(bench: Bench, way: Way, port: int) -> Command:
    """It is told its one target at start."""
    words = [find("node"), str(_package("local-cors-proxy") / "bin" / "lcp.js")]
    words += ["--port", str(port), "--proxyUrl", bench.url(way.target).rpartition("/")[0]]
    return Command(words, {"NODE_EXTRA_CA_CERTS": "cert.pem"})


def _nginx(bench: Bench, way: Way, port: int) -> Command:
    tls = "ssl" if way.front == "https" else ""
    return nginx(bench.directory, fill("proxy.conf", bench.directory, PORT=port, TLS=tls))


def _haproxy(bench: Bench, way: Way, port: int) -> Command:
    tls = "ssl crt both.pem" if way.front == "https" else ""
    config = fill("haproxy.cfg", bench.directory, PORT=port, TLS=tls)
    return Command([find("haproxy"), "-db", "-f", str(config)])


def _go(bench: Bench, way: Way, port: int) -> Command:
    program = bench.directory / "reverseproxy"
    if not program.exists():
        build = ["go", "build", "-o", str(program), str(HERE / "reverseproxy.go")]
        subprocess.run(build, check=True)
    return Command([str(program), f"127.0.0.1:{port}", way.front])


ALL = frozenset({"get", "idle", "preflight", "refuse"})
OURS = (
    "default policy; certificates are checked; idle connections to targets are kept, 4 096 at most"
)
PEERS = {
    "uvloop": Peer(
        "this proxy, compiled, on uvloop",
        _uvloop,
        (str(COMPILED_PYTHON), "-V"),
        f"as its image runs it; {OURS}",
        ALL,
    ),
    "compiled": Peer("this proxy, compiled", _compiled, (str(COMPILED_PYTHON), "-V"), OURS, ALL),
    "plain": Peer("this proxy, plain Python", _plain, (sys.executable, "-V"), OURS, ALL),
    "npm": Peer(
        f"npm cors-anywhere {NPM['cors-anywhere']}",
        _npm,
        ("node", "--version"),
        "its server.js, which serves no TLS; certificates are checked; no connection is kept, and"
        " since it passes on the target's `Connection: close`, none of a client's either",
        ALL - {"idle"},
        ("http",),
    ),
    "lcp": Peer(
        f"npm local-cors-proxy {NPM['local-cors-proxy']}",
        _lcp,
        ("node", "--version"),
        "one target only, no policy, no TLS; certificates are checked; no connection is kept",
        ALL - {"refuse"},
        ("http",),
    ),
    "nginx": Peer(
        "nginx, variable `proxy_pass`",
        _nginx,
        ("nginx", "-v"),
        "no policy, no CORS; certificates are not checked; no connection is kept, which it cannot"
        " where the target is a variable",
    ),
    "go": Peer(
        "Go `httputil.ReverseProxy`",
        _go,
        ("go", "version"),
        "no policy, no CORS; certificates are not checked; 1 024 idle connections to a target",
    ),
    "haproxy": Peer(
        "HAProxy, `set-dst`",
        _haproxy,
        ("haproxy", "-v"),
        "no policy, no CORS; certificates are checked; idle connections are kept, 1 024 at most",
    ),
}


def version(name: str) -> str:
    """What a peer says that it is."""
    words = [find(PEERS[name].tool[0]), *PEERS[name].tool[1:]]
    done = subprocess.run(words, check=True, text=True, capture_output=True)
    said = (done.stdout or done.stderr).strip().partition("\n")[0]
    return said.partition(" - ")[0].removeprefix("nginx version: ")


def processor() -> str:
    """The processor's name, or its architecture where it says none."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.machine()
