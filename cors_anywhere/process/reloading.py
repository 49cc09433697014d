"""The settings anew while the proxy runs.

Owns: that a mistake changes nothing and is told, and which settings stay until a restart. Must not
know: where settings come from, or what is served with them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final

from cors_anywhere.config.problems import SettingsError
from cors_anywhere.config.settings import Settings
from cors_anywhere.config.startup import Again

LOG = logging.getLogger("cors_anywhere")

FIXED: Final = (
    "hosts",
    "port",
    "unix",
    "unix_mode",
    "workers",
    "admin",
    "store",
    "max_connections",
    "max_connections_per_client",
    "access_log",
    "log_level",
    "log_file",
    "connect_timeout",  # which those who look names up have
)
"""What was taken, forked or shared out at start."""


def renewed(former: Settings, again: Again, *, quiet: bool = False) -> Settings | None:
    """The settings as they are to be from now on; None if they stay, and the log says why.

    `quiet` says nothing of what can be served with: somebody else has told it.
    """
    try:
        found = again(quiet=quiet)
    except SettingsError as error:
        mistakes = "; ".join(f"{where}: {text}" for where, text in error.problems)
        LOG.error("Not reloaded, everything stays as it is: %s", mistakes)
        return None
    names = list(_beyond_reach(former, found))
    if names and not quiet:
        LOG.warning("Restart the proxy to change what was given as %s", ", ".join(names))
    return replace(found, **{name: getattr(former, name) for name in names}) if names else found


def _beyond_reach(former: Settings, found: Settings) -> Iterator[str]:
    """The settings that differ, and cannot."""
    for name in FIXED:
        if getattr(former, name) != getattr(found, name):
            yield name
    if (former.tls_cert is None) != (found.tls_cert is None):
        yield from ("tls_cert", "tls_key")


def carried_out(change: Callable[[], object]) -> bool:
    """Whether a change of what is served could be made; if not, the log says why."""
    try:
        change()
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        tell_of(error)
        return False
    return True


def tell_of(error: Exception) -> None:
    """Says why the settings stay."""
    LOG.error("Not reloaded, everything stays as it is: %s", error)
