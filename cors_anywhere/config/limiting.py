"""What is said of limits and has no effect.

Owns: limits that count nobody, exemptions of nobody, and a store of nothing. Must not know: how a
limit is read (grammars.py), or how it counts (limits/).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cors_anywhere.config.problems import Problem
from cors_anywhere.limits.rates import RateLimit
from cors_anywhere.limits.stores import MEMORY


def idle(read: Mapping[str, Any]) -> Iterator[Problem]:
    """The settings, by name and as they are worked with, that limit nothing."""
    for setting in ("rate_limits", "byte_limits"):
        limits: Sequence[RateLimit] = read[setting]
        if not read["api_keys"] and any(limit.by == "key" for limit in limits):
            yield Problem(setting, "counts nobody by key: give --api-key")
        for entry in (entry for limit in limits for entry in limit.exemptions.nobody):
            yield Problem(
                setting,
                f'"{entry}" exempts nobody: write hosts as in app.example.com or'
                " app.example.com:3000, separated by blanks, and families as in"
                r" /(.*\.)?example\.com/",
            )
    if read["store"] is None:
        return
    if not (read["rate_limits"] or read["byte_limits"]):
        yield Problem(
            "store", "has nothing to keep: there is neither --rate-limit nor --byte-limit"
        )
    elif read["store"] == MEMORY and read["workers"] != 1:
        yield Problem(
            "store", "is each worker's own, so limits hold for each: leave it out, or say shared"
        )
