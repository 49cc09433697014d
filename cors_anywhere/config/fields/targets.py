"""What may be asked for: settings, their defaults and checks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from cors_anywhere.config.checks import Check, flag, optional, scheme
from cors_anywhere.config.grammars import mount, network, private_target, quoting, target
from cors_anywhere.rules.filters import check_method, check_type
from cors_anywhere.rules.targets import TargetPattern


@dataclass(frozen=True, kw_only=True, init=False, repr=False, eq=False)
class Targets:
    """What may be asked for."""

    __slots__ = ()

    target: str | None = None  # a URL: every path is this target's
    mounts: Mapping[str, str] | tuple[tuple[str, str], ...] = ()  # URLs by their prefixes
    open_proxy: bool = False  # beside mounts; without any it always is
    default_scheme: str = "http"  # of a URL without one: http or https
    allow_targets: tuple[str, ...] = ()  # none: all
    deny_targets: tuple[str, ...] = ()
    allow_private: tuple[str, ...] = ()  # targets
    allow_networks: tuple[str, ...] = ()
    deny_networks: tuple[str, ...] = ()
    nat64: bool = False
    allow_methods: tuple[str, ...] = ()  # none: all
    deny_methods: tuple[str, ...] = ()
    allow_content_types: tuple[str, ...] = ()  # of replies; none: all


CHECKS: Final[dict[str, Check]] = {
    "target": optional(target),
    "open_proxy": flag,
    "default_scheme": scheme,
    "nat64": flag,
}

LIST_CHECKS: Final[dict[str, Check]] = {
    "mounts": mount,
    "allow_targets": quoting(TargetPattern.parse),
    "deny_targets": quoting(TargetPattern.parse),
    "allow_private": quoting(private_target),
    "allow_networks": network,
    "deny_networks": network,
    "allow_methods": quoting(check_method),
    "deny_methods": quoting(check_method),
    "allow_content_types": quoting(check_type),
}
