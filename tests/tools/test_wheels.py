"""A wheel is of one form all through, and says so."""

from __future__ import annotations

from pathlib import Path
from zipfile import ZipFile

import pytest

import cors_anywhere
from tools.wheels import check_content, check_tag, modules_to_compile

MODULES = {"cors_anywhere/relay", "cors_anywhere/rules/policy"}
SOURCES = [f"{module}.py" for module in MODULES] + ["cors_anywhere/proxy.py"]
LIBRARY = ".cpython-311-x86_64-linux-gnu.so"
LIBRARIES = [module + LIBRARY for module in sorted(MODULES)]


def wheel(directory: Path, names: list[str]) -> Path:
    path = directory / "a.whl"
    with ZipFile(path, "w") as made:
        for name in [*names, "cors_anywhere-1.dist-info/RECORD"]:
            made.writestr(name, "")
    return path


def test_the_modules_are_those_of_setup_py() -> None:
    modules = modules_to_compile(Path(cors_anywhere.__file__).parents[1])
    assert "cors_anywhere/relay" in modules
    assert "cors_anywhere/tunnel" not in modules


@pytest.mark.parametrize(
    ("form", "libraries"),
    [("plain Python", []), ("compiled", [*LIBRARIES, f"0123__mypyc{LIBRARY}"])],
)
def test_a_wheel_of_one_form_passes(form: str, libraries: list[str], tmp_path: Path) -> None:
    check_content(form, wheel(tmp_path, [*SOURCES, *libraries]), MODULES)


@pytest.mark.parametrize(
    ("form", "names", "told"),
    [
        ("compiled", [*SOURCES, LIBRARIES[0]], "cors_anywhere/rules/policy"),
        ("compiled", SOURCES, "cors_anywhere/relay, cors_anywhere/rules/policy"),
        ("compiled", [*SOURCES, *LIBRARIES, "cors_anywhere/proxy.so"], "cors_anywhere/proxy"),
        ("compiled", LIBRARIES, "cors_anywhere/relay"),
        ("plain Python", [*SOURCES, LIBRARIES[0]], "cors_anywhere/relay"),
    ],
    ids=["one is missing", "all are", "one too many", "without its sources", "one in the other"],
)
def test_a_wheel_of_two_forms_is_refused(
    form: str, names: list[str], told: str, tmp_path: Path
) -> None:
    with pytest.raises(SystemExit, match=told):
        check_content(form, wheel(tmp_path, names), MODULES)


@pytest.mark.parametrize(
    ("form", "name"),
    [("compiled", "a-1-py3-none-any.whl"), ("plain Python", "a-1-cp311-cp311-linux_x86_64.whl")],
)
def test_a_tag_that_is_not_the_form_s_is_refused(form: str, name: str) -> None:
    with pytest.raises(SystemExit, match=name):
        check_tag(form, Path(name))
