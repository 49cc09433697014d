"""The options of the log."""

from __future__ import annotations

from typing import Final

from cors_anywhere.config.option import Option

OPTIONS: Final = (
    Option(
        "access-log",
        "access_log",
        "A line for each request: off, text, or json (an object a line, named as in Caddy's log;"
        " the rest of the log is so, too). Refusals and failures have a few lines a second anyway.",
        "FORM",
        unset="off; text with --dev",
    ),
    Option(
        "log-level",
        "log_level",
        "Least weight of what is logged beside that: debug, info, warning or error.",
        "LEVEL",
    ),
    Option(
        "log-file",
        "log_file",
        "File to append the log to; on SIGUSR1 it is opened anew.",
        "PATH",
        unset="standard error",
    ),
)
