"""The files that settings name, tried before anything listens."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest
import trustme

from cors_anywhere.config.files import load_files
from cors_anywhere.config.given import Given

NOW = datetime.datetime.now(datetime.UTC)
DAY = datetime.timedelta(days=1)


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
    given = Given({"help_text": str(tmp_path / name)})
    load_files(given)
    assert (given.values["help_text"], given.values.get("help_type", "text/plain")) == (
        "Grüezi",
        kind,
    )


def test_a_help_file_must_be_readable_text(tmp_path: Path) -> None:
    (tmp_path / "help").write_bytes(b"\xff")
    for path, said in ((tmp_path, "cannot be read"), (tmp_path / "help", "save it as UTF-8")):
        given = Given({"help_text": str(path)})
        load_files(given)
        assert [mistake.setting for mistake in given.mistakes] == ["--help-file"]
        assert said in given.mistakes[0].text


def issued(folder: Path, begins: datetime.datetime, ends: datetime.datetime) -> Given:
    """A certificate with its key, as they are given."""
    certificate = trustme.CA().issue_cert("proxy.test", not_before=begins, not_after=ends)
    certificate.cert_chain_pems[0].write_to_path(folder / "certificate.pem")
    certificate.private_key_pem.write_to_path(folder / "key.pem")
    return Given(
        {"tls_cert": str(folder / "certificate.pem"), "tls_key": str(folder / "key.pem")},
        {"tls_cert": "--tls-cert"},
    )


@pytest.mark.parametrize(
    ("begins", "ends", "said"),
    [
        (-2, -1, "expired at {ends:%Y-%m-%d %H:%M} UTC"),
        (1, 2, "is not valid before {begins:%Y-%m-%d %H:%M} UTC"),
    ],
)
def test_a_certificate_out_of_its_time_is_told_and_is_no_mistake(
    tmp_path: Path, begins: int, ends: int, said: str
) -> None:
    given = issued(tmp_path, NOW + begins * DAY, NOW + ends * DAY)
    load_files(given)
    assert given.mistakes == []
    (doubt,) = given.doubts
    assert doubt.setting == "--tls-cert"
    assert said.format(begins=NOW + begins * DAY, ends=NOW + ends * DAY) in doubt.text


def test_a_certificate_in_its_time_is_not_spoken_of(tmp_path: Path) -> None:
    given = issued(tmp_path, NOW - DAY, NOW + DAY)
    load_files(given)
    assert (given.mistakes, given.doubts) == ([], [])


def test_the_key_is_not_tried_with_a_certificate_that_is_wrong_already(tmp_path: Path) -> None:
    given = issued(tmp_path, NOW - DAY, NOW + DAY)
    given.values["tls_cert"] = str(tmp_path)
    load_files(given)
    assert [mistake.setting for mistake in given.mistakes] == ["--tls-cert"]
