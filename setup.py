"""The compiled form: with CORSANYWHERE_COMPILE=1 mypyc compiles the rooms on a request's path.

All of them or none. Metadata is in setup.cfg; tools/build_backend.py names what the build needs.
"""

import os
from pathlib import Path

from setuptools import Extension, setup

ROOMS = (
    *("recent.py", "held.py", "messages.py", "outcome.py", "sides.py", "relay.py"),
    *("upload.py", "gathering.py", "tunnel.py"),
    *("rules", "http1", "egress", "fronts", "observe"),
)
PLAIN = {
    "tunnel.py": "it awaits in a finally: see tests/test_form.py",
    "egress/resolver.py": "its callbacks come from c-ares, and a look-up is no work of ours",
    "egress/connect.py": "most of it waits for the network; aiohappyeyeballs is plain Python",
    "egress/race.py": "as the one before",
    "egress/failures.py": "it is asked when a connection fails",
    "fronts/adapter.py": "its classes are Tornado's kinds",
    "fronts/delegate.py": "as the one before; people subclass it",
    "fronts/handler.py": "as the one before",
    "fronts/fields.py": "as the adapter",
    "fronts/detached.py": "it is for Tornado's own server",
    "fronts/heads.py": "as the one before",
    "observe/exposition.py": "it is asked by who reads the metrics",
    "observe/ledger.py": "it keeps failures, for who looks at the page",
    "observe/sink.py": "its thread waits for a disk",
    "observe/tally.py": "it is made once",
    "http1/tls.py": "its class is one of asyncio's, and its buffer one for each thread",
}
"""Modules of these rooms that stay as they are, and why."""


def compiled_modules(sources: Path = Path()) -> list[str]:
    """The paths of the modules that are compiled, of those below `sources`."""
    package = sources / "cors_anywhere"
    places = (package / room for room in ROOMS)
    found = [p for place in places for p in (place.glob("*.py") if place.is_dir() else [place])]
    return sorted(str(path) for path in found if str(path.relative_to(package)) not in PLAIN)


def extensions() -> list[Extension]:
    """What is compiled; nothing unless it was asked for."""
    asked = os.environ.get("CORSANYWHERE_COMPILE", "")
    if asked in ("", "0"):
        return []
    if asked != "1":
        raise SystemExit(f"CORSANYWHERE_COMPILE={asked}: write 1 to compile, or leave it out")
    from mypyc.build import mypycify  # noqa: PLC0415 - only a compiled build needs it

    return mypycify(compiled_modules(), opt_level="3", debug_level="1")


setup(ext_modules=extensions())
