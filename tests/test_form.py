"""Which form of the code is loaded, and what is compiled."""

from __future__ import annotations

import ast
import importlib
import runpy
import sys
from pathlib import Path

import pytest

from cors_anywhere.form import COMPILED, form

ROOT = Path(__file__).parents[1]


def built() -> dict[str, object]:
    """What setup.py defines, without a build."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("CORSANYWHERE_COMPILE", raising=False)
        patch.setattr("setuptools.setup", lambda **_: None)
        return runpy.run_path(str(ROOT / "setup.py"))


def test_all_modules_that_are_to_be_compiled_are_or_none_is() -> None:
    package = Path(importlib.import_module("cors_anywhere").__file__ or "").parent
    defined = built()
    rooms, plain = defined["ROOMS"], defined["PLAIN"]
    assert isinstance(rooms, tuple) and isinstance(plain, dict)
    paths = [path for room in rooms for path in _modules(package / room)]
    names = [str(path.relative_to(package)) for path in paths]
    assert not plain.keys() - set(names), "a module that stays plain is not there"
    for name in set(names) - plain.keys():
        module = "cors_anywhere." + name.removesuffix(".py").replace("/", ".")
        loaded = importlib.import_module(module.removesuffix(".__init__"))
        is_compiled = not (loaded.__file__ or "").endswith(".py")
        assert is_compiled == (form() == COMPILED), name


def _modules(place: Path) -> list[Path]:
    return list(place.glob("*.py")) if place.is_dir() else [place]


def test_nothing_that_is_compiled_awaits_while_an_exception_waits() -> None:
    """mypyc 2.4 uses the object of a finished coroutine again for the next call, and an exception
    that a cancelled one kept for the end of its `finally` is raised there: a request fails by
    another's cancellation. Seen for `finally` and so for `async with`."""
    package = Path(importlib.import_module("cors_anywhere").__file__ or "").parent
    for path in built()["compiled_modules"](package.parent):  # type: ignore[operator]
        for node in ast.walk(ast.parse(Path(path).read_text())):
            assert not isinstance(node, ast.AsyncWith | ast.AsyncFor), f"{path}:{node.lineno}"
            if isinstance(node, ast.Try):
                later = [*node.finalbody, *(line for one in node.handlers for line in one.body)]
                waits = [n for line in later for n in ast.walk(line) if isinstance(n, ast.Await)]
                assert not waits, f"{path}:{waits[0].lineno}"


def test_nothing_that_is_compiled_looks_into_what_it_unpacks_there() -> None:
    """mypyc 2.4 gives up at `x in (*first, *second)` with an error that names no reason."""
    package = Path(importlib.import_module("cors_anywhere").__file__ or "").parent
    for path in built()["compiled_modules"](package.parent):  # type: ignore[operator]
        for node in ast.walk(ast.parse(Path(path).read_text())):
            sides = node.comparators if isinstance(node, ast.Compare) else []
            stars = [
                one for side in sides for one in ast.walk(side) if isinstance(one, ast.Starred)
            ]
            assert not stars, f"{path}:{stars[0].lineno}"


def test_a_build_that_is_asked_for_in_other_words_fails() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CORSANYWHERE_COMPILE", "yes")
        patch.setattr("setuptools.setup", lambda **_: None)
        with pytest.raises(SystemExit, match="write 1 to compile"):
            runpy.run_path(str(ROOT / "setup.py"))


def test_the_form_is_told_without_loading_what_it_is_about() -> None:
    assert form() in (COMPILED, "plain Python")
    assert "cors_anywhere.form" in sys.modules
