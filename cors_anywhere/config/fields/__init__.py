"""The settings of each group, put together.

Owns: which groups there are. A group is a module of a dataclass, the fields and their defaults, and
of the checks of its settings: CHECKS by name, and LIST_CHECKS of lists' items by the list's name.
It is never an instance, so no methods are made for it: that takes a tenth of a start.
Must not know: how settings are made (settings.py), or the options they come from (options/).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cors_anywhere.config.checks import Check
from cors_anywhere.config.fields import (
    asking,
    deadlines,
    headers,
    limits,
    listening,
    log,
    outbound,
    pages,
    redirects,
    running,
    targets,
    tls,
)


@dataclass(frozen=True, kw_only=True, init=False, repr=False, eq=False)
class Fields(
    running.Running,
    outbound.Outbound,
    log.Log,
    limits.Limits,
    deadlines.Deadlines,
    tls.Tls,
    pages.Pages,
    redirects.Redirects,
    headers.Headers,
    targets.Targets,
    asking.Asking,
    listening.Listening,
):
    """Every setting there is; a dataclass names its fields from the last base to the first."""

    __slots__ = ()


CHECKS: Final[dict[str, Check]] = {
    **listening.CHECKS,
    **asking.CHECKS,
    **targets.CHECKS,
    **headers.CHECKS,
    **redirects.CHECKS,
    **pages.CHECKS,
    **tls.CHECKS,
    **deadlines.CHECKS,
    **limits.CHECKS,
    **log.CHECKS,
    **outbound.CHECKS,
    **running.CHECKS,
}

LIST_CHECKS: Final[dict[str, Check]] = {
    **listening.LIST_CHECKS,
    **asking.LIST_CHECKS,
    **targets.LIST_CHECKS,
    **headers.LIST_CHECKS,
}
