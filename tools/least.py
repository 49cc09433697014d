"""Print the least versions that setup.cfg allows, as constraints for pip.

Owns: reading bounds. Must not know: what is done with them.
"""

from __future__ import annotations

import re
import sys
from configparser import ConfigParser
from pathlib import Path


def pins(text: str) -> list[str]:
    """Of `name>=1.2,<2` in install_requires, `name==1.2`. Raises ValueError for a requirement
    without a lower bound."""
    config = ConfigParser(interpolation=None)
    config.read_string(text)
    return [_pin(line) for line in config["options"]["install_requires"].split("\n") if line]


def _pin(requirement: str) -> str:
    found = re.fullmatch(r"([\w.-]+)>=([\w.]+)(,<[\w.]+)?", requirement)
    if found is None:
        raise ValueError(
            f"setup.cfg: a requirement is name>=least or name>=least,<next, not {requirement!r}"
        )
    return f"{found[1]}=={found[2]}"


if __name__ == "__main__":
    try:
        print("\n".join(pins((Path(__file__).parents[1] / "setup.cfg").read_text("utf-8"))))
    except ValueError as error:
        sys.exit(str(error))
