"""What the fields of a request say is worked out once for those that come again."""

from __future__ import annotations

import pytest

from cors_anywhere.errors import BadRequest
from cors_anywhere.messages import Fields, RequestHead
from cors_anywhere.rules.headers import request_table
from cors_anywhere.rules.reading import Reader

BROWSER = (("Host", "proxy.test"), ("Origin", "https://a.test"), ("ACCEPT", "*/*"))


def head(fields: Fields) -> RequestHead:
    return RequestHead("GET", "/", fields, 0, "192.0.2.1", "http", 80)


def test_each_field_is_found_by_name_and_sorted() -> None:
    read = Reader(request_table()).read(head((*BROWSER, ("accept", "second"), ("TE", "gzip"))))
    assert read.by_name == {
        "host": "proxy.test",
        "origin": "https://a.test",
        "accept": "*/*",
        "te": "gzip",
    }
    assert read.passing == (BROWSER[1], BROWSER[2], ("accept", "second"))
    assert not read.gathered


def test_what_a_browser_sends_by_itself_is_remembered() -> None:
    reader = Reader(request_table())
    assert reader.read(head(BROWSER)) is reader.read(head(BROWSER))


@pytest.mark.parametrize(
    "fields",
    [
        (*BROWSER, ("Authorization", "Bearer s3cret")),
        (*BROWSER, ("cookie", "id=1")),
        (*BROWSER, ("X-API-Key", "s3cret")),
        (*BROWSER, *[("Accept", "x")] * 30),
        list(BROWSER),
    ],
    ids=["credentials", "a cookie", "any other field", "too many", "what may be changed"],
)
def test_anything_else_is_read_anew(fields: Fields) -> None:
    reader = Reader(request_table())
    first, second = reader.read(head(fields)), reader.read(head(fields))
    assert first == second
    assert first is not second


def test_what_names_its_origin_twice_is_not_read() -> None:
    with pytest.raises(BadRequest, match="two Origin fields"):
        Reader(request_table()).read(head((*BROWSER, ("origin", "https://b.test"))))
