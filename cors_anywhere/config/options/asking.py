"""The options of who may ask."""

from __future__ import annotations

from typing import Final

from cors_anywhere.config.option import Option, switch

OPTIONS: Final = (
    Option(
        "allow-origin",
        "allow_origins",
        "Origin that may ask, and no other: exact, https://*.example.com, http://localhost:*,"
        " null, or self for the proxy's own. None means everyone.",
        "PATTERN",
        kind="many",
        legacy=("CORSANYWHERE_WHITELIST",),
    ),
    Option(
        "deny-origin",
        "deny_origins",
        "Origin that may not ask.",
        "PATTERN",
        kind="many",
        legacy=("CORSANYWHERE_BLACKLIST",),
    ),
    Option(
        "require-header",
        "require_headers",
        "Header of which a request must have at least one.",
        "NAME",
        kind="many",
    ),
    Option("no-require-header", "require_headers", "Require no header.", read=switch, kind="clear"),
    Option(
        "allow-credentials",
        "allow_credentials",
        "Answer pages of --allow-origin that send credentials, and let the cookies of mounts pass"
        " both ways.",
        read=switch,
        kind="flag",
    ),
    Option(
        "expose-set-cookie",
        "expose_set_cookie",
        "Let pages read targets' cookies as x-cors-set-cookie.",
        read=switch,
        kind="flag",
    ),
    Option(
        "rate-limit",
        "rate_limit",
        "Requests that an origin may send: 50/3minutes, or"
        " '<max> <minutes> [exempt hosts or /regex/]'.",
        "SPEC",
        legacy=("CORSANYWHERE_RATELIMIT",),
    ),
)
