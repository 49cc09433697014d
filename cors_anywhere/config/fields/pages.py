"""The pages that the proxy shows of itself: settings, their defaults and checks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cors_anywhere.config.checks import Check, media_type, optional, string


@dataclass(frozen=True, kw_only=True)
class Pages:
    """The pages that the proxy shows of itself."""

    __slots__ = ()

    help_text: str | None = None  # None: the built-in page
    help_type: str = "text/plain"


CHECKS: Final[dict[str, Check]] = {
    "help_text": optional(string),
    "help_type": media_type,
}
