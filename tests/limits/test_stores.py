"""The names of stores."""

from __future__ import annotations

import subprocess
import sys

import pytest

from cors_anywhere.limits.in_redis import RedisStore
from cors_anywhere.limits.stores import check_store, open_store
from cors_anywhere.limits.table import TableStore
from tests.support.loopback import in_loop


@pytest.mark.parametrize(
    "name",
    [
        "memory",
        "shared",
        "redis://127.0.0.1",
        "redis://user:p%40ss@redis.test:6380/2",
        "rediss://[::1]:6379/0",
        "unix:///run/redis.sock",
    ],
)
def test_a_store_has_a_name_or_a_url(name: str) -> None:
    assert check_store(name) == name


@pytest.mark.parametrize(
    ("name", "fix"),
    [
        ("", "write memory, shared, or redis://"),
        ("Memory", "write memory, shared, or redis://"),
        ("redis", "write memory, shared, or redis://"),
        ("redis:127.0.0.1", "write memory, shared, or redis://"),
        ("http://secret@127.0.0.1", "write memory, shared, or redis://"),
        ("redis://", "names no host"),
        ("redis://user:secret@", "names no host"),
        ("redis://:secret@host:0", "names no host"),
        ("redis://:secret@host:99999", "cannot be read"),
        ("redis://:secret@host/one", "has no number as its database"),
        ("unix://", "names no socket"),
    ],
)
def test_what_is_no_store_is_told_without_its_password(name: str, fix: str) -> None:
    with pytest.raises(ValueError, match=fix) as raised:
        check_store(name)
    assert "secret" not in str(raised.value)


@in_loop
async def test_a_name_opens_its_store() -> None:
    assert isinstance(open_store("memory"), TableStore)
    assert isinstance(open_store("shared"), TableStore)
    store = open_store("redis://127.0.0.1:1")
    assert isinstance(store, RedisStore)
    await store.close()


def test_the_client_of_redis_is_loaded_when_it_is_used() -> None:
    program = "import sys, cors_anywhere.proxy; print('redis' in sys.modules)"
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert ran.stdout == "False\n"
