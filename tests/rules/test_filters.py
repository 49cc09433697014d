"""Methods and content types that the operator lets through."""

from __future__ import annotations

import pytest

from cors_anywhere.errors import ContentTypeRefused
from cors_anywhere.messages import CHUNKED, Length, ReplyHead
from cors_anywhere.rules.filters import ContentTypes, Methods, check_method, check_type

# --- methods ---


@pytest.mark.parametrize(
    ("allow", "deny", "served", "refused"),
    [
        (("GET", "POST"), (), ["GET", "POST"], ["HEAD", "OPTIONS", "DELETE", "X", "get"]),
        ((), ("DELETE", "X"), ["GET", "PROPFIND", "Y", "delete"], ["DELETE", "X"]),
        (("GET", "PUT"), ("PUT",), ["GET"], ["PUT", "POST"]),
    ],
)
def test_a_method_is_served_where_it_is_allowed_and_not_denied(
    allow: tuple[str, ...], deny: tuple[str, ...], served: list[str], refused: list[str]
) -> None:
    methods = Methods(allow, deny)
    assert [method for method in served + refused if methods.serve(method)] == served


@pytest.mark.parametrize(
    ("allow", "deny", "told"),
    [
        (("GET", "X"), (), ["GET", "X"]),
        (("GET", "X"), ("X",), ["GET"]),
        (
            (),
            ("GET", "X"),
            ["HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "REPORT"],
        ),
    ],
)
def test_a_refusal_tells_what_is_served(
    allow: tuple[str, ...], deny: tuple[str, ...], told: list[str]
) -> None:
    refusal = Methods(allow, deny).refusal()
    assert (refusal.status, list(refusal.allow)) == (405, told)
    assert ", ".join(told) in refusal.hint


def test_without_a_choice_nothing_is_asked() -> None:
    assert Methods.chosen((), ()) is None
    assert ContentTypes.chosen(()) is None


@pytest.mark.parametrize("text", ["GET", "PROPFIND", "X-custom", "foo"])
def test_any_method_can_be_named(text: str) -> None:
    assert check_method(text) == text


@pytest.mark.parametrize(
    ("text", "fix"),
    [
        ("get", "upper case"),
        ("Patch", "upper case"),
        ("TRACE", "never served"),
        ("connect", "upper case"),
        ("", "is no method"),
        ("GET POST", "is no method"),
        ("*", None),
    ],
)
def test_a_method_that_would_never_match_is_told_with_its_fix(text: str, fix: str | None) -> None:
    if fix is None:
        assert check_method(text) == text  # a token as any other
        return
    with pytest.raises(ValueError, match=fix):
        check_method(text)


# --- content types ---

SOME = ContentTypes(["application/json", "image/*"])


def passes(*types: str, status: int = 200, length: Length = CHUNKED) -> bool:
    fields = [("Content-Type", kind) for kind in types]
    try:
        SOME.check(ReplyHead(status, "", fields, length))
    except ContentTypeRefused:
        return False
    return True


@pytest.mark.parametrize(
    "kind",
    [
        *("application/json", "Application/JSON", "application/json;charset=utf-8"),
        *("application/json ; x=y", "image/png", "IMAGE/svg+xml; x", "image/png, image/gif"),
    ],
)
def test_a_type_that_is_allowed_passes_whatever_its_parameters(kind: str) -> None:
    assert passes(kind)


@pytest.mark.parametrize(
    "kind",
    [
        *("text/html", "application/json5", "application/json-seq", "application/problem+json"),
        *("xapplication/json", "images/png", "image", "", "*/*", "application/json/x"),
        # what a browser takes for the second
        *("application/json, text/html", "application/json;x=1,text/html", "image/png,"),
    ],
)
def test_another_type_does_not(kind: str) -> None:
    assert not passes(kind)


def test_of_several_fields_all_have_to_pass() -> None:
    assert passes("image/png", "application/json")
    assert not passes("image/png", "text/html")
    assert not passes("text/html", "image/png")


@pytest.mark.parametrize(
    ("status", "length", "passed"),
    [(200, CHUNKED, False), (200, 1, False), (200, 0, True), (204, 0, True), (101, 0, False)],
)
def test_content_of_no_type_does_not_pass_and_no_content_does(
    status: int, length: Length, passed: bool
) -> None:
    assert passes(status=status, length=length) is passed


def test_a_refusal_names_the_type_but_not_all_of_a_long_one() -> None:
    with pytest.raises(ContentTypeRefused, match='"text/html"') as caught:
        SOME.check(ReplyHead(200, "", [("content-type", "Text/HTML; x")], 1))
    assert "--allow-content-type" in caught.value.hint
    with pytest.raises(ContentTypeRefused) as caught:
        SOME.check(ReplyHead(200, "", [("content-type", "a" * 10_000)], 1))
    assert len(caught.value.detail) < 300


@pytest.mark.parametrize(
    ("text", "read"), [("image/*", "image/*"), ("Text/HTML", "text/html"), ("a/b+c", "a/b+c")]
)
def test_a_type_is_read(text: str, read: str) -> None:
    assert check_type(text) == read


@pytest.mark.parametrize(
    ("text", "fix"),
    [
        ("json", "write one like application/json"),
        ("text/", "write one like"),
        ("", "write one like"),
        ("*/*", "leave the option out"),
        ("*/png", "leave the option out"),
        ("image/*+xml", "may only stand for all"),
        ("te*/html", "may only stand for all"),
        ("text/html; charset=utf-8", 'write "text/html"'),
    ],
)
def test_a_type_that_is_none_is_told_with_its_fix(text: str, fix: str) -> None:
    with pytest.raises(ValueError, match=fix):
        check_type(text)
