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


def test_every_failure_that_is_answered_is_public() -> None:
    kinds = {kind for kind in vars(errors).values() if isinstance(kind, type)}
    answered = {kind.__name__ for kind in kinds if issubclass(kind, errors.ProxyError)}
    assert answered <= set(cors_anywhere.__all__)


def test_no_other_name_can_be_had() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'CorsAnywhere'"):
        getattr(cors_anywhere, "CorsAnywhere")  # noqa: B009 - a checker knows


def loaded(program: str) -> set[str]:
    """The packages that a program makes Python load."""
    shown = f"import sys; {program}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", shown], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_the_package_itself_loads_no_server() -> None:
    assert not loaded("import cors_anywhere") & {"tornado", "aiodns", "asyncio"}


def test_our_own_server_loads_no_tornado() -> None:
    names = loaded("from cors_anywhere import serve")
    assert "aiodns" in names
    assert "tornado" not in names
