"""Challenges of targets (RFC 9110 section 11.6.1) that reach a page of the proxy's own origin.

Owns: which of them would have the browser ask the person for a password, in the proxy's name.
Must not know: whose page asks.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

# Schemes that browsers know. A quoted string may look like one: that drops a field too many.
_PROMPTS: Final = re.compile(
    r"(?:\A|,)[ \t]*(?:basic|digest|negotiate|ntlm)(?![^ \t,])", re.ASCII | re.IGNORECASE
)


def silent(values: Iterable[str]) -> str | None:
    """What is left of `WWW-Authenticate`, given as its fields' values, as one field: those that
    offer nothing which a browser would ask for. None where nothing is."""
    left = [value for value in values if not _PROMPTS.search(value)]
    return ", ".join(left) if left else None
