"""`make test` runs both forms, and says when one is left out."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOOLS = ("sh", "dirname", "id", "sort", "tr", "cat")


@pytest.fixture
def commands(tmp_path: Path) -> Path:
    """A folder of the commands that are there: no compiler, and nothing that could install one."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in TOOLS:
        (folder / name).symlink_to(shutil.which(name) or "")
    return folder


def command(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


def run(folder: Path, *arguments: str, ci: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        arguments,
        check=False,
        cwd=ROOT,
        env={"PATH": str(folder), "CI": ci},
        capture_output=True,
        text=True,
        timeout=60,
    )


def forms(folder: Path, ci: str = "") -> subprocess.CompletedProcess[str]:
    return run(folder, sys.executable, "tools/forms.py", sys.executable, ci=ci)


def test_both_forms_are_tested_and_told(commands: Path) -> None:
    command(commands, "gcc", "exit 0")
    command(commands, "make", 'echo "$2 ran"')
    done = forms(commands)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-2:] == ["The compiled form:", "test-compiled ran"] or (
        os.cpu_count() == 1
    )
    assert "test-plain ran" in done.stdout


@pytest.mark.parametrize("failing", ["test-plain", "test-compiled"])
def test_a_failure_of_one_form_is_a_failure(failing: str, commands: Path) -> None:
    command(commands, "gcc", "exit 0")
    command(commands, "make", f'[ "$2" != {failing} ] || exit 2')
    assert forms(commands).returncode == 2


def test_without_a_compiler_the_second_form_is_left_out_which_is_told(commands: Path) -> None:
    command(commands, "make", 'echo "$2 ran"')
    done = forms(commands)
    assert done.returncode == 0
    assert done.stdout.splitlines() == [
        "test-plain ran",
        "The compiled form was left out: it cannot be built here",
    ]
    assert "Missing, please install: gcc" in done.stderr


def test_without_a_compiler_nothing_runs_where_ci_is_true(commands: Path) -> None:
    command(commands, "make", 'echo "$2 ran"')
    done = forms(commands, ci="true")
    assert done.returncode == 1
    assert done.stdout == ""
    assert "The compiled form was left out: it cannot be built here, and CI is true" in done.stderr


def test_headers_that_are_missing_are_named(commands: Path) -> None:
    command(commands, "gcc", "exit 0")
    command(commands, "python3-config", "exit 0")
    command(commands, "python-without-headers", "exit 1")
    done = run(commands, "tools/compiler", "python-without-headers")
    assert done.returncode == 1
    assert "the headers (Python.h) of python-without-headers" in done.stderr
