"""Write anew what the container image is made of: every package by its version and its hashes.

Owns: `deploy/image/requirements.txt`, which the image runs, and `build.txt`, which it is built
with; the newest releases that setup.cfg allows, for any platform and Python. Must not know: who
installs them. uv resolves; `UV_DEFAULT_INDEX` names another index than PyPI, and none is written
down.
"""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

from tools.build_backend import COMPILER

ROOT = Path(__file__).parents[1]
LOCKS = ROOT / "deploy" / "image"
OLDEST = "3.11"
HEADER = "# {}. `make lock` writes it anew.\n"


def main() -> None:
    """Writes both."""
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"]
    runs = resolved([])
    (LOCKS / "requirements.txt").write_text(HEADER.format("What the image runs") + runs)
    builds = resolved([COMPILER, *build])
    (LOCKS / "build.txt").write_text(HEADER.format("What the image is built with") + builds)


def resolved(more: list[str]) -> str:
    """The requirements of the package with uvloop, and `more`."""
    words = ["uv", "pip", "compile", "--universal", "--python-version", OLDEST, "--no-annotate"]
    words += ["--generate-hashes", "--no-header", "--quiet", "--extra", "uvloop", "setup.cfg", "-"]
    done = subprocess.run(
        [sys.executable, "-m", *words],
        cwd=ROOT,
        input="\n".join(more),
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as error:
        sys.exit(error.stderr)
