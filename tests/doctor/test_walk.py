"""Without a network: what test_agreement.py cannot show."""

from __future__ import annotations

from collections.abc import Callable

from cors_anywhere.doctor.vocabulary import Ask, Broken, Diagnosis, Question, Seen, Verdict
from cors_anywhere.doctor.walk import walk

PAGE = "https://app.example"
STAR = ("Access-Control-Allow-Origin", "*")


def walked(
    question: Question, answer: Callable[[Ask], Seen | Broken] = lambda ask: Seen(200, "OK", [STAR])
) -> tuple[Diagnosis, list[Ask]]:
    """The diagnosis, and what was asked for it."""
    asked: list[Ask] = []
    walking = walk(question)
    try:
        ask = next(walking)
        while True:
            asked.append(ask)
            ask = walking.send(answer(ask))
    except StopIteration as end:
        diagnosis: Diagnosis = end.value
        return diagnosis, asked


def reasons(diagnosis: Diagnosis) -> str:
    return "\n".join(step.reason for step in diagnosis.steps)


def test_a_simple_request_is_one_exchange_with_an_origin() -> None:
    diagnosis, asked = walked(Question("https://api.example/x#part", PAGE))
    assert diagnosis.verdict is Verdict.WORKS
    assert asked == [Ask("https://api.example/x", "GET", [("Origin", PAGE)], preflight=False)]


def test_a_preflight_names_the_method_and_the_unsafe_headers() -> None:
    question = Question(
        "https://api.example/", PAGE, "PUT", [("X-B", "1"), ("X-A", "2")], send=True
    )
    _, asked = walked(question)
    assert asked[0] == Ask(
        "https://api.example/",
        "OPTIONS",
        [
            ("Accept", "*/*"),
            ("Access-Control-Request-Headers", "x-a,x-b"),
            ("Access-Control-Request-Method", "PUT"),
            ("Origin", PAGE),
        ],
        preflight=True,
    )


def test_a_method_that_may_change_something_is_not_sent_unless_it_is_asked_for() -> None:
    diagnosis, asked = walked(Question("https://api.example/", PAGE, "POST"))
    assert asked == []
    assert diagnosis.fault is None
    assert "was not sent" in reasons(diagnosis)
    _, asked = walked(Question("https://api.example/", PAGE, "POST", send=True))
    assert [ask.method for ask in asked] == ["POST"]


def test_a_url_without_a_scheme_is_a_path_of_the_page() -> None:
    for url in ("api.example/x", "api.example:8080/x", "/x"):
        diagnosis, asked = walked(Question(url, PAGE))
        assert asked == []
        assert diagnosis.verdict is Verdict.IMPOSSIBLE
        assert "has no scheme" in reasons(diagnosis)


def test_an_insecure_url_of_a_secure_page_is_mixed_content() -> None:
    diagnosis, asked = walked(Question("http://api.example/", PAGE))
    assert asked == []
    assert diagnosis.verdict is Verdict.USE_PROXY
    assert diagnosis.fault is not None
    assert "mixed content" in diagnosis.fault.reason


def test_a_failure_of_the_network_is_told_by_its_registered_type() -> None:
    broken = Broken("dns_error", "The name does not exist.")
    diagnosis, _ = walked(Question("https://api.example/", PAGE), lambda ask: broken)
    assert diagnosis.fault is not None
    assert diagnosis.fault.cause == "dns_error"
    assert diagnosis.verdict is Verdict.IMPOSSIBLE


def test_authorization_stays_behind_when_a_redirect_leaves_the_origin() -> None:
    allowed = [STAR, ("Access-Control-Allow-Headers", "authorization")]

    def answer(ask: Ask) -> Seen:
        if ask.preflight or "there" in ask.url:
            return Seen(200, "OK", allowed)
        return Seen(302, "Found", [*allowed, ("Location", "https://there.example/")])

    _, asked = walked(
        Question("https://api.example/", PAGE, "GET", [("Authorization", "x")]), answer
    )
    assert [(ask.method, dict(ask.fields).get("Authorization")) for ask in asked[1:]] == [
        ("GET", "x"),
        ("GET", None),
    ]
    assert dict(asked[-1].fields)["Origin"] == "null"


def test_a_proxy_is_no_help_where_the_request_needs_cookies() -> None:
    question = Question("https://api.example/", PAGE, credentials=True)
    diagnosis, _ = walked(question, lambda ask: Seen(200, "OK", []))
    assert diagnosis.verdict is Verdict.FIX_TARGET


def test_a_machine_of_ones_own_is_to_be_mended() -> None:
    question = Question("https://api.example/", PAGE)
    diagnosis, _ = walked(question, lambda ask: Seen(200, "OK", [], public=False))
    assert diagnosis.verdict is Verdict.FIX_TARGET


def test_an_error_without_its_fields_is_explained() -> None:
    question = Question("https://api.example/", PAGE)
    diagnosis, _ = walked(question, lambda ask: Seen(500, "", []))
    assert "error replies" in reasons(diagnosis)


def test_a_challenge_that_answered_instead_of_the_api_is_told() -> None:
    challenge = Seen(403, "", [STAR, ("cf-mitigated", "challenge")])
    diagnosis, _ = walked(Question("https://api.example/", PAGE), lambda ask: challenge)
    assert "bot challenge" in reasons(diagnosis)


def test_fields_that_a_script_cannot_read_are_named() -> None:
    reply = Seen(200, "OK", [STAR, ("Content-Type", "text/plain"), ("X-Total", "3")])
    diagnosis, _ = walked(Question("https://api.example/", PAGE), lambda ask: reply)
    assert "may read content-type; hidden without access-control-expose-headers: x-total" in (
        reasons(diagnosis)
    )
