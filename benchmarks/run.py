"""Measure this proxy and its peers side by side: CPU time per request, throughput and latency.

Owns: the measuring and the report. How each proxy is started is in peers.py.

One core carries the proxies, one at a time under load, another the target and the load
generator. Rounds are interleaved, so that whatever else the machine does hits all alike; a figure
is the median over the rounds, and the ratio to npm is taken within each round.
"""

from __future__ import annotations

import argparse
import os
import platform
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from http.client import HTTPConnection
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

from peers import HERE, NPM_VERSION, PROXIES, SIZES, Bench, Peer, Target, start_proxy, start_target

CLIENTS = 32
TICKS = os.sysconf("SC_CLK_TCK")
LABELS = {
    "ours": "this proxy",
    "npm": f"npm cors-anywhere {NPM_VERSION}",
    "nginx": "nginx, variable `proxy_pass`",
    "go": "Go `httputil.ReverseProxy`",
}


class Sample(NamedTuple):
    """One proxy under load for one scenario in one round."""

    cpu: float  # microseconds of the proxy's processor time per request
    rate: float  # requests per second
    p50: float  # milliseconds
    p99: float


class Scenario(NamedTuple):
    scheme: str
    size: str

    def __str__(self) -> str:
        return f"{self.scheme.upper()} target, {self.size}"

    def path(self, target: Target) -> str:
        """What follows the proxy's authority."""
        port = target.http if self.scheme == "http" else target.https
        return f"/{self.scheme}://127.0.0.1:{port}/{SIZES[self.size]}"


Results = dict[Scenario, dict[str, list[Sample]]]


def main() -> None:
    options = parse_arguments()
    proxy_core, other_core = choose_cores()
    # A CI job or an impatient person ends us so; the servers must end too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with (
        tempfile.TemporaryDirectory(prefix="cors-anywhere-bench-") as directory,
        ExitStack() as end,
    ):
        bench = Bench(Path(directory), proxy_core, other_core)
        target = start_target(bench)
        end.callback(stop, target.process)
        peers = []
        for name in options.only:
            peers.append(start_proxy(bench, name))
            end.callback(stop, peers[-1].process)
        results = measure_all(bench, target, peers, options)
    text = report(results, options)
    print(text)
    if not options.no_save:
        path = HERE / "results" / f"{today()}.md"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", type=names, default=list(PROXIES), help=", ".join(PROXIES))
    parser.add_argument("--scheme", choices=["http", "https"], help="default: both")
    parser.add_argument("--size", choices=list(SIZES), help="default: both")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3, help="per proxy, scenario and round")
    parser.add_argument("--no-save", action="store_true", help="write no file under results/")
    return parser.parse_args()


def names(text: str) -> list[str]:
    chosen = text.split(",")
    if unknown := set(chosen) - set(PROXIES):
        raise argparse.ArgumentTypeError(f"unknown: {', '.join(unknown)}")
    return chosen


def choose_cores() -> tuple[int, int]:
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) == 1:
        print("Only one core: the proxies share it with the load.", file=sys.stderr)
    return cores[-1], cores[0]


def stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


# --- measuring -------------------------------------------------------------------------------


def measure_all(
    bench: Bench, target: Target, peers: list[Peer], options: argparse.Namespace
) -> Results:
    schemes = [options.scheme] if options.scheme else ["http", "https"]
    sizes = [options.size] if options.size else list(SIZES)
    scenarios = [Scenario(scheme, size) for size in sizes for scheme in schemes]
    results: Results = {s: {peer.name: [] for peer in peers} for s in scenarios}
    for scenario in scenarios:
        for peer in peers:
            check(peer, scenario, target)
            load(bench, peer, scenario.path(target), 1)  # warm
    for round_ in range(options.rounds):
        for scenario in scenarios:
            for peer in peers:
                print(f"round {round_ + 1}: {scenario}: {peer.name}", file=sys.stderr)
                sample = measure(bench, peer, scenario.path(target), options.seconds)
                results[scenario][peer.name].append(sample)
    return results


def check(peer: Peer, scenario: Scenario, target: Target) -> None:
    """See that the proxy delivers before it is timed; a refusal would be fast."""
    connection = HTTPConnection("127.0.0.1", peer.port, timeout=10)
    connection.request("GET", scenario.path(target), headers={"Origin": "https://app.example"})
    reply = connection.getresponse()
    body = reply.read()
    connection.close()
    if reply.status != 200 or len(body) != SIZES[scenario.size]:
        sys.exit(f"{peer.name}: {scenario}: {reply.status} {reply.reason} {body[:300]!r}")


