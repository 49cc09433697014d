"""The log: settings, their defaults and checks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cors_anywhere.config.checks import Check, optional, path, word


@dataclass(frozen=True, kw_only=True, init=False, repr=False, eq=False)
class Log:
    """The log."""

    __slots__ = ()

    access_log: str | None = None  # None: off, or text with `dev`
    log_level: str = "info"  # of the command; a program chooses for itself
    log_file: str | None = None  # None: standard error


CHECKS: Final[dict[str, Check]] = {
    "access_log": optional(word("off", "text", "json")),
    "log_level": word("debug", "info", "warning", "error"),
    "log_file": optional(path),
}
