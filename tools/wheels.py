"""Builds the wheels that people download, plain and compiled, and tries each where nothing else is.

`python tools/wheels.py [DIRECTORY]`; they are left in DIRECTORY (dist).
"""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterable
from pathlib import Path
from unittest import mock
from zipfile import ZipFile

ROOT = Path(__file__).parents[1]
FORMS = {"plain Python": "0", "compiled": "1"}


def build(form: str, directory: Path) -> Path:
    """The wheel of this form, built in an isolated environment."""
    with tempfile.TemporaryDirectory() as made:
        command = [sys.executable, "-m", "build", "--wheel", "--outdir", made, str(ROOT)]
        environment = {**os.environ, "CORSANYWHERE_COMPILE": FORMS[form]}
        subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
        (wheel,) = Path(made).glob("*.whl")
        return wheel.replace(directory / wheel.name)


def check_tag(form: str, wheel: Path) -> None:
    """A plain wheel fits every machine, a compiled one says which."""
    if wheel.name.endswith("-py3-none-any.whl") != (form == "plain Python"):
        raise SystemExit(f"{wheel.name} has a tag that is not that of a {form} wheel")


def modules_to_compile(sources: Path) -> set[str]:
    """The modules below `sources` that setup.py has compiled, as paths without their ending."""
    with mock.patch("setuptools.setup"):
        defined = runpy.run_path(str(ROOT / "setup.py"))
    paths: Iterable[str] = defined["compiled_modules"](sources)
    return {str(Path(path).relative_to(sources).with_suffix("")) for path in paths}


def check_content(form: str, wheel: Path, modules: set[str]) -> None:
    """All of `modules` are compiled, or none is; each has its source beside it, for tracebacks."""
    with ZipFile(wheel) as opened:
        names = opened.namelist()
    inside = [name for name in names if name.startswith("cors_anywhere/")]
    libraries = {name.partition(".")[0] for name in inside if name.endswith((".so", ".pyd"))}
    sources = {name.removesuffix(".py") for name in inside if name.endswith(".py")}
    wanted = modules if form == "compiled" else set()
    if wrong := (libraries ^ wanted) | (modules - sources):
        raise SystemExit(f"{wheel.name} is not {form} all through: {', '.join(sorted(wrong))}")


def try_out(form: str, wheel: Path) -> None:
    """Installs the wheel where nothing else is, and asks it for its help page."""
    with tempfile.TemporaryDirectory() as place:
        venv.create(place, with_pip=True)
        python = str(Path(place, "bin", "python"))
        subprocess.run([python, "-m", "pip", "install", "--quiet", str(wheel)], check=True)
        asked = [str(Path(place, "bin", "cors-anywhere")), "--version"]
        told = subprocess.run(asked, check=True, capture_output=True, text=True, cwd=place).stdout
        if f"({form})" not in told:
            raise SystemExit(f"{wheel.name} says of itself: {told}")
        subprocess.run([*asked[:1], "--check", "--port", "0"], check=True, cwd=place)
        print(f"{wheel.name}: {told.strip()}")


def main() -> None:
    """Builds and tries both."""
    directory = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "dist")
    directory.mkdir(parents=True, exist_ok=True)
    modules = modules_to_compile(ROOT)
    for form in FORMS:
        wheel = build(form, directory)
        check_tag(form, wheel)
        check_content(form, wheel, modules)
        try_out(form, wheel)


if __name__ == "__main__":
    main()
