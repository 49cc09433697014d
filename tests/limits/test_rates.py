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


@pytest.mark.parametrize("spec", ["0 1", "0/minute", "0 3 a.org,b.org"])
def test_a_limit_by_which_nobody_could_ask_is_a_mistake(spec: str) -> None:
    with pytest.raises(ValueError, match="refuses every request"):
        RateLimit.parse(spec)


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


@pytest.mark.parametrize(
    ("spec", "by"),
    [
        ("50/minute", "origin"),
        ("50/minute by origin", "origin"),
        ("50/minute by client", "client"),
        ("50 3 by Client", "client"),
        ("50/minute BY TARGET", "target"),
        ("50/minute by key except 10.0.0.0/8", "key"),
        ("50/minute except 10.0.0.0/8", "origin"),
        ("50 3 by.example.com", "origin"),
    ],
)
def test_a_limit_says_of_whom_it_counts(spec: str, by: str) -> None:
    assert RateLimit.parse(spec).by == by


def test_who_is_not_counted_is_written_behind_except() -> None:
    rate = RateLimit.parse("100/minute by client except http://localhost:* 10.0.0.0/8")
    assert rate.exempts("http://localhost:3000", "192.0.2.1")
    assert rate.exempts("https://page.test", "10.0.0.1")
    assert not rate.exempts("https://page.test", "192.0.2.1")


@pytest.mark.parametrize("spec", ["50/minute by ip", "50/minute by", "1GB/hour by host"])
def test_what_cannot_be_counted_by_is_told(spec: str) -> None:
    parse = RateLimit.parse_octets if "GB" in spec else RateLimit.parse
    with pytest.raises(ValueError, match=r"by client"):
        parse(spec)


@pytest.mark.parametrize(
    ("spec", "octets", "seconds", "said"),
    [
        ("1GB/hour", 10**9, 3600, "1 GB per hour"),
        ("1 GB / hour by client", 10**9, 3600, "1 GB per hour"),
        ("500mb/10minutes", 5 * 10**8, 600, "500 MB per 10 minutes"),
        ("1GiB/day", 2**30, 86400, "1 GiB per day"),
        ("2kB/second", 2000, 1, "2 kB per second"),
        ("2KiB/second", 2048, 1, "2 KiB per second"),
        ("5TB per day", 5 * 10**12, 86400, "5 TB per day"),
        ("70B/minute", 70, 60, "70 bytes per minute"),
        ("70/minute", 70, 60, "70 bytes per minute"),
    ],
)
def test_a_limit_of_octets_is_a_size_in_a_window(
    spec: str, octets: int, seconds: int, said: str
) -> None:
    rate = RateLimit.parse_octets(spec)
    assert (rate.amount, rate.seconds) == (octets, seconds)
    assert rate.sentence("x").endswith(f"\nThe amount of data is limited to {said}.")


@pytest.mark.parametrize(
    "spec", ["", "1GB", "50 3", "1.5GB/hour", "1Gb2/hour", "1PB/day", "x/hour"]
)
def test_what_is_no_limit_of_octets_is_told_how_to_write_one(spec: str) -> None:
    with pytest.raises(ValueError, match=r"is not a limit of bytes: write .* 1GB/hour"):
        RateLimit.parse_octets(spec)


def test_more_octets_than_can_be_counted_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="more than can be counted"):
        RateLimit.parse_octets("999999TB/day")


@pytest.mark.parametrize(
    ("spec", "first_line"),
    [
        ("1/minute by origin", 'The origin "x" has sent too many requests.'),
        ("1/minute by client", 'The client "x" has sent too many requests.'),
        ("1/minute by target", 'The target "x" has been asked for too often.'),
        ("1/minute by key", 'The API key "x" has sent too many requests.'),
        ("1MB/minute by client", 'The client "x" has transferred too much.'),
        ("1MB/minute by target", 'Too much has been transferred from and to the target "x".'),
    ],
)
def test_each_kind_of_limit_has_a_sentence_of_its_own(spec: str, first_line: str) -> None:
    parse = RateLimit.parse_octets if "MB" in spec else RateLimit.parse
    assert parse(spec).sentence("x").partition("\n")[0] == first_line
