"""What is wrong with a configuration, as a value and as an error.

Owns: their shape. Must not know: what can be wrong.
"""

from __future__ import annotations

from typing import NamedTuple


class Problem(NamedTuple):
    """A mistake in one setting: what it is, and how to put it right."""

    setting: str  # the field's name, or the option or variable that it came from
    text: str


class SettingsError(ValueError):
    """All the mistakes in a set of settings."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__(problems)  # the arguments, by which an error is copied and pickled
        self.problems = problems

    def __str__(self) -> str:
        return "\n".join(f"{setting}: {text}" for setting, text in self.problems)
