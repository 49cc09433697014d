"""What became of one request: the value that logs, metrics and hooks read.

Owns: its shape, and how the relay gathers it. Must not know: who reads it.

No query is part of it, and no field's value but `Origin`: whatever shows an outcome shows no
secret.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from cors_anywhere.errors import ProxyError
from cors_anywhere.messages import Counted, Hop, Plan, RequestHead, Target


class End(Enum):
    """How a request ended."""

    COMPLETE = "complete"  # the client was sent a whole reply
    ABORTED = "aborted"  # the reply had begun, and its connection was reset
    CLIENT_GONE = "client gone"  # it left before the reply was complete


class Times(NamedTuple):
    """Seconds. The first two are of all hops together, 0.0 where connections were reused; None
    where it did not come so far."""

    look_up: float | None
    connect: float | None  # TLS included
    first_octet: float | None  # from the request's head to the head of the reply that was delivered
    total: float


class Outcome(NamedTuple):
    """One request, refused and aborted ones included."""

    request_id: str
    client: str  # its address
    origin: str | None
    method: str | None  # the beginning of a long one; None where no head could be read
    target: str | None  # the URL asked for, without its query; None where the path names none
    final: str | None  # the URL that answered or failed, without its query
    hops: tuple[Hop, ...]  # the redirects between the two, without their queries
    status: int | None  # sent; None when none was
    end: End
    error: str | None  # RFC 9209 error type
    rule: str | None  # what refused the request
    detail: str | None  # for the operator: may hold the address that a name resolved to
    received: int  # octets of the request's body
    sent: int  # octets of the reply's body
    times: Times
    reused: bool | None  # the connection to the target; None without one
    key: str | None = None  # the name of the key's holder, if one was shown


MOST_OF_A_METHOD = 40
"""Characters of one that is told: a token may be as long as a head."""


class Record:
    """What the relay knows of a request under way. `now` is a monotonic clock's seconds."""

    __slots__ = (
        "connect", "counted", "end", "failure", "first_octet", "head", "look_up", "plan",
        "received", "reused", "sent", "started", "status",
    )  # fmt: skip

    def __init__(self, head: RequestHead, now: float) -> None:
        self.head = head
        self.started = now
        self.plan: Plan | None = None
        self.counted: Counted | None = None  # by limits
        self.failure: ProxyError | None = None
        self.end = End.COMPLETE
        self.status: int | None = None
        self.first_octet: float | None = None
        self.look_up: float | None = None
        self.connect: float | None = None
        self.reused: bool | None = None
        self.received = 0
        self.sent = 0

    def connected(self, look_up: float, connect: float, *, reused: bool) -> None:
        """A hop has its connection."""
        self.look_up = (self.look_up or 0.0) + look_up
        self.connect = (self.connect or 0.0) + connect
        self.reused = reused

    def stopped(self, fault: ProxyError | None) -> None:
        """The client has left, or what it still sent was at fault and was answered so."""
        if fault is None:
            self.end = End.CLIENT_GONE
            return
        self.failure = fault
        self.end = End.ABORTED
        if self.status is None:
            self.status, self.end = fault.status, End.COMPLETE

    def outcome(
        self, request_id: str, target: Target | None, now: float, key: str | None = None
    ) -> Outcome:
        """The finished value. `target` is what the path names where no plan was made; `key` whose
        key was shown."""
        head, plan, failure = self.head, self.plan, self.failure
        first = plan.first if plan is not None else target
        last = plan.target if plan is not None else target
        hops: tuple[Hop, ...] = ()
        if plan is not None and plan.hops:
            hops = tuple(Hop(hop.status, shown(hop.url)) for hop in plan.hops)
        asked_for = None if first is None else shown(first.url)
        told = (
            request_id,
            head.peer,
            _origin(head),
            head.method[:MOST_OF_A_METHOD] or None,
            asked_for,
            asked_for if last is first or last is None else shown(last.url),
            hops,
            self.status,
            self.end,
            None if failure is None else failure.error,
            None if failure is None else failure.rule,
            None if failure is None else _detail(failure),
            self.received,
            self.sent,
            tuple.__new__(
                Times, (self.look_up, self.connect, self.first_octet, now - self.started)
            ),
            self.reused,
            key,
        )
        return tuple.__new__(Outcome, told)  # as its own __new__ does, for half of the time


def shown(url: str) -> str:
    """A URL as it may be shown: without its query, in printable ASCII."""
    text = url.partition("?")[0]
    if text.isascii() and text.isprintable() and "\\" not in text:
        return text
    return text.encode("unicode_escape").decode("ascii")


def _origin(head: RequestHead) -> str | None:
    """Not by a dictionary of all fields, for the sake of one."""
    for name, value in head.fields:
        if len(name) == 6 and name.lower() == "origin":
            return value
    return None


def _detail(failure: ProxyError) -> str | None:
    if failure.log_detail:
        return failure.log_detail
    if failure.__cause__:
        return str(failure.__cause__)
    said = failure.detail.partition("\n")[0]
    return None if said == failure.sentence else said
