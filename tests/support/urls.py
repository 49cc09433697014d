"""URLs as the proxy reads them, for tests that need a target, and text meant to confuse it."""

from __future__ import annotations

from hypothesis import strategies as st

from cors_anywhere.config.suffixes import has_public_suffix
from cors_anywhere.messages import Target
from cors_anywhere.rules.urls import Urls

parse_path = Urls(has_public_suffix).parse
"""The target that a path names, first slash included."""


def raw(text: str) -> str:
    """Text as it arrives: UTF-8 octets read as ISO-8859-1."""
    return text.encode().decode("latin-1")


# fmt: off
PIECES = st.sampled_from([
    "http", "https", "ftp", ":", "/", "//", "?", "#", "@", "%", "\\", "[", "]", "::", ".", "..",
    "com", "a", "example.com", "localhost", "127.0.0.1", "::1", "0x", "1", "65536", ":80", ":443",
    "%3A", "%2F", "?url=", "xn--", "ü", "ß", "①", "。", "：", "［", "］", "／", "％", "＠",
    "\u00ad", "\ud800", "\x00", " ",
])
# fmt: on
HOSTILE = (
    st.lists(PIECES | st.text(max_size=3), max_size=12).map("".join)
    | st.text()
    | st.binary().map(lambda octets: octets.decode("latin-1"))
)


def assert_well_formed(target: Target) -> None:
    assert target.scheme in ("http", "https")
    assert target.host
    assert target.authority.isascii()
    assert target.authority.isprintable()
    assert 0 <= target.port <= 65535
    assert target.path.startswith("/")
    assert not set(target.path) & {"#", " ", "\r", "\n", "\t", "\x00"}
    assert target.url.startswith(target.scheme + "://" + target.authority)
    assert parse_path("/" + target.url) == target
