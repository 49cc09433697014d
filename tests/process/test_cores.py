"""How many processors may be used."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cors_anywhere.process.cores import cores


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)


@pytest.mark.parametrize(
    ("quota", "count"),
    [
        ("max 100000\n", 8),
        ("200000 100000\n", 2),
        ("250000 100000\n", 3),
        ("1000 100000\n", 1),
        ("6400000 100000\n", 8),
        ("100000 0\n", 8),
        ("", 8),
    ],
)
def test_a_containers_share_counts(quota: str, count: int, tmp_path: Path) -> None:
    said = tmp_path / "cpu.max"
    said.write_text(quota)
    assert cores(said) == count


def test_without_a_quota_it_is_the_affinity(tmp_path: Path) -> None:
    assert cores(tmp_path / "none") == 8
