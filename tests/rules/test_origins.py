from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cors_anywhere.rules.origins import OriginPattern, OriginSet


def matches(pattern: str, origin: str) -> bool:
    return origin in OriginSet([OriginPattern.parse(pattern)])


EXACT = [
    "https://app.example",
    "https://app.example:8443",
    "http://localhost",
    "http://localhost:3000",
    "http://127.0.0.1:8080",
    "http://[::1]:8080",
    "https://[2001:db8::1]",
    "https://xn--bcher-kva.example",
    "https://under_score.example",
    "https://example.com.",
    "http://app.example:443",
    "https://app.example:80",
    "chrome-extension://abcdefghijklmnop",
    "capacitor://localhost",
    "null",
]


@pytest.mark.parametrize("origin", EXACT)
def test_an_exact_pattern_matches_itself(origin: str) -> None:
    assert matches(origin, origin)


@pytest.mark.parametrize(
    ("pattern", "origin"),
    [
        ("https://*.example.com", "https://a.example.com"),
        ("https://*.example.com", "https://a.b.c.example.com"),
        ("https://*.example.com", "https://xn--bcher-kva.example.com"),
        ("https://*.example.com:8080", "https://a.example.com:8080"),
        ("https://*.com", "https://example.com"),
        ("http://localhost:*", "http://localhost"),
        ("http://localhost:*", "http://localhost:1"),
        ("http://localhost:*", "http://localhost:3000"),
        ("http://localhost:*", "http://localhost:65535"),
        ("http://[::1]:*", "http://[::1]:3000"),
        ("http://*.localhost:*", "http://a.localhost:3000"),
        ("http://*.localhost:*", "http://a.localhost"),
    ],
)
def test_a_family_matches_its_members(pattern: str, origin: str) -> None:
    assert matches(pattern, origin)


@pytest.mark.parametrize(
    ("pattern", "origin"),
    [
        ("https://app.example", "http://app.example"),
        ("https://app.example", "https://app.example:8443"),
        ("https://app.example", "https://app.example/"),
        ("https://app.example", "https://APP.example"),
        ("https://app.example", "https://app.example.attacker"),
        ("https://app.example", "https://app.examplf"),
        ("https://app.example", "https://appxexample"),
        ("https://app.example", "https://sub.app.example"),
        ("https://app.example", "null"),
        ("https://app.example", ""),
        ("null", ""),
        ("null", "Null"),
        ("https://*.example.com", "https://example.com"),
        ("https://*.example.com", "https://.example.com"),
        ("https://*.example.com", "https://a..example.com"),
        ("https://*.example.com", "https://notexample.com"),
        ("https://*.example.com", "https://evil.example.com.attacker"),
        ("https://*.example.com", "https://evil.examplexcom"),
        ("https://*.example.com", "https://a.example.com:8080"),
        ("https://*.example.com", "https://a.example.com."),
        ("https://*.example.com", "http://a.example.com"),
        ("https://*.example.com", "https://attacker.example/.example.com"),
        ("https://*.example.com", "https://attacker.example?.example.com"),
        ("https://*.example.com", "https://attacker.example#.example.com"),
        ("https://*.example.com", "https://attacker.example\\.example.com"),
        ("https://*.example.com", "https://attacker:1@a.example.com"),
        ("https://*.example.com", "https://attacker:8080.example.com"),
        ("https://*.example.com", "https://a.example.com\n"),
        ("https://*.example.com", "x https://a.example.com"),
        ("https://*.example.com", "https://A.example.com"),
        ("https://*.example.com", "https://\u017f.example.com"),
        ("https://*.example.com", "https://*.example.com"),
        ("https://*.example.com", f"https://{'a' * 64}.example.com"),
        ("https://*.example.com", f"https://{'a.' * 200}example.com"),
        ("https://*.example.com:8080", "https://a.example.com"),
        ("https://*.example.com:8080", "https://a.example.com:80801"),
        ("http://localhost:*", "https://localhost:3000"),
        ("http://localhost:*", "http://localhost:"),
        ("http://localhost:*", "http://localhost:0"),
        ("http://localhost:*", "http://localhost:080"),
        ("http://localhost:*", "http://localhost:100000"),
        ("http://localhost:*", "http://localhost:80@evil"),
        ("http://localhost:*", "http://localhost:\u0661"),
        ("http://localhost:*", "http://localhost.attacker:3000"),
        ("http://localhost:*", "http://a.localhost:3000"),
        ("http://localhost:*", "http://localhost:*"),
    ],
)
def test_a_stranger_does_not_match(pattern: str, origin: str) -> None:
    assert not matches(pattern, origin)


