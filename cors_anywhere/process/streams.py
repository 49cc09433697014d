"""The standard streams of the command.

Owns: that their descriptors are nobody else's: whoever starts the command may have closed them, and
a socket that took one's number would be sent what is meant for a log. Must not know: what is
written.
"""

from __future__ import annotations

import errno
import os
import sys
from contextlib import suppress

import click

_NAMES = ("stdin", "stdout", "stderr")


def hold_standard_streams() -> None:
    """Opens the null device in the place of each that is closed; before anything else is opened."""
    for descriptor, name in enumerate(_NAMES):
        try:
            os.fstat(descriptor)
        except OSError as error:
            if error.errno != errno.EBADF:
                raise
            opened = os.open(os.devnull, os.O_RDWR)
            if opened != descriptor:
                os.dup2(opened, descriptor)
                os.close(opened)
        if getattr(sys, name) is None:  # Python had found it closed
            mode = "w" if descriptor else "r"
            setattr(sys, name, os.fdopen(descriptor, mode, encoding="utf-8", closefd=False))


def say(line: str) -> str | None:
    """Writes a line to the standard output; why it could not be written, or None.

    A full disk or a reader that has gone must not end a proxy that serves: what else is written
    there goes nowhere from then on.
    """
    try:
        click.echo(line)
    except OSError as error:
        with suppress(OSError):
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, sys.stdout.fileno())
            os.close(null)
        return error.strerror
    return None
