"""The only loop: ask policy, exchange with the target, ask policy, stream.

Owns: the order of events of one request, and that whatever happens the client gets a complete
reply or an aborted connection. Must not know: Tornado, sockets, or how a target is reached:
`Client` and `Egress` are all it sees of either side.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from time import monotonic
from typing import Any

from cors_anywhere.errors import BadRequest, ProxyError, ResponseBodyTooLarge, TooManyRequests
from cors_anywhere.gathering import Gathering, Room
from cors_anywhere.messages import (
    Answer,
    Consult,
    Deliver,
    Fetch,
    Gather,
    Metered,
    Plan,
    ReplyHead,
    RequestHead,
)
from cors_anywhere.outcome import End, Outcome, Record
from cors_anywhere.rules.client import client_of
from cors_anywhere.rules.cors import with_fields
from cors_anywhere.rules.policy import Policy
from cors_anywhere.sides import Client, Egress, Exchange, Meter
from cors_anywhere.tunnel import tunnel
from cors_anywhere.upload import Upload

LOG = logging.getLogger("cors_anywhere")


Observer = Callable[[Outcome], object]


class Relay:
    """Serves requests, one call each. Those in `on_outcome` are told of each, those in `on_failure`
    of what was refused or failed."""

    def __init__(
        self,
        policy: Policy,
        egress: Egress,
        meter: Meter | None = None,
        *,
        first_look: Callable[[RequestHead], Awaitable[Answer | None]] | None = None,
        on_failure: Sequence[Observer] = (),
        on_outcome: Sequence[Observer] = (),
        consult: Callable[[Consult], Awaitable[Answer]] | None = None,
        tunnel_idle: float = 60.0,
        replay_bytes: int = 65536,
        max_body_bytes: int | None = None,
        max_response_bytes: int | None = None,
    ) -> None:
        self._policy = policy
        self._egress = egress
        self._meter = meter
        self._first_look = first_look
        self._asks = meter is not None or first_look is not None
        self._on_failure = tuple(on_failure)
        self._on_outcome = tuple(on_outcome)
        self._consult = consult
        self._served = 0
        self._name = secrets.token_hex(4)
        self._tunnel_idle = tunnel_idle
        self._replay_bytes = replay_bytes
        self._max_body = max_body_bytes
        self._max_response = max_response_bytes
        self._room = Room()

    def begin(self, client: Client) -> Coroutine[Any, Any, None] | None:
        """Answers a request at once if the rules alone decide it: a preflight, a page of our own, a
        refusal. Else what is left to do, which takes a task.

        A task of its own costs a preflight a quarter of its time.
        """
        record = Record(client.head, monotonic())
        if self._asks:
            return self._serve(client, record, None)
        try:
            decision = self._decide(client.head)
            if not isinstance(decision, Answer):
                return self._serve(client, record, decision)
            self._answer(client, decision, record)
        except Exception as error:
            self._went_wrong(client, error, record)
        self._over(record)
        return None

    async def serve(self, client: Client) -> None:
        """Answers one request. Never raises but for cancellation: the client has gone."""
        await self._serve(client, Record(client.head, monotonic()), None)

    async def _serve(
        self, client: Client, record: Record, decision: Plan | Answer | Consult | None
    ) -> None:
        """The same, where the decision may have been taken."""
        client.taken_up = True
        try:
            if decision is None:
                head = client.head
                decision = await self._ask(head, record) if self._asks else self._decide(head)
            if isinstance(decision, Answer):
                self._answer(client, decision, record)
            elif isinstance(decision, Consult):
                self._answer(client, await self._advice(decision), record)
            else:
                await self._fetch(client, decision, record)
        except asyncio.CancelledError:
            record.stopped(client.fault)
            raise
        except Exception as error:
            self._went_wrong(client, error, record)
        finally:
            self._over(record)

    def _went_wrong(self, client: Client, error: Exception, record: Record) -> None:
        """Answers with what is wrong: whatever it is, the client must not hang."""
        if not isinstance(error, ProxyError):  # an operator's hook, or a mistake of ours
            LOG.error("A request failed in a way that nobody foresaw", exc_info=error)
            error = ProxyError()
        self._fail(client, error, record)

    def _over(self, record: Record) -> None:
        """Whatever became of a request is told."""
        if record.counted is not None and self._meter is not None:
            self._meter.ended(record)
        self._report(record)
        record.failure = None  # its traceback holds a frame that holds the record

    def refuse(self, error: ProxyError, peer: str | None) -> Answer:
        """The answer to a message that never became a request; `peer` is who sent it, None where a
        request is under way, whose own outcome tells of it."""
        if peer is None:
            return self._policy.failed(error)
        record = Record(RequestHead("", "", (), 0, peer, "http", 0), monotonic())
        answer = self._policy.failed(error)
        record.failure, record.status, record.sent = error, answer.status, len(answer.body)
        self._report(record)
        return answer

    def decline(self, client: Client, error: ProxyError) -> None:
        """Answers a request with a failure, and nothing is asked about it."""
        record = Record(client.head, monotonic())
        self._fail(client, error, record)
        self._report(record)

    def turn_away(self, error: ProxyError, peer: str) -> Answer:
        """The answer to a client for whom there is no place. The acceptor logs such crowds itself,
        a line for many; only whoever is told of all outcomes hears of each."""
        if self._on_outcome:
            return self.refuse(error, peer)
        return self._policy.failed(error)

    def missed(self, client: Client) -> None:
        """The client had gone before `serve` came to it."""
        record = Record(client.head, monotonic())
        record.stopped(client.fault)
        self._report(record)

    def _answer(self, client: Client, answer: Answer, record: Record) -> None:
        counted = record.counted
        if counted is not None and counted.fields:
            answer = answer._replace(fields=with_fields(answer.fields, counted.fields))
        record.status = answer.status
        record.sent = 0 if client.head.method == "HEAD" else len(answer.body)
        client.answer(answer)

    def _fail(self, client: Client, error: ProxyError, record: Record) -> None:
        record.failure = error
        if client.begun:
            record.end = End.ABORTED
            client.abort()
        else:
            answer = self._policy.failed(error, record.plan, client.head)
            self._answer(client, answer, record)

    def _report(self, record: Record) -> None:
        """Tells the observers; what goes wrong there is no trouble of the client's."""
        failed = record.failure is not None
        if not self._on_outcome and not (failed and self._on_failure):
            return
        self._served += 1
        target = self._policy.target_of(record.head) if record.plan is None else None
        outcome = record.outcome(
            f"{self._name}-{self._served}",
            target,
            monotonic(),
            self._policy.holder_of(record.head),
        )
        try:
            if failed:
                for tell in self._on_failure:
                    tell(outcome)
            for tell in self._on_outcome:
                tell(outcome)
        except Exception:
            LOG.exception("An outcome could not be told")

    def _decide(self, head: RequestHead) -> Plan | Answer | Consult:
        decision = self._policy.admit(head)
        return _carried_out(decision) if isinstance(decision, Metered) else decision

    async def _ask(self, head: RequestHead, record: Record) -> Plan | Answer | Consult:
        if self._first_look is not None and not self._policy.is_preflight(head):
            answer = await self._first_look(head)
            if answer is not None:
                return answer
        decision = self._policy.admit(head)
        if not isinstance(decision, Metered):
            return decision
        if self._meter is None:
            return _carried_out(decision)
        counted = await self._meter.count(head, decision, record)
        record.counted = counted
        if counted.exceeded is not None:
            raise TooManyRequests(*counted.exceeded)
        return _carried_out(decision)

    async def _advice(self, asked: Consult) -> Answer:
        if self._consult is None:
            raise BadRequest("This proxy has no doctor.")
        return self._policy.varying(await self._consult(asked))

    async def _fetch(self, client: Client, plan: Plan, record: Record) -> None:
        body = (
            Upload(client, record, self._replay_bytes, self._max_body) if plan.with_body else None
        )
        while True:
            record.plan = plan
            length = client.head.length if plan.with_body else 0
            fields = self._policy.outbound(client.head, plan)
            exchange = await self._egress.open(Fetch(plan, fields, length, client.head))
            record.connected(exchange.look_up, exchange.connect, reused=exchange.reused)
            sending = None
            try:
                if body is not None and plan.with_body:
                    sending = asyncio.ensure_future(body.pump(exchange))
                reply = await exchange.reply()
                if body is not None and reply.status in (307, 308):
                    await body.complete(sending)
                decision = self._policy.after(
                    client.head, plan, reply, replayable=body is not None and body.replayable
                )
                if isinstance(decision, Deliver):
                    record.first_octet = monotonic() - record.started
                    await self._deliver(client, decision, reply, exchange, record)
                    return
                if isinstance(decision, Gather):
                    await self._gather(client, decision, plan, reply, exchange, record)
                    return
                plan = decision.plan
            finally:
                if sending is not None and not sending.done():
                    sending.cancel()
                exchange.release()

    async def _deliver(
        self,
        client: Client,
        deliver: Deliver,
        reply: ReplyHead,
        exchange: Exchange,
        record: Record,
    ) -> None:
        counted = record.counted
        if counted is not None and counted.fields:
            deliver = deliver._replace(fields=with_fields(deliver.fields, counted.fields))
        record.status = deliver.status
        client.begin(deliver, reply.length)
        if reply.status == 101:
            await tunnel(client, exchange, record, self._tunnel_idle)
            return
        while chunk := await exchange.read():
            record.sent += len(chunk)
            if self._max_response is not None and record.sent > self._max_response:
                raise ResponseBodyTooLarge(rule="response-size")
            await client.send(chunk)
        client.finish()

    async def _gather(
        self,
        client: Client,
        gather: Gather,
        plan: Plan,
        reply: ReplyHead,
        exchange: Exchange,
        record: Record,
    ) -> None:
        gathering = Gathering(self._room, client_of(client.head.peer))
        try:
            octets = await gathering.read(exchange, gather.most)
            waited = monotonic() - record.started
            answer = self._policy.gathered(client.head, plan, reply, octets, waited)
            record.first_octet = waited
            if client.head.method == "HEAD":
                self._answer(client, answer, record)
            else:
                await gathering.send(client, answer, record)
        finally:
            gathering.hold(0)


def _carried_out(metered: Metered) -> Plan | Answer | Consult:
    if isinstance(metered.then, ProxyError):
        raise metered.then
    return metered.then
