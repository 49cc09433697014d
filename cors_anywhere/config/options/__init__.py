"""The operator's options: one table from which the command line, the environment variables, the
help and the README's table are derived.

Owns: which options there are, and their groups, one module each.
Must not know: what was given (given.py), what a value means or is by default (settings.py), or how
help is printed (manual.py).
"""

from __future__ import annotations

from typing import Final

from cors_anywhere.config.option import Option
from cors_anywhere.config.options import (
    asking,
    deadlines,
    headers,
    limits,
    listening,
    log,
    pages,
    redirects,
    running,
    targets,
    tls,
)

GROUPS: Final[dict[str, tuple[Option, ...]]] = {
    "Listening": listening.OPTIONS,
    "Who may ask": asking.OPTIONS,
    "What may be asked": targets.OPTIONS,
    "Headers": headers.OPTIONS,
    "Redirects": redirects.OPTIONS,
    "Pages": pages.OPTIONS,
    "TLS": tls.OPTIONS,
    "Deadlines": deadlines.OPTIONS,
    "Limits": limits.OPTIONS,
    "Log": log.OPTIONS,
    "Processes": running.OPTIONS,
}

OPTIONS: Final = tuple(option for group in GROUPS.values() for option in group)

PROXY_VARIABLES: Final = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
"""In either case; the lower-case name wins. They have no option."""
