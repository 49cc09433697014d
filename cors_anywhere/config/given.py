"""What the operator gave: the command line and the environment, read and ranked.

Owns: which source of a value wins, and where each value came from, for the messages about it.
Must not know: how files are read (value_files.py, files.py), sockets (startup.py), or whether a
value is sensible (settings.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cors_anywhere.config.environment import set_variables
from cors_anywhere.config.option import SWITCH, Option
from cors_anywhere.config.options import OPTIONS, PROXY_VARIABLES
from cors_anywhere.config.problems import Problem
from cors_anywhere.config.value_files import (
    UnusableFile,
    Value,
    given_itself,
    named_file,
    read_values,
)


@dataclass
class Given:
    """The operator's values by setting, each with the option or variable it came from."""

    values: dict[str, Any] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)
    mistakes: list[Problem] = field(default_factory=list)
    doubts: list[Problem] = field(default_factory=list)  # works, and is hardly what was meant
    places: dict[str, tuple[str, ...]] = field(default_factory=dict)  # of a list's values
    files: list[str] = field(default_factory=list)  # that were named by @, in order
    blamed: set[str] = field(default_factory=set)  # settings
    command_line: Mapping[str, Any] = field(default_factory=dict, repr=False)  # as gathered from
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)

    def source(self, setting: str) -> str:
        """What to call a setting in front of the operator."""
        names = (option.flag for option in OPTIONS if option.field == setting)
        return self.sources.get(setting) or next(names, setting)

    def blame(self, setting: str, text: str, place: str = "") -> None:
        """There is a mistake in a setting, at a place in a file where that is known."""
        self.blamed.add(setting)
        self.mistakes.append(self._problem(setting, text, place))

    def doubt(self, setting: str, text: str, place: str = "") -> None:
        self.doubts.append(self._problem(setting, text, place))

    def said(self) -> list[str]:
        """The doubts, as sentences."""
        return [f"{where}: {text}" for where, text in self.doubts]

    def _problem(self, setting: str, text: str, place: str) -> Problem:
        return Problem(f"{self.source(setting)} {place}" if place else self.source(setting), text)


def gather(command_line: Mapping[str, Any], environment: Mapping[str, str]) -> Given:
    """Read what was given. An option beats its variable, which beats the variables kept.

    `command_line` maps option names to a tuple of the texts given, or to a bool. None and () are
    unset.
    """
    given = Given(command_line=command_line, environment=environment)
    variables = set_variables(environment)
    ranks: dict[str, int] = {}
    for option in OPTIONS:
        rank, where, raw = next(_sources(option, command_line, variables), (9, "", None))
        if raw is None or rank > ranks.get(option.field, 8):
            continue
        if rank == ranks.get(option.field):
            given.mistakes.append(
                Problem(where, f"contradicts {given.sources[option.field]}: give one of them")
            )
        ranks[option.field] = rank
        given.sources[option.field] = where
        _read(option, raw, given)
    for name in PROXY_VARIABLES:
        where = name if name in variables else name.upper()
        if where in variables:
            given.values[name], given.sources[name] = variables[where], where
    return given


def _sources(
    option: Option, command_line: Mapping[str, Any], variables: Mapping[str, str]
) -> Iterator[tuple[int, str, Any]]:
    """Where the option's value is, the strongest first: rank, name, and what is there."""
    stated = command_line.get(option.name)
    if stated is not None and stated != ():
        yield 0, option.flag, stated
    for rank, name in enumerate((option.variable, *option.legacy), start=1):
        if name not in variables:
            continue
        if option.kind == "clear" and SWITCH.get(variables[name].lower()) is False:
            continue
        yield rank, name, variables[name]


