"""Hooks do what they are documented to, and what they get wrong is named."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Any

import pytest
from tornado.httpclient import AsyncHTTPClient, HTTPResponse
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port

from cors_anywhere import (
    Answer,
    CorsProxy,
    OutboundProxy,
    Outcome,
    ProxyError,
    RequestHead,
    Settings,
    Target,
)
from cors_anywhere.errors import Refused
from tests.support.forward_proxy import forward_proxy
from tests.support.site import Site, redirect
from tests.support.tornado_client import ask

LOOPBACK = ("127.0.0.0/8",)


async def once(
    url: str,
    settings: Settings | None = None,
    method: str = "GET",
    headers: dict[str, str] | None = None,
    **hooks: Any,
) -> HTTPResponse:
    """One request to a proxy with these hooks."""
    proxy = CorsProxy(settings or Settings(allow_networks=LOOPBACK), **hooks)
    sock, port = bind_unused_port(address="127.0.0.1")
    server = HTTPServer(proxy)
    server.add_socket(sock)
    try:
        asked = f"http://127.0.0.1:{port}/{url}"
        return await ask(AsyncHTTPClient(), asked, method=method, headers=headers or {})
    finally:
        server.stop()
        await server.close_all_connections()
        await proxy.close()


FIRST = 'The origin "https://page.test" has sent too many requests.'
VERDICTS: dict[str, tuple[Any, int, str]] = {
    "None": (None, 200, ""),
    "True": (True, 200, ""),
    "False": (False, 429, FIRST),
    "text": ("Come back later.", 429, f"{FIRST}\nCome back later."),
}


@pytest.mark.gen_test
@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize(("verdict", "status", "text"), VERDICTS.values(), ids=VERDICTS)
async def test_check_rate_decides_without_a_rate_limit(
    target: Site, asynchronous: bool, verdict: Any, status: int, text: str
) -> None:
    origins: list[str] = []

    def check(origin: str, head: RequestHead) -> Any:
        origins.append(origin)
        return verdict

    async def check_later(origin: str, head: RequestHead) -> Any:
        await asyncio.sleep(0)
        return check(origin, head)

    got = await once(target.url, check_rate=check_later if asynchronous else check)
    assert got.code == status
    assert status == 200 or got.body.decode() == text
    assert origins == ["https://page.test"]


@pytest.mark.gen_test
async def test_check_rate_replaces_the_counting_of_a_rate_limit(target: Site) -> None:
    settings = Settings(allow_networks=LOOPBACK, rate_limits=("0 1 exempt.test",))
    assert (await once(target.url, settings)).code == 429
    assert (await once(target.url, settings, check_rate=lambda *_: True)).code == 200
    got = await once(target.url, settings, check_rate=lambda *_: False)
    assert got.body.decode() == f"{FIRST}\nThe number of requests is limited to 0 per minute."
    assert "retry-after" not in got.headers


@pytest.mark.gen_test
async def test_exempt_hosts_are_not_given_to_check_rate(target: Site) -> None:
    settings = Settings(allow_networks=LOOPBACK, rate_limits=("0 1 page.test",))
    assert (await once(target.url, settings, check_rate=lambda *_: False)).code == 200


@pytest.mark.gen_test
@pytest.mark.parametrize(
    ("error", "status"), [(Refused("Not today."), 403), (RuntimeError("a secret"), 500)]
)
async def test_a_hook_that_raises_is_answered(target: Site, error: Exception, status: int) -> None:
    def first_look(head: RequestHead) -> Answer | None:
        raise error

    got = await once(target.url, first_look=first_look)
    assert got.code == status
    assert (b"Not today." in got.body) is isinstance(error, ProxyError)
    assert b"secret" not in got.body
    assert target.requests == []


@pytest.mark.gen_test
@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
async def test_choose_proxy_decides_what_carries_a_request(
    target: Site, asynchronous: bool
) -> None:
    async with forward_proxy() as carrying:

        def choose(wanted: Target, head: RequestHead) -> OutboundProxy | None:
            return OutboundProxy("127.0.0.1", carrying.port, None)

        async def choose_later(wanted: Target, head: RequestHead) -> OutboundProxy | None:
            return choose(wanted, head)

        got = await once(target.url, choose_proxy=choose_later if asynchronous else choose)
    assert got.code == 200
    assert [head.split()[:2] for head in carrying.heads] == [["GET", f"{target.url}/"]]


@pytest.mark.gen_test
async def test_hooks_see_the_head_of_the_request(target: Site) -> None:
    seen: list[str | None] = []

    def choose(wanted: Target, head: RequestHead) -> None:
        seen.append(head.get("origin"))

    def check(origin: str, head: RequestHead) -> None:
        seen.append(head.path)

    await once(target.url, choose_proxy=choose, check_rate=check)
    assert seen == [f"/{target.url}", "https://page.test"]


@pytest.mark.gen_test
async def test_choose_proxy_is_asked_for_each_redirect(target: Site) -> None:
    target.on("/a", redirect("/b"))
    paths: list[str] = []

    def choose(wanted: Target, head: RequestHead) -> None:
        paths.append(wanted.path)

    assert (await once(f"{target.url}/a", choose_proxy=choose)).code == 200
    assert paths == ["/a", "/b"]


# --- outcomes -------------------------------------------------------------------------------------


@pytest.mark.gen_test
@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
async def test_on_outcome_is_told_of_every_request(target: Site, asynchronous: bool) -> None:
    told: asyncio.Queue[Outcome] = asyncio.Queue()

    async def told_later(outcome: Outcome) -> None:
        await asyncio.sleep(0)
        told.put_nowait(outcome)

    await once(f"{target.url}/?q", on_outcome=told_later if asynchronous else told.put_nowait)
    outcome = await told.get()
    assert (outcome.status, outcome.target) == (200, f"{target.url}/")
    await once("http://10.0.0.1/", on_outcome=told_later if asynchronous else told.put_nowait)
    outcome = await told.get()
    assert (outcome.status, outcome.error) == (403, "destination_ip_prohibited")


@pytest.mark.gen_test
@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
async def test_an_on_outcome_that_fails_is_logged_and_harms_nobody(
    target: Site, asynchronous: bool, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(outcome: Outcome) -> None:
        raise RuntimeError("of the hook")

    async def fail_later(outcome: Outcome) -> None:
        fail(outcome)

    assert (await once(target.url, on_outcome=fail_later if asynchronous else fail)).code == 200
    (record,) = [one for one in caplog.records if one.name == "cors_anywhere"]
    assert record.getMessage() == "The hook on_outcome failed"
    assert record.exc_info


# --- mistakes -------------------------------------------------------------------------------------

TEXT = ("content-type", "text/plain")


def made(status: Any = 200, reason: Any = "OK", fields: Any = (), body: Any = b"") -> Any:
    """An Answer of anything."""
    return Answer(status, reason, fields, body)


NO_ANSWERS: dict[str, tuple[Any, str]] = {
    "a text": ("no", "it returned a value of type str, not an Answer or None"),
    "a plain tuple": ((200, "OK", (), b""), "it returned a value of type tuple, not an Answer"),
    "status as text": (made("200"), "the status '200' of its Answer"),
    "status below": (made(199), "the status 199 of its Answer"),
    "status above": (made(600), "the status 600 of its Answer"),
    "reason with LF": (made(reason="a\nb"), "the reason 'a\\nb' of its Answer"),
    "reason beyond ISO-8859-1": (made(reason="\u20ac"), "the reason"),
    "no reason": (made(reason=None), "the reason None of its Answer"),
    "text as body": (made(body="no"), "the body of its Answer is a value of type str, not bytes"),
    "a body with 204": (made(204, body=b"a"), "its Answer has a body, which the status 204"),
    "a mapping": (made(fields={"a": "b"}), "the fields of its Answer are a value of type dict"),
    "a text among fields": (made(fields=["ab"]), "its Answer has a value of type str among"),
    "three in a field": (made(fields=[("a", "b", "c")]), "its Answer has a value of type tuple"),
    "a name with a blank": (made(fields=[("a b", "c")]), "the field name 'a b'"),
    "a number as value": (made(fields=[TEXT, ("a", 1)]), "the field a of its Answer"),
    "a value with CR": (made(fields=[("a", "b\rc: d")]), "the field a of its Answer"),
    "a value with LF": (made(fields=[("a", "b\nc: d")]), "the field a of its Answer"),
    "its own length": (made(fields=[("Content-Length", "0")]), "a field Content-Length"),
    "its own coding": (
        made(fields=[("transfer-encoding", "chunked")]),
        "a field transfer-encoding, which the server itself writes",
    ),
}
NO_PROXIES: dict[str, tuple[Any, str]] = {
    "a text": ("p:3128", "it returned a value of type str, not an OutboundProxy or None"),
    "a URL": (OutboundProxy("http://p", 80, None), "the host 'http://p' of its OutboundProxy"),
    "no port": (OutboundProxy("p", 0, None), "the port 0 of its OutboundProxy"),
    "two lines": (OutboundProxy("p", 80, "a\r\nb: c"), "the authorization of its OutboundProxy"),
}
NO_VERDICTS: dict[str, tuple[Any, str]] = {
    "a number": (0, "it returned a value of type int, not a bool, a text or None"),
    "an empty text": ("", "it returned an empty text: None allows, and False refuses"),
    "octets": (b"no", "it returned a value of type bytes, not a bool, a text or None"),
}
MISTAKES = [
    pytest.param(hook, *mistake, id=f"{hook}-{name}")
    for hook, table in {
        "first_look": NO_ANSWERS,
        "choose_proxy": NO_PROXIES,
        "check_rate": NO_VERDICTS,
    }.items()
    for name, mistake in table.items()
]


@pytest.mark.gen_test
@pytest.mark.parametrize(("hook", "returned", "text"), MISTAKES)
async def test_what_a_hook_gets_wrong_is_a_500_and_one_line_that_names_it(
    target: Site, caplog: pytest.LogCaptureFixture, hook: str, returned: Any, text: str
) -> None:
    def wrong(*_: object) -> Any:
        return returned

    hooks: dict[str, Any] = {hook: wrong}
    got = await once(target.url, **hooks)
    assert (got.code, got.body) == (500, b"The proxy failed.")
    assert got.headers["access-control-allow-origin"] == "*"
    (record,) = [one for one in caplog.records if one.name == "cors_anywhere"]
    assert record.getMessage().startswith(f"The hook {hook} cannot be used: ")
    assert text in record.getMessage()
    assert not record.exc_info
    assert target.requests == []


@pytest.mark.gen_test
@pytest.mark.parametrize(
    "answer",
    [
        Answer(200, "OK", (), b""),
        made(599, "Odd", [["x-a", "b\tc"], ("x-a", "")], bytes(range(256))),
        Answer(204, "No Content", [TEXT], b""),
    ],
)
async def test_any_answer_that_is_http_goes_out_as_it_is(answer: Answer) -> None:
    got = await once("", first_look=lambda _: answer)
    assert (got.code, got.reason, got.body) == (answer.status, answer.reason, answer.body)
    for name, value in answer.fields:
        assert value in got.headers.get_list(name)
    assert ("content-length" in got.headers) is (answer.status != 204)
    assert len(got.headers.get_list("date")) == 1


@pytest.mark.parametrize(
    ("hook", "wrong", "called"),
    [
        ("first_look", lambda: None, "first_look(head)"),
        ("choose_proxy", lambda target: None, "choose_proxy(target, head)"),
        ("check_rate", lambda origin: None, "check_rate(origin, head)"),
        ("on_outcome", lambda *, outcome: None, "on_outcome(outcome)"),
    ],
)
def test_a_hook_that_cannot_be_called_is_refused_at_once(
    hook: str, wrong: Callable[..., None], called: str
) -> None:
    hooks: dict[str, Any] = {hook: wrong}
    with pytest.raises(TypeError, match=re.escape(f"the hook {hook} is called as {called}: ")):
        CorsProxy(**hooks)


class Counter:
    """A hook may be an object, or a method."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def __call__(self, head: RequestHead) -> None:
        self.seen.append(head.method)

    async def later(self, head: RequestHead, more: str = "") -> None:
        self(head)


@pytest.mark.gen_test
async def test_first_look_sees_what_could_reach_a_target_and_no_preflight(target: Site) -> None:
    counter = Counter()
    for look in (counter, counter.later):
        for method in ("OPTIONS", "GET"):
            assert (await once(target.url, method=method, first_look=look)).body == b"ok"
        preflight = {"Access-Control-Request-Method": "PUT"}
        await once(target.url, method="OPTIONS", headers=preflight, first_look=look)
    assert counter.seen == ["OPTIONS", "GET"] * 2
    assert [request.method for request in target.requests] == counter.seen
