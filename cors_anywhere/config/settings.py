"""The operator's choices: frozen, and valid once they exist.

Owns: that every setting is checked, alone and with the others, when they are made.
Must not know: which settings there are (fields/); how text becomes values (given.py) or files
become text (files.py); what the choices lead to (policy.py, egress, serving.py).
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from cors_anywhere.config.checks import read_list
from cors_anywhere.config.compiled import Compiled, compile_settings
from cors_anywhere.config.contradictions import idle_words, incomplete, nothing_works, unguarded
from cors_anywhere.config.environment import unknown_variables
from cors_anywhere.config.fields import CHECKS, LIST_CHECKS, Fields
from cors_anywhere.config.files import load_files
from cors_anywhere.config.given import Given, gather
from cors_anywhere.config.grammars import proxy
from cors_anywhere.config.problems import Problem, SettingsError

LOG = logging.getLogger("cors_anywhere")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings(Fields):
    """Every choice an operator has. Raises SettingsError, with all mistakes, when made.

    Times are in seconds, sizes in bytes. The README's table of options explains each.
    """

    compiled: Compiled = field(init=False, repr=False, compare=False)
    doubts: tuple[Problem, ...] = field(init=False, repr=False, compare=False)  # valid, yet idle

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ) -> Self:
        """Settings from the variables that the command reads. Raises SettingsError, whose problems
        name the variables."""
        return cls.read({}, environ)

    @classmethod
    def read(
        cls, command_line: Mapping[str, Any], environ: Mapping[str, str], *, quiet: bool = False
    ) -> Self:
        """Settings from both sources of the command (see gather), the files that they name read
        anew; doubts are logged unless `quiet`. Raises SettingsError, whose problems name options
        and variables."""
        given = gather(command_line, environ)
        settings = cls.from_given(given)
        if settings is None or given.mistakes:
            raise SettingsError(tuple(given.mistakes))
        for doubt in () if quiet else (*given.said(), *unknown_variables(environ)):
            LOG.warning("%s", doubt)
        return settings

    @classmethod
    def from_given(cls, given: Given) -> Self | None:
        """The settings, their files read; None, and their mistakes among the given ones, when they
        cannot be made."""
        load_files(given)
        if "unix" in given.values and not {"hosts", "port"} & given.values.keys():
            given.values["hosts"] = ()
        try:
            settings = cls(**given.values)
        except SettingsError as error:
            _blame(given, error.problems)
            return None
        for doubt in settings.doubts:
            given.doubt(*doubt)
        return settings

    def __post_init__(self) -> None:
        if isinstance(self.mounts, Mapping):
            object.__setattr__(self, "mounts", tuple(self.mounts.items()))
        problems: list[Problem] = []
        if not self.hosts and self.unix is None:
            problems.append(Problem("hosts", "name no address, so nobody could ask: give one"))
        read = self._read(problems)
        stated = {name for name in LIST_CHECKS if getattr(self, name)}
        problems += [*incomplete(read), *unguarded(read, stated), *nothing_works(read)]
        if problems:
            raise SettingsError(tuple(problems))
        for name in LIST_CHECKS:
            object.__setattr__(self, name, tuple(getattr(self, name)))
        object.__setattr__(self, "compiled", compile_settings(read))
        object.__setattr__(self, "doubts", tuple(idle_words(read)))

    def _read(self, problems: list[Problem]) -> dict[str, Any]:
        """Every setting as the value that is worked with; what cannot be read is a problem."""
        read: dict[str, Any] = {}
        checks = dict(CHECKS)
        if self.all_proxy and not (self.http_proxy and self.https_proxy):
            # Read only then: a desktop that sets all three, with a SOCKS proxy for the rest, is
            # served by the first two.
            checks["all_proxy"] = proxy
        for name, check in checks.items():
            try:
                read[name] = check(getattr(self, name))
            except ValueError as error:
                problems.append(Problem(name, str(error)))
        for name, check in LIST_CHECKS.items():
            mistakes: list[str] = []
            read[name] = read_list(check, getattr(self, name), mistakes)
            problems += [Problem(name, text) for text in mistakes]
        return read


def _blame(given: Given, problems: tuple[Problem, ...]) -> None:
    """Tell of problems as mistakes in what was given; of a list's values, where each stood."""
    told: set[str] = set()  # the same value may stand in two lines
    for setting, text in problems:
        places = (place for place in _places(given, setting, text) if place not in told)
        place = next(places, "")
        told.add(place)
        given.blame(setting, text, place)


def _places(given: Given, setting: str, text: str) -> Iterator[str]:
    """The lines whose values a list's check says this of."""
    places = given.places.get(setting, ())
    for value, place in zip(given.values[setting] if places else (), places, strict=True):
        mistakes: list[str] = []
        read_list(LIST_CHECKS[setting], (value,), mistakes)
        if mistakes == [text]:
            yield place
