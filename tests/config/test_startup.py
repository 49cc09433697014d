"""The port that is tried before anything listens."""

from __future__ import annotations

import errno
import socket
from typing import Any

import pytest

from cors_anywhere.config.given import Given, gather
from cors_anywhere.config.settings import Settings
from cors_anywhere.config.startup import take_port


class Failing:
    """A server that cannot have its port."""

    def __init__(self, error: OSError) -> None:
        self.error = error

    def bind(self, settings: Settings) -> list[socket.socket]:
        raise self.error

    def bind_admin(self, settings: Settings) -> list[socket.socket]:
        raise self.error

    def run(self, settings: Settings, sockets: Any, **_: Any) -> int:
        raise AssertionError


@pytest.mark.parametrize(
    ("error", "where", "fix"),
    [
        (OSError(errno.EADDRINUSE, "in use"), "--port", "choose another port"),
        (OSError(errno.EACCES, "denied"), "--port", "choose one above 1023"),
        (OSError(errno.EADDRNOTAVAIL, "not here"), "--host", "(not here): give an address"),
        (socket.gaierror(socket.EAI_NONAME, "unknown"), "--host", "(unknown): give an address"),
    ],
)
def test_a_port_that_cannot_be_had_is_a_mistake(error: OSError, where: str, fix: str) -> None:
    given = Given()
    assert take_port(given, Settings(), Failing(error)) == []
    assert given.mistakes[0].setting == where
    assert fix in given.mistakes[0].text


def test_the_port_is_tried_even_when_other_settings_are_wrong() -> None:
    given = Given({"port": 81, "max_redirects": -1})
    take_port(given, Settings.from_given(given), Failing(OSError(errno.EADDRINUSE, "in use")))
    assert [mistake.setting for mistake in given.mistakes] == ["--max-redirects", "--port"]


def test_the_address_is_tried_even_when_the_port_is_wrong() -> None:
    given = Given({"port": -1})
    take_port(given, Settings.from_given(given), Failing(OSError(errno.EADDRNOTAVAIL, "not here")))
    assert [mistake.setting for mistake in given.mistakes] == ["--port", "--host"]


def test_nothing_is_tried_when_the_address_is_wrong_itself() -> None:
    given = Given({"hosts": ("[::]",)})
    take_port(given, Settings.from_given(given), Failing(OSError(errno.EADDRINUSE, "in use")))
    assert [mistake.setting for mistake in given.mistakes] == ["--host"]


def test_nothing_is_tried_when_the_only_address_is_a_path_that_is_wrong() -> None:
    given = gather({"unix": "/run/" + "x" * 120}, {})
    assert take_port(given, Settings.from_given(given), Failing(OSError())) == []
    assert [mistake.setting for mistake in given.mistakes] == ["--unix"]
