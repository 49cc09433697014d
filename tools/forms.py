"""Runs every test on both forms of the code: at once where there are two cores.

`python tools/forms.py PYTHON`, started by `make test`; ARGS reach both runs. The plain form is told
as it runs, the compiled one when that has ended. Without a compiler the second form is left out,
which the last line says, and which fails where CI is true.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile

ROOT = Path(__file__).parents[1]
LEFT_OUT = "The compiled form was left out: it cannot be built here"


def main(python: str) -> int:
    """The exit status of both runs."""
    if not can_compile(python):
        if os.environ.get("CI") == "true":
            print(f"{LEFT_OUT}, and CI is true", file=sys.stderr)
            return 1
        status = subprocess.run(_make("test-plain"), check=False).returncode
        print(LEFT_OUT)
        return status
    if (os.cpu_count() or 1) > 1:
        return _at_once()
    runs = [subprocess.run(_make(name), check=False) for name in ("test-plain", "test-compiled")]
    return max(run.returncode for run in runs)


def can_compile(python: str) -> bool:
    """Whether the compiled form can be built; what is missing for that is told, or installed."""
    done = subprocess.run([str(ROOT / "tools" / "compiler"), python], check=False)
    return done.returncode == 0


def _make(rule: str) -> list[str]:
    return [os.environ.get("MAKE", "make"), "--no-print-directory", rule]


def _at_once() -> int:
    with TemporaryFile() as told:
        with _beside(_make("test-compiled"), told.fileno()) as compiled:
            plain = subprocess.run(_make("test-plain"), check=False).returncode
            print("The compiled form:", flush=True)
            status = max(plain, compiled.wait())
        told.seek(0)
        sys.stdout.buffer.write(told.read())
        sys.stdout.flush()
    return status


@contextmanager
def _beside(command: list[str], output: int) -> Iterator[subprocess.Popen[bytes]]:
    """A process that does not outlive the block, whatever ends that."""
    process = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main(*sys.argv[1:]))
