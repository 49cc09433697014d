"""What a browser shows as a page of the proxy's: settings, their defaults and checks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cors_anywhere.config.checks import Check, flag, media_type, optional, string


@dataclass(frozen=True, kw_only=True, init=False, repr=False, eq=False)
class Pages:
    """What a browser shows as a page of the proxy's."""

    __slots__ = ()

    help_text: str | None = None  # None: the built-in page
    help_type: str = "text/plain"
    page: bool = True  # the home page for a person, and its doctor
    allow_navigation: bool = False  # whether targets' pages are shown, sandboxed


CHECKS: Final[dict[str, Check]] = {
    "help_text": optional(string),
    "help_type": media_type,
    "page": flag,
    "allow_navigation": flag,
}
