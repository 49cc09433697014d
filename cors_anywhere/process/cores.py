"""How many processors this process may use.

Owns: that a container's share counts, not the machine's number. Must not know: what they are used
for.
"""

from __future__ import annotations

import os
from math import ceil
from pathlib import Path

QUOTA = Path("/sys/fs/cgroup/cpu.max")
"""Of the control group (Linux, version 2), as a container sees its own: microseconds of processor
time in a period, and the period."""


def cores(quota: Path = QUOTA) -> int:
    """The processors that may be used, at least 1: those of the affinity, or fewer where a quota
    allows the time of fewer."""
    if hasattr(os, "sched_getaffinity"):
        count = len(os.sched_getaffinity(0))
    else:
        count = os.cpu_count() or 1
    return max(1, min(count, _allowed(quota) or count))


def _allowed(quota: Path) -> int | None:
    try:
        time, _, period = quota.read_text("ascii").partition(" ")
        return ceil(int(time) / int(period))
    except (OSError, ValueError, ZeroDivisionError):  # no Linux, no quota ("max"), an older kernel
        return None
