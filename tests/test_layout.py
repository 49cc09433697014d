"""The tests are laid out like the package."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import cors_anywhere

PACKAGE = Path(cors_anywhere.__file__).parent
TESTS = Path(__file__).parent
TABLES = {PACKAGE / "config" / room for room in ("fields", "options")}
"""Rooms whose modules are parts of one table: their test_init.py reads it as a whole."""


def has_statements(module: Path) -> bool:
    """Whether a module does anything: a docstring, imports and protocols are only said."""
    return any(
        not isinstance(node, (ast.Expr, ast.Import, ast.ImportFrom)) and not _is_protocol(node)
        for node in ast.parse(module.read_text("utf-8")).body
    )


def _is_protocol(node: ast.stmt) -> bool:
    return isinstance(node, ast.ClassDef) and "Protocol" in map(ast.unparse, node.bases)


MODULES = sorted(
    module.relative_to(PACKAGE)
    for module in PACKAGE.rglob("*.py")
    if has_statements(module) and not (module.parent in TABLES and module.stem != "__init__")
)


@pytest.mark.parametrize("module", MODULES, ids=map(str, MODULES))
def test_a_module_has_its_test_file(module: Path) -> None:
    """`__init__` is tested in test_init.py of its folder, `__main__` in test_main.py."""
    assert (TESTS / module.parent / f"test_{module.stem.strip('_')}.py").is_file()
