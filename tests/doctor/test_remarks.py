from __future__ import annotations

import pytest

from cors_anywhere.doctor.address import Address, read_address
from cors_anywhere.doctor.remarks import mixed_content, of_caches, of_preflight, of_reply, readable
from cors_anywhere.doctor.vocabulary import Seen


def address(url: str) -> Address:
    found = read_address(url)
    assert isinstance(found, Address)
    return found


@pytest.mark.parametrize(
    ("origin", "url", "mixed"),
    [
        ("https://a.example", "http://b.example/", True),
        ("https://a.example", "https://b.example/", False),
        ("http://a.example", "http://b.example/", False),
        ("https://a.example", "http://localhost:3000/", False),
        ("https://a.example", "http://127.0.0.1/", False),
        ("https://a.example", "http://[::1]/", False),
    ],
)
def test_mixed_content_is_what_a_browser_blocks(origin: str, url: str, mixed: bool) -> None:
    assert (mixed_content(origin, address(url)) is not None) is mixed


@pytest.mark.parametrize(
    ("value", "said"),
    [(None, "5 seconds"), ("abc", "no number"), ("86400", "7200 seconds"), ("600", "")],
)
def test_how_long_a_preflight_holds_is_told(value: str | None, said: str) -> None:
    fields = [] if value is None else [("Access-Control-Max-Age", value)]
    remarks = list(of_preflight(Seen(204, "", fields)))
    assert (said in remarks[0]) if said else not remarks


def test_a_login_page_is_told() -> None:
    page = Seen(200, "", [("Content-Type", "text/html; charset=utf-8")])
    assert of_reply(address("https://a.example/login?next=/api"), page, None)
    assert not of_reply(address("https://a.example/api"), page, None)


def test_a_challenge_is_known_by_its_text() -> None:
    page = Seen(503, "", [("Content-Type", "text/html")], start=b"<title>Just a moment...</title>")
    assert of_reply(address("https://a.example/"), page, None)


def test_a_star_exposes_all_but_to_requests_with_credentials() -> None:
    reply = Seen(200, "", [("Access-Control-Expose-Headers", "*"), ("X-A", "1")])
    assert readable(reply, credentials=False) == "a script may read every header of the reply"
    assert "hidden" in readable(reply, credentials=True)


@pytest.mark.parametrize(
    ("allowed", "vary", "told"),
    [
        ("https://app.example", "Accept-Encoding", True),
        ("https://app.example", "Accept-Encoding, ORIGIN", False),
        ("https://app.example", "*", False),
        ("*", "Accept-Encoding", False),
    ],
)
def test_a_reply_that_a_cache_would_give_to_another_page_is_told_of(
    allowed: str, vary: str, told: bool
) -> None:
    fields = [("Access-Control-Allow-Origin", allowed), ("Vary", vary)]
    assert (of_caches(Seen(200, "", fields)) is not None) is told


def test_a_reply_that_allows_nobody_is_no_matter_of_caches() -> None:
    assert of_caches(Seen(200, "", [])) is None
