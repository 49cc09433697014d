"""What an outcome shows, and what it never does."""

from __future__ import annotations

import pytest

from cors_anywhere.outcome import shown

SHOWN = {
    "query": ("http://a.test/x?key=secret", "http://a.test/x"),
    "no-path": ("http://a.test/?secret", "http://a.test/"),
    "octets": ("http://a.test/\xe9\x1b", "http://a.test/\\xe9\\x1b"),
}


@pytest.mark.parametrize(("url", "text"), SHOWN.values(), ids=SHOWN)
def test_a_url_is_shown_without_its_query_and_in_printable_ascii(url: str, text: str) -> None:
    assert shown(url) == text
