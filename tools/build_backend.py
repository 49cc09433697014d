"""setuptools' build backend (PEP 517), and what a compiled wheel needs besides.

mypyc checks types as it compiles, so it needs the runtime dependencies beside mypy. Only a wheel is
ever compiled: in an editable install the compiled modules would lie beside the sources and hide
every edit, and an sdist has none.
"""

import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from configparser import ConfigParser
from contextlib import contextmanager
from typing import Any

from setuptools import build_meta as _untyped

if sys.version_info < (3, 11):  # noqa: UP036 - older pips look at python_requires too late
    version = ".".join(map(str, sys.version_info[:3]))
    sys.exit(f"cors-anywhere: Python 3.11 or newer is needed; {sys.executable} is {version}")

VARIABLE = "CORSANYWHERE_COMPILE"
COMPILER = "mypy>=2.4.1"

Options = Mapping[str, Any] | None
build_meta: Any = _untyped


@contextmanager
def _plain() -> Iterator[None]:
    asked = os.environ.pop(VARIABLE, None)
    try:
        yield
    finally:
        if asked is not None:
            os.environ[VARIABLE] = asked


def get_requires_for_build_wheel(config_settings: Options = None) -> list[str]:
    """What must be installed where a wheel is built."""
    needed = []
    if os.environ.get(VARIABLE, "") not in ("", "0"):
        parsed = ConfigParser()
        parsed.read("setup.cfg", encoding="utf-8")
        needed = [COMPILER, *parsed["options"]["install_requires"].split("\n")]
    with _plain():
        plain = build_meta.get_requires_for_build_wheel(config_settings)
    return [*plain, *filter(None, needed)]


def prepare_metadata_for_build_wheel(directory: str, config_settings: Options = None) -> str:
    """The wheel's metadata, for which nothing is compiled."""
    with _plain():
        made: str = build_meta.prepare_metadata_for_build_wheel(directory, config_settings)
        return made


def build_wheel(
    directory: str, config_settings: Options = None, metadata_directory: str | None = None
) -> str:
    """Builds from nothing: what an earlier build left would be shipped too."""
    shutil.rmtree("build", ignore_errors=True)
    made: str = build_meta.build_wheel(directory, config_settings, metadata_directory)
    return made


def get_requires_for_build_sdist(config_settings: Options = None) -> list[str]:
    """What must be installed where an sdist is built."""
    with _plain():
        made: list[str] = build_meta.get_requires_for_build_sdist(config_settings)
        return made


def build_sdist(directory: str, config_settings: Options = None) -> str:
    """Builds the sdist."""
    with _plain():
        made: str = build_meta.build_sdist(directory, config_settings)
        return made


def get_requires_for_build_editable(config_settings: Options = None) -> list[str]:
    """What must be installed for an editable install."""
    with _plain():
        made: list[str] = build_meta.get_requires_for_build_editable(config_settings)
        return made


def prepare_metadata_for_build_editable(directory: str, config_settings: Options = None) -> str:
    """The metadata of an editable install."""
    with _plain():
        made: str = build_meta.prepare_metadata_for_build_editable(directory, config_settings)
        return made


def build_editable(
    directory: str, config_settings: Options = None, metadata_directory: str | None = None
) -> str:
    """Builds the wheel that leads to the sources."""
    with _plain():
        made: str = build_meta.build_editable(directory, config_settings, metadata_directory)
        return made
