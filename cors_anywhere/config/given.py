"""What the operator gave: the command line and the environment, read and ranked.

Owns: which source of a value wins, and where each value came from, for the messages about it.
Must not know: files and sockets (files.py, startup.py), or whether a value is sensible
(settings.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cors_anywhere.config.environment import set_variables
from cors_anywhere.config.option import SWITCH, Option
from cors_anywhere.config.options import OPTIONS, PROXY_VARIABLES
from cors_anywhere.config.problems import Problem


@dataclass
class Given:
    """The operator's values by setting, each with the option or variable it came from."""

    values: dict[str, Any] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)
    mistakes: list[Problem] = field(default_factory=list)
    doubts: list[Problem] = field(default_factory=list)  # works, and is hardly what was meant

    def source(self, setting: str) -> str:
        """What to call a setting in front of the operator."""
        names = (option.flag for option in OPTIONS if option.field == setting)
        return self.sources.get(setting) or next(names, setting)

    def blame(self, setting: str, text: str) -> None:
        self.mistakes.append(Problem(self.source(setting), text))

    def said(self) -> list[str]:
        """The doubts, as sentences."""
        return [f"{where}: {text}" for where, text in self.doubts]

    def doubt(self, setting: str, text: str) -> None:
        self.doubts.append(Problem(self.source(setting), text))


def gather(command_line: Mapping[str, Any], environment: Mapping[str, str]) -> Given:
    """Read what was given. An option beats its variable, which beats the variables kept.

    `command_line` maps option names to a tuple of the texts given, or to a bool. None and () are
    unset.
    """
    given = Given()
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
    if option.kind == "many":
        texts = _separated(option, raw, given) if isinstance(raw, str) else raw
        read = [_value(option, text, given) for text in texts]
        given.values[option.field] = tuple(value for value in read if value is not None)
        return
    if isinstance(raw, tuple):
        if len(raw) > 1:
            given.doubt(option.field, f"was given {len(raw)} times: the last one counts")
        raw = raw[-1]
    if (value := _value(option, raw, given)) is not None:
        given.values[option.field] = () if option.kind == "clear" else value


def _separated(option: Option, text: str, given: Given) -> Sequence[str]:
    """The values in a variable. One of commas alone looks like a restriction, and would be none."""
    texts = [part for part in text.split(",") if part.strip()]
    if not texts:
        given.blame(option.field, f"holds commas alone: {_instead_of_nothing(option)}")
    return texts


def _value(option: Option, raw: str | bool, given: Given) -> Any:
    """One value; None when it cannot be read."""
    if isinstance(raw, bool):
        return raw
    try:
        return _read_text(option, raw.strip())
    except ValueError as error:
        given.blame(option.field, str(error))
        return None


def _read_text(option: Option, text: str) -> Any:
    if not text:
        raise ValueError(f"is empty: {_instead_of_nothing(option)}")
    if "\0" in text:  # no process can be given one; a program's own mapping can
        raise ValueError("holds a NUL octet: remove it")
    if option.kind == "many" and "," in text and not option.holds_commas:
        raise ValueError(
            f'"{text}" has a comma: repeat the option, as in {_repeated(option, text)}'
            f" (commas separate in {option.variable} only)"
        )
    return option.read(text)


def _instead_of_nothing(option: Option) -> str:
    if option.field == "require_headers":
        return "name a header, or give --no-require-header"
    return f"{'name at least one' if option.kind == 'many' else 'give a value'}, or leave it out"


def _repeated(option: Option, text: str) -> str:
    parts = [part.strip() for part in text.split(",") if part.strip()]
    return " ".join(f"{option.flag} {part}" for part in parts[:3]) or f"{option.flag} VALUE"
