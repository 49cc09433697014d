"""Files of values: what a line is, and what is said of a file that cannot be read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cors_anywhere.config import value_files
from cors_anywhere.config.value_files import (
    UnusableFile,
    Value,
    given_itself,
    named_file,
    read_values,
)


def values(folder: Path, content: bytes) -> list[tuple[str, int]]:
    """The values of a file, each with the number of its line."""
    path = folder / "values.txt"
    path.write_bytes(content)
    found = [(value.text, value.place.rpartition(":")) for value in read_values(str(path))]
    assert {place for _, (place, _, _) in found} <= {f"@{path}"}
    return [(text, int(number)) for text, (_, _, number) in found]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"a\nb\n", [("a", 1), ("b", 2)]),
        (b"a", [("a", 1)]),
        (b"a\r\nb\r\n", [("a", 1), ("b", 2)]),
        (b"\n \t\n# said\n  #said\na\n", [("a", 5)]),
        (b" a b \n", [("a b", 1)]),
        (b"a # b\n", [("a # b", 1)]),
        (b"a,b\n", [("a,b", 1)]),
        (b"@a\n@@b\n", [("@a", 1), ("@@b", 2)]),
        (b"\xef\xbb\xbfa\n", [("a", 1)]),
        (b"\xef\xbb\xbf# a\nb", [("b", 2)]),
        ("b\xfccher\u2028x\x85y".encode(), [("b\xfccher\u2028x\x85y", 1)]),
        (b"", []),
        (b"#\n\n", []),
    ],
)
def test_each_line_is_a_value_but_for_blank_ones_and_comments(
    tmp_path: Path, content: bytes, expected: list[tuple[str, int]]
) -> None:
    assert values(tmp_path, content) == expected


def said(path: Path | str) -> tuple[str, str]:
    with pytest.raises(UnusableFile) as raised:
        read_values(str(path))
    return raised.value.place, raised.value.text


def test_a_file_that_is_missing_is_told(tmp_path: Path) -> None:
    path = tmp_path / "x"
    assert said(path) == (
        f"@{path}",
        "cannot be read (No such file or directory): give the path of a readable file",
    )


def test_a_folder_and_a_device_are_no_files_of_values(tmp_path: Path) -> None:
    place, text = said(tmp_path)
    assert (place, "cannot be read (Is a directory)" in text) == (f"@{tmp_path}", True)
    assert "no regular file" in said("/dev/zero")[1]


def test_a_pipe_that_nobody_writes_to_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert "no regular file" in said(tmp_path / "pipe")[1]


@pytest.mark.parametrize("content", [b"a\n\nb\xff\n", b"\xef\xbb\xbfa\n\nb\xe9\nc"])
def test_what_is_not_utf_8_is_told_with_its_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "values.txt"
    path.write_bytes(content)
    assert said(path) == (f"@{path}:3", "is not text: save it as UTF-8")


def test_a_file_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(value_files, "MOST_OCTETS", 2**20)
    path = tmp_path / "values.txt"
    path.write_bytes(b"a\n" * 2**19)
    assert len(read_values(str(path))) == 2**19
    path.write_bytes(b"a\n" * 2**19 + b"b")
    assert said(path) == (f"@{path}", "is larger than 1 MiB: is it a file of values?")


@pytest.mark.parametrize("path", ["", "a\0b"])
def test_a_path_that_is_none_is_told(path: str) -> None:
    assert "names no file" in said(path)[1]


@pytest.mark.parametrize(
    ("text", "path", "value"),
    [
        ("@a.txt", "a.txt", None),
        (" @/a b ", "/a b", None),
        ("@", "", None),
        ("@@a", None, "@a"),
        ("@@", None, "@"),
        ("@@@a", None, "@@a"),
        (" a@b ", None, "a@b"),
    ],
)
def test_an_at_sign_names_a_file_and_two_stand_for_one(
    text: str, path: str | None, value: str | None
) -> None:
    assert named_file(text) == path
    if value is not None:
        assert given_itself(text) == Value(value)