@pytest.mark.parametrize(
    ("text", "mistake", "fix"),
    [
        ("", "empty", "https://app.example"),
        ("https://app.example ", "blanks", "https://app.example"),
        ("*", "every origin", "leave the option out"),
        ("Null", "lower case", "'null'"),
        ("app.example", "no scheme", "'https://app.example'"),
        ("localhost:3000", "no scheme", "'https://localhost:3000'"),
        ("//app.example", "no scheme", "'https://app.example'"),
        ("://app.example", "no scheme", "'https'"),
        ("*://app.example", "no scheme", "'https'"),
        ("file://", "files", "'null'"),
        ("https://App.example", "lower case", "'https://app.example'"),
        ("HTTPS://app.example", "lower case", "'https://app.example'"),
        ("https://bücher.example", "ASCII", "xn--"),
        ("https://app.example/", "slash at its end", "'https://app.example'"),
        ("https://app.example/path", "path", "'https://app.example'"),
        ("https://app.example//", "path", "'https://app.example'"),
        ("https://app.example?q", "query", "'https://app.example'"),
        ("https://app.example\\", "path", "'https://app.example'"),
        ("https://user:pw@app.example", "user name", "'https://app.example'"),
        ("https://app.example:443", "default port", "'https://app.example'"),
        ("http://app.example:80", "default port", "'http://app.example'"),
        ("https://app.example:", "colon", "'https://app.example'"),
        ("https://app.example:0", "no port", "1 to 65535"),
        ("https://app.example:65536", "no port", "1 to 65535"),
        ("https://app.example:0443", "no port", "1 to 65535"),
        ("https://app.example:80x", "no port", "1 to 65535"),
        ("https://app.example:3*", "no port", "'*' for any"),
        ("https://", "no host", "https://*.example.com"),
        ("https://:8080", "no host", "https://*.example.com"),
        ("https://*", "no host", "https://*.example.com"),
        ("https://*:8080", "no host", "https://*.example.com"),
        ("https://foo.*.example", "leftmost", "https://*.example.com"),
        ("https://*app.example", "leftmost", "https://*.example.com"),
        ("https://a*.example", "leftmost", "https://*.example.com"),
        ("https://**.example", "leftmost", "https://*.example.com"),
        ("https://*.*.example", "leftmost", "https://*.example.com"),
        ("https://*.", "no host", "https://*.example.com"),
        ("https://app..example", "no host name", "https://app.example"),
        ("https://.example", "no host name", "https://app.example"),
        (f"https://{'a' * 64}.example", "no host name", "https://app.example"),
        (f"https://{'a.' * 126}bc", "no host name", "https://app.example"),
        ("https://::1", "IPv6", "in brackets"),
        ("https://[::1", "IPv6", "in brackets"),
        ("https://[::g]", "no IP address", "[::g]"),
        ("https://[0:0::1]", "that address", "'[::1]'"),
        ("https://127.1", "that address", "'127.0.0.1'"),
        ("https://127.0.0.01", "that address", "'127.0.0.1'"),
        ("https://1.2.3.256", "no IP address", "1.2.3.256"),
        ("https://*.10.0.0.1", "no subdomains", "leave '*.' out"),
        ("https://*.[::1]", "no subdomains", "leave '*.' out"),
    ],
)
def test_a_mistake_is_named_with_its_fix(text: str, mistake: str, fix: str) -> None:
    with pytest.raises(ValueError, match=r".+") as caught:
        OriginPattern.parse(text)
    assert mistake in str(caught.value)
    assert fix in str(caught.value)


def test_a_set_matches_what_any_of_its_patterns_matches() -> None:
    patterns = ["https://a.example", "https://*.b.example", "http://localhost:*", "null"]
    origins = OriginSet(map(OriginPattern.parse, patterns))
    assert "https://a.example" in origins
    assert "https://x.b.example" in origins
    assert "http://localhost:5173" in origins
    assert "null" in origins
    assert "https://c.example" not in origins


def test_a_set_is_false_only_when_empty() -> None:
    assert not OriginSet([])
    assert OriginSet([OriginPattern.parse("null")])
    assert OriginSet([OriginPattern.parse("https://*.b.example")])


def test_an_empty_set_holds_nothing() -> None:
    assert "https://a.example" not in OriginSet([])


@given(st.text(alphabet="htps:/*.[]@%19azA-é\\? ", max_size=30))
def test_any_text_is_a_pattern_or_a_named_mistake(text: str) -> None:
    try:
        pattern = OriginPattern.parse(text)
    except ValueError as error:
        assert str(error)
    else:
        assert pattern.exact is (text in OriginSet([pattern]))
