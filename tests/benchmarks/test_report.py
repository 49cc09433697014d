"""How the benchmark's results are shown."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

from measure import Figures
from report import Report, markdown, write


def sample(cpu: float, errors: int = 0) -> Figures:
    rest = {"rate": 12345.6, "p50": 1.23, "p99": 4.56, "peak": 30.2}
    return {"cpu": cpu, **rest, "errors": errors}


REPORT = Report(
    "2026-11-25",
    {"cores": "2"},
    "How",
    {
        "1k-http": {
            "plain": [sample(60, 1), sample(80), sample(100, 2)],
            "npm": [sample(300), sample(320), sample(1000)],
            "go": [sample(40), sample(40), sample(50)],
        }
    },
)


def row(text: str, name: str) -> str:
    return next(line for line in text.splitlines() if line.startswith(f"| {name}"))


def test_a_row_has_medians_ratios_within_each_round_and_all_errors() -> None:
    expected = (
        "| this proxy, plain Python | 80 (60-100) | 0.200 | 2.000 | 12 346 | 1.2 | 4.6 | 30 | 3 |"
    )
    assert row(markdown(REPORT), "this proxy, plain Python") == expected


def test_the_json_has_every_sample(tmp_path: Path) -> None:
    write(REPORT, tmp_path)
    saved = json.loads((tmp_path / "2026-11-25.json").read_text())
    assert [each["cpu"] for each in saved["results"]["1k-http"]["plain"]] == [60, 80, 100]


def test_the_picture_names_each_proxy_and_its_median(tmp_path: Path) -> None:
    write(REPORT, tmp_path)
    tree = ElementTree.parse(tmp_path / "2026-11-25.svg")
    words = [element.text for element in tree.iter("{http://www.w3.org/2000/svg}text")]
    assert words[1:3] == ["this proxy, plain Python", "80"]
    assert "prefers-color-scheme: dark" in (tmp_path / "2026-11-25.svg").read_text()
