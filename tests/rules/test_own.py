from __future__ import annotations

import pytest

from cors_anywhere.rules.doors import Door
from cors_anywhere.rules.own import Documents, OwnPages

DOCUMENTS = Documents("Help.", home="<p>Home", home_policy="default-src 'none'", client="x")
ALL = OwnPages(DOCUMENTS)


@pytest.mark.parametrize(
    ("accept", "body"),
    [
        ("text/html,application/xhtml+xml", b"<p>Home"),
        ("application/json, Text/HTML", b"<p>Home"),
        ("*/*", b"Help."),
        (None, b"Help."),
    ],
)
def test_who_asks_for_html_is_a_person(accept: str | None, body: bytes) -> None:
    answer = ALL.at(Door.HELP, {} if accept is None else {"accept": accept})
    assert answer.body == body
    assert ("vary", "accept") in answer.fields


def test_the_home_page_runs_under_its_policy() -> None:
    fields = dict(ALL.at(Door.HELP, {"accept": "text/html"}).fields)
    assert fields["content-security-policy"] == "default-src 'none'"
    assert fields["cross-origin-opener-policy"] == "same-origin"
    assert fields["x-content-type-options"] == "nosniff"


def test_without_a_home_page_everyone_gets_the_help() -> None:
    answer = OwnPages(Documents("<p>Help", "text/html")).at(Door.HELP, {"accept": "text/html"})
    assert answer.body == b"<p>Help"
    assert "vary" not in dict(answer.fields)
    assert ("content-type", "text/html; charset=utf-8") in answer.fields


def test_the_module_is_javascript_for_pages_of_any_origin() -> None:
    answer = ALL.at(Door.CLIENT, {})
    assert answer.body == b"x"
    assert ("content-type", "text/javascript; charset=utf-8") in answer.fields
    assert ("access-control-allow-origin", "*") in answer.fields


def test_any_page_may_read_that_the_proxy_is_there() -> None:
    answer = ALL.at(Door.HEALTH, {})
    assert answer.body == b"ok\n"
    assert ("access-control-allow-origin", "*") in answer.fields
    assert ("cache-control", "no-store") in answer.fields
