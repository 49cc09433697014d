"""How the limit on file descriptors is shared out."""

from __future__ import annotations

import resource

import pytest

from cors_anywhere.config.settings import Settings
from cors_anywhere.process.descriptors import client_limit, connection_limit, idle_limit


def allow(descriptors: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (descriptors, descriptors))


@pytest.mark.parametrize(
    ("descriptors", "clients", "each", "idle"),
    [
        (64, 8, 8, 1),
        (256, 76, 19, 38),
        (1024, 384, 96, 192),
        (65536, 26188, 6547, 4096),
        (2**63 - 1, 419404, 104851, 4096),
    ],
)
def test_the_limit_on_descriptors_is_shared_out(
    descriptors: int, clients: int, each: int, idle: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    allow(descriptors, monkeypatch)
    settings = Settings()
    limits = connection_limit(settings), client_limit(settings), idle_limit()
    assert limits == (clients, each, idle)


@pytest.mark.parametrize(("chosen", "cap"), [(9, 9), (384, 384), (385, 384), (9999, 384)])
def test_the_operator_can_lower_the_cap_only(
    chosen: int, cap: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    allow(1024, monkeypatch)
    assert connection_limit(Settings(max_connections=chosen)) == cap


@pytest.mark.parametrize(("cap", "each"), [(2, 8), (32, 8), (36, 9), (100, 25)])
def test_a_client_has_a_quarter_of_the_cap_and_at_least_8(
    cap: int, each: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    allow(1024, monkeypatch)
    assert client_limit(Settings(max_connections=cap)) == each


def test_the_operator_chooses_any_share() -> None:
    assert client_limit(Settings(max_connections=100, max_connections_per_client=90)) == 90
