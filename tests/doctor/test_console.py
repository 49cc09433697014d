from __future__ import annotations

import pytest

from cors_anywhere.doctor.console import CHROMIUM, browser_message, meaning_of, recognise
from cors_anywhere.doctor.vocabulary import Fault, Question

ASKED = Question("https://api.example/x", "https://app.example")
FRAME = (
    "Cross-Origin Request Blocked: The Same Origin Policy disallows reading the remote resource at"
)


@pytest.mark.parametrize("cause", CHROMIUM)
def test_a_sentence_that_is_written_is_recognised(cause: str) -> None:
    parameter = "v-1" if "{}" in CHROMIUM[cause] else ""
    message = browser_message(ASKED, Fault(cause, parameter), "https://api.example/y")
    assert message is not None
    found = recognise(f"index.html:1 {message}\n(anonymous) @ app.js:3")
    assert found is not None
    assert (found.browser, found.cause, found.parameter) == ("Chromium", cause, parameter)
    assert (found.url, found.origin) == ("https://api.example/y", ASKED.origin)


@pytest.mark.parametrize("cause", CHROMIUM)
def test_every_cause_has_a_meaning(cause: str) -> None:
    assert "ask the doctor" not in meaning_of(cause)


def test_an_older_chromium_is_recognised() -> None:
    found = recognise(
        "Access to XMLHttpRequest at 'https://api.example/' from origin 'http://localhost:3000' has"
        " been blocked by CORS policy: No 'Access-Control-Allow-Origin' header is present on the"
        " requested resource. If an opaque response serves your needs, set the request's mode to"
        " 'no-cors' to fetch the resource with CORS disabled."
    )
    assert found is not None
    assert found.cause == "MissingAllowOriginHeader"


@pytest.mark.parametrize(
    ("reason", "cause", "parameter"),
    [
        ("CORS header ‘Access-Control-Allow-Origin’ missing", "MissingAllowOriginHeader", ""),
        (
            "CORS header ‘Access-Control-Allow-Origin’ does not match ‘https://b.example’",
            "AllowOriginMismatch",
            "https://b.example",
        ),
        ("CORS request did not succeed", "connection_terminated", ""),
        ("CORS preflight channel did not succeed", "PreflightInvalidStatus", ""),
        ("CORS preflight response did not succeed", "PreflightInvalidStatus", ""),
        (
            "header ‘x-key’ is not allowed according to header ‘Access-Control-Allow-Headers’ from"
            " CORS preflight response",
            "HeaderDisallowedByPreflightResponse",
            "x-key",
        ),
        (
            "Did not find method in CORS header ‘Access-Control-Allow-Methods’",
            "MethodDisallowedByPreflightResponse",
            "",
        ),
        (
            "Multiple CORS header ‘Access-Control-Allow-Origin’ not allowed",
            "MultipleAllowOriginValues",
            "",
        ),
        (
            "Credential is not supported if the CORS header ‘Access-Control-Allow-Origin’ is ‘*’",
            "WildcardOriginNotAllowed",
            "",
        ),
        (
            "expected ‘true’ in CORS header ‘Access-Control-Allow-Credentials’",
            "InvalidAllowCredentials",
            "",
        ),
    ],
)
def test_firefox_is_recognised(reason: str, cause: str, parameter: str) -> None:
    found = recognise(f"{FRAME} https://api.example/x. (Reason: {reason}). Status code: 200.")
    assert found is not None
    assert (found.browser, found.cause, found.parameter) == ("Firefox", cause, parameter)
    assert found.url == "https://api.example/x"


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        (
            "Origin https://app.example is not allowed by Access-Control-Allow-Origin. Status code:"
            " 200",
            "AllowOriginMismatch",
        ),
        (
            "Fetch API cannot load https://api.example/ due to access control checks.",
            "MissingAllowOriginHeader",
        ),
        (
            "Preflight response is not successful. Status code: 404",
            "PreflightInvalidStatus",
        ),
        (
            "Request header field X-Key is not allowed by Access-Control-Allow-Headers.",
            "HeaderDisallowedByPreflightResponse",
        ),
    ],
)
def test_safari_is_recognised(text: str, cause: str) -> None:
    found = recognise(f"[Error] {text}")
    assert found is not None
    assert (found.browser, found.cause) == ("Safari", cause)


@pytest.mark.parametrize("text", ["", "TypeError: Failed to fetch", "x" * 10_000])
def test_other_text_is_not(text: str) -> None:
    assert recognise(text) is None


def test_a_failure_that_is_no_matter_of_cors_has_no_sentence() -> None:
    assert browser_message(ASKED, Fault("dns_error"), ASKED.url) is None
    assert browser_message(ASKED, None, ASKED.url) is None
