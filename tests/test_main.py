"""`python -m cors_anywhere`: a Python that is too old is named as the reason."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "cors_anywhere"

OLD = """
import runpy, sys
sys.version_info = (3, 10, 13, "final", 0)
{}
"""


@pytest.mark.parametrize(
    "way",
    [
        'runpy.run_module("cors_anywhere", run_name="__main__", alter_sys=True)',
        "import cors_anywhere.__main__",  # as the Makefile asks
    ],
)
def test_an_old_python_is_told_in_one_line_which_one_is_needed(way: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", OLD.format(way)],
        cwd=PACKAGE.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr == (
        f"cors-anywhere: Python 3.11 or newer is needed; {sys.executable} is 3.10.13\n"
    )


@pytest.mark.parametrize("name", ["__init__.py", "__main__.py"])
def test_an_old_python_can_read_as_far_as_that(name: str) -> None:
    ast.parse((PACKAGE / name).read_text("utf-8"), feature_version=(3, 7))


def test_the_command_runs_as_a_module() -> None:
    asked = [sys.executable, "-m", "cors_anywhere", "--version"]
    done = subprocess.run(asked, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("cors-anywhere ")
