"""Settings: frozen, valid, and every mistake at once."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from hypothesis import strategies

from cors_anywhere.config.given import Given, gather
from cors_anywhere.config.options import OPTIONS, PROXY_VARIABLES
from cors_anywhere.config.problems import SettingsError
from cors_anywhere.config.settings import Settings
from cors_anywhere.messages import Target
from cors_anywhere.rules.outbound import OutboundProxy


def mistakes(**values: Any) -> list[tuple[str, str]]:
    """What is wrong with these settings."""
    try:
        Settings(**values)
    except SettingsError as error:
        return [(setting, text) for setting, text in error.problems]
    return []


def test_the_defaults_are_valid() -> None:
    assert Settings().port == 8080


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        Settings().port = 80  # type: ignore[misc]


def test_lists_become_tuples() -> None:
    listed: Any = ["https://a.test"]
    assert Settings(allow_origins=listed).allow_origins == ("https://a.test",)


def test_all_mistakes_are_reported_at_once() -> None:
    found = mistakes(
        port=-1,
        rate_limits=("often",),
        allow_origins=("https://ok.test", "https://x.test/", "y.test"),
        allow_networks=("10.0.0.0/33",),
        tls_cert="cert.pem",
    )
    assert [setting for setting, _ in found] == [
        "port",
        "allow_origins",
        "allow_origins",
        "rate_limits",
        "allow_networks",
        "tls_key",
    ]


def test_the_error_reads_as_one_line_for_each_mistake() -> None:
    with pytest.raises(SettingsError) as raised:
        Settings(port=-1, max_redirects=99)
    assert str(raised.value).splitlines() == [
        "port: -1 is out of range: give 0 to 65535",
        "max_redirects: 99 is out of range: give 0 to 20",
    ]


@pytest.mark.parametrize(("given", "missing"), [("tls_cert", "tls_key"), ("tls_key", "tls_cert")])
def test_a_certificate_and_its_key_come_together(given: str, missing: str) -> None:
    assert [setting for setting, _ in mistakes(**{given: "file.pem"})] == [missing]
    assert mistakes(tls_cert="file.pem", tls_key="file.pem") == []


def test_an_all_proxy_that_is_not_needed_may_be_anything() -> None:
    assert mistakes(http_proxy="http://h", https_proxy="http://h", all_proxy="socks5://a") == []


def test_the_proxies_are_ready_to_choose_from() -> None:
    proxies = Settings(http_proxy="http://h:1", no_proxy="x.test").compiled.outbound_proxies
    assert proxies.choose(Target("http", "y.test", 80, "y.test", "/")) == OutboundProxy(
        "h", 1, None
    )
    assert proxies.choose(Target("http", "x.test", 80, "x.test", "/")) is None


def test_what_may_be_secret_shows_neither_in_repr_nor_in_mistakes() -> None:
    settings = Settings(
        set_headers=(("Authorization", "secret"),), http_proxy="http://user:secret@proxy.test"
    )
    assert "secret" not in repr(settings)
    found = mistakes(set_headers=(("X", "secret\x00"),), all_proxy="socks5://user:secret@p.test")
    assert len(found) == 2
    assert "secret" not in str(found)


def test_the_mistakes_of_settings_join_those_of_files() -> None:
    given = Given({"port": -1, "ca_file": "missing"}, {"port": "PORT"})
    assert Settings.from_given(given) is None
    assert [mistake.setting for mistake in given.mistakes] == ["--ca-file", "PORT"]


def test_the_environment_makes_settings_as_it_does_for_the_command(tmp_path: Path) -> None:
    (tmp_path / "help.txt").write_text("Help!", encoding="utf-8")
    variables = {
        "CORSANYWHERE_WHITELIST": "https://a.test, https://b.test",
        "CORSANYWHERE_HELP_FILE": str(tmp_path / "help.txt"),
        "PORT": "81",
    }
    assert Settings.from_env(variables) == Settings(
        allow_origins=("https://a.test", "https://b.test"), help_text="Help!", port=81
    )


def test_the_process_s_own_environment_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CORSANYWHERE_MAX_REDIRECTS", "3")
    assert Settings.from_env().max_redirects == 3


def test_all_mistakes_in_the_environment_are_raised_at_once_by_their_variables() -> None:
    variables = {"PORT": "x", "CORSANYWHERE_RATELIMIT": "often", "CORSANYWHERE_CA_FILE": "/no/such"}
    with pytest.raises(SettingsError) as raised:
        Settings.from_env(variables)
    assert {problem.setting for problem in raised.value.problems} == set(variables)


VARIABLES = [name for option in OPTIONS for name in (option.variable, *option.legacy)]
PIECES = (
    *("https://", "*.", "a.test", "com", ":", "*", "/", "50", "/minute", "0", ",", " ", "[::1]"),
    *("10.0.0.0/8", "null", "self", "@", "%", "\\", "xn--", "\xfc", "\udcff", "\0", "-1", "]"),
    *("/(/", "tcp://", "true", "x: y"),
)


@hypothesis.settings(max_examples=300, deadline=None)
@hypothesis.given(
    strategies.dictionaries(
        strategies.sampled_from([*VARIABLES, *PROXY_VARIABLES]),
        strategies.lists(strategies.sampled_from(PIECES), max_size=8).map("".join),
        max_size=5,
    )
)
def test_any_environment_makes_settings_or_mistakes_with_their_names(
    variables: dict[str, str],
) -> None:
    try:
        Settings.from_env(variables)
    except SettingsError as error:
        for setting, text in error.problems:
            assert setting.partition(" @")[0] in variables or text.startswith("is missing")
            assert text
            assert "\n" not in text


def test_a_variable_that_is_not_known_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    Settings.from_env({"CORSANYWHERE_ALOW_ORIGIN": "https://a.test"})
    assert "is CORSANYWHERE_ALLOW_ORIGIN meant?" in caplog.text


def test_a_bad_value_from_a_file_is_told_with_its_line(tmp_path: Path) -> None:
    origins, port = tmp_path / "origins", tmp_path / "port"
    origins.write_text("https://a.test\nb.test\n# c\nb.test\nd.test\n")
    port.write_text("\n70000\n")
    with pytest.raises(SettingsError) as raised:
        Settings.read({"allow-origin": ("c.test", f"@{origins}")}, {"PORT": f"@{port}"})
    assert [problem.setting for problem in raised.value.problems] == [
        f"PORT @{port}:2",
        "--allow-origin",
        f"--allow-origin @{origins}:2",
        f"--allow-origin @{origins}:4",
        f"--allow-origin @{origins}:5",
    ]


def test_settings_are_read_anew_from_the_same_sources(tmp_path: Path) -> None:
    origins = tmp_path / "origins"
    given = gather({"allow-origin": (f"@{origins}",)}, {"PORT": "1"})
    for text in ("https://a.test", "https://b.test"):
        origins.write_text(text)
        settings = Settings.read(given.command_line, given.environment)
        assert (settings.allow_origins, settings.port) == ((text,), 1)
