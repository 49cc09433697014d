"""The order of events of one request: whatever happens, a complete reply or an aborted connection.

Both sides are small classes in memory that obey the relay's protocols; `Policy` is the real one.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from cors_anywhere.config.settings import Settings
from cors_anywhere.config.suffixes import has_public_suffix
from cors_anywhere.errors import (
    ConnectionRefused,
    DnsError,
    HeadTooLarge,
    ProxyError,
    ReadTimeout,
    ResponseTimeout,
    WriteTimeout,
)
from cors_anywhere.messages import (
    CHUNKED,
    Answer,
    Counted,
    Deliver,
    Exceeded,
    Fetch,
    Fields,
    Hop,
    Length,
    Metered,
    Plan,
    ReplyHead,
    RequestHead,
    Transfer,
)
from cors_anywhere.outcome import End, Outcome
from cors_anywhere.proxy import choices
from cors_anywhere.relay import Relay
from cors_anywhere.rules.own import Documents
from cors_anywhere.rules.policy import Policy
from tests.support.loopback import in_loop

Step = bytes | Exception


class Client:
    """A client in memory: its body's pieces are given, what it is sent is recorded."""

    taken_up = False
    fault: ProxyError | None = None

    def __init__(
        self,
        body: list[bytes] | None = None,
        *,
        method: str = "GET",
        path: str = "/http://a.example.com/",
        fields: Fields = (),
        length: Length | None = None,
        hangs: bool = False,
    ) -> None:
        size = sum(map(len, body or ()))
        given = (("Host", "p.test"), ("Origin", "https://page.test"), *fields)
        length = size if length is None else length
        self.head = RequestHead(method, path, given, length, "192.0.2.7", "http", 80)
        self._body = list(body or ())
        self._hangs = hangs
        self.events: list[str] = []
        self.got = b""
        self.answered: Answer | None = None
        self.delivered: Deliver | None = None
        self.begun = False
        self.drained: list[Callable[[], None]] = []

    async def read(self) -> bytes:
        if not self._body and self._hangs:
            await asyncio.get_running_loop().create_future()
        return self._body.pop(0) if self._body else b""

    def answer(self, answer: Answer) -> None:
        self.begun = True
        self.answered = answer
        self.events.append(f"answer {answer.status}")

    def begin(self, deliver: Deliver, length: Length) -> None:
        self.begun = True
        self.delivered = deliver
        self.events.append(f"begin {deliver.status} {length}")

    async def send(self, chunk: bytes) -> None:
        self.got += chunk

    def finish(self) -> None:
        self.events.append("finish")

    def abort(self) -> None:
        self.events.append("abort")

    def when_draining(self, callback: Callable[[], None]) -> None:
        self.drained.append(callback)


class Exchange:
    """A target's side of one exchange, played from values."""

    look_up, connect, reused = 0.25, 0.5, False

    def __init__(
        self,
        reply: ReplyHead | Exception,
        *content: Step,
        first: bool = False,
        refuses: ProxyError | None = None,
        hangs: bool = False,
    ) -> None:
        self._reply = reply
        self._content = list(content)
        self._refuses = refuses
        self._hangs = hangs
        self._complete = asyncio.Event()
        self._failure: ProxyError | None = None
        self._answers_first = first
        self.sent = b""
        self.ended = False
        self.released = 0
        self.plan: Plan | None = None

    def open(self, fetch: Fetch) -> None:
        self.plan = fetch.plan
        if fetch.length == 0 or self._answers_first:
            self._complete.set()

    async def send(self, chunk: bytes) -> None:
        if self._refuses is not None:
            raise self._refuses
        self.sent += chunk

    def end_request(self) -> None:
        self.ended = True
        self._complete.set()

    def fail(self, failure: ProxyError) -> None:
        self._failure = failure
        self._complete.set()

    async def reply(self) -> ReplyHead:
        await self._complete.wait()
        if self._failure is not None:
            raise self._failure
        if isinstance(self._reply, Exception):
            raise self._reply
        return self._reply

    async def read(self) -> bytes:
        if not self._content and self._hangs:
            await asyncio.get_running_loop().create_future()
        step = self._content.pop(0) if self._content else b""
        if isinstance(step, Exception):
            raise step
        return step

    def release(self) -> None:
        self.released += 1


class Egress:
    """Hands out the given exchanges in order; a failure in their place is raised."""

    def __init__(self, *exchanges: Exchange | Exception) -> None:
        self._left = list(exchanges)

    async def open(self, fetch: Fetch) -> Exchange:
        exchange = self._left.pop(0)
        if isinstance(exchange, Exception):
            raise exchange
        exchange.open(fetch)
        return exchange


