"""Values that are kept in a file: an option's `@path`.

Owns: how such a file is read and bounded, which of its lines are values, and where each stood.
Must not know: which option they are for, or what they mean (given.py).
"""

from __future__ import annotations

import os
import stat
from typing import Final, NamedTuple

MOST_OCTETS: Final = 16 * 2**20
"""Of one file: far more than the longest list of targets that anybody keeps."""

_MARK: Final = "@"


class Value(NamedTuple):
    """The text of a value, and where it stood: `@path:line`, or nothing where it was given."""

    text: str
    place: str = ""


class UnusableFile(Exception):
    """A file that cannot be read: the place to blame, and the text about it."""

    def __init__(self, place: str, text: str) -> None:
        super().__init__(place, text)
        self.place = place
        self.text = text


def named_file(text: str) -> str | None:
    """The path in `@path`; None for a value that is given itself, `@@…` among them."""
    text = text.strip()
    if text.startswith(_MARK) and not text.startswith(_MARK * 2):
        return text[1:]
    return None


def given_itself(text: str) -> Value:
    """The value in a text that names no file: a doubled @ at its beginning stands for one."""
    text = text.strip()
    return Value(text[1:] if text.startswith(_MARK * 2) else text)


def read_values(path: str) -> list[Value]:
    """The values in a file, one a line. Raises UnusableFile.

    Blank lines and lines that begin with # are none. A line is taken as it stands, but for blanks
    around it: an @ in it names no further file.
    """
    lines = enumerate(_read_text(path).split("\n"), start=1)
    stripped = ((number, line.strip()) for number, line in lines)
    return [
        Value(line, f"{_MARK}{path}:{number}")
        for number, line in stripped
        if line and not line.startswith("#")
    ]


def _read_text(path: str) -> str:
    data = _read_octets(path)
    try:
        return data.decode("utf-8-sig")  # some editors begin a file with a byte order mark
    except UnicodeDecodeError as error:
        number = error.object[: error.start].count(b"\n") + 1
        raise UnusableFile(f"{_MARK}{path}:{number}", "is not text: save it as UTF-8") from error


def _read_octets(path: str) -> bytes:
    place = f"{_MARK}{path}"
    if not path or "\0" in path:
        raise UnusableFile(place, "names no file: write its path behind the @ (@@ begins a value)")
    try:
        with open(path, "rb", opener=_without_waiting) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                text = "is no regular file, so it could not be read again: give one"
                raise UnusableFile(place, text)
            data = file.read(MOST_OCTETS + 1)
    except OSError as error:
        text = f"cannot be read ({error.strerror}): give the path of a readable file"
        raise UnusableFile(place, text) from error
    if len(data) > MOST_OCTETS:
        most = MOST_OCTETS // 2**20
        raise UnusableFile(place, f"is larger than {most} MiB: is it a file of values?")
    return data


def _without_waiting(path: str, flags: int) -> int:
    """Opens a pipe too, where nobody writes to it yet."""
    return os.open(path, flags | os.O_NONBLOCK)
