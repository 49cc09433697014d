"""The only loop: ask policy, exchange with the target, ask policy, stream.

Owns: the order of events of one request, and that whatever happens the client gets a complete
reply or an aborted connection. Must not know: Tornado, sockets, or how a target is reached:
`Client` and `Egress` are all it sees of either side.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

from cors_anywhere.errors import BodyTooLarge, ProxyError, ResponseBodyTooLarge
from cors_anywhere.messages import (
    CHUNKED,
    Answer,
    Deliver,
    Exceeded,
    Metered,
    Plan,
    ReplyHead,
    RequestHead,
)
from cors_anywhere.policy import Policy

LOG = logging.getLogger("cors_anywhere")


class Client(Protocol):
    """The client of one request."""

    head: RequestHead

    @property
    def begun(self) -> bool:
        """Whether a reply's head has been sent."""

    async def read(self) -> bytes:
        """The next piece of the request's body; b"" at its end."""

    def answer(self, answer: Answer) -> None:
        """Sends a complete reply."""

    def begin(self, deliver: Deliver, length: int) -> None:
        """Sends a reply's head; `length` octets follow, 0 for none, or CHUNKED."""

    def send(self, chunk: bytes) -> Awaitable[None]:
        """Sends a piece of the reply; done when the client takes more."""

    def finish(self) -> None:
        """The reply is complete."""

    def abort(self) -> None:
        """Ends the connection so that what was sent cannot pass for complete."""


class Exchange(Protocol):
    """One request to a target, and its reply."""

    async def send(self, chunk: bytes) -> None: ...

    def end_request(self) -> None: ...

    def fail(self, failure: ProxyError) -> None:
        """Makes whoever waits for the reply get this failure."""

    async def reply(self) -> ReplyHead: ...

    async def read(self) -> bytes:
        """Content that has come; b"" at the end."""

    def release(self) -> None:
        """Ends the exchange: a connection fit for another is kept, any other is aborted."""


class Egress(Protocol):
    """The way to targets."""

    async def open(self, plan: Plan, length: int) -> Exchange:
        """Connects if need be and sends the head; `length` is the body's."""


class Meter(Protocol):
    """Counts requests."""

    async def count(self, key: str) -> Exceeded | None:
        """Counts one; None when it is allowed."""


