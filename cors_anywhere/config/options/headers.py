"""The options of the fields of requests and replies."""

from __future__ import annotations

from typing import Final

from cors_anywhere.config.option import Option, header, integer, switch, target_header

OPTIONS: Final = (
    Option(
        "remove-header",
        "remove_headers",
        "Request header to remove, besides cookies and the like.",
        "NAME",
        kind="many",
    ),
    Option(
        "set-header",
        "set_headers",
        "Request header to set.",
        "'NAME: VALUE'",
        header,
        "many",
    ),
    Option(
        "allow-header-override",
        "allow_header_overrides",
        "Request header that a page may set or remove by x-cors-headers, such as referer.",
        "NAME",
        kind="many",
    ),
    Option(
        "target-header",
        "target_headers",
        "Request header for one target alone, such as an API key that no page is to see. A host"
        " means https; needs --allow-origin, and --allow-target or a mount.",
        "'TARGET: NAME: VALUE'",
        target_header,
        "many",
    ),
    Option(
        "set-response-header",
        "set_response_headers",
        "Header to set in targets' replies.",
        "'NAME: VALUE'",
        header,
        "many",
    ),
    Option(
        "remove-response-header",
        "remove_response_headers",
        "Header to remove from targets' replies.",
        "NAME",
        kind="many",
    ),
    Option(
        "forwarded-headers",
        "forwarded_headers",
        "Tell targets X-Forwarded-For, -Port and -Proto: who asked, and where.",
        read=switch,
        kind="flag",
    ),
    Option(
        "cors-max-age",
        "cors_max_age",
        "How long browsers may keep a preflight; 0 is not sent.",
        "SECONDS",
        integer,
    ),
)