class Meter:
    """Allows everybody but one origin."""

    def __init__(self, refused: str = "", fields: Fields = ()) -> None:
        self._refused = refused
        self._fields = fields
        self.counted: list[str | None] = []
        self.octets: list[tuple[int, int]] = []

    async def count(self, head: RequestHead, metered: Metered, transfer: Transfer) -> Counted:
        self.counted.append(metered.origin)
        over = Exceeded("Enough.") if metered.origin == self._refused else None
        return Counted(self._fields, over)

    def ended(self, transfer: Transfer) -> None:
        self.octets.append((transfer.received, transfer.sent))


def ok(length: Length = 0, status: int = 200, *fields: tuple[str, str]) -> ReplyHead:
    return ReplyHead(status, "", fields, length)


def moved(status: int) -> ReplyHead:
    return ok(0, status, ("location", "/next"))


async def serve(
    client: Client, *exchanges: Exchange | Exception, metered: bool = False, **options: Any
) -> None:
    policy = Policy(
        choices(Settings()),
        documents=Documents("?"),
        navigation_page="",
        loop_token="us",
        is_known_name=has_public_suffix,
        metered=metered,
    )
    await Relay(policy, Egress(*exchanges), **options).serve(client)
    assert all(one.released == 1 for one in exchanges if isinstance(one, Exchange) and one.plan)


# --- reply or abort ---------------------------------------------------------------------------


@in_loop
async def test_a_reply_goes_through_piece_by_piece() -> None:
    client, exchange = Client(), Exchange(ok(10), b"hello", b"world")
    await serve(client, exchange)
    assert (client.events, client.got) == (["begin 200 10", "finish"], b"helloworld")


@in_loop
async def test_policy_answers_without_any_exchange() -> None:
    client = Client(path="/favicon.ico")
    await serve(client)
    assert client.events == ["answer 404"]


UNFORESEEN = RuntimeError("nobody foresaw this")
BEFORE: dict[str, tuple[Callable[[], Exchange | Exception], int]] = {
    "no-connection": (ConnectionRefused, 502),
    "no-reply": (lambda: Exchange(ResponseTimeout()), 504),
    "unforeseen-when-opening": (lambda: UNFORESEEN, 500),
    "unforeseen-when-waiting": (lambda: Exchange(UNFORESEEN), 500),
}


@pytest.mark.parametrize(("make", "status"), BEFORE.values(), ids=BEFORE)
def test_a_failure_before_the_head_is_answered(
    make: Callable[[], Exchange | Exception], status: int, caplog: pytest.LogCaptureFixture
) -> None:
    @in_loop
    async def run() -> None:
        client = Client()
        await serve(client, make())
        assert client.events == [f"answer {status}"]

    run()
    assert ("nobody foresaw this" in caplog.text) is (status == 500)


@pytest.mark.parametrize("failure", [ReadTimeout(), UNFORESEEN], ids=["foreseen", "unforeseen"])
def test_a_failure_after_the_head_aborts(failure: Exception) -> None:
    @in_loop
    async def run() -> None:
        client = Client()
        await serve(client, Exchange(ok(10), b"hello", failure))
        assert (client.events, client.got) == (["begin 200 10", "abort"], b"hello")

    run()


@in_loop
async def test_a_reply_that_grows_above_the_limit_aborts() -> None:
    client = Client()
    await serve(client, Exchange(ok(CHUNKED), b"hello", b"world"), max_response_bytes=9)
    assert (client.events, client.got) == ([f"begin 200 {CHUNKED}", "abort"], b"hello")


@in_loop
async def test_a_reply_at_the_limit_is_whole() -> None:
    client = Client()
    await serve(client, Exchange(ok(CHUNKED), b"hello", b"world"), max_response_bytes=10)
    assert client.events[-1] == "finish"


@in_loop
async def test_a_client_that_leaves_releases_the_exchange() -> None:
    client = Client([b"x"], hangs=True, length=CHUNKED, method="POST")
    exchange = Exchange(ok())
    relay = asyncio.ensure_future(serve(client, exchange))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    relay.cancel()
    with pytest.raises(asyncio.CancelledError):
        await relay
    assert exchange.released == 1
    assert client.events == []


# --- before policy, and after it --------------------------------------------------------------


