"""From what was given to Settings and a taken port, with all that is wrong on the way.

Owns: the files and the port, which are tried before anything listens.
Must not know: options and variables (given.py), what a setting means, or how to serve.
"""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from cors_anywhere.config.given import Given
from cors_anywhere.config.settings import Settings, SettingsError


class Server(Protocol):
    """What serves; the module `cors_anywhere.process.serving` is one."""

    def bind(self, settings: Settings) -> list[socket.socket]:
        """Take the port without listening yet. Raises OSError."""
        ...

    def run(
        self,
        settings: Settings,
        sockets: list[socket.socket],
        *,
        on_listening: Callable[[], object] | None = None,
    ) -> int:
        """Serve until told to stop; the exit status."""
        ...


def make_settings(given: Given) -> Settings | None:
    """The settings; None, and their mistakes among the given ones, when they cannot be made."""
    _load_help(given)
    _try_tls_files(given)
    try:
        return Settings(**given.values)
    except SettingsError as error:
        for problem in error.problems:
            given.blame(problem.setting, problem.text)
        return None


def _load_help(given: Given) -> None:
    """Replace the path of the help file by its text and type."""
    path = given.values.pop("help_text", None)
    if path is None:
        return
    try:
        given.values["help_text"] = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        given.blame("help_text", _unreadable(path, error))
    except UnicodeDecodeError:
        given.blame("help_text", f'"{path}" is not text: save it as UTF-8')
    if path.lower().endswith((".html", ".htm")):
        given.values["help_type"] = "text/html"


def _try_tls_files(given: Given) -> None:
    """Load the TLS files once, so that a bad one is known before anything listens."""
    if authorities := given.values.get("ca_file"):
        try:
            ssl.create_default_context(cafile=authorities)
        except ssl.SSLError:
            given.blame("ca_file", f'"{authorities}" holds no certificates: give a PEM file')
        except OSError as error:
            given.blame("ca_file", _unreadable(authorities, error))
    readable = [_readable(given, setting) for setting in ("tls_cert", "tls_key")]
    if not all(readable):
        return
    certificate, key = given.values["tls_cert"], given.values["tls_key"]
    try:
        # An empty password: an encrypted key is a mistake, not a question on the terminal.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password="")
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        given.blame(
            "tls_cert",
            f'"{certificate}" and the key "{key}" do not load ({reason}): give a PEM certificate'
            " with the unencrypted PEM key that belongs to it",
        )


def _readable(given: Given, setting: str) -> bool:
    path = given.values.get(setting)
    if path is None:
        return False
    try:
        Path(path).open("rb").close()
    except OSError as error:
        given.blame(setting, _unreadable(path, error))
        return False
    return True


def _unreadable(path: str, error: OSError) -> str:
    return f'"{path}" cannot be read ({error.strerror}): give the path of a readable file'


def take_port(given: Given, settings: Settings | None, server: Server) -> list[socket.socket]:
    """Take the port, also when other settings are wrong: a port in use is reported with them."""
    listening = settings or _listening_only(given)
    if listening is None:
        return []
    try:
        return server.bind(listening)
    except OSError as error:
        given.blame(*_bind_problem(listening, error))
        return []


def _listening_only(given: Given) -> Settings | None:
    """Settings of the address alone, when that much was given without a mistake."""
    if {mistake.where for mistake in given.mistakes} & {
        given.source("hosts"),
        given.source("port"),
    }:
        return None
    return Settings(
        **{name: given.values[name] for name in ("hosts", "port") if name in given.values}
    )


def _bind_problem(settings: Settings, error: OSError) -> tuple[str, str]:
    """Which setting is to blame, and the text about it."""
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
