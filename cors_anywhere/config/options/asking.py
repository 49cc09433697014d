"""The options of who may ask."""

from __future__ import annotations

from typing import Final

from cors_anywhere.config.option import Option, api_key, switch

_BEFORE_A_LIMIT: Final = r",(?=\s*(?:@|[0-9]+\s*(?:[A-Za-z]*\s*(?:/|per\b)|[0-9])))"
"""A comma that separates limits: others may be part of a /regex/."""

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
        "api-key",
        "api_keys",
        "Key by which may ask who has no listed origin, sent as x-cors-anywhere-key. Without"
        " --allow-origin nobody may ask who has none.",
        "'NAME: KEY'",
        api_key,
        "many",
    ),
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
        "rate_limits",
        "Requests that an origin may send: 50/3minutes, or"
        " '<max> <minutes> [exempt hosts or /regex/]'. Also 'by client', 'by target' or 'by key',"
        " and 'except' origins and networks: '100/minute by client except http://localhost:*"
        " 10.0.0.0/8'.",
        "SPEC",
        kind="many",
        legacy=("CORSANYWHERE_RATELIMIT",),
        separator=_BEFORE_A_LIMIT,
    ),
    Option(
        "byte-limit",
        "byte_limits",
        "Octets of bodies, both ways, in the same form: '1GB/hour by client'.",
        "SPEC",
        kind="many",
        separator=_BEFORE_A_LIMIT,
    ),
)
