"""What an option is, and how the text of its value is read.

Owns: an option's name on the command line and as a variable, and the readers of values.
Must not know: which options there are (options/), what was given (given.py), or what a value means
(settings.py).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final, Literal, NamedTuple

PREFIX: Final = "CORSANYWHERE_"
NODE_TLS: Final = "NODE_TLS_REJECT_UNAUTHORIZED"

# --- how the text of a value is read: ValueError names the mistake and the fix -----------------


def text(given: str) -> str:
    return given


def integer(text: str) -> int:
    if not re.fullmatch(r"-?[0-9]{1,18}", text):
        raise ValueError(f'"{text}" is not a whole number: write digits only')
    return int(text)


def seconds(text: str) -> float:
    if not re.fullmatch(r"-?[0-9]{1,9}(\.[0-9]{1,9})?", text):
        raise ValueError(f'"{text}" is not a number of seconds: write one like 30 or 0.5')
    return float(text)


def header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon:  # what there is may be a piece of a secret value: not repeated
        raise ValueError(
            "a header to set has no colon: write 'Name: value' (in a variable commas separate;"
            " a value that has some is given by the option, or in an @file)"
        )
    return name.strip(), value.strip()


def mount(text: str) -> tuple[str, str]:
    prefix, equals, url = text.partition("=")
    if not equals:
        raise ValueError(f'"{text}" names no URL: write one like /api=https://api.example.com')
    return prefix.strip(), url.strip()


def api_key(text: str) -> tuple[str, str]:
    name, colon, key = text.partition(":")
    if not colon:  # it may be the key itself: not repeated
        raise ValueError("a key has no holder: write 'name: key'")
    return name.strip(), key.strip()


def target_header(text: str) -> tuple[str, str, str]:
    # A target may hold colons itself, but no blank: the one that a blank follows ends it.
    match = re.fullmatch(r"(\S+):[ \t]+([^:\s]+)[ \t]*:(.*)", text, re.DOTALL)
    if match is None:  # not repeated either
        raise ValueError(
            "a header for a target is written 'https://api.example.com: Name: value', with a blank"
            " after the target's colon (in a variable commas separate; a value that has some is"
            " given by the option, or in an @file)"
        )
    target, name, value = match.groups()
    return target, name, value.strip()


def switch(text: str) -> bool:
    if text.lower() not in SWITCH:
        raise ValueError(f'"{text}" is neither yes nor no: write one of {", ".join(SWITCH)}')
    return SWITCH[text.lower()]


SWITCH: Final = {
    **dict.fromkeys(("1", "true", "yes", "on"), True),
    **dict.fromkeys(("0", "false", "no", "off"), False),
}


# --- what is said of an option -------------------------------------------------------------------


class Option(NamedTuple):
    """One option. Of its kinds, `flag` has a --no- form and `clear` empties another's list."""

    name: str
    field: str
    help: str
    metavar: str = ""
    read: Callable[[str], Any] = text
    kind: Literal["one", "many", "flag", "clear"] = "one"
    legacy: tuple[str, ...] = ()  # variables kept from elsewhere
    unset: str = "none"  # how the default None reads
    separator: str = ","  # a regex of what is between several values in its variable

    @property
    def flag(self) -> str:
        return f"--{self.name}"

    @property
    def variable(self) -> str:
        return PREFIX + self.name.upper().replace("-", "_")

    @property
    def holds_commas(self) -> bool:
        """Whether a comma may be part of one value, as it may of a header's."""
        return self.read in (header, target_header, api_key) or self.separator != ","

    @property
    def takes_files(self) -> bool:
        """Whether `@path` names a file of values."""
        return self.kind in ("one", "many")

    @property
    def declaration(self) -> str:
        """What the command line is told: `--name`, or `--name/--no-name`."""
        return f"{self.flag}/--no-{self.name}" if self.kind == "flag" else self.flag
