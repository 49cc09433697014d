"""The files and the port that are tried before anything listens."""

from __future__ import annotations

import errno
import socket
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from cors_anywhere.config.given import Given
from cors_anywhere.config.settings import Settings
from cors_anywhere.config.startup import make_settings, take_port


class Files(NamedTuple):
    authority: str
    certificate: str
    key: str
    other_key: str
    encrypted_key: str
    text: str


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    folder = tmp_path_factory.mktemp("tls")
    authority = trustme.CA()
    issued, other = authority.issue_cert("proxy.test"), authority.issue_cert("proxy.test")
    found = Files(*(str(folder / name) for name in Files._fields))
    authority.cert_pem.write_to_path(found.authority)
    issued.cert_chain_pems[0].write_to_path(found.certificate)
    issued.private_key_pem.write_to_path(found.key)
    other.private_key_pem.write_to_path(found.other_key)
    key = load_pem_private_key(issued.private_key_pem.bytes(), password=None)
    Path(found.encrypted_key).write_bytes(
        key.private_bytes(
            Encoding.PEM, PrivateFormat.TraditionalOpenSSL, BestAvailableEncryption(b"pw")
        )
    )
    Path(found.text).write_text("Hello", encoding="utf-8")
    return found


def test_tls_files_that_load_are_kept(files: Files) -> None:
    values = {"tls_cert": files.certificate, "tls_key": files.key, "ca_file": files.authority}
    settings = make_settings(Given(values))
    assert settings
    assert (settings.tls_cert, settings.ca_file) == (files.certificate, files.authority)


@pytest.mark.parametrize(
    ("chosen", "where", "fix"),
    [
        ({"ca_file": "text"}, "--ca-file", "give a PEM file"),
        ({"ca_file": "missing"}, "--ca-file", "No such file"),
        ({"tls_cert": "missing", "tls_key": "key"}, "--tls-cert", "No such file"),
        ({"tls_cert": "certificate", "tls_key": "missing"}, "--tls-key", "No such file"),
        ({"tls_cert": "text", "tls_key": "key"}, "--tls-cert", "give a PEM certificate"),
        ({"tls_cert": "certificate", "tls_key": "text"}, "--tls-cert", "give a PEM certificate"),
        ({"tls_cert": "certificate", "tls_key": "other_key"}, "--tls-cert", "MISMATCH"),
        ({"tls_cert": "certificate", "tls_key": "encrypted_key"}, "--tls-cert", "unencrypted"),
    ],
)
def test_a_bad_tls_file_is_a_mistake(
    files: Files, chosen: dict[str, str], where: str, fix: str
) -> None:
    paths = {**files._asdict(), "missing": files.text + ".not"}
    given = Given({setting: paths[name] for setting, name in chosen.items()})
    make_settings(given)
    (mistake,) = given.mistakes
    assert mistake.where == where
    assert fix in mistake.text


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("help.txt", "text/plain"),
        ("help", "text/plain"),
        ("help.html", "text/html"),
        ("HELP.HTM", "text/html"),
    ],
)
def test_the_help_file_is_read_and_its_name_tells_its_type(
    tmp_path: Path, name: str, kind: str
) -> None:
    (tmp_path / name).write_text("Grüezi", encoding="utf-8")
    settings = make_settings(Given({"help_text": str(tmp_path / name)}))
    assert settings
    assert (settings.help_text, settings.help_type) == ("Grüezi", kind)


def test_a_help_file_must_be_readable_text(tmp_path: Path) -> None:
    (tmp_path / "help").write_bytes(b"\xff")
    for path, said in ((tmp_path, "cannot be read"), (tmp_path / "help", "save it as UTF-8")):
        given = Given({"help_text": str(path)})
        make_settings(given)
        assert [mistake.where for mistake in given.mistakes] == ["--help-file"]
        assert said in given.mistakes[0].text


def test_the_mistakes_of_settings_join_those_of_files() -> None:
    given = Given({"port": -1, "ca_file": "missing"}, {"port": "PORT"})
    assert make_settings(given) is None
    assert [mistake.where for mistake in given.mistakes] == ["--ca-file", "PORT"]


class Failing:
    """A server that cannot have its port."""

    def __init__(self, error: OSError) -> None:
        self.error = error

    def bind(self, settings: Settings) -> list[socket.socket]:
        raise self.error

    def run(self, settings: Settings, sockets: Any, *, on_listening: Any = None) -> int:
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
    assert given.mistakes[0].where == where
    assert fix in given.mistakes[0].text


def test_the_port_is_tried_even_when_other_settings_are_wrong() -> None:
    given = Given({"port": 81, "max_redirects": -1})
    take_port(given, make_settings(given), Failing(OSError(errno.EADDRINUSE, "in use")))
    assert [mistake.where for mistake in given.mistakes] == ["--max-redirects", "--port"]


def test_the_port_is_not_tried_when_it_is_wrong_itself() -> None:
    given = Given({"port": -1})
    take_port(given, make_settings(given), Failing(OSError(errno.EADDRINUSE, "in use")))
    assert len(given.mistakes) == 1