def looks(answer: Answer | None) -> Callable[[RequestHead], Awaitable[Answer | None]]:
    async def look(head: RequestHead) -> Answer | None:
        return answer

    return look


@in_loop
async def test_a_first_look_may_answer() -> None:
    client = Client()
    await serve(client, first_look=looks(Answer(418, "Teapot", (), b"")))
    assert client.events == ["answer 418"]


@in_loop
async def test_a_first_look_may_let_pass() -> None:
    client = Client()
    await serve(client, Exchange(ok()), first_look=looks(None))
    assert client.events == ["begin 200 0", "finish"]


@in_loop
async def test_a_first_look_does_not_see_a_preflight() -> None:
    client = Client(method="OPTIONS", path="/")
    await serve(client, first_look=looks(Answer(418, "Teapot", (), b"")))
    assert client.events == ["answer 200"]


@in_loop
async def test_a_first_look_sees_an_options_that_is_for_the_target() -> None:
    client = Client(method="OPTIONS")
    await serve(client, first_look=looks(Answer(418, "Teapot", (), b"")))
    assert client.events == ["answer 418"]


def test_a_first_look_that_fails_is_answered_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def look(head: RequestHead) -> Answer | None:
        raise UNFORESEEN

    @in_loop
    async def run() -> None:
        client = Client()
        await serve(client, first_look=look)
        assert client.events == ["answer 500"]
        assert client.answered is not None
        assert b"nobody foresaw" not in client.answered.body

    with caplog.at_level(logging.ERROR):
        run()
    assert "nobody foresaw this" in caplog.text


@pytest.mark.parametrize(
    ("refused", "events"),
    [("https://page.test", ["answer 429"]), ("https://b.test", ["begin 200 0", "finish"])],
)
def test_requests_are_counted(refused: str, events: list[str]) -> None:
    @in_loop
    async def run() -> None:
        client, meter = Client(), Meter(refused)
        await serve(client, Exchange(ok()), metered=True, meter=meter)
        assert client.events == events
        assert meter.counted == ["https://page.test"]

    run()


COUNTED = (("ratelimit", "r"),)


@pytest.mark.parametrize(
    "exchange", [ok(2), ok(0, 204), ConnectionRefused()], ids=["a body", "none", "a failure"]
)
def test_every_reply_of_a_counted_request_tells_of_the_limits(
    exchange: ReplyHead | Exception,
) -> None:
    @in_loop
    async def run() -> None:
        client = Client()
        given = exchange if isinstance(exchange, Exception) else Exchange(exchange, b"ok")
        await serve(client, given, metered=True, meter=Meter(fields=COUNTED))
        reply = client.answered or client.delivered
        assert reply is not None
        fields = dict(reply.fields)
        assert fields["ratelimit"] == "r"
        assert "ratelimit" in fields["access-control-expose-headers"].split(",")

    run()


@in_loop
async def test_what_a_request_has_moved_is_known_when_it_is_over() -> None:
    meter = Meter()
    client = Client([b"12345"], method="POST")
    await serve(client, Exchange(ok(2), b"ok"), metered=True, meter=meter)
    assert meter.octets == [(5, 2)]


@in_loop
async def test_a_request_that_the_meter_refuses_is_told_as_refused_by_the_rate_limit() -> None:
    outcome = await outcomes(Client(), metered=True, meter=Meter("https://page.test"))
    assert (outcome.status, outcome.rule) == (429, "rate-limit")


# --- outcomes ---------------------------------------------------------------------------------


async def outcomes(client: Client, *exchanges: Exchange | Exception, **options: Any) -> Outcome:
    """Serves the client; the one outcome that was told of it."""
    told: list[Outcome] = []
    await serve(client, *exchanges, on_outcome=(told.append,), **options)
    (outcome,) = told
    return outcome


@in_loop
async def test_the_outcome_of_a_delivered_reply_tells_what_was_carried() -> None:
    client = Client([b"abc"], method="POST", path="/http://a.example.com/x?secret=1")
    outcome = await outcomes(client, Exchange(ok(5), b"hello"))
    assert (outcome.method, outcome.client) == ("POST", "192.0.2.7")
    assert outcome.origin == "https://page.test"
    assert outcome.target == outcome.final == "http://a.example.com/x"
    assert (outcome.status, outcome.end, outcome.error) == (200, End.COMPLETE, None)
    assert (outcome.received, outcome.sent) == (3, 5)
    assert (outcome.times.look_up, outcome.times.connect, outcome.reused) == (0.25, 0.5, False)
    assert outcome.times.first_octet is not None
    assert outcome.times.first_octet <= outcome.times.total


