"""The parts are built of the settings, each with what it needs of them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from cors_anywhere.config.settings import Settings
from cors_anywhere.proxy import Proxy, choices
from cors_anywhere.relay import Relay
from cors_anywhere.rules.choices import Choices
from cors_anywhere.sharing import SharedRelay


def made(proxy_settings: dict[str, Any], **parts: Any) -> Proxy:
    """A proxy, ended again."""

    async def make() -> Proxy:
        proxy = Proxy(Settings(**proxy_settings), **parts)
        await proxy.close()
        return proxy

    return asyncio.run(make())


def test_policy_gets_each_choice_that_the_settings_make() -> None:
    chosen = choices(Settings(allow_networks=("10.0.0.0/8",), max_redirects=3))
    assert chosen._fields == Choices._fields
    assert (chosen.max_redirects, chosen.some_network_is_allowed) == (3, True)
    assert not choices(Settings()).some_network_is_allowed


def test_a_ca_file_that_is_not_there_is_an_error() -> None:
    with pytest.raises(OSError, match="No such file"):
        made({"ca_file": "missing.pem"})


@pytest.mark.parametrize(
    ("chosen", "share", "shared"),
    [
        ({}, None, False),
        ({}, 9, False),
        ({"trusted_proxies": ("127.0.0.1",)}, None, False),
        ({"trusted_proxies": ("127.0.0.1",)}, 9, True),
        ({"trusted_proxies": ("127.0.0.1",), "max_connections_per_client": 9}, None, True),
    ],
)
def test_requests_are_shared_out_among_those_whom_a_trusted_proxy_names(
    chosen: dict[str, Any], share: int | None, shared: bool
) -> None:
    serving = made(chosen, client_share=share).serve
    assert isinstance(getattr(serving, "__self__", None), SharedRelay if shared else Relay)
