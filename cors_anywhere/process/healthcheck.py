"""`cors-anywhere healthcheck`: whether the proxy that has these settings answers.

Owns: where a proxy is asked, and what counts as an answer. Must not know: how one serves; it loads
as little as `--version` does.
"""

from __future__ import annotations

import socket
import ssl
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from cors_anywhere.config.given import Given, gather
from cors_anywhere.config.manual import DEFAULTS
from cors_anywhere.config.problems import Problem
from cors_anywhere.process.arguments import command

NAME: Final = "healthcheck"
SECONDS: Final = 4.0
"""For each answer: below the five seconds after which the image's HEALTHCHECK gives up."""

QUESTION: Final = (
    b"OPTIONS / HTTP/1.1\r\nHost: localhost\r\nOrigin: null\r\n"
    b"Access-Control-Request-Method: GET\r\nConnection: close\r\n\r\n"
)
"""A preflight: the proxy answers it by itself, whatever paths mean, and asks nobody for a key."""

ALIVE: Final = (b"HTTP/1.1 200 ", b"HTTP/1.1 503 ")
"""Who is too busy for one more is alive: a restart would make nothing better."""

MARK: Final = b"\r\naccess-control-allow-origin:"
"""What every reply of a proxy has, and other servers' replies to that question do not."""

PROCESS_1: Final = Path("/proc/1/cmdline")

Place = tuple[str, int] | str
"""A host and port, or the path of a Unix socket."""


def healthcheck(
    args: Sequence[str], environment: Mapping[str, str], process_1: Path = PROCESS_1
) -> int:
    """The exit status: 0 if every place that these settings name answers, else 1, and standard
    error says why. Without arguments they are those of process 1, where that is the proxy: a
    container's health check is not told what its command was given."""

    def run(stated: dict[str, Any], mistakes: list[Problem], _check: bool) -> int:
        if args and mistakes:  # of who asks; those of process 1 are in its own log
            return _told(mistakes)
        return _look(gather(stated, environment))

    stated = list(args) or arguments_of(process_1)
    status: int = command(run).main(stated, f"cors-anywhere {NAME}", standalone_mode=False)
    return status


def arguments_of(command_line: Path) -> list[str]:
    """What the proxy was given whose command line this is; nothing if it is another's."""
    try:
        words = command_line.read_bytes().rstrip(b"\0").decode("utf-8", "replace").split("\0")
    except OSError:
        return []
    for at, word in enumerate(words[:4]):  # python, its options, and the script or module
        if word.rpartition("/")[2] in ("cors-anywhere", "cors_anywhere"):
            return words[at + 1 :]
    return []


def _look(given: Given) -> int:
    if {"hosts", "port", "unix", "tls_cert"} & given.blamed:
        return _told(given.mistakes)
    failed = 0
    for place in places(given):
        trouble = ask(place, tls=given.values.get("tls_cert") is not None)
        if trouble:
            failed = 1
            print(f"cors-anywhere {NAME}: {_words(place)}: {trouble}", file=sys.stderr)
    return failed


def _told(mistakes: Sequence[Problem]) -> int:
    for where, text in mistakes:
        print(f"cors-anywhere {NAME}: {where}: {text}", file=sys.stderr)
    return 1


def places(given: Given) -> Iterator[Place]:
    """Where the proxy listens, as somebody on its machine reaches it."""
    values = given.values
    path = values.get("unix")
    if path is not None:
        yield path
        if not {"hosts", "port"} & values.keys():
            return
    port = values.get("port", DEFAULTS["port"])
    for host in values.get("hosts", DEFAULTS["hosts"]):
        yield {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host), port


def ask(place: Place, *, tls: bool) -> str:
    """What is wrong there; "" for nothing."""
    if not isinstance(place, str) and not place[1]:
        return "port 0 is any that was free: give the port"
    try:
        with _connected(place, tls=tls) as sock:
            sock.sendall(QUESTION)
            reply = _head(sock)
    except OSError as error:  # ssl.SSLError and a late answer are of its kind
        return str(error.strerror or error) or type(error).__name__
    if reply.startswith(ALIVE) and MARK in reply.lower():
        return ""
    return f"an answer that is not the proxy's: {reply[:30]!r}"


def _head(sock: socket.socket) -> bytes:
    """The reply's head, or as much of it as comes."""
    reply = b""
    while b"\r\n\r\n" not in reply and len(reply) < 16384:
        piece = sock.recv(4096)
        if not piece:
            break
        reply += piece
    return reply


def _connected(place: Place, *, tls: bool) -> socket.socket:
    if isinstance(place, str):
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(SECONDS)
        try:
            sock.connect(place)
        except OSError:
            sock.close()
            raise
    else:
        sock = socket.create_connection(place, SECONDS)
    if not tls:
        return sock
    # Whose certificate it is does not matter here: it is for the names that clients know.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        return context.wrap_socket(sock)
    except OSError:
        sock.close()
        raise


def _words(place: Place) -> str:
    return place if isinstance(place, str) else f"{place[0]} port {place[1]}"