@in_loop
async def test_the_outcome_of_redirects_tells_the_hops_without_their_queries() -> None:
    location = ok(0, 302, ("location", "/next?token=2"))
    outcome = await outcomes(Client(), Exchange(location), Exchange(ok()))
    assert outcome.hops == (Hop(302, "http://a.example.com/next"),)
    assert (outcome.target, outcome.final) == ("http://a.example.com/", "http://a.example.com/next")
    assert outcome.times.connect == 1.0


@in_loop
async def test_the_outcome_of_a_failure_has_its_error_and_status() -> None:
    outcome = await outcomes(Client(), DnsError(log_detail="c-ares: no address"))
    assert (outcome.status, outcome.error, outcome.end) == (502, "dns_error", End.COMPLETE)
    assert outcome.detail == "c-ares: no address"


@in_loop
async def test_the_outcome_of_a_refusal_names_its_rule_and_the_target() -> None:
    outcome = await outcomes(Client(path="/http://intranet/?q"))
    assert (outcome.status, outcome.rule) == (403, "single-label")
    assert (outcome.target, outcome.reused) == ("http://intranet/", None)


@in_loop
async def test_the_outcome_of_a_reply_that_broke_off_says_so_beside_the_status_sent() -> None:
    outcome = await outcomes(Client(), Exchange(ok(9), b"hello", ReadTimeout()))
    assert (outcome.status, outcome.end) == (200, End.ABORTED)
    assert outcome.error == "connection_read_timeout"


@in_loop
async def test_the_outcome_of_a_client_that_left_has_no_status() -> None:
    told: list[Outcome] = []
    client = Client([b"x"], hangs=True, length=CHUNKED, method="POST")
    relay = asyncio.ensure_future(serve(client, Exchange(ok()), on_outcome=(told.append,)))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    relay.cancel()
    await asyncio.wait([relay])
    assert [(one.end, one.status) for one in told] == [(End.CLIENT_GONE, None)]


@in_loop
async def test_the_outcome_of_a_message_that_was_no_request_has_no_method_and_no_target() -> None:
    told: list[Outcome] = []
    policy = Policy(
        choices(Settings()),
        documents=Documents("?"),
        navigation_page="",
        loop_token="us",
        is_known_name=has_public_suffix,
    )
    relay = Relay(policy, Egress(), on_outcome=(told.append,))
    answer = relay.refuse(HeadTooLarge(), "192.0.2.9")
    (outcome,) = told
    assert answer.status == outcome.status == 431
    assert (outcome.client, outcome.method, outcome.target) == ("192.0.2.9", None, None)
    assert outcome.error == "http_request_error"


@in_loop
async def test_the_outcome_of_a_request_whose_rest_was_at_fault_has_the_status_of_that() -> None:
    told: list[Outcome] = []
    client = Client([b"x"], hangs=True, length=CHUNKED, method="POST")
    relay = asyncio.ensure_future(serve(client, Exchange(ok()), on_outcome=(told.append,)))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    client.fault = HeadTooLarge()
    relay.cancel()
    await asyncio.wait([relay])
    assert [(one.end, one.status) for one in told] == [(End.COMPLETE, 431)]


@in_loop
async def test_only_failures_are_told_to_who_watches_for_them() -> None:
    told: list[Outcome] = []
    await serve(Client(), Exchange(ok()), on_failure=(told.append,))
    assert told == []
    await serve(Client(), DnsError(), on_failure=(told.append,))
    assert [outcome.error for outcome in told] == ["dns_error"]


