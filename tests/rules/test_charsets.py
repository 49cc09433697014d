"""The text of a reply's octets: in which charset, and what is none."""

from __future__ import annotations

import codecs
from collections.abc import Iterator

import pytest

from cors_anywhere.rules import charsets
from cors_anywhere.rules.charsets import is_textual, media_type, text_of

HTML = "text/html"


@pytest.mark.parametrize(
    ("octets", "content_type", "text"),
    [
        (b"caf\xc3\xa9", "text/plain", "café"),
        (b"caf\xc3\xa9", "text/plain; charset=UTF-8", "café"),
        (b"caf\xe9", 'text/plain;charset="iso-8859-1"', "café"),
        (b"\x80\x81", "text/plain; charset=latin1", "€\x81"),  # as browsers: windows-1252
        (b"\xcf\xf0", "text/plain; charset=windows-1251", "Пр"),
        (b"\xf0\xd2", "text/plain; Charset = koi8-r", "Пр"),
        (b"\x82\xa0", "text/plain; charset=Shift_JIS", "あ"),
        (b"\xa4\xa2", "text/plain; charset=euc-jp", "あ"),
        (b"\xc4\xe3", "text/plain; charset=gb2312", "你"),
        (b"\xa7A", "text/plain; charset=big5", "你"),
        (b"\xb0\xa1", "text/plain; charset=euc-kr", "가"),
        (b"a\0", "text/plain; charset=utf-16", "a"),
        # malformed octets are shown as such
        (b"a\xffb", "text/plain", "a\ufffdb"),
        (b"a\xffb", "text/plain; charset=gbk", "a\ufffdb"),
        # a mark beats what is named
        (b"\xef\xbb\xbf\xc3\xa9", "text/plain; charset=latin1", "é"),
        (b"\xff\xfea\0", "text/plain", "a"),
        (b"\xfe\xff\0a", "text/plain", "a"),
        # what a document says of itself
        (b'<meta charset="koi8-r">\xd1', HTML, '<meta charset="koi8-r">я'),
        (
            b"<meta http-equiv=x content='text/html; charset=windows-1251'>\xff",
            HTML,
            "<meta http-equiv=x content='text/html; charset=windows-1251'>я",
        ),
        (b"<meta charset=latin1>\xc3\xa9", "text/html; charset=utf-8", "<meta charset=latin1>é"),
        (b"<meta charset=utf-16>\xc3\xa9", HTML, "<meta charset=utf-16>é"),
        (b"<meta charset=koi8-r>\xc3\xa9", "text/plain", "<meta charset=koi8-r>é"),
        (
            b'<?xml version="1.0" encoding="iso-8859-2"?>\xb1',
            "application/rss+xml",
            '<?xml version="1.0" encoding="iso-8859-2"?>ą',
        ),
        # no type at all
        (b"caf\xc3\xa9", "", "café"),
        (b"caf\xc3\xa9", "no type", "café"),
        # any type with a charset
        (b"x", "application/x-mine; charset=utf-8", "x"),
        (b"", "text/plain", ""),
    ],
)
def test_text_is_read_in_its_charset(octets: bytes, content_type: str, text: str) -> None:
    assert text_of(octets, content_type) == text


@pytest.mark.parametrize(
    ("octets", "content_type"),
    [
        (b"x", "image/png"),
        (b"x", "application/octet-stream"),
        (b"\xff", ""),
        (b"a\0b", ""),
        (b"x", "text/plain; charset=nobody-knows"),
        (b"x", "text/plain; charset=rot13"),
        (b"x", "text/plain; charset=punycode"),
        (b"x", "text/plain; charset=unicode_escape"),
        (b"<meta charset=nobody-knows>", HTML),
        (b"\0\xd8", "text/plain; charset=utf-16le"),  # half of a pair
    ],
)
def test_what_is_no_text_is_none(octets: bytes, content_type: str) -> None:
    assert text_of(octets, content_type) is None


def test_every_charset_is_one_that_python_has() -> None:
    for name in (*charsets._SINGLE, *charsets._OTHERS):
        assert codecs.lookup(name)
    for name in charsets._SINGLE:
        assert len(charsets._table(name)) == 256


LABELS = [names.split()[0] for names in (*charsets._SINGLE.values(), *charsets._OTHERS.values())]


@pytest.fixture
def handled() -> Iterator[list[UnicodeError]]:
    """What Python's handler of malformed octets is called for."""
    calls: list[UnicodeError] = []

    def handler(error: UnicodeError) -> tuple[str | bytes, int]:
        calls.append(error)
        return codecs.replace_errors(error)

    codecs.register_error("replace", handler)
    yield calls
    codecs.register_error("replace", codecs.replace_errors)


@pytest.mark.parametrize("label", LABELS)
@pytest.mark.parametrize("octet", [b"\x81", b"\xff", b"\x1b", b"\xd8"])
def test_no_octets_are_slow_to_read(label: str, octet: bytes, handled: list[UnicodeError]) -> None:
    """A call for each of them would take seconds for a MiB."""
    text_of(octet * 1000, f"text/plain; charset={label}")
    assert not handled


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("Text/HTML; charset=x", "text/html"),
        (" application/json ", "application/json"),
        ("text", ""),
        ("", ""),
        ("text/html, image/png", ""),
        ("a b/c", ""),
    ],
)
def test_a_media_type_is_two_tokens(value: str, kind: str) -> None:
    assert media_type(value) == kind


@pytest.mark.parametrize(
    ("kind", "textual"),
    [
        ("text/csv", True),
        ("application/json", True),
        ("application/ld+json", True),
        ("image/svg+xml", True),
        ("application/javascript", True),
        ("application/pdf", False),
        ("font/woff2", False),
        ("application/zip", False),
    ],
)
def test_some_types_are_text(kind: str, *, textual: bool) -> None:
    assert is_textual(kind) is textual
