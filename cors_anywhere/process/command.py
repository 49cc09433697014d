"""The command: command line and environment to Settings to a serving proxy.

Owns: what is printed where, and the exit status.
Must not know: how an option is spelt (options/) or read (arguments.py), what it means
(settings.py), or how to serve.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import click

from cors_anywhere.config.announce import (
    beyond_loopback,
    listening_line,
    listening_urls,
    proxy_lines,
    warnings,
)
from cors_anywhere.config.environment import unknown_variables
from cors_anywhere.config.given import Given, gather
from cors_anywhere.config.problems import Problem
from cors_anywhere.config.settings import Settings
from cors_anywhere.config.startup import Serving, take_admin, take_port
from cors_anywhere.process.activation import handed_over
from cors_anywhere.process.arguments import command
from cors_anywhere.process.healthcheck import NAME, healthcheck
from cors_anywhere.process.streams import hold_standard_streams, say
from cors_anywhere.process.unix import Names, names_of, remove

LOG = logging.getLogger("cors_anywhere")

_ADMIN: Final = "admin"
USAGE_ERROR: Final = 2
INTERRUPTED: Final = 130  # as a shell reports a process that SIGINT ended


def main(
    args: Sequence[str] | None = None,
    env: Mapping[str, str] | None = None,
    server: Serving | None = None,
) -> int:
    """Run the command and return its exit status: 0, or 2 when the configuration is wrong.

    `args` are those of the process by default, `env` is the process's environment.
    """
    if args is None:
        hold_standard_streams()
        for number in (signal.SIGHUP, signal.SIGUSR1):  # which only who serves has an answer to
            signal.signal(number, signal.SIG_IGN)
    environment = os.environ if env is None else env
    stated_args = sys.argv[1:] if args is None else list(args)
    if stated_args[:1] == ["doctor"]:
        return _doctor(stated_args[1:])
    if stated_args[:1] == [NAME]:
        return healthcheck(stated_args[1:], environment)

    def run(stated: dict[str, Any], mistakes: list[Problem], check: bool) -> int:
        given = gather(stated, environment)
        given.mistakes[:0] = mistakes
        return serve_given(given, environment, server or _real_server(), check=check)

    try:
        status: int = command(run).main(stated_args, "cors-anywhere", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort:
        return INTERRUPTED
    return status


def serve_given(
    given: Given, environment: Mapping[str, str], server: Serving, *, check: bool
) -> int:
    """Serve with what was given, or say everything that is wrong with it. `check` stops there."""
    settings = Settings.from_given(given)
    handed = _handed_over(given, environment)
    sockets = handed.serving or take_port(given, settings, server, checking=check)
    admin = handed.admin or take_admin(given, settings, server, checking=check)
    if settings is not None and settings.dev and beyond_loopback(handed.serving):
        problem = Problem(
            "--dev", "listens on loopback addresses only: LISTEN_FDS hands over others"
        )
        given.mistakes.append(problem)
    made = [*([] if handed.serving else names_of(sockets))]
    made += [] if handed.admin else names_of(admin)
    if settings is None or given.mistakes:
        _give_back([*sockets, *admin], made)
        _report(given.mistakes)
        return USAGE_ERROR

    lines = [
        listening_line(settings, listening_urls(settings, sockets)),
        *proxy_lines(settings, given.source),
    ]
    warned = [
        *warnings(settings, sockets, given.source("insecure_targets")),
        *given.said(),
        *unknown_variables(environment),
    ]

    def announce() -> None:
        for line in lines:
            trouble = say(line)
            if trouble is not None:
                LOG.warning("The standard output cannot be written (%s): %s", trouble, line)
        for warning in warned:
            if settings.access_log == "json" and not check:  # as all else that is logged
                LOG.warning("%s", warning)
            else:
                click.echo(f"Warning: {warning}", err=True)

    if check:
        _give_back([*sockets, *admin], made)
        lines[0] = "The configuration is valid."
        announce()
        return 0

    def again(*, quiet: bool = False) -> Settings:
        return Settings.read(given.command_line, environment, quiet=quiet)

    try:
        return server.run(settings, sockets, admin=admin, again=again, on_listening=announce)
    finally:
        remove(made)


class _Handed(NamedTuple):
    """The sockets of whoever started this process, by what they are for."""

    serving: list[socket.socket]
    admin: list[socket.socket]


def _handed_over(given: Given, environment: Mapping[str, str]) -> _Handed:
    """Sockets that were handed over go before addresses; one of the name "admin" is the operator's
    own."""
    try:
        handed = handed_over(environment)
    except ValueError as error:
        given.mistakes.append(Problem("LISTEN_FDS", str(error)))
        return _Handed([], [])
    serving = [sock for name, sock in handed if name != _ADMIN]
    for name in ("hosts", "port", "unix") if serving else ():
        if given.values.get(name):
            given.doubt(name, "is not listened on: LISTEN_FDS hands over what is")
    return _Handed(serving, [sock for name, sock in handed if name == _ADMIN])


def _give_back(sockets: Sequence[socket.socket], made: Names) -> None:
    for opened in sockets:
        opened.close()
    remove(made)


def _report(mistakes: Sequence[Problem]) -> None:
    count = len(mistakes)
    click.echo(f"cors-anywhere: {count} mistake{'s' if count > 1 else ''} to correct:", err=True)
    for where, text in mistakes:
        click.echo(f"  {where}: {text}", err=True)


def _doctor(args: Sequence[str]) -> int:
    from cors_anywhere.doctor.command import run as doctor  # noqa: PLC0415 - as the one below

    return doctor(args)


def _real_server() -> Serving:
    from cors_anywhere.process import running  # noqa: PLC0415 - --help and --version need none of it

    return running