@in_loop
async def test_an_observer_that_fails_is_no_trouble_of_the_clients(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(_: Outcome) -> None:
        raise RuntimeError("full")

    client = Client()
    await serve(client, Exchange(ok(5), b"hello"), on_outcome=(fail,))
    assert client.events[-1] == "finish"
    assert "An outcome could not be told" in caplog.text


# --- bodies and redirects ---------------------------------------------------------------------


@in_loop
async def test_a_body_reaches_the_target() -> None:
    client, exchange = Client([b"ab", b"cd"], method="POST"), Exchange(ok())
    await serve(client, exchange)
    assert (exchange.sent, exchange.ended) == (b"abcd", True)


@pytest.mark.parametrize("status", [307, 308])
@pytest.mark.parametrize("length", [4, CHUNKED])
@pytest.mark.parametrize("first", [False, True], ids=["after-the-body", "before-the-body"])
def test_a_small_body_is_sent_again(status: int, length: int, first: bool) -> None:
    @in_loop
    async def run() -> None:
        client = Client([b"ab", b"cd"], method="PUT", length=length)
        one, two = Exchange(moved(status), first=first), Exchange(ok())
        await serve(client, one, two, replay_bytes=4)
        assert (two.sent, two.ended) == (b"abcd", True)
        assert two.plan is not None
        assert (two.plan.method, two.plan.target.path) == ("PUT", "/next")
        assert client.events == ["begin 200 0", "finish"]

    run()


@pytest.mark.parametrize("length", [5, CHUNKED])
def test_a_redirect_is_passed_on_when_the_body_was_too_large_to_keep(length: int) -> None:
    @in_loop
    async def run() -> None:
        client = Client([b"ab", b"cde"], method="PUT", length=length)
        await serve(client, Exchange(moved(307)), replay_bytes=4)
        assert client.events == ["begin 307 0", "finish"]

    run()


@in_loop
async def test_a_303_is_followed_without_the_body() -> None:
    client, two = Client([b"ab"], method="POST"), Exchange(ok())
    await serve(client, Exchange(moved(303)), two)
    assert two.sent == b""
    assert two.plan is not None
    assert two.plan.method == "GET"


@in_loop
async def test_a_target_that_stops_reading_is_a_failure() -> None:
    client = Client([b"ab"], method="POST")
    await serve(client, Exchange(ok(), refuses=WriteTimeout()))
    assert client.events == ["answer 504"]


@pytest.mark.parametrize(("limit", "status"), [(3, "answer 413"), (4, "begin 200 0")])
def test_a_body_that_grows_above_the_limit_is_refused(limit: int, status: str) -> None:
    @in_loop
    async def run() -> None:
        client = Client([b"ab", b"cd"], method="POST", length=CHUNKED)
        await serve(client, Exchange(ok()), max_body_bytes=limit)
        assert client.events[0] == status

    run()


@in_loop
async def test_a_reply_that_comes_early_does_not_wait_for_the_body() -> None:
    client = Client([b"ab"], method="POST", length=CHUNKED, hangs=True)
    await serve(client, Exchange(ok(5), b"hello", first=True))
    assert (client.events, client.got) == (["begin 200 5", "finish"], b"hello")


# --- tunnels ----------------------------------------------------------------------------------

HANDSHAKE = (("connection", "Upgrade"), ("upgrade", "websocket"))


def switched() -> ReplyHead:
    return ok(CHUNKED, 101, ("upgrade", "websocket"))


def handshake(*pieces: bytes, hangs: bool = False) -> Client:
    return Client(list(pieces), fields=HANDSHAKE, length=0, hangs=hangs)


@in_loop
async def test_a_tunnel_carries_both_ways_until_the_target_ends() -> None:
    client = handshake(b"ping", hangs=True)
    exchange = Exchange(switched(), b"pong", b"!")
    await serve(client, exchange)
    assert (exchange.sent, client.got) == (b"ping", b"pong!")
    assert client.events == [f"begin 101 {CHUNKED}", "finish"]


@in_loop
async def test_a_tunnel_ends_with_the_client() -> None:
    client = handshake(b"ping")
    exchange = Exchange(switched(), hangs=True)
    await serve(client, exchange)
    assert exchange.sent == b"ping"
    assert client.events[-1] == "finish"


@in_loop
async def test_a_silent_tunnel_ends() -> None:
    client = handshake(hangs=True)
    await serve(client, Exchange(switched(), hangs=True), tunnel_idle=0.01)
    assert client.events[-1] == "finish"


@in_loop
async def test_a_broken_tunnel_aborts() -> None:
    client = handshake(hangs=True)
    await serve(client, Exchange(switched(), b"pong", ReadTimeout()))
    assert (client.got, client.events[-1]) == (b"pong", "abort")


@in_loop
async def test_a_switch_to_another_protocol_is_a_failure() -> None:
    client = handshake(hangs=True)
    await serve(client, Exchange(ok(CHUNKED, 101, ("upgrade", "h2c")), hangs=True))
    assert client.events == ["answer 502"]


@in_loop
async def test_a_broken_tunnel_that_nobody_foresaw_is_no_clean_end(
    caplog: pytest.LogCaptureFixture,
) -> None:
    client = handshake(hangs=True)
    await serve(client, Exchange(switched(), ValueError("a mistake of ours")))
    assert client.events[-1] == "abort"
    assert "a mistake of ours" in caplog.text
