"""The public names of the package."""

from __future__ import annotations

import subprocess
import sys

import pytest

import cors_anywhere
from cors_anywhere import errors


@pytest.mark.parametrize("name", cors_anywhere.__all__)
def test_a_public_name_can_be_had(name: str) -> None:
    assert getattr(cors_anywhere, name) is not None
    assert name in dir(cors_anywhere)


def test_every_error_is_public() -> None:
    named = {name for name, kind in vars(errors).items() if isinstance(kind, type)}
    assert {name for name in named if issubclass(getattr(errors, name), Exception)} <= set(
        cors_anywhere.__all__
    )


def test_no_other_name_can_be_had() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'CorsAnywhere'"):
        getattr(cors_anywhere, "CorsAnywhere")  # noqa: B009 - a checker knows


def test_the_package_itself_loads_no_server() -> None:
    program = "import sys, cors_anywhere; print({'tornado', 'aiodns'} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert done.stdout == b"set()\n"
