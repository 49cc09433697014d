"""Beside what test_agreement.py shows in a browser."""

from __future__ import annotations

import pytest

from cors_anywhere.doctor.checks import (
    allowed_names,
    authorization_by_wildcard,
    cors_check,
    headers_check,
    method_check,
)
from cors_anywhere.doctor.vocabulary import Seen

PAGE = "https://app.example"


def seen(**fields: str) -> Seen:
    return Seen(200, "OK", [(name.replace("_", "-"), value) for name, value in fields.items()])


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("https://app.example/", "an origin has no slash"),
        ("https://APP.example", "letter by letter"),
        ("http://app.example", "the scheme differs"),
    ],
)
def test_a_near_miss_is_named(value: str, said: str) -> None:
    fault = cors_check(seen(Access_Control_Allow_Origin=value), PAGE, credentials=False)
    assert fault is not None
    assert fault.cause == "AllowOriginMismatch"
    assert said in fault.reason


def test_a_star_for_credentials_is_named_as_the_reason() -> None:
    star = seen(Access_Control_Allow_Methods="*", Access_Control_Allow_Headers="*")
    for fault in (
        method_check(star, "PUT", credentials=True),
        headers_check(star, ["x-key"], credentials=True),
    ):
        assert fault is not None
        assert "no wildcard for a request with credentials" in fault.reason


def test_the_first_missing_header_is_named() -> None:
    fault = headers_check(
        seen(Access_Control_Allow_Headers="x-b"), ["x-a", "x-b"], credentials=False
    )
    assert fault is not None
    assert fault.parameter == "x-a"


@pytest.mark.parametrize(
    ("listed", "covered"), [("*", True), ("*, Authorization", False), ("x-a", False)]
)
def test_authorization_that_only_the_star_lets_through_is_known(listed: str, covered: bool) -> None:
    reply = seen(Access_Control_Allow_Headers=listed)
    assert authorization_by_wildcard(reply, ["authorization"], credentials=False) is covered


def test_empty_elements_of_a_list_are_no_fault() -> None:
    assert allowed_names(seen(X=", a,,b ,"), "x") == frozenset(("a", "b"))
    assert allowed_names(seen(X="a b"), "x") is None
