"""Pairs and Tornado's `HTTPHeaders` say the same."""

from __future__ import annotations

from tornado.httputil import HTTPHeaders

from cors_anywhere.fronts.fields import WireHeaders, pairs_of

PAIRS = [("Content-Type", "text/plain"), ("X-A", "1"), ("x-a", "2")]


def test_pairs_come_back_as_they_went_in() -> None:
    assert pairs_of(WireHeaders(PAIRS)) is PAIRS


def test_a_handler_sees_ordinary_headers() -> None:
    headers = WireHeaders(PAIRS)
    assert headers["content-type"] == "text/plain"
    assert headers.get_list("X-A") == ["1", "2"]
    assert len(headers) == 2
    assert "x-b" not in headers


def test_what_a_handler_adds_is_among_the_pairs() -> None:
    headers = WireHeaders(PAIRS)
    headers.add("X-B", "3")
    assert pairs_of(headers) == [
        ("Content-Type", "text/plain"),
        *[("X-A", "1"), ("X-A", "2")],
        ("X-B", "3"),
    ]
    assert len(PAIRS) == 3


def test_any_headers_have_pairs_repeated_names_repeated() -> None:
    headers = HTTPHeaders()
    for name, value in PAIRS:
        headers.add(name, value)
    assert pairs_of(headers) == [PAIRS[0], ("X-A", "1"), ("X-A", "2")]
