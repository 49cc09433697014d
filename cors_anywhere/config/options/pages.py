"""The options of the pages that the proxy shows of itself."""

from __future__ import annotations

from typing import Final

from cors_anywhere.config.option import Option

OPTIONS: Final = (
    Option(
        "help-file",
        "help_text",
        "Page shown when no URL is asked for; .html is served as HTML.",
        "PATH",
        unset="built in",
    ),
)
