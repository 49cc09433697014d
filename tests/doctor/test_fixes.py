"""What the lines say; that they work is shown by the real servers, in test_servers.py
and tests/browsers/test_frameworks.py."""

from __future__ import annotations

import pytest

from cors_anywhere.doctor.fixes import fix, target_lines
from cors_anywhere.doctor.vocabulary import Diagnosis, Fault, Question, Verdict

QUESTION = Question(
    "https://api.example/x", "https://app.example", "PATCH", [("X-Key", "1"), ("Accept", "*/*")]
)


def diagnosis(verdict: Verdict, question: Question = QUESTION, cause: str = "X") -> Diagnosis:
    return Diagnosis(question, verdict, Fault(cause), (), question.url, 200, True, "Why.")


def test_each_server_allows_the_origin_the_method_and_the_unsafe_headers() -> None:
    found = target_lines(diagnosis(Verdict.FIX_TARGET))
    assert set(found) == {"nginx", "apache", "caddy", "express", "flask", "django", "fastapi"}
    for lines in found.values():
        assert "https://app.example" in lines
        assert "PATCH" in lines
        assert "x-key" in lines
        assert "accept" not in lines.lower().replace("access", "")


def test_credentials_are_agreed_to_only_where_they_are_asked_for() -> None:
    with_them = target_lines(diagnosis(Verdict.FIX_TARGET, QUESTION._replace(credentials=True)))
    without = target_lines(diagnosis(Verdict.FIX_TARGET))
    agreed = 'add_header Access-Control-Allow-Credentials "true"'
    assert agreed in with_them["nginx"]
    assert agreed not in without["nginx"]


@pytest.mark.parametrize("method", ["A'B", "A`B", "${x}"])
def test_nothing_is_put_into_a_configuration_that_could_end_its_string(method: str) -> None:
    assert target_lines(diagnosis(Verdict.FIX_TARGET, QUESTION._replace(method=method))) == {}


def test_the_line_for_a_proxy_is_given_where_one_helps() -> None:
    proxy = "https://proxy.example"
    assert fix(diagnosis(Verdict.USE_PROXY), proxy)["proxy"]["line"] == (
        'fetch("https://proxy.example/https://api.example/x")'
    )
    assert "proxy" not in fix(diagnosis(Verdict.FIX_TARGET), proxy)
    assert fix(diagnosis(Verdict.IMPOSSIBLE), proxy) == {"why": "Why."}
    assert fix(diagnosis(Verdict.WORKS), proxy) == {}
