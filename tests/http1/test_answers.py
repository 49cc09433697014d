"""What each reply of the proxy's own says besides its own fields."""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime

import pytest

from cors_anywhere.http1.answers import answer_fields
from cors_anywhere.messages import Answer, Fields


def fields_of(status: int, body: bytes = b"", fields: Fields = ()) -> dict[str, str]:
    return {name.lower(): value for name, value in answer_fields(Answer(status, "X", fields, body))}


@pytest.mark.parametrize(
    ("status", "body", "length"),
    [(200, b"abc", "3"), (200, b"", "0"), (404, b"x", "1"), (204, b"", None), (304, b"", None)],
)
def test_a_length_is_told_where_there_may_be_a_body(
    status: int, body: bytes, length: str | None
) -> None:
    assert fields_of(status, body).get("content-length") == length


def test_the_date_is_now_in_the_one_form_that_rfc_9110_lets_a_server_send() -> None:
    before = int(time.time())
    said = fields_of(200)["date"]
    assert said.endswith(" GMT")
    assert before <= parsedate_to_datetime(said).timestamp() <= time.time()


def test_a_date_that_was_given_stays() -> None:
    given = "Thu, 01 Jan 1970 00:00:00 GMT"
    assert answer_fields(Answer(200, "OK", [("Date", given)], b""))[0] == ("Date", given)
    assert fields_of(200, fields=[("Date", given)])["date"] == given


def test_what_was_given_is_not_changed() -> None:
    given = [("x-a", "1")]
    answer_fields(Answer(200, "OK", given, b""))
    assert given == [("x-a", "1")]
