"""Importing the package: it reads code, and nothing else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

IMPORT_ALL = """
import pkgutil, sys
from importlib import import_module

opened = []
sys.addaudithook(lambda event, args: opened.append(args[0]) if event == "open" else None)
import cors_anywhere
names = [m.name for m in pkgutil.walk_packages(cors_anywhere.__path__, "cors_anywhere.")]
for name in names:
    import_module(name)
code = (".py", ".pyc", ".so", ".dylib")
print(len(names), *(path for path in opened if not str(path).endswith(code)), sep="\\n")
"""


def test_no_module_reads_a_file_that_is_not_code_when_it_is_imported() -> None:
    done = subprocess.run(
        [sys.executable, "-B", "-c", IMPORT_ALL],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        check=True,
    )
    count, *read = done.stdout.splitlines()
    assert int(count) > 40
    # prometheus-client looks at its own process as soon as it is loaded, which only --admin does.
    assert [path for path in read if not path.startswith("/proc/")] == []
