"""Sockets that another process made: an init system, or a parent that keeps them over a restart.

Owns: the protocol of sd_listen_fds(3) and of sd_notify(3): `LISTEN_FDS` sockets from descriptor 3
on, meant for the process `LISTEN_PID`, with names in `LISTEN_FDNAMES`; and a datagram to
`NOTIFY_SOCKET`. Must not know: what is served on them.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Mapping
from typing import Final, NamedTuple

LOG = logging.getLogger("cors_anywhere")

FIRST_DESCRIPTOR: Final = 3
MOST_SOCKETS: Final = 64


class Lent(socket.socket):
    """One that another process keeps, and may give to whoever comes after this one."""


class Handed(NamedTuple):
    """A socket that was handed over, and its name ("" for none)."""

    name: str
    sock: socket.socket


def handed_over(environment: Mapping[str, str], first: int = FIRST_DESCRIPTOR) -> list[Handed]:
    """The sockets meant for this process. Raises ValueError, with a sentence about `LISTEN_FDS`,
    for what cannot be listened on; the descriptors stay open then."""
    if environment.get("LISTEN_PID") != str(os.getpid()):
        return []  # none, or a parent's that passed its environment on
    text = environment.get("LISTEN_FDS", "0")
    if not text.isdecimal() or len(text) > 4 or int(text) > MOST_SOCKETS:
        raise ValueError(f'"{text[:40]}" is no number of sockets')
    names = environment.get("LISTEN_FDNAMES", "").split(":")
    found = []
    for number in range(int(text)):
        sock = _listening(first + number)
        sock.set_inheritable(False)
        found.append(Handed(names[number] if number < len(names) else "", sock))
    return found


def _listening(descriptor: int) -> Lent:
    try:
        sock = Lent(fileno=descriptor)
    except OSError as error:
        raise ValueError(f"descriptor {descriptor} is no socket ({error.strerror})") from error
    families = (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX)
    if sock.family not in families or sock.type != socket.SOCK_STREAM or _connected(sock):
        sock.detach()
        raise ValueError(
            f"descriptor {descriptor} is no socket that streams can be accepted on (in a unit of"
            " systemd: ListenStream=, and no Accept=yes)"
        )
    return sock


def _connected(sock: socket.socket) -> bool:
    try:
        sock.getpeername()
    except OSError:
        return False
    return True


def notify(state: str, environment: Mapping[str, str] = os.environ) -> None:
    """Tells the init system, if it asked to be told: `READY=1`, `STOPPING=1`."""
    path = environment.get("NOTIFY_SOCKET", "")
    if not path.startswith(("/", "@")):
        return
    address = "\0" + path[1:] if path[0] == "@" else path
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.connect(address)
            sock.sendall(state.encode("ascii"))
    except OSError as error:
        LOG.warning("The init system could not be told %s: %s", state, error.strerror)
