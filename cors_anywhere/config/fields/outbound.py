"""The operator's own proxies, through which requests leave: settings, their defaults and checks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from cors_anywhere.config.checks import Check, optional, string
from cors_anywhere.config.grammars import proxy


@dataclass(frozen=True, kw_only=True, init=False, repr=False, eq=False)
class Outbound:
    """The operator's own proxies, through which requests leave."""

    __slots__ = ()

    http_proxy: str | None = field(default=None, repr=False)  # may hold passwords
    https_proxy: str | None = field(default=None, repr=False)
    all_proxy: str | None = field(default=None, repr=False)
    no_proxy: str = ""


CHECKS: Final[dict[str, Check]] = {
    "http_proxy": optional(proxy),
    "https_proxy": optional(proxy),
    "no_proxy": string,
}
