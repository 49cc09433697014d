"""The options of what a browser shows as a page of the proxy's."""

from __future__ import annotations

from typing import Final

from cors_anywhere.config.option import Option, switch

OPTIONS: Final = (
    Option(
        "help-file",
        "help_text",
        "Page shown when no URL is asked for; .html is served as HTML.",
        "PATH",
        unset="built in",
    ),
    Option(
        "page",
        "page",
        "Show browsers a page that tries URLs, and answer its doctor's questions.",
        read=switch,
        kind="flag",
    ),
    Option(
        "allow-navigation",
        "allow_navigation",
        "Let browsers show targets' pages, by links, forms and frames; sandboxed, without scripts.",
        read=switch,
        kind="flag",
    ),
)
