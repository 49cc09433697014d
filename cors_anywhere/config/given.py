"""What the operator gave: the command line and the environment, read and ranked.

Owns: which source of a value wins, and where each value came from, for the messages about it.
Must not know: files and sockets (cli.py), or whether a value is sensible (settings.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, NamedTuple

from cors_anywhere.config.options import NODE_TLS, OPTIONS, PREFIX, PROXY_VARIABLES, SWITCH, Option


class Mistake(NamedTuple):
    """What is wrong, and the option or variable it came from."""

    where: str
    text: str


@dataclass
class Given:
    """The operator's values by setting, each with the option or variable it came from."""

    values: dict[str, Any] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)
    mistakes: list[Mistake] = field(default_factory=list)

    def source(self, setting: str) -> str:
        """What to call a setting in front of the operator."""
        names = (option.flag for option in OPTIONS if option.field == setting)
        return self.sources.get(setting) or next(names, setting)

    def blame(self, setting: str, text: str) -> None:
        self.mistakes.append(Mistake(self.source(setting), text))


def gather(command_line: Mapping[str, Any], environment: Mapping[str, str]) -> Given:
    """Read what was given. An option beats its variable, which beats the variables kept.

    `command_line` maps option names to text, a tuple of texts, or a bool. None and () are unset.
    """
    given = Given()
    variables = _set_variables(environment)
    ranks: dict[str, int] = {}
    for option in OPTIONS:
        rank, where, raw = next(_sources(option, command_line, variables), (9, "", None))
        if raw is None or rank > ranks.get(option.field, 8):
            continue
        if rank == ranks.get(option.field):
            given.mistakes.append(
                Mistake(where, f"contradicts {given.sources[option.field]}: give one of them")
            )
        ranks[option.field] = rank
        given.sources[option.field] = where
        _read(option, raw, given)
    for name in PROXY_VARIABLES:
        where = name if name in variables else name.upper()
        if where in variables:
            given.values[name], given.sources[name] = variables[where], where
    return given


def _set_variables(environment: Mapping[str, str]) -> dict[str, str]:
    """Variables that are not empty, trimmed. Node.js knows one value of its switch, "0"."""
    variables = {name: text.strip() for name, text in environment.items() if text.strip()}
    if variables.pop(NODE_TLS, "") == "0":
        variables[NODE_TLS] = "on"
    return variables


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
        texts = raw.split(",") if isinstance(raw, str) else raw
        read = [_value(option, text, given) for text in texts if text.strip()]
        given.values[option.field] = tuple(value for value in read if value is not None)
    elif (value := _value(option, raw, given)) is not None:
        given.values[option.field] = () if option.kind == "clear" else value


def _value(option: Option, raw: str | bool, given: Given) -> Any:
    """One value; None when it cannot be read."""
    if isinstance(raw, bool):
        return raw
    try:
        return option.read(raw.strip())
    except ValueError as error:
        given.blame(option.field, str(error))
        return None


def unknown_variables(environment: Mapping[str, str]) -> Iterator[str]:
    """A sentence for each variable that looks like ours and is not."""
    names = {name for option in OPTIONS for name in (option.variable, *option.legacy)}
    known = {name.removeprefix(PREFIX) for name in names if name.startswith(PREFIX)}
    for name in sorted(environment):
        ending = name.removeprefix(PREFIX)
        if ending != name and ending not in known and environment[name].strip():
            near = get_close_matches(ending, known, n=1)  # what all begin with makes all alike
            yield f"{name} is not known" + (f": is {PREFIX}{near[0]} meant?" if near else "")
