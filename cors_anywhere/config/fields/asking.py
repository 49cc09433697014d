"""Who may ask: settings, their defaults and checks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from cors_anywhere.config.checks import Check, flag, token
from cors_anywhere.config.grammars import allowed_origin, api_key, byte_rate, quoting, rate
from cors_anywhere.rules.origins import OriginPattern


@dataclass(frozen=True, kw_only=True, init=False, repr=False, eq=False)
class Asking:
    """Who may ask."""

    __slots__ = ()

    allow_origins: tuple[str, ...] = ()  # none: everyone
    deny_origins: tuple[str, ...] = ()
    require_headers: tuple[str, ...] = ("origin", "x-requested-with")
    # Pairs of a holder's name and the key.
    api_keys: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    allow_credentials: bool = False  # of pages of the allowed origins, and cookies of mounts
    expose_set_cookie: bool = False
    rate_limits: tuple[str, ...] = ()
    byte_limits: tuple[str, ...] = ()


CHECKS: Final[dict[str, Check]] = {
    "allow_credentials": flag,
    "expose_set_cookie": flag,
}

LIST_CHECKS: Final[dict[str, Check]] = {
    "allow_origins": quoting(allowed_origin),
    "deny_origins": quoting(OriginPattern.parse),
    "require_headers": token,
    "rate_limits": rate,
    "byte_limits": byte_rate,
    "api_keys": api_key,
}
