"""Which form of the code runs: plain Python, or the modules on a request's path compiled by mypyc.

Owns: telling them apart. Must not know: which modules are compiled (setup.py).
"""

from __future__ import annotations

from importlib.machinery import EXTENSION_SUFFIXES
from importlib.util import find_spec
from typing import Final

COMPILED: Final = "compiled"
PLAIN: Final = "plain Python"


def form() -> str:
    """COMPILED or PLAIN. A wheel has all modules of the compiled form or none, so one tells it."""
    spec = find_spec("cors_anywhere.messages")
    origin = (spec.origin if spec else None) or ""
    return COMPILED if origin.endswith(tuple(EXTENSION_SUFFIXES)) else PLAIN
