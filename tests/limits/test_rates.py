"""Rate limits: what is read, who is exempt, what the page is told."""

from __future__ import annotations

import pytest

from cors_anywhere.limits.rates import RateLimit


@pytest.mark.parametrize(
    ("spec", "amount", "seconds"),
    [
        ("50 3", 50, 180),
        ("0 1 example.com", 0, 60),
        ("0/minute /.*/", 0, 60),
        ("  50   3  ", 50, 180),
        ("50 3 app.example.com", 50, 180),
        ("50/minute", 50, 60),
        ("50/3minutes", 50, 180),
        ("50 / 3 Minutes", 50, 180),
        ("50 per 3 minutes", 50, 180),
        ("10/second", 10, 1),
        ("100/hour", 100, 3600),
        ("1000/day", 1000, 86400),
        ("100/366days", 100, 366 * 86400),
        ("100/hour app.example.com", 100, 3600),
    ],
)
def test_a_limit_is_an_amount_in_a_window(spec: str, amount: int, seconds: int) -> None:
    rate = RateLimit.parse(spec)
    assert (rate.amount, rate.seconds, rate.minutes) == (amount, seconds, seconds / 60)


@pytest.mark.parametrize(
    "spec",
    [
        "",
        "50",
        "50 x",
        "x 3",
        "-1 3",
        "1.5 3",
        "50 1.5",
        "50/",
        "50/3",
        "50/fortnight",
        "50/minutely",
        "50,3",
        "٥٠ 3",
        "1" * 10 + " 3",
    ],
)
def test_what_is_no_limit_is_told_how_to_write_one(spec: str) -> None:
    with pytest.raises(ValueError, match=r"is not a rate limit: write .* 50/3minutes"):
        RateLimit.parse(spec)


@pytest.mark.parametrize("spec", ["50 0", "50/0seconds", "50/367days"])
def test_a_window_has_a_sensible_length(spec: str) -> None:
    with pytest.raises(ValueError, match="1 second to 366 days"):
        RateLimit.parse(spec)


@pytest.mark.parametrize(
    ("exempt", "fix"),
    [
        ("/", "a slash on each end"),
        ("//", "a slash on each end"),
        ("/x", "a slash on each end"),
        ("x/", "a slash on each end"),
        ("/(/", "not a regular expression"),
        ("https://app.example.com", 'write "app.example.com"'),
    ],
)
def test_a_bad_exemption_is_named(exempt: str, fix: str) -> None:
    with pytest.raises(ValueError, match=fix) as raised:
        RateLimit.parse(f"50 3 ok.example.com {exempt}")
    assert f'"{exempt}"' in str(raised.value)


@pytest.mark.parametrize("spec", ["0 1", "0/minute", "0 3 a.org,b.org"])
def test_a_limit_by_which_nobody_could_ask_is_a_mistake(spec: str) -> None:
    with pytest.raises(ValueError, match="refuses every request"):
        RateLimit.parse(spec)


@pytest.mark.parametrize(
    "entry",
    ["a.org,b.org", "*.a.org", "a.org:", "a.org:*", "b\xfccher.example", "a.org:080", "::1"],
)
def test_an_exemption_that_no_origin_can_match_is_known(entry: str) -> None:
    assert RateLimit.parse(f"50/minute ok.test {entry}").never_exempt == [entry]


@pytest.mark.parametrize(
    "entry", ["a.org", "A.org", "a.org:8080", "localhost", "a_b.org", "[::1]:3000", "null", "/a,b/"]
)
def test_an_exemption_that_an_origin_can_match_is_not_spoken_of(entry: str) -> None:
    assert RateLimit.parse(f"50 3 {entry}").never_exempt == []


EXEMPT = RateLimit.parse(r"50 3 App.example.com local:3000 /(.*\.)?Org\.test/ /a|ab/")


@pytest.mark.parametrize(
    ("origin", "exempt"),
    [
        ("https://app.example.com", True),
        ("http://APP.EXAMPLE.COM", True),
        ("app.example.com", True),
        ("https://app.example.com:8443", False),
        ("https://appXexample.com", False),
        ("https://x.app.example.com", False),
        ("http://local:3000", True),
        ("http://local", False),
        ("https://org.test", True),
        ("https://www.ORG.test", True),
        ("https://org.test.evil", False),
        ("https://org.test:8443", False),
        ("https://evilorg.test", False),
        ("https://ab", True),
        ("https://abc", False),
        ("null", False),
        ("", False),
    ],
)
def test_exemptions_match_the_whole_host_in_any_case(origin: str, exempt: bool) -> None:
    assert EXEMPT.exempts(origin) is exempt


def test_nobody_is_exempt_unless_listed() -> None:
    assert not RateLimit.parse("50 3").exempts("https://app.example.com")


@pytest.mark.parametrize(
    ("spec", "last_line"),
    [
        ("50 1", "The number of requests is limited to 50 per minute."),
        ("50/minute", "The number of requests is limited to 50 per minute."),
        ("50 3", "The number of requests is limited to 50 per 3 minutes."),
        ("50 60", "The number of requests is limited to 50 per 60 minutes."),
        ("1/second", "The number of requests is limited to 1 per second."),
        ("9/2hours", "The number of requests is limited to 9 per 2 hours."),
    ],
)
def test_the_page_is_told_who_and_how_much(spec: str, last_line: str) -> None:
    assert RateLimit.parse(spec).sentence("https://a.test") == (
        f'The origin "https://a.test" has sent too many requests.\n{last_line}'
    )


@pytest.mark.parametrize("expression", ["(a+)+", "(.*)*x", r"(?:[a-z]+\.?)*", "(a{2,})*"])
def test_an_exemption_that_could_take_for_ever_is_refused(expression: str) -> None:
    with pytest.raises(ValueError, match="repeats a group"):
        RateLimit.parse(f"1 1 /{expression}/")


@pytest.mark.parametrize("expression", [r"(.*\.)?a\.test", r"([a-z]+\.)*a\.test", "(a|b)+", "a+b*"])
def test_an_exemption_whose_groups_end_in_something_fixed_is_taken(expression: str) -> None:
    assert RateLimit.parse(f"1 1 /{expression}/").exempt_patterns
