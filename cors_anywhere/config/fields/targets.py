"""What may be asked for: settings, their defaults and checks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cors_anywhere.config.checks import Check, flag, scheme
from cors_anywhere.config.grammars import network, private_target, quoting
from cors_anywhere.rules.targets import TargetPattern


@dataclass(frozen=True, kw_only=True)
class Targets:
    """What may be asked for."""

    __slots__ = ()

    default_scheme: str = "http"  # of a URL without one: http or https
    allow_targets: tuple[str, ...] = ()  # none: all
    deny_targets: tuple[str, ...] = ()
    allow_private: tuple[str, ...] = ()  # targets
    allow_networks: tuple[str, ...] = ()
    deny_networks: tuple[str, ...] = ()
    nat64: bool = False


CHECKS: Final[dict[str, Check]] = {
    "default_scheme": scheme,
    "nat64": flag,
}

LIST_CHECKS: Final[dict[str, Check]] = {
    "allow_targets": quoting(TargetPattern.parse),
    "deny_targets": quoting(TargetPattern.parse),
    "allow_private": quoting(private_target),
    "allow_networks": network,
    "deny_networks": network,
}
