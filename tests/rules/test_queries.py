"""URLs in queries: which part is the URL, and what the doors of AllOrigins refuse."""

from __future__ import annotations

import pytest

from cors_anywhere.errors import BadRequest
from cors_anywhere.rules.queries import decode, url_in_form, url_in_query


@pytest.mark.parametrize(
    ("query", "url"),
    [
        ("url=https%3A%2F%2Fa.test%2Fx", "https://a.test/x"),
        ("key=1&url=https://a.test/?b&c", "https://a.test/?b&c"),
        ("https://a.test/?b", "https://a.test/?b"),
        ("key=1", ""),
    ],
)
def test_a_query_is_a_url_or_has_one(query: str, url: str) -> None:
    assert url_in_query(query) == url


@pytest.mark.parametrize(
    ("query", "url"),
    [
        ("url=https%3A%2F%2Fa.test%2Fx%3Fy%26z", "https://a.test/x?y&z"),
        ("url=https%3A%2F%2Fa.test%2Fx&disableCache=true", "https://a.test/x"),
        ("charset=utf-8&url=https%3A%2F%2Fa.test", "https://a.test"),
        ("url=https://a.test/x", "https://a.test/x"),
        ("url=https://a.test/x&_=17", "https://a.test/x"),
        ("url=https://a.test/x?y&z&callback=theirs", "https://a.test/x?y&z&callback=theirs"),
        ("url=https%3A%2F%2Fa.test%3Fcallback%3Dtheirs", "https://a.test?callback=theirs"),
        ("callbacks=1&url=https://a.test", "https://a.test"),
        ("url=HTTP:/a.test/", "HTTP:/a.test/"),
    ],
)
@pytest.mark.parametrize("form", ["/get?", "/raw?"])
def test_a_form_has_the_url_as_a_parameter(form: str, query: str, url: str) -> None:
    assert url_in_form(form, query) == url


@pytest.mark.parametrize(
    "query",
    ["", "url=", "url", "x=1", "URL=https://a.test", "url=a.test", "url=ftp%3A%2F%2Fa.test"],
)
@pytest.mark.parametrize("form", ["/get?", "/raw?"])
def test_a_form_without_a_url_says_what_it_needs(form: str, query: str) -> None:
    with pytest.raises(BadRequest, match="A URL is needed here") as caught:
        url_in_form(form, query)
    assert f"{form}url=https%3A%2F%2F" in caught.value.detail


@pytest.mark.parametrize(
    "query",
    [
        "callback=f&url=https%3A%2F%2Fa.test",
        "url=https%3A%2F%2Fa.test&callback=?",
        "url=https://a.test/&callback=?&_=1",
        "url=https%3A%2F%2Fa.test&callback",
    ],
)
def test_jsonp_is_refused_with_the_reason(query: str) -> None:
    with pytest.raises(BadRequest, match="would run as a script of the page") as caught:
        url_in_form("/get?", query)
    assert (caught.value.status, caught.value.rule) == (400, "callback")
    assert url_in_form("/raw?", query).startswith("https://a.test")


def test_what_is_decoded_is_octets() -> None:
    assert decode("a%20%C3%a9%zz%") == "a \xc3\xa9%zz%"
