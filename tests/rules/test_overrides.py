"""What a page may have sent by x-cors-headers."""

from __future__ import annotations

import json

import pytest

from cors_anywhere.errors import BadRequest, ProxyError, Refused
from cors_anywhere.messages import Fields
from cors_anywhere.rules.overrides import Overrides, check_overridable

BY = Overrides(["Referer", "user-agent", "cookie"], fixed=["cookie"])
SENT = (("Accept", "*/*"), ("User-Agent", "Browser"), ("X-A", "1"), ("USER-AGENT", "2"))


def sent(*values: str, by: Overrides = BY) -> Fields:
    return by.apply(SENT, values)


def failure(*values: str, by: Overrides = BY) -> ProxyError:
    with pytest.raises(ProxyError) as caught:
        sent(*values, by=by)
    return caught.value


def test_a_header_is_set_beside_those_that_the_browser_sent() -> None:
    assert sent('{"referer": "https://a.test/"}') == [*SENT, ("referer", "https://a.test/")]


def test_a_header_that_is_set_takes_the_place_of_all_of_its_name() -> None:
    assert sent('{"user-agent": "x"}') == [("Accept", "*/*"), ("X-A", "1"), ("user-agent", "x")]


def test_null_removes_a_header() -> None:
    assert sent('{"User-Agent": null}') == [("Accept", "*/*"), ("X-A", "1")]


@pytest.mark.parametrize("nothing", ["{}", '{"referer": null}', " { } "])
def test_what_asks_for_nothing_changes_nothing(nothing: str) -> None:
    assert sent(nothing) == list(SENT)


@pytest.mark.parametrize(
    ("written", "value"),
    [('" a b\\t"', "a b"), ('""', ""), ('"caf\xe9"', "caf\xe9"), ('"caf\\u00e9"', "caf\xe9")],
)
def test_a_value_is_what_the_text_says_without_blanks_around_it(written: str, value: str) -> None:
    assert sent(f'{{"referer": {written}}}')[-1] == ("referer", value)


@pytest.mark.parametrize("value", ['{"referer": "x"}', "{", ""])
def test_without_the_option_it_is_refused_whatever_it_says(value: str) -> None:
    error = failure(value, by=Overrides())
    assert (type(error), error.status) == (Refused, 403)
    assert "--allow-header-override NAME" in error.hint


@pytest.mark.parametrize("name", ["origin", "Referer2", "x-other"])
def test_a_header_that_is_not_listed_is_refused_with_the_option_that_would_allow_it(
    name: str,
) -> None:
    error = failure(json.dumps({"referer": "x", name: "x"}))
    assert type(error) is Refused
    assert f'"{name}"' in error.detail
    assert f"can allow it with --allow-header-override {name.lower()}" in error.hint


def test_what_the_operator_sets_for_all_is_not_the_pages() -> None:
    error = failure('{"Cookie": "a=b"}')
    assert type(error) is Refused
    assert "has set it" in error.hint


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("", "at character 1"),
        ("{", "at character 2"),
        ('{"referer": }', "at character 13"),
        ('{"referer": "x",}', "at character"),
        ('{"referer": "x"} x', "at character 18"),
        ('{"referer": "a\nb"}', "at character 15"),
        ("referer: x", "at character 1"),
        ("[]", "no JSON object at character 1"),
        ('"referer"', "no JSON object at character 1"),
        ("null", "no JSON object"),
        ('{"referer": 1}', 'member 1, "referer", is neither a text nor null'),
        ('{"referer": true}', "neither"),
        ('{"referer": ["a"]}', "neither"),
        ('{"referer": {"a": "b"}}', "neither"),
        ('{"referer": NaN}', "neither"),
        ('{"referer": ' + "1" * 5000 + "}", "neither"),
        ('{"user-agent": "x", "": "x"}', "the name of member 2"),
        ('{"a b": "x"}', "the name of member 1"),
        ('{"referer\\r\\nX": "x"}', "the name of member 1"),
        ('{"referer": "a", "Referer": "b"}', 'member 2, "Referer", repeats a name'),
        ('{"referer": "a\\r\\nX: b"}', "member 1, \"referer\", has a control character"),
        ('{"referer": "\\u0000"}', "control character"),
        ('{"referer": "\\u20ac"}', "beyond ISO-8859-1"),
        ("[" * 30_000, "cannot be read: it is "),  # too deep for some Pythons
        ('{"a":' * 6_000, "cannot be read: it is "),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_told_with_its_place(value: str, told: str) -> None:
    error = failure(value)
    assert (type(error), error.status) == (BadRequest, 400)
    assert "x-cors-headers" in error.detail
    assert told in error.detail


def test_a_second_field_is_told() -> None:
    assert "more than once" in failure('{"referer": "a"}', '{"user-agent": "b"}').detail


def test_a_refusal_repeats_no_more_than_a_piece_of_a_long_name() -> None:
    error = failure(json.dumps({"x" * 10_000: "v"}))
    assert len(error.detail + error.hint) < 500


@pytest.mark.parametrize("name", ["Host", "x-cors-headers", "CDN-Loop", "Content_Length", "Via"])
def test_a_header_that_no_operator_could_list_is_refused_without_a_promise(name: str) -> None:
    error = failure(json.dumps({name: "x"}))
    assert type(error) is Refused
    assert "--allow-header-override cannot allow it" in error.hint


# --- what the operator may allow ---


@pytest.mark.parametrize(
    "name",
    [
        *("Host", "Content-Length", "Transfer-Encoding", "Connection", "Upgrade", "TE", "Trailer"),
        *("Forwarded", "X-Forwarded-For", "x-forwarded-proto", "X-Real-IP", "Via", "CDN-Loop"),
        *("Content_Length", "transfer.encoding", "X_Forwarded_For", "x-cors-headers"),
        *("True-Client-IP", "CF_Connecting_IP", "Proxy"),
        *("Proxy-Authorization", "Access-Control-Request-Method", "", "a b"),
    ],
)
def test_what_the_proxy_answers_for_cannot_be_allowed(name: str) -> None:
    with pytest.raises(ValueError, match=r"answers for|the proxy's to say|no header name"):
        check_overridable(name)


@pytest.mark.parametrize("name", ["Origin", "Referer", "User-Agent", "Cookie", "X_Key"])
def test_what_a_browser_does_not_let_a_page_set_can_be_allowed(name: str) -> None:
    assert check_overridable(name) == name
