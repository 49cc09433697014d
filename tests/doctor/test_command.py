"""The real command as a child process."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from typing import NamedTuple

import pytest

from tests.doctor.world import PATHS, origins
from tests.support.process import started


class Ended(NamedTuple):
    status: int
    out: str
    err: str


def doctor(*args: str) -> Ended:
    done = subprocess.run(
        [sys.executable, "-m", "cors_anywhere", "doctor", *args],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def doctor_of(row: str, *args: str) -> Ended:
    """The command, asked about a scenario's target."""

    async def run() -> Ended:
        async with origins() as where:
            url = f"{where.a}/{PATHS[row]}"
            return await asyncio.to_thread(doctor, url, "--origin", where.page, *args)

    return asyncio.run(run())


def test_what_works_ends_with_0() -> None:
    ended = doctor_of("any origin")
    assert (ended.status, ended.err) == (0, "")
    assert "It works." in ended.out
    assert "\x1b" not in ended.out


def test_what_does_not_ends_with_1_and_says_what_chromium_says() -> None:
    ended = doctor_of("no field", "--server", "nginx")
    assert ended.status == 1
    assert "No 'Access-Control-Allow-Origin' header is present" in ended.out
    assert "add_header Access-Control-Allow-Origin" in ended.out


def test_the_way_through_a_proxy_is_walked_too() -> None:
    with started("--allow-network", "127.0.0.0/8") as proxy:
        via = ("--via", f"http://127.0.0.1:{proxy.port}/")
        told = doctor_of("no field", *via)
        shown = json.loads(doctor_of("no field", *via, "--json").out)
    direct, _, through = told.out.partition(f"Through http://127.0.0.1:{proxy.port}:")
    assert told.status == 0
    assert "has to be mended" in direct
    assert "may make this request through the proxy." in through
    assert "no proxy is needed" not in told.out
    assert (shown["verdict"], shown["via"]["verdict"]) == ("fix-target", "works")


def test_through_a_proxy_that_refuses_it_does_not_work() -> None:
    with started() as proxy:
        told = doctor_of("no field", "--via", f"http://127.0.0.1:{proxy.port}")
    assert told.status == 1
    assert "the proxy answers 403: The proxy does not connect" in told.out.partition("Through")[2]


def test_json_is_alone_on_standard_output() -> None:
    ended = doctor_of("no field", "--json")
    shown = json.loads(ended.out)
    assert (shown["verdict"], shown["cause"]) == ("fix-target", "MissingAllowOriginHeader")
    assert ended.status == 1


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ((), "give the URL"),
        (("https://a.example/", "--origin", "app.example"), "--origin"),
        (("https://a.example/", "--header", "X-Key"), "--header"),
        (("https://a.example/", "--header", "X Key: 1"), "--header"),
        (("https://a.example/", "--method", "G T"), "--method"),
        (("https://a.example/", "--redirect", "never"), "--redirect"),
        (("--explain", "nothing of the kind"), "--explain"),
        (("https://a.example/", "--unknown"), "--unknown"),
    ],
)
def test_a_wrong_question_ends_with_2_and_names_what_is_wrong(
    args: tuple[str, ...], said: str
) -> None:
    ended = doctor(*args)
    assert (ended.status, ended.out) == (2, "")
    assert said in ended.err


def test_a_pasted_message_is_explained_without_a_network() -> None:
    ended = doctor(
        "--explain",
        "Access to fetch at 'https://api.example/' from origin 'https://app.example' has been"
        " blocked by CORS policy: Response to preflight request doesn't pass access control check:"
        " It does not have HTTP ok status.",
    )
    assert ended.status == 0
    assert "OPTIONS" in ended.out
