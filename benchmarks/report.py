"""The results in Markdown, in JSON and as a picture.

`python benchmarks/report.py results/DATE.json` writes them anew from what was saved.

Owns: medians, ratios, and the tables' wording. Must not know: how anything was measured.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from statistics import median
from typing import NamedTuple

from measure import Figures
from peers import PEERS
from plot import plot
from scenes import SCENES

Samples = dict[str, list[Figures]]


class Report(NamedTuple):
    """All that is known of a run."""

    date: str
    machine: dict[str, str]
    how: str
    results: dict[str, Samples]  # by scene, then by proxy, one for each round


COLUMNS = {
    "first": ("first reply, ms", 0),
    "client": ("KiB a client", 1),
    "cpu": ("CPU µs", 0),
    "rate": ("requests/s", 0),
    "p50": ("p50 ms", 1),
    "p99": ("p99 ms", 1),
    "peak": ("peak MiB", 0),
    "errors": ("errors", 0),
}
"""Heading and decimals of each figure. The first that a scene has is compared."""

PICTURED = ("1k-http", "1k-https", "64k-http", "100m-https")


def write(report: Report, directory: Path | None) -> str:
    """The report in Markdown; with a directory, saved there with its JSON and its picture."""
    text = markdown(report)
    if directory is not None:
        directory.mkdir(exist_ok=True)
        base = directory / report.date
        base.with_suffix(".md").write_text(text)
        base.with_suffix(".json").write_text(json.dumps(report._asdict()) + "\n")
        base.with_suffix(".svg").write_text(plot(panels(report)))
    return text


def markdown(report: Report) -> str:
    """A table for each scene."""
    machine = "; ".join(f"{name} {what}" for name, what in report.machine.items())
    chosen = list(dict.fromkeys(name for samples in report.results.values() for name in samples))
    notes = [f"- {PEERS[name].title}: {PEERS[name].note}." for name in chosen]
    head = [
        *("# Benchmark", ""),
        *(f"Measured on {report.date}: {machine}.", ""),
        f"{report.how}. CPU is user and system time of the proxy, children included, for each "
        "request (or 100 MiB, or start). Medians; in brackets the lowest and the highest round; "
        "ratios are taken within each round. A peer that cannot play a scene is left out there.",
        *("", *notes, ""),
    ]
    return "\n".join(head + [table(key, samples) for key, samples in report.results.items()])


def table(key: str, samples: Samples) -> str:
    """One scene."""
    first = next(rounds[0] for rounds in samples.values())
    shown = [name for name in COLUMNS if name in first]
    compared = shown[0]
    ratios = [name for name in ("npm", "go") if name in samples]
    names = {"npm": "of npm's", "go": "of Go's"}
    heads = ["proxy", COLUMNS[compared][0], *(names[name] for name in ratios)]
    heads += [COLUMNS[name][0] for name in shown[1:]]
    lines = [
        *(f"## {SCENES[key].title}", ""),
        _row(heads),
        _row(["---"] + ["---:"] * (len(heads) - 1)),
    ]
    for name, rounds in samples.items():
        cells = [PEERS[name].title, _spread(rounds, compared)]
        cells += [f"{ratio(rounds, samples[other], compared):.3f}" for other in ratios]
        cells += [_cell(rounds, figure) for figure in shown[1:]]
        lines.append(_row(cells))
    return "\n".join([*lines, ""])


def ratio(rounds: list[Figures], others: list[Figures], figure: str) -> float:
    """The median of the ratios within each round; of nothing, infinity."""
    pairs = zip(rounds, others, strict=True)
    return median(a[figure] / b[figure] if b[figure] else float("inf") for a, b in pairs)


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _spread(rounds: list[Figures], figure: str) -> str:
    """The median, the lowest and the highest."""
    all_ = [sample[figure] for sample in rounds]
    low, middle, high = (_number(x, figure) for x in (min(all_), median(all_), max(all_)))
    return f"{middle} ({low}-{high})"


def _cell(rounds: list[Figures], figure: str) -> str:
    """The median; of errors, all."""
    all_ = [sample[figure] for sample in rounds]
    return _number(sum(all_) if figure == "errors" else median(all_), figure)


def _number(value: float, figure: str) -> str:
    return f"{value:,.{COLUMNS[figure][1]}f}".replace(",", " ")


def panels(report: Report) -> dict[str, dict[str, float]]:
    """What the picture shows: CPU per request, by scene and proxy."""
    return {
        SCENES[key].title: {
            PEERS[name].title.replace("`", ""): median(sample["cpu"] for sample in rounds)
            for name, rounds in samples.items()
        }
        for key, samples in report.results.items()
        if key in PICTURED
    }


if __name__ == "__main__":
    saved = Path(sys.argv[1])
    write(Report(**json.loads(saved.read_text())), saved.parent)
