"""Measure this proxy and its peers side by side, and write the table that is quoted.

Owns: the arguments, and the order in which scenes are played. What is played is in scenes.py, who
plays in peers.py, measure.py measures, and report.py writes.

One core carries the proxies, one at a time under load, another the target and the load generator.
Rounds are interleaved, so that whatever else the machine does hits all alike; a figure is the
median over the rounds, and a ratio is taken within each round.
"""

from __future__ import annotations

import argparse
import os
import resource
import signal
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from importlib.metadata import version as version_of
from pathlib import Path

from measure import Figures, check, first_reply, idle, load
from peers import PEERS, Running, Way, processor, start, version
from report import Report, write
from scenes import SCENES, Scene
from servers import HERE, Bench, start_target, stop

DESCRIPTORS = 20_000


def main() -> None:
    """Plays the scenes that were asked for, and prints and saves the report."""
    options = parse_arguments()
    proxy_core, other_core = choose_cores()
    os.sched_setaffinity(0, {other_core})
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(DESCRIPTORS, most), most))
    # A CI job or an impatient person ends us so; the servers must end too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with (
        tempfile.TemporaryDirectory(prefix="cors-anywhere-bench-") as directory,
        ExitStack() as end,
    ):
        target, process = start_target(Path(directory), other_core)
        end.callback(stop, process)
        bench = Bench(Path(directory), proxy_core, other_core, target)
        results = play_all(bench, options, end)
    report = Report(today(), machine(options.peers), how(options), results)
    print(write(report, None if options.no_save else HERE / "results"))


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    known = ", ".join(PEERS)
    parser.add_argument("--peers", type=lambda t: names(t, PEERS), default=[*PEERS], help=known)
    known = ", ".join(SCENES)
    parser.add_argument("--scenes", type=lambda t: names(t, SCENES), default=[*SCENES], help=known)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3, help="of load, per proxy and round")
    parser.add_argument("--no-save", action="store_true", help="write no file under results/")
    return parser.parse_args()


def names(text: str, known: Mapping[str, object]) -> list[str]:
    """Those that were chosen, in the order of the table."""
    chosen = set(text.split(","))
    if unknown := chosen - set(known):
        raise argparse.ArgumentTypeError(f"unknown: {', '.join(sorted(unknown))}")
    return [name for name in known if name in chosen]


def choose_cores() -> tuple[int, int]:
    """The proxy's core and the other one."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) == 1:
        print("Only one core: the proxies share it with the load.", file=sys.stderr)
    return cores[-1], cores[0]


def play_all(
    bench: Bench, options: argparse.Namespace, end: ExitStack
) -> dict[str, dict[str, list[Figures]]]:
    """Figures by scene and proxy, one for each round."""
    servers: dict[tuple[str, Way], Running] = {}
    scenes = {key: SCENES[key] for key in options.scenes}
    results: dict[str, dict[str, list[Figures]]] = {
        key: {name: [] for name in options.peers if scene.played_by(name)}
        for key, scene in scenes.items()
    }
    for key, scene in scenes.items():
        for name in results[key]:
            if scene.kind == "load" and (name, scene.way) not in servers:
                servers[name, scene.way] = start(bench, name, scene.way)
                end.callback(stop, servers[name, scene.way].process)
            if scene.kind == "load":
                check(bench, servers[name, scene.way], scene)
            if scene.kind != "idle":  # warm
                play(bench, scene, name, servers.get((name, scene.way)), 1)
    for round_ in range(options.rounds):
        for key, scene in scenes.items():
            for name, samples in results[key].items():
                print(f"round {round_ + 1}: {scene.title}: {name}", file=sys.stderr)
                running = servers.get((name, scene.way))
                samples.append(play(bench, scene, name, running, options.seconds))
    return results


def play(bench: Bench, scene: Scene, name: str, running: Running | None, seconds: int) -> Figures:
    """One proxy in one scene, once."""
    if scene.kind == "idle":
        return idle(bench, scene, name)
    if scene.kind == "start":
        return first_reply(bench, scene, name)
    assert running is not None
    return load(bench, running, scene, seconds)


def today() -> str:
    return time.strftime("%Y-%m-%d")


def machine(chosen: list[str]) -> dict[str, str]:
    """What it was measured on, by name."""
    seen = {
        "processor": processor(),
        "cores": str(os.cpu_count()),
        "kernel": f"{os.uname().sysname} {os.uname().release}",
        "tornado": version_of("tornado"),
        "httptools": version_of("httptools"),
    }
    return seen | {name: version(name) for name in chosen}


def how(options: argparse.Namespace) -> str:
    return (
        f"{options.rounds} interleaved rounds of {options.seconds} s; one core for the proxy, the "
        "other for the target (nginx) and the load (wrk); 14 request fields; 32 keep-alive clients "
        "where nothing else is said"
    )


if __name__ == "__main__":
    main()
