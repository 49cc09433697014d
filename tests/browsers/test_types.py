"""The client helper's types, by the compiler of who uses them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from tests.browsers import MODULES

HERE = Path(__file__).parent
PAGES = HERE.parents[1] / "cors_anywhere" / "pages"
STRICT = (
    "--noEmit",
    "--strict",
    "--target",
    "es2022",
    "--module",
    "nodenext",
    "--skipLibCheck",
    "false",
)


def test_a_strict_program_compiles_against_them(tmp_path: Path) -> None:
    for file in (HERE / "usage.ts", PAGES / "cors-anywhere.js", PAGES / "cors-anywhere.d.ts"):
        shutil.copy(file, tmp_path)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    compiler = str(MODULES / ".bin" / "tsc")
    done = subprocess.run(
        [compiler, *STRICT, "usage.ts"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.returncode) == ("", 0)
