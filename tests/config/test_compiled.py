"""What the rules work with."""

from __future__ import annotations

from cors_anywhere.config.settings import Settings


def test_what_has_a_grammar_is_parsed_once() -> None:
    settings = Settings(allow_origins=("https://a.test",), deny_networks=("10.0.0.0/8",))
    assert [origin.text for origin in settings.compiled.allow_origins] == ["https://a.test"]
    assert [network.prefixlen for network in settings.compiled.deny_networks] == [8]


def test_a_limit_that_was_not_given_is_none() -> None:
    assert Settings().compiled.rate_limits == ()


def test_what_dev_allows_is_among_it() -> None:
    plain, dev = Settings().compiled, Settings(dev=True).compiled
    assert not plain.allow_networks
    assert [str(network) for network in dev.allow_networks] == ["127.0.0.0/8", "::1/128"]