def measure(bench: Bench, peer: Peer, path: str, seconds: int) -> Sample:
    before = cpu_seconds(peer.process.pid)
    requests, duration, p50, p99, errors = load(bench, peer, path, seconds)
    used = cpu_seconds(peer.process.pid) - before
    if errors > requests / 1000:
        sys.exit(f"{peer.name}: {errors} of {requests} requests for {path} failed")
    return Sample(used / requests * 1e6, requests / duration * 1e6, p50 / 1000, p99 / 1000)


def load(bench: Bench, peer: Peer, path: str, seconds: int) -> list[int]:
    """Requests, and in microseconds duration, median and 99th percentile; then errors."""
    command = ["taskset", "--cpu-list", str(bench.other_core), "wrk", "--threads", "1"]
    command += ["--connections", str(CLIENTS), "--duration", str(seconds), "--timeout", "10"]
    command += ["--script", str(HERE / "load.lua"), f"http://127.0.0.1:{peer.port}{path}"]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=seconds + 30)
    line = next(line for line in done.stdout.splitlines() if line.startswith("RESULT "))
    return [int(word) for word in line.split()[1:]]


def cpu_seconds(pid: int) -> float:
    """User and system time of a process with all its threads and children, also ended ones."""
    stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    lists = Path(f"/proc/{pid}/task").glob("*/children")
    children = [int(child) for path in lists for child in path.read_text().split()]
    return sum(map(int, stat[11:15])) / TICKS + sum(map(cpu_seconds, children))


# --- the report ------------------------------------------------------------------------------


def report(results: Results, options: argparse.Namespace) -> str:
    blocks = [table(scenario, samples) for scenario, samples in results.items()]
    how = (
        f"Measured on {today()}: {machine(options.only)}. One core for the proxy, "
        f"another for target (nginx) and load (wrk); {CLIENTS} keep-alive clients, 14 request "
        f"fields, {options.rounds} interleaved rounds of {options.seconds} s. CPU is the proxy's "
        "user and system time. Medians; in brackets the lowest and highest round. nginx and Go "
        "check no certificate, apply no policy and add no CORS headers: they are the floor."
    )
    return "\n".join(["# Benchmark", "", how, "", *blocks])


def table(scenario: Scenario, samples: dict[str, list[Sample]]) -> str:
    rows = [
        f"## {scenario}",
        "",
        "| proxy | CPU µs/request | of npm's | requests/s | p50 ms | p99 ms |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
        *(row(name, rounds, samples.get("npm")) for name, rounds in samples.items()),
        "",
    ]
    return "\n".join(rows)


def row(name: str, rounds: list[Sample], npm: list[Sample] | None) -> str:
    cpu = [sample.cpu for sample in rounds]
    ratio = "" if npm is None else f"{median(a / b.cpu for a, b in zip(cpu, npm, strict=True)):.3f}"
    cells = [
        LABELS[name],
        f"{median(cpu):.0f} ({min(cpu):.0f}-{max(cpu):.0f})",
        ratio,
        f"{median(sample.rate for sample in rounds):.0f}",
        f"{median(sample.p50 for sample in rounds):.1f}",
        f"{median(sample.p99 for sample in rounds):.1f}",
    ]
    return "| " + " | ".join(cells) + " |"


median = statistics.median


def today() -> str:
    return time.strftime("%Y-%m-%d")


def machine(chosen: list[str]) -> str:
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    tools = {
        "ours": f"Python {platform.python_version()}, tornado {version('tornado')},"
        f" httptools {version('httptools')}",
        "npm": f"Node {output('node', '--version')}",
        "nginx": output("nginx", "-v").removeprefix("nginx version: "),
        "go": output("go", "version"),
    }
    versions = "; ".join(tools[name] for name in chosen)
    return f"{model}, {os.cpu_count()} cores, Linux {platform.release()}; {versions}"


def output(*command: str) -> str:
    path = os.environ["PATH"] + ":/usr/sbin:/sbin"
    done = subprocess.run(
        command, check=True, text=True, env={**os.environ, "PATH": path}, capture_output=True
    )
    return (done.stdout or done.stderr).strip()


if __name__ == "__main__":
    main()
