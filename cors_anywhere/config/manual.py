"""The options as the operator reads of them: their defaults in words, and the README's table.

Owns: that wording. Must not know: how the command prints its help.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any, Final

from cors_anywhere.config.option import Option
from cors_anywhere.config.options import OPTIONS
from cors_anywhere.config.settings import Settings

DEFAULTS: Final[dict[str, Any]] = {
    item.name: item.default for item in fields(Settings) if item.init
}

_MARKDOWN: Final = str.maketrans({"*": r"\*", "<": "&lt;", ">": "&gt;", "|": r"\|"})


def default_in_words(option: Option) -> str:
    """What holds when the option is not given; empty when that is nothing to speak of."""
    value = "" if option.kind == "clear" else DEFAULTS[option.field]
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, tuple):
        return ", ".join(value) or "none"
    if isinstance(value, float):
        return f"{value:g}"
    return str(option.unset if value is None else value)


def markdown_table() -> str:
    """The table of options as the README shows it."""
    rows = ["| option | variable | default | |", "| --- | --- | --- | --- |"]
    for option in OPTIONS:
        names = f"`{option.declaration.replace('/', '` `')}`"
        variables = ", ".join(f"`{name}`" for name in (option.variable, *option.legacy))
        metavar = f" {option.metavar}" if option.metavar else ""
        names = names[:-1] + metavar + "`" + ("…" if option.kind == "many" else "")
        text = option.help.translate(_MARKDOWN)
        rows.append(f"| {names} | {variables} | {default_in_words(option)} | {text} |")
    return "\n".join(rows) + "\n"
