"""Through a running proxy."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from urllib.parse import urlencode

import pytest

from cors_anywhere.config.settings import Settings
from cors_anywhere.doctor.endpoint import MOST_EXCHANGES
from cors_anywhere.process.serving import serve
from tests.doctor.world import PATHS, Origins, origins

PAGE = "https://app.example"


def asked(
    query: list[tuple[str, str]] | dict[str, str], headers: str = "", **settings: Any
) -> tuple[int, str, str]:
    """Status, head and body of the answer; `{a}` and the like in values are targets."""

    async def run() -> tuple[int, str, str]:
        async with origins() as where:
            pairs = list(query.items()) if isinstance(query, dict) else query
            filled = [(name, _filled(value, where)) for name, value in pairs]
            options: dict[str, Any] = {"allow_networks": ("127.0.0.0/8",), "port": 0} | settings
            async with serve(Settings(**options)) as server:
                return await _get(server.port, f"/doctor?{urlencode(filled)}", headers)

    return asyncio.run(run())


def _filled(value: str, where: Origins) -> str:
    row, _, rest = value.partition("|")
    return where.fill(rest, PATHS[row]) if rest else where.fill(value, "")


async def _get(port: int, path: str, headers: str) -> tuple[int, str, str]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(
        f"GET {path} HTTP/1.1\r\nHost: proxy.test\r\nConnection: close\r\n"
        f"{headers or f'Origin: {PAGE}'}\r\n\r\n".encode()
    )
    answer = (await reader.read()).decode()
    writer.close()
    head, _, body = answer.partition("\r\n\r\n")
    return int(head.split()[1]), head, body


def test_a_page_reads_the_diagnosis_as_the_command_prints_it() -> None:
    status, head, body = asked({"url": "no field|{a}/{path}", "origin": "{page}"})
    found = json.loads(body)
    assert status == 200
    assert "access-control-allow-origin: *" in head
    assert (found["cause"], found["method"]) == ("MissingAllowOriginHeader", "GET")
    assert "address" not in {step["step"] for step in found["steps"]}


def test_headers_method_and_credentials_are_part_of_the_question() -> None:
    query = [
        ("url", "a header, not allowed|{a}/{path}"),
        ("origin", "{page}"),
        ("header", "X-Key: 1"),
    ]
    found = json.loads(asked(query)[2])
    assert (found["cause"], found["failedParameter"]) == (
        "HeaderDisallowedByPreflightResponse",
        "x-key",
    )
    query = [("url", "credentials and a star|{a}/{path}"), ("credentials", "1")]
    found = json.loads(asked([*query, ("origin", "{page}")])[2])
    assert found["cause"] == "WildcardOriginNotAllowed"


def test_a_method_that_may_change_something_is_never_sent() -> None:
    found = json.loads(asked({"url": "{a}/home", "method": "POST", "origin": "{page}"})[2])
    assert found["steps"][-1]["step"] == "request"
    assert "was not sent" in found["steps"][-1]["reason"]


def test_the_line_for_the_proxy_has_its_own_address() -> None:
    query = {"url": "http://api.example/", "origin": "https://app.example"}
    found = json.loads(asked(query)[2])
    assert found["fix"]["proxy"]["url"] == "http://proxy.test/http://api.example/"


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"allow_networks": ()}, "destination_ip_prohibited"),
        ({"deny_targets": ("127.0.0.1",)}, "http_request_denied"),
        ({"allow_targets": ("api.example",)}, "http_request_denied"),
    ],
)
def test_it_asks_no_target_that_the_proxy_would_not(settings: dict[str, Any], error: str) -> None:
    found = json.loads(asked({"url": "{a}/home", "origin": "{page}"}, **settings)[2])
    assert found["cause"] == error


@pytest.mark.parametrize(
    ("settings", "cause"),
    [
        ({"allow_methods": ("POST",)}, "http_request_error"),
        ({"deny_methods": ("GET",)}, "http_request_error"),
        ({"allow_methods": ("GET",)}, None),
    ],
)
def test_it_sends_no_method_that_the_proxy_would_not_but_for_a_preflight(
    settings: dict[str, Any], cause: str | None
) -> None:
    query = {"url": "a header, allowed|{a}/{path}", "origin": "{page}", "header": "X-Key: 1"}
    found = json.loads(asked(query, **settings)[2])
    passed = {step["step"] for step in found["steps"] if step["ok"]}
    assert (found["cause"], "preflight reply" in passed) == (cause, True)


def test_it_serves_nobody_whom_the_proxy_does_not() -> None:
    query = {"url": "{a}/home"}
    assert asked(query, "X-Nothing: 1")[0] == 400
    assert asked(query, allow_origins=("https://else.example",))[0] == 403


def test_its_questions_count_against_the_limits() -> None:
    async def run() -> list[int]:
        async with serve(Settings(port=0, rate_limits=("1/hour",))) as server:
            path = f"/doctor?{urlencode({'url': 'x.example'})}"
            return [(await _get(server.port, path, ""))[0] for _ in range(2)]

    assert asyncio.run(run()) == [200, 429]


def test_one_question_makes_a_bounded_number_of_requests() -> None:
    found = json.loads(asked({"url": "redirect for ever|{a}/{path}", "origin": "{page}"})[2])
    assert found["cause"] == "http_request_denied"
    assert sum(step["step"] == "redirect" for step in found["steps"]) == MOST_EXCHANGES


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ([], "url is missing"),
        ([("url", "")], "url is missing"),
        ([("url", "x"), ("url", "y")], "given twice"),
        ([("url", "x"), ("what", "y")], 'no parameter "what"'),
        ([("url", "x"), ("method", "G T")], "method"),
        ([("url", "x"), ("origin", "nobody")], "origin"),
        ([("url", "x"), ("redirect", "never")], "redirect"),
        ([("url", "x"), ("header", "X")], "header"),
        ([("header", "A: b")] * 50, "parameters"),
        ([("explain", "hello")], "no message of CORS"),
    ],
)
def test_a_question_that_cannot_be_asked_is_400_and_says_why(
    query: list[tuple[str, str]], said: str
) -> None:
    status, _, body = asked(query)
    assert status == 400
    assert said in body


def test_a_pasted_message_is_explained() -> None:
    message = (
        "Access to fetch at 'https://api.example/' from origin 'https://app.example' has been"
        " blocked by CORS policy: No 'Access-Control-Allow-Origin' header is present on the"
        " requested resource."
    )
    found = json.loads(asked({"explain": message})[2])
    assert (found["browser"], found["cause"]) == ("Chromium", "MissingAllowOriginHeader")


def test_without_the_page_there_is_no_doctor() -> None:
    assert asked({"url": "{a}/home"}, page=False)[0] == 400


# --- what its requests say of themselves ----------------------------------------------------------


async def _seen_by_target(pairs: list[tuple[str, str]], headers: str = "") -> list[str]:
    """The heads of the requests that a question makes, of a target that allows everything."""
    heads: list[str] = []

    async def serve_one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append((await reader.readuntil(b"\r\n\r\n")).decode().lower())
        names = ", ".join(value.partition(":")[0] for name, value in pairs if name == "header")
        allow = f"Access-Control-Allow-Origin: *\r\nAccess-Control-Allow-Headers: {names}\r\n"
        writer.write(f"HTTP/1.1 200 OK\r\n{allow}Content-Length: 0\r\n\r\n".encode())
        writer.close()

    target = await asyncio.start_server(serve_one, "127.0.0.1", 0)
    port = target.sockets[0].getsockname()[1]
    async with target, serve(Settings(allow_networks=("127.0.0.0/8",), port=0)) as server:
        page = f"http://127.0.0.1:{port + 1}"  # no mixed content
        query = [("url", f"http://127.0.0.1:{port}/"), ("origin", page), *pairs]
        await _get(server.port, f"/doctor?{urlencode(query)}", headers)
    return heads


@pytest.mark.parametrize(
    "name",
    [
        *("CDN-Loop", "X-Forwarded-For", "Forwarded", "X-Real-IP", "True-Client-IP", "Proxy"),
        *("Content_Length", "Transfer_Encoding", "X-Original-URL", "x-cors-anywhere-key"),
    ],
)
def test_a_question_can_have_it_say_nothing_that_no_clients_request_may(name: str) -> None:
    header = ("header", f"{name}: forged")
    preflight, request = asyncio.run(_seen_by_target([header, ("header", "X-A: page")]))
    assert f"access-control-request-headers: {','.join(sorted([name.lower(), 'x-a']))}" in preflight
    assert "forged" not in request
    assert "x-a: page" in request


def test_its_requests_are_part_of_the_loop_that_the_question_came_by() -> None:
    heads = asyncio.run(_seen_by_target([], "Origin: x\r\nCDN-Loop: another"))
    assert len(heads) == 1
    assert "cdn-loop: another, cors-anywhere-" in heads[0]


def test_a_question_that_comes_back_by_another_name_is_a_loop() -> None:
    async def run() -> tuple[str, int]:
        async with serve(Settings(allow_networks=("127.0.0.0/8",), port=0)) as server:
            came = 0

            async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                nonlocal came
                came += 1
                head = await reader.readuntil(b"\r\n\r\n")
                up, down = await asyncio.open_connection("127.0.0.1", server.port)
                down.write(head.replace(b"\r\n", b"\r\nConnection: close\r\n", 1))
                writer.write(await up.read())
                writer.close()
                down.close()

            front = await asyncio.start_server(pass_on, "127.0.0.1", 0)
            port = front.sockets[0].getsockname()[1]
            url = f"http://127.0.0.1:{port}/"
            for _ in range(3):
                url = f"http://127.0.0.1:{port}/doctor?{urlencode({'url': url, 'origin': 'http://a'})}"
            async with front:
                query = urlencode({"url": url, "origin": "http://a.example"})
                _, _, body = await _get(server.port, f"/doctor?{query}", "")
            return body, came

    body, came = asyncio.run(run())
    assert came == 1
    assert "508 Loop Detected" in body


def test_the_answer_varies_as_all_of_the_proxys_do() -> None:
    settings: dict[str, Any] = {"allow_origins": (PAGE,), "allow_credentials": True}
    assert "vary: origin" in asked({"url": "{a}/home"}, **settings)[1]


@pytest.mark.parametrize(
    "written", ["url={}", "%75rl={}", "url=+{}", "origin=http%3A%2F%2Fa&url={}"]
)
def test_its_questions_count_for_the_target_however_that_is_written(written: str) -> None:
    async def run() -> list[int]:
        async with serve(Settings(port=0, rate_limits=("1/hour by target",))) as server:
            paths = ["url=http%3A%2F%2F10.0.0.1%2F", written.format("HTTP%3A%5C%5C10.0.0.1%2Fx")]
            return [(await _get(server.port, f"/doctor?{path}", ""))[0] for path in paths]

    assert asyncio.run(run()) == [200, 429]


def test_its_requests_count_among_those_of_a_target() -> None:
    async def run() -> dict[str, Any]:
        async with origins() as where:
            options: dict[str, Any] = {"allow_networks": ("127.0.0.0/8",), "port": 0}
            async with serve(Settings(**options, max_requests_per_target=1)) as server:
                taken = server.proxy.crowds
                url = where.fill("{a}/home", "")
                taken.change(url.split("/")[2], 1)
                query = urlencode({"url": url, "origin": where.page})
                body = (await _get(server.port, f"/doctor?{query}", ""))[2]
                taken.change(url.split("/")[2], -1)
                return dict(json.loads(body))

    assert asyncio.run(run())["verdict"] == "impossible"