class Relay:
    """Serves requests, one call each."""

    def __init__(
        self,
        policy: Policy,
        egress: Egress,
        meter: Meter | None = None,
        *,
        first_look: Callable[[RequestHead], Awaitable[Answer | None]] | None = None,
        on_failure: Callable[[RequestHead, ProxyError], None] = lambda head, error: None,
        tunnel_idle: float = 60.0,
        replay_bytes: int = 65536,
        max_body_bytes: int | None = None,
        max_response_bytes: int | None = None,
    ) -> None:
        self._policy = policy
        self._egress = egress
        self._meter = meter
        self._first_look = first_look
        self._on_failure = on_failure
        self._tunnel_idle = tunnel_idle
        self._replay_bytes = replay_bytes
        self._max_body = max_body_bytes
        self._max_response = max_response_bytes

    async def serve(self, client: Client) -> None:
        """Answers one request. Never raises but for cancellation: the client has gone."""
        try:
            decision = await self._decide(client.head)
            if isinstance(decision, Answer):
                client.answer(decision)
            else:
                await self._fetch(client, decision)
        except ProxyError as error:
            self._on_failure(client.head, error)
            self._fail(client, error)
        except Exception:  # an operator's hook, or a mistake of ours: the client must not hang
            LOG.exception("A request failed in a way that nobody foresaw")
            self._fail(client, ProxyError())

    def _fail(self, client: Client, error: ProxyError) -> None:
        if client.begun:
            client.abort()
        else:
            client.answer(self._policy.failed(error))

    async def _decide(self, head: RequestHead) -> Plan | Answer:
        if self._first_look is not None and head.method != "OPTIONS":
            answer = await self._first_look(head)
            if answer is not None:
                return answer
        decision = self._policy.admit(head)
        if not isinstance(decision, Metered):
            return decision
        if self._meter is None:
            return _carried_out(decision)
        exceeded = await self._meter.count(decision.key)
        if exceeded is not None:
            return self._policy.limited(decision.key, exceeded)
        return _carried_out(decision)

    async def _fetch(self, client: Client, plan: Plan) -> None:
        body = _Upload(client, self._replay_bytes, self._max_body) if plan.with_body else None
        while True:
            length = client.head.length if plan.with_body else 0
            exchange = await self._egress.open(plan, length)
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
                    await self._deliver(client, decision, reply, exchange)
                    return
                plan = decision.plan
            finally:
                if sending is not None and not sending.done():
                    sending.cancel()
                exchange.release()

    async def _deliver(
        self, client: Client, deliver: Deliver, reply: ReplyHead, exchange: Exchange
    ) -> None:
        client.begin(deliver, reply.length)
        if reply.status == 101:
            await self._tunnel(client, exchange)
            return
        total = 0
        while chunk := await exchange.read():
            total += len(chunk)
            if self._max_response is not None and total > self._max_response:
                raise ResponseBodyTooLarge
            await client.send(chunk)
        client.finish()

    async def _tunnel(self, client: Client, exchange: Exchange) -> None:
        """Carries octets both ways until either side ends, or both are silent for too long."""
        ways: list[asyncio.Future[None]] = []
        try:
            async with asyncio.timeout(self._tunnel_idle) as deadline:
                for read, send in ((client.read, exchange.send), (exchange.read, client.send)):
                    ways.append(asyncio.ensure_future(self._carry(read, send, deadline)))
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        except TimeoutError:
            pass  # an end like any other
        finally:
            for way in ways:
                way.cancel()
            ends = await asyncio.gather(*ways, return_exceptions=True)
        for end in ends:
            if isinstance(end, ProxyError):
                raise end
        client.finish()

    async def _carry(
        self,
        read: Callable[[], Awaitable[bytes]],
        send: Callable[[bytes], Awaitable[None]],
        deadline: asyncio.Timeout,
    ) -> None:
        while chunk := await read():
            await send(chunk)
            deadline.reschedule(asyncio.get_running_loop().time() + self._tunnel_idle)


def _carried_out(metered: Metered) -> Plan | Answer:
    if isinstance(metered.then, ProxyError):
        raise metered.then
    return metered.then


class _Upload:
    """The client's body on its way to the target, the beginning kept for a 307 or 308."""

    def __init__(self, client: Client, replay_bytes: int, max_bytes: int | None) -> None:
        self._client = client
        self._kept: list[bytes] | None = []
        self._size = 0
        self._replay_bytes = replay_bytes
        self._max_bytes = max_bytes
        self._ended = False

    @property
    def replayable(self) -> bool:
        """Whether the whole body is at hand."""
        return self._ended and self._kept is not None

    async def pump(self, exchange: Exchange) -> None:
        """Sends the body; a failure reaches whoever waits for the reply."""
        try:
            for chunk in self._kept or ():
                await exchange.send(chunk)
            while not self._ended:
                chunk = await self._client.read()
                if chunk:
                    self._keep(chunk)
                    await exchange.send(chunk)
                else:
                    self._ended = True
            exchange.end_request()
        except ProxyError as error:
            exchange.fail(error)

    def _keep(self, chunk: bytes) -> None:
        self._size += len(chunk)
        if self._max_bytes is not None and self._size > self._max_bytes:
            raise BodyTooLarge
        if self._kept is not None:
            if self._size > self._replay_bytes:
                self._kept = None
            else:
                self._kept.append(chunk)

    async def complete(self, sending: asyncio.Future[None] | None) -> None:
        """Waits for the rest of a body that is small enough to be sent again: the target
        answered before its end."""
        length = self._client.head.length
        if self._kept is None or sending is None or self._ended:
            return
        if length == CHUNKED or length <= self._replay_bytes:
            await sending
