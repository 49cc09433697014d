from __future__ import annotations

import json

from cors_anywhere.doctor.console import recognise
from cors_anywhere.doctor.report import as_json, as_text, recognised_text
from cors_anywhere.doctor.vocabulary import Diagnosis, Fault, Question, Step, Verdict

STEPS = (
    Step("url", True, "the browser asks for it", "URL Standard"),
    Step("reply", True, "Warning: this is odd", ""),
    Step("reply", False, "no \x1b[2J field", "Fetch, CORS check"),
)
QUESTION = Question("https://api.example/x", "https://app.example")
BROKEN = Diagnosis(
    QUESTION,
    Verdict.USE_PROXY,
    Fault("MissingAllowOriginHeader"),
    STEPS,
    QUESTION.url,
    200,
    True,
    "Only the owner can.",
)
WELL = BROKEN._replace(verdict=Verdict.WORKS, fault=None, why="It is allowed.")


def test_a_program_reads_one_object() -> None:
    shown = json.loads(json.dumps(as_json(BROKEN, "https://proxy.example")))
    assert list(shown) == [
        *("url", "origin", "method", "verdict", "cause", "failedParameter", "browserMessage"),
        *("steps", "fix"),
    ]
    assert shown["verdict"] == "use-proxy"
    assert shown["cause"] == "MissingAllowOriginHeader"
    assert shown["failedParameter"] is None
    assert shown["browserMessage"].startswith("Access to fetch at 'https://api.example/x' from")
    assert shown["steps"][0] == {
        "step": "url",
        "ok": True,
        "reason": "the browser asks for it",
        "spec": "URL Standard",
    }
    assert shown["fix"]["proxy"]["url"] == "https://proxy.example/https://api.example/x"


def test_what_works_has_no_cause_and_no_fix() -> None:
    shown = as_json(WELL, "https://proxy.example")
    assert (shown["cause"], shown["browserMessage"], shown["fix"]) == (None, None, {})


def test_a_person_reads_a_row_for_each_step_and_the_verdict() -> None:
    lines = list(as_text(BROKEN, "https://proxy.example", colour=False))
    assert [line[:4] for line in lines[:3]] == ["ok  ", "but ", "no  "]
    assert "Use a proxy. Only the owner can." in lines
    assert "\x1b" not in "".join(lines)


def test_colours_are_for_terminals() -> None:
    assert "\x1b[31m" in "".join(as_text(BROKEN, "https://proxy.example", colour=True))


def test_a_pasted_message_is_explained_with_the_command_that_shows_more() -> None:
    shown = as_json(BROKEN, "https://proxy.example")
    found = recognise(shown["browserMessage"])
    assert found is not None
    text = "\n".join(recognised_text(found))
    assert "cors-anywhere doctor https://api.example/x --origin https://app.example" in text


def test_the_lines_of_one_server_are_shown_where_they_are_asked_for() -> None:
    proxy = "https://proxy.example"
    assert any("--server nginx" in line for line in as_text(BROKEN, proxy, colour=False))
    shown = "\n".join(as_text(BROKEN, proxy, colour=False, server="caddy"))
    assert "@preflight" in shown
    assert "add_header" not in shown
