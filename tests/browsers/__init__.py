"""Real pages in a real browser: where what they use was installed by `make browsers`."""

from __future__ import annotations

from pathlib import Path
from typing import Final

INSTALLED: Final = Path(__file__).parents[2] / ".venv-browsers"
BIN: Final = INSTALLED / "bin"
MODULES: Final = INSTALLED / "node_modules"
