"""The image is made of releases that setup.cfg allows, each by its hashes, and of nothing else."""

from __future__ import annotations

import re
from configparser import ConfigParser
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tools.build_backend import COMPILER

ROOT = Path(__file__).parents[2]
FILES = ("requirements.txt", "build.txt")


def pinned(name: str) -> dict[str, str]:
    """By package its version; a line that is neither a pin, a hash nor a comment fails."""
    found: dict[str, str] = {}
    for line in (ROOT / "deploy" / "image" / name).read_text("utf-8").splitlines():
        pin = re.fullmatch(r"([\w.-]+)==([\w.]+)(?: ; [^\\]+)? \\", line)
        if pin is not None:
            found[canonicalize_name(pin[1])] = pin[2]
        else:
            assert re.fullmatch(r"#.*|    --hash=sha256:[0-9a-f]{64}(?: \\)?", line), line
    return found


def required() -> list[Requirement]:
    config = ConfigParser(interpolation=None)
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    lines = config["options"]["install_requires"] + config["options.extras_require"]["uvloop"]
    return [Requirement(line) for line in lines.split("\n") if line]


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("requirement", [*required()], ids=str)
def test_what_is_required_is_pinned_to_a_release_that_is_allowed(
    name: str, requirement: Requirement
) -> None:
    assert requirement.specifier.contains(pinned(name)[canonicalize_name(requirement.name)])


def test_what_is_compiled_with_and_what_runs_are_the_same_releases() -> None:
    runs, builds = (pinned(name) for name in FILES)
    assert runs.items() <= builds.items()
    assert Requirement(COMPILER).specifier.contains(builds["mypy"])


def test_the_image_takes_nothing_that_has_no_hash() -> None:
    steps = (ROOT / "Dockerfile").read_text("utf-8").split("&&")
    installing = [step for step in steps if "pip install" in step or "pip wheel" in step]
    assert len(installing) == 4
    for step in installing:
        assert "--require-hashes" in step or "--no-deps" in step, step
