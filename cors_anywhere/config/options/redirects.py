"""The options of redirects."""

from __future__ import annotations

from typing import Final

from cors_anywhere.config.option import Option, integer, switch

OPTIONS: Final = (
    Option(
        "redirect-same-origin",
        "redirect_same_origin",
        "Send a page that asks for its own origin there directly.",
        read=switch,
        kind="flag",
    ),
    Option("max-redirects", "max_redirects", "Redirects followed for a request.", "N", integer),
    Option(
        "replay-bytes",
        "replay_bytes",
        "Largest body that is sent again after a 307 or 308.",
        "N",
        integer,
    ),
)
