"""A stub name server: answers from a zone given by the test, over UDP, in a thread of its own.

Owns: what a name server can do to a resolver (answer, delay, refuse, stay silent, change its mind)
and the count of what it was asked. Must not know: who asks.
"""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import NamedTuple, Self, cast

from dnslib import AAAA, QTYPE, RCODE, RR, SOA, A, DNSRecord

from tests.support import PATIENCE

NEGATIVE_TTL = 3600  # seconds; long, so that a resolver which believes it too long is found out


class Reply(NamedTuple):
    """What the server says to one question; an address of the other family is left out."""

    addresses: tuple[str, ...] = ()
    ttl: int = 60  # seconds
    delay: float = 0.0  # seconds
    rcode: str = "NOERROR"
    silent: bool = False


NXDOMAIN = Reply(rcode="NXDOMAIN")
SERVFAIL = Reply(rcode="SERVFAIL")
SILENT = Reply(silent=True)

Behaviour = Callable[[str, int], Reply]
"""From the type asked for ("A" or "AAAA") and how often it was asked before, to the reply."""

Zone = Mapping[str, Reply | Behaviour]
"""By name; "*.slow.example" is for every name one label longer that is not there itself."""


def by_type(*, a: Reply = Reply(), aaaa: Reply = Reply()) -> Behaviour:
    """Answers A and AAAA questions differently."""
    return lambda qtype, nth: a if qtype == "A" else aaaa


def alternating(*replies: Reply) -> Behaviour:
    """Gives the replies in turn, each type of question counted by itself."""
    return lambda qtype, nth: replies[nth % len(replies)]


class StubDns:
    """The server; a context manager. ``asked`` counts questions by (name, type)."""

    def __init__(self, zone: Zone, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self.zone = dict(zone)
        self.asked: Counter[tuple[str, str]] = Counter()
        self._bind = (host, port)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="stub-dns")

    @property
    def server(self) -> str:
        """Where it listens, as "address:port"."""
        return "{}:{}".format(*self._transport.get_extra_info("sockname")[:2])

    def __enter__(self) -> Self:
        self._thread.start()
        listening = self._loop.create_datagram_endpoint(
            lambda: _Listener(self), local_addr=self._bind
        )
        future = asyncio.run_coroutine_threadsafe(listening, self._loop)
        self._transport, _ = future.result(timeout=PATIENCE)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._transport.abort)
        self._thread.join(timeout=PATIENCE)
        self._loop.close()

    def reply_to(self, name: str, qtype: str) -> Reply:
        """Counts one question and decides what to say to it."""
        nth = self.asked[name, qtype]
        self.asked[name, qtype] += 1
        wildcard = "*." + name.partition(".")[2]
        said = self.zone.get(name) or self.zone.get(wildcard, NXDOMAIN)
        return said if isinstance(said, Reply) else said(qtype, nth)


class _Listener(asyncio.DatagramProtocol):
    def __init__(self, server: StubDns) -> None:
        self._server = server

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        asyncio.get_running_loop().stop()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        question = DNSRecord.parse(data)
        name = str(question.q.qname).rstrip(".").lower()
        qtype = QTYPE[question.q.qtype]
        reply = self._server.reply_to(name, qtype)
        if not reply.silent:
            packet = _packet(question, qtype, reply)
            loop = asyncio.get_running_loop()
            loop.call_later(reply.delay, self._send, packet, addr)

    def _send(self, packet: bytes, addr: tuple[str, int]) -> None:
        if not self._transport.is_closing():
            self._transport.sendto(packet, addr)


def _packet(question: DNSRecord, qtype: str, reply: Reply) -> bytes:
    answer = question.reply()
    answer.header.rcode = getattr(RCODE, reply.rcode)
    name = question.q.qname
    for address in reply.addresses:
        family = "AAAA" if ":" in address else "A"
        if family == qtype:
            data = AAAA(address) if family == "AAAA" else A(address)
            answer.add_answer(RR(name, getattr(QTYPE, family), rdata=data, ttl=reply.ttl))
    if not answer.rr and reply.rcode in ("NOERROR", "NXDOMAIN"):
        times = (1, 3600, 600, 86400, NEGATIVE_TTL)
        soa = SOA("ns.example", "hostmaster.example", times)
        answer.add_auth(RR("example", QTYPE.SOA, rdata=soa, ttl=NEGATIVE_TTL))
    packed: bytes = answer.pack()
    return packed