def _read(option: Option, raw: Any, given: Given) -> None:
    """Put the value read from `raw` among the given ones, or its mistakes."""
    given.places.pop(option.field, None)
    if isinstance(raw, bool):
        given.values[option.field] = () if option.kind == "clear" else raw
        return
    if option.kind == "many":
        texts = _separated(option, raw, given) if isinstance(raw, str) else raw
        _read_many(option, texts, given)
        return
    if isinstance(raw, tuple) and len(raw) > 1:
        given.doubt(option.field, f"was given {len(raw)} times: the last one counts")
    _read_one(option, raw[-1] if isinstance(raw, tuple) else raw, given)


def _read_many(option: Option, texts: Sequence[str], given: Given) -> None:
    read = []
    for text in texts:
        for item in _values(option, text, given):
            if (value := _value(option, item, given)) is not None:
                read.append((value, item.place))
    given.values[option.field] = tuple(value for value, _ in read)
    given.places[option.field] = tuple(place for _, place in read)


def _read_one(option: Option, text: str, given: Given) -> None:
    items = _values(option, text, given)
    if len(items) > 1:
        given.blame(
            option.field,
            f"is a second value, where {option.flag} takes one: remove it, or begin its line"
            " with #",
            items[1].place,
        )
        return
    for item in items:
        if item.place:  # so that whatever is said of the value names its line
            given.sources[option.field] += f" {item.place}"
        if (value := _value(option, item._replace(place=""), given)) is not None:
            given.values[option.field] = () if option.kind == "clear" else value


def _separated(option: Option, text: str, given: Given) -> Sequence[str]:
    """The values in a variable. One of commas alone looks like a restriction, and would be none."""
    texts = [part for part in re.split(option.separator, text) if part.strip(" \t,")]
    if not texts:
        given.blame(option.field, f"holds commas alone: {_instead_of_nothing(option)}")
    return texts


def _values(option: Option, text: str, given: Given) -> list[Value]:
    """What a text stands for: itself, or the values of the file that it names."""
    path = named_file(text) if option.takes_files else None
    if path is None:
        return [given_itself(text) if option.takes_files else Value(text.strip())]
    given.files.append(path)
    try:
        values = read_values(path)
    except UnusableFile as error:
        given.blame(option.field, error.text, error.place)
        return []
    if not values:
        _tell_of_nothing(option, f"@{path}", given)
    return values


def _tell_of_nothing(option: Option, place: str, given: Given) -> None:
    """A file without a value. An allow list of nothing would allow everything; a list of what is
    denied may well be empty for a while."""
    if option.field.startswith("deny_"):
        given.doubt(option.field, "holds no value, so it denies nothing", place)
        return
    given.blame(option.field, f"holds no value: {_instead_of_nothing(option)}", place)


def _value(option: Option, item: Value, given: Given) -> Any:
    """One value; None when it cannot be read."""
    try:
        return _read_text(option, item)
    except ValueError as error:
        given.blame(option.field, str(error), item.place)
        return None


def _read_text(option: Option, item: Value) -> Any:
    text = item.text
    if not text:
        raise ValueError(f"is empty: {_instead_of_nothing(option)}")
    if "\0" in text:  # no process can be given one; a file can, and a program's own mapping
        raise ValueError("holds a NUL octet: remove it")
    if option.kind == "many" and "," in text and not option.holds_commas:
        raise ValueError(f'"{text}" has a comma: {_instead_of_commas(option, item)}')
    return option.read(text)


def _instead_of_commas(option: Option, item: Value) -> str:
    if item.place:
        return "write each value on a line of its own"
    return (
        f"repeat the option, as in {_repeated(option, item.text)}"
        f" (commas separate in {option.variable} only)"
    )


def _instead_of_nothing(option: Option) -> str:
    if option.field == "require_headers":
        return "name a header, or give --no-require-header"
    return f"{'name at least one' if option.kind == 'many' else 'give a value'}, or leave it out"


def _repeated(option: Option, text: str) -> str:
    parts = [part.strip() for part in text.split(",") if part.strip()]
    return " ".join(f"{option.flag} {part}" for part in parts[:3]) or f"{option.flag} VALUE"
