"""Environment variables: which of them are the operator's, and which only look like ours.

Owns: what counts as set, what an orchestrator puts there by itself, and misspelt names.
Must not know: what a variable's text means, or what beats it (given.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Final

from cors_anywhere.config.option import NODE_TLS, PREFIX
from cors_anywhere.config.options import OPTIONS

COMPILE: Final = PREFIX + "COMPILE"
"""What setup.py reads: whoever builds may have it set."""

_MISSPELT_PREFIX: Final = "CORS_ANYWHERE_"

# What Kubernetes puts into every container of a namespace that has a service named "corsanywhere"
# or "cors-anywhere" (its "Docker links" form; kubernetes.io, Service, environment variables).
_INJECTED: Final = re.compile(
    r"CORS_?ANYWHERE_(?:SERVICE_HOST|SERVICE_PORT(?:_[A-Z0-9_]+)?"
    r"|PORT_[0-9]+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)"
)
_INJECTED_PORT: Final = re.compile(r"CORS_?ANYWHERE_PORT")
_INJECTED_URL: Final = re.compile(r"(?:tcp|udp|sctp)://")


def set_variables(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that somebody set and that are not empty, trimmed.

    Node.js knows one value of its switch, "0".
    """
    variables = {
        name: text.strip()
        for name, text in environment.items()
        if text.strip() and not _is_injected(name, text)
    }
    if variables.pop(NODE_TLS, "") == "0":
        variables[NODE_TLS] = "on"
    return variables


def _is_injected(name: str, text: str) -> bool:
    if _INJECTED_PORT.fullmatch(name):
        return _INJECTED_URL.match(text.strip()) is not None
    return _INJECTED.fullmatch(name) is not None


def unknown_variables(environment: Mapping[str, str]) -> Iterator[str]:
    """A sentence for each variable that looks like ours and is not."""
    names = {name for option in OPTIONS for name in (option.variable, *option.legacy)}
    names.add(COMPILE)
    known = {name.removeprefix(PREFIX) for name in names if name.startswith(PREFIX)}
    for name in sorted(set_variables(environment)):
        ending = name.removeprefix(PREFIX).removeprefix(_MISSPELT_PREFIX)
        is_ours = name.startswith(PREFIX)
        if ending == name or (is_ours and ending in known):
            continue
        near = get_close_matches(ending, known, n=1)  # what all begin with makes all alike
        if is_ours:
            yield f"{name} is not known" + (f": is {PREFIX}{near[0]} meant?" if near else "")
        else:
            meant = PREFIX + (near[0] if near else "…")
            yield f"{name} is not read: it is spelt {meant}, with one underscore less"
