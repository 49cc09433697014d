"""The doctor's exchanges: over the package's own way to targets.

Owns: what is told of the way (name, address, connection, TLS), and how a walk is driven. Must not
know: what a reply means.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

from cors_anywhere.doctor.vocabulary import Ask, Broken, Diagnosis, Question, Seen, Step
from cors_anywhere.doctor.walk import walk
from cors_anywhere.egress import DirectEgress, target_tls
from cors_anywhere.egress.resolver import CachingResolver, Resolver
from cors_anywhere.errors import ProxyError
from cors_anywhere.http1.target_life import TargetLimits
from cors_anywhere.messages import Fetch, Fields, Plan, RequestHead, Target
from cors_anywhere.rules.addresses import Guard, is_literal
from cors_anywhere.rules.outbound import OutboundProxies
from cors_anywhere.rules.urls import Urls
from cors_anywhere.sides import Egress, Exchange

START: Final = 4096  # octets of a body that are looked at
SECONDS: Final = 10.0  # for those
CONNECT_SECONDS: Final = 5.0
REPLY_SECONDS: Final = 30.0
MAX_HEAD: Final = 65536  # octets
MAX_FIELDS: Final = 400

Asker = Callable[[Ask], Awaitable[Seen | Broken]]
PlanFor = Callable[[Target, str, bool], Plan]
"""Under which plan a target is asked, with which method, and whether that is a preflight; raises
ProxyError where it may not be."""

_USUAL: Final = (("Accept", "*/*"), ("Accept-Language", "*"), ("User-Agent", "Mozilla/5.0"))
"""What a browser sends with every request, as far as a target may judge by it."""


async def diagnose(question: Question, ask: Asker) -> Diagnosis:
    """Walks what a browser would do."""
    walking = walk(question)
    try:
        wanted = next(walking)
        while True:
            wanted = walking.send(await ask(wanted))
    except StopIteration as end:
        found: Diagnosis = end.value
        return found


@asynccontextmanager
async def local_egress() -> AsyncIterator[tuple[DirectEgress, Resolver]]:
    """The way to any target, this machine's and its networks' included, and its resolver."""
    resolver = CachingResolver(timeout=CONNECT_SECONDS)
    egress = DirectEgress(
        guard=Guard(),
        tls=target_tls(None, insecure=False),
        limits=TargetLimits(MAX_HEAD, REPLY_SECONDS, REPLY_SECONDS, MAX_FIELDS),
        connect_timeout=CONNECT_SECONDS,
        proxies=OutboundProxies(),
        resolver=resolver,
    )
    try:
        yield egress, resolver
    finally:
        await egress.close()
        await resolver.close()


def local_plan(target: Target, method: str, preflight: bool) -> Plan:
    """Any target may be asked: it is the person's own machine that asks."""
    del preflight
    return Plan(target, method, (), False, target, (), None, private=True)


class EgressAsker:
    """Asks targets themselves.

    `resolver` is the one that `egress` uses: with it the person is told which addresses names have.
    `passing` says what is sent of the fields that a browser would send; without it all of them are.
    """

    def __init__(
        self,
        egress: Egress,
        plan_for: PlanFor,
        resolver: Resolver | None = None,
        passing: Callable[[Fields], Fields] | None = None,
    ) -> None:
        self._egress = egress
        self._plan_for = plan_for
        self._resolver = resolver
        self._passing = passing
        self._urls = Urls(lambda name: True)
        self._table = Guard()
        self._told: set[str] = set()

    async def __call__(self, ask: Ask) -> Seen | Broken:
        """One exchange; never raises for what the target does."""
        way: list[Step] = []
        public: bool | None = None
        try:
            target = self._urls.parse(f"/{ask.url}")
            sent = [*_wanting(ask.fields), *ask.fields]
            fields = sent if self._passing is None else self._passing(sent)
            plan = self._plan_for(target, ask.method, ask.preflight)._replace(fields=fields)
            if self._resolver is not None:
                public = await self._look_up(target, self._resolver, way)
            return await self._exchange(ask, plan, way, public)
        except ProxyError as error:
            said = error.detail
            if self._resolver is not None and error.log_detail:
                said += f" ({error.log_detail})"
            return Broken(error.error or "http_request_error", said, tuple(way), public)

    async def _look_up(self, target: Target, resolver: Resolver, way: list[Step]) -> bool:
        """Tells where the name leads; whether the address that comes first is a public one."""
        if is_literal(target.host):
            addresses = [target.host]
        else:
            addresses = list(await resolver.resolve(target.host))
        verdict = self._table.judge(addresses[0])
        if target.host_and_port not in self._told:
            self._told.add(target.host_and_port)
            shown = ", ".join(addresses[:4])
            if not is_literal(target.host):
                way.append(Step("name", True, f"{target.host} is {shown}", "DNS"))
            way.append(Step("address", True, _of_address(addresses[0], verdict.name), _LNA))
        return verdict.allowed

    async def _exchange(self, ask: Ask, plan: Plan, way: list[Step], public: bool | None) -> Seen:
        target = plan.target
        exchange = await self._egress.open(_fetch(ask, plan))
        try:
            if not exchange.reused:
                kind = "TCP and TLS, certificate verified" if target.scheme == "https" else "TCP"
                way.append(
                    Step("connection", True, f"{kind}, {exchange.connect * 1000:.0f} ms", "TCP")
                )
            reply = await exchange.reply()
            start = b"" if ask.preflight else await _start(exchange)
            return Seen(reply.status, reply.reason, reply.fields, tuple(way), public, start)
        finally:
            exchange.release()


_LNA: Final = "Local Network Access"


def _of_address(address: str, name: str) -> str:
    if name == "public":
        return f"{address} is a public address"
    return (
        f"{address} is a {name} address: a page on the internet needs the user's permission to"
        " reach it, and a public proxy does not connect to it"
    )


async def _start(exchange: Exchange) -> bytes:
    """The first octets of a body, as far as they come in time."""
    start = b""
    try:
        async with asyncio.timeout(SECONDS):
            while len(start) < START and (chunk := await exchange.read()):
                start += chunk
    except (TimeoutError, ProxyError):
        pass  # the head is what the browser judges by
    return start[:START]


def _fetch(ask: Ask, plan: Plan) -> Fetch:
    fields: Fields = [("Host", plan.target.authority), *plan.fields]
    head = RequestHead(ask.method, f"/{ask.url}", fields, 0, "127.0.0.1", "http", 80)
    return Fetch(plan, fields, 0, head)


def _wanting(fields: Fields) -> Fields:
    known = {name.lower() for name, _ in fields}
    return [field for field in _USUAL if field[0].lower() not in known]
