"""The options of the fields of requests and replies."""

from __future__ import annotations

from typing import Final

from cors_anywhere.config.option import Option, header, integer, switch

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
