"""`python -m cors_anywhere`: a Python that is too old is named as the reason."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import cors_anywhere

ROOT = Path(__file__).parents[1]
PACKAGE = Path(cors_anywhere.__file__).parent

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
        'runpy.run_path("tools/build_backend.py")',  # as pip does
    ],
)
def test_an_old_python_is_told_in_one_line_which_one_is_needed(way: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", OLD.format(way)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr == (
        f"cors-anywhere: Python 3.11 or newer is needed; {sys.executable} is 3.10.13\n"
    )


@pytest.mark.parametrize(
    "path",
    [PACKAGE / "__init__.py", PACKAGE / "__main__.py", ROOT / "tools/build_backend.py"],
    ids=lambda path: path.name,
)
def test_an_old_python_can_read_as_far_as_that(path: Path) -> None:
    ast.parse(path.read_text("utf-8"), feature_version=(3, 7))


def test_the_command_runs_as_a_module() -> None:
    asked = [sys.executable, "-m", "cors_anywhere", "--version"]
    done = subprocess.run(asked, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("cors-anywhere ")
