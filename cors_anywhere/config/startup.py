"""From settings to a taken port, with all that is wrong on the way.

Owns: the port, which is tried before anything listens.
Must not know: options and variables (given.py), what a setting means, or how to serve.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable, Sequence
from typing import Protocol

from cors_anywhere.config.given import Given
from cors_anywhere.config.settings import Settings


class Again(Protocol):
    """Where the settings came from."""

    def __call__(self, *, quiet: bool = False) -> Settings:
        """The settings read anew, doubts in the log unless quiet. Raises SettingsError."""
        ...


class Serving(Protocol):
    """What takes ports and serves; the module `cors_anywhere.process.running` is one."""

    def bind(self, settings: Settings) -> list[socket.socket]:
        """Take the port without listening yet. Raises OSError."""
        ...

    def bind_admin(self, settings: Settings) -> list[socket.socket]:
        """Take the address of the operator's listener, if there is one. Raises OSError."""
        ...

    def run(
        self,
        settings: Settings,
        sockets: list[socket.socket],
        *,
        again: Again,
        admin: Sequence[socket.socket] = (),
        on_listening: Callable[[], object] | None = None,
    ) -> int:
        """Serve until told to stop; the exit status. `again` reads the settings anew."""
        ...


def take_port(
    given: Given, settings: Settings | None, server: Serving, *, checking: bool = False
) -> list[socket.socket]:
    """Take the port, also when other settings are wrong: a port in use is reported with them. Who
    is only `checking` may do so beside the proxy that has it, before that is told to reload."""
    listening = settings or _listening_only(given)
    if listening is None:
        return []
    try:
        return server.bind(listening)
    except OSError as error:
        setting, text = _bind_problem(listening, error)
        if checking and error.errno == errno.EADDRINUSE:
            given.doubt(setting, f"{text}. A proxy that runs already may reload with this")
        else:
            given.blame(setting, text)
        return []


def take_admin(
    given: Given, settings: Settings | None, server: Serving, *, checking: bool = False
) -> list[socket.socket]:
    """Take the address of the operator's listener, with the mistakes of that."""
    if settings is None or settings.admin is None:
        return []
    try:
        return server.bind_admin(settings)
    except OSError as error:
        text = f'"{settings.admin}" cannot be listened on ({error.strerror or error})'
        if checking and error.errno == errno.EADDRINUSE:
            given.doubt("admin", f"{text}. A proxy that runs already may reload with this")
        else:
            given.blame("admin", f"{text}: choose another address")
        return []


def _listening_only(given: Given) -> Settings | None:
    """Settings of the addresses alone, when they were given without a mistake; in place of a port
    that is none, any will do."""
    if "hosts" in given.blamed:
        return None
    names = ("hosts", "port", "unix", "unix_mode")
    values = {name: given.values[name] for name in names if name in given.values}
    if "port" in given.blamed:
        values["port"] = 0
    for name in {"unix", "unix_mode"} & given.blamed:
        values.pop(name, None)
    if "unix" in given.blamed and not values.get("hosts", True):
        return None  # it is the only one
    return Settings(**values)


def _bind_problem(settings: Settings, error: OSError) -> tuple[str, str]:
    """Which setting is to blame, and the text about it."""
    if error.filename is not None:
        return "unix", f'"{error.filename}" {error.strerror}'
    hosts = " or ".join(settings.hosts)
    if error.errno == errno.EADDRINUSE:
        return "port", (
            f"{settings.port} is in use on {hosts}: stop the program that has it, or choose"
            " another port (0 picks a free one)"
        )
    if error.errno in (errno.EACCES, errno.EPERM):
        return "port", f"{settings.port} is reserved for the system: choose one above 1023"
    reason = error.strerror or error
    return "hosts", (f'"{hosts}" cannot be listened on ({reason}): give an address of this machine')
