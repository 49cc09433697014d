"""Redirects: settings, their defaults and checks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cors_anywhere.config.checks import Check, flag, integer


@dataclass(frozen=True, kw_only=True, init=False, repr=False, eq=False)
class Redirects:
    """Redirects."""

    __slots__ = ()

    redirect_same_origin: bool = True
    max_redirects: int = 5
    replay_bytes: int = 65536


CHECKS: Final[dict[str, Check]] = {
    "redirect_same_origin": flag,
    "max_redirects": integer(0, 20),  # 20 is where browsers give up (Fetch, HTTP-redirect fetch)
    "replay_bytes": integer(0, 2**26),  # held in memory for each request
}
