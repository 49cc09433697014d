"""`--dev`: what is allowed on a developer's own machine."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from cors_anywhere.config.dev import is_local
from cors_anywhere.config.problems import SettingsError
from cors_anywhere.config.settings import Settings
from cors_anywhere.messages import Target
from cors_anywhere.rules.origins import OriginSet

DEV = Settings(dev=True)


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("http://localhost:3000", True),
        ("http://localhost", True),
        ("https://localhost:8443", True),
        ("http://127.0.0.1:5173", True),
        ("https://[::1]:1", True),
        ("http://127.0.0.2:80", False),
        ("http://localhost.evil.test", False),
        ("http://192.168.0.2:3000", False),
        ("https://app.example.com", False),
        ("null", False),
    ],
)
def test_pages_of_this_machine_may_ask_and_no_others(origin: str, allowed: bool) -> None:
    assert (origin in OriginSet(DEV.compiled.allow_origins)) is allowed


def test_pages_of_the_proxy_itself_may_ask() -> None:
    assert OriginSet(DEV.compiled.allow_origins).own


def test_origins_that_are_given_stand_instead() -> None:
    settings = Settings(dev=True, allow_origins=("https://a.test",))
    assert [pattern.text for pattern in settings.compiled.allow_origins] == ["https://a.test"]


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("127.0.0.1", True),
        ("127.255.255.255", True),
        ("::1", True),
        ("126.255.255.255", False),
        ("128.0.0.0", False),
        ("::2", False),
        ("10.0.0.1", False),
        ("169.254.169.254", False),
    ],
)
def test_addresses_of_this_machine_may_be_asked(address: str, allowed: bool) -> None:
    networks = DEV.compiled.allow_networks
    assert any(ip_address(address) in network for network in networks) is allowed


@pytest.mark.parametrize(
    ("host", "allowed"), [("localhost", True), ("x.localhost", False), ("db.internal", False)]
)
def test_localhost_may_be_asked_by_its_name(host: str, allowed: bool) -> None:
    target = Target("http", host, 9000, f"{host}:9000", "/")
    assert any(pattern.matches(target) for pattern in DEV.compiled.allow_private) is allowed


def test_what_the_operator_allows_besides_stays() -> None:
    settings = Settings(dev=True, allow_networks=("10.0.0.0/8",), allow_private=("db.internal",))
    assert str(settings.compiled.allow_networks[0]) == "10.0.0.0/8"
    assert settings.compiled.allow_private[0].host == "db.internal"


def test_without_it_nothing_of_that_is_allowed() -> None:
    compiled = Settings().compiled
    assert (compiled.allow_origins, compiled.allow_networks, compiled.allow_private) == ((), (), ())


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("127.0.0.1", True),
        ("127.1.2.3", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.0.2", False),
        ("fe80::1%eth0", False),
        ("my-machine", False),
    ],
)
def test_it_listens_on_this_machine_only(host: str, local: bool) -> None:
    assert is_local(host) is local
    if local:
        assert Settings(dev=True, hosts=("127.0.0.1", host)).dev
        return
    with pytest.raises(SettingsError) as raised:
        Settings(dev=True, hosts=("127.0.0.1", host))
    (problem,) = raised.value.problems
    assert problem.setting == "hosts"
    assert f'"{host}" is beyond this machine' in problem.text
    assert "--dev" in problem.text
