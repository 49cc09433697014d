"""What an installed package says of itself is what setup.cfg says, in the form of the day."""

from __future__ import annotations

from configparser import ConfigParser
from importlib.metadata import metadata
from pathlib import Path

from cors_anywhere import __version__

CONFIG = ConfigParser(interpolation=None)
CONFIG.read(Path(__file__).parents[1] / "setup.cfg", encoding="utf-8")


def test_the_version_is_that_of_setup_cfg() -> None:
    assert __version__ == CONFIG["metadata"]["version"]


def test_the_licence_is_an_expression() -> None:
    assert metadata("cors-anywhere")["License-Expression"] == "MIT"  # PEP 639


def test_the_least_python_is_the_first_that_is_listed() -> None:
    prefix = "Programming Language :: Python :: 3."
    listed = [line for line in CONFIG["metadata"]["classifiers"].split("\n") if prefix in line]
    least = CONFIG["options"]["python_requires"].removeprefix(">=")
    assert listed[0] == prefix.removesuffix("3.") + least
