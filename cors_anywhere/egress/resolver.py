"""Names to addresses: asynchronous, shared, cached for a little while, bounded in every direction.

Owns: the queries under way, the cache of their answers, and how c-ares is driven. Must not know:
which addresses may be connected to, or what they are wanted for; an answer is given as it came.

Why c-ares and not threads: docs/adr/0005-name-resolution.md.
"""

from __future__ import annotations

import asyncio
import functools
import socket
from collections.abc import Sequence
from typing import NamedTuple, Protocol

import aiodns
import pycares

from cors_anywhere import errors

# c-ares about doubles the wait before each further try, and starts near 0.25 s once it knows a
# server to be quick. Four tries then take about 4 s, so a lost packet or two is made good within
# the default time-out; a server that never answered holds a query for up to 15 s.
_TRIES = 4
_FIRST_TRY = 0.2  # share of the time-out

# Names are never completed from the search list: what the client wrote is what is looked up, and
# no name of the operator's own domain is reached by half a name.
_FLAGS = pycares.ARES_FLAG_NOSEARCH | pycares.ARES_FLAG_EDNS


_ADDRESSES = 16
"""Kept of a name: more than anybody tries, and no name takes a large part of the cache."""

_ADDRESSES_SEEN = 64
"""Looked at of an answer, which may hold thousands."""

_BEGUN_PER_PLACE = 8
"""Look-ups under way for each that is waited for: c-ares cannot take one back, but ends it after
some seconds, when nobody waits for it any more."""


def spread(addresses: Sequence[str], count: int) -> Sequence[str]:
    """At most `count` of these, in their order; those of either family if they must be chosen."""
    if len(addresses) <= count:
        return addresses
    first: list[str] = []
    others: list[str] = []
    for address in addresses:
        alike = (":" in address) is (":" in addresses[0])
        (first if alike else others).append(address)
    first = first[: max(count - len(others), (count + 1) // 2)]
    return (*first, *others[: count - len(first)])


class Resolver(Protocol):
    """Anything that turns a host name into addresses."""

    async def resolve(self, host: str) -> Sequence[str]:
        """The textual IP addresses of `host`, at least one, in order of preference.

        Raises errors.DnsError when there is none, errors.DnsTimeout when none came in time.
        """


class _Flight:
    """A look-up under way."""

    def __init__(self, landed: asyncio.Future[_Answer]) -> None:
        self.landed = landed
        self.askers = 0


class _Answer(NamedTuple):
    expires: float  # on the loop's clock, which is monotonic
    addresses: tuple[str, ...]
    failure: type[errors.ProxyError] | None = None
    log_detail: str = ""


class CachingResolver:
    """Asks the machine's name servers (resolv.conf, after the hosts file) for A and AAAA records.

    An answer is kept for its TTL but at most `positive` seconds, a failure `negative` seconds;
    at most `max_names` of them. Those who ask for one name at one time share one query. While
    somebody waits for `max_pending` of them no more are begun: errors.Unavailable at once.
    `servers` ("address:port") replaces the machine's own. Nothing is opened before the first
    question, so an instance may be made before its event loop runs or a worker forks.
    """

    def __init__(
        self,
        *,
        timeout: float = 5.0,
        positive: float = 60.0,
        negative: float = 5.0,
        max_names: int = 4096,
        max_pending: int = 1024,
        servers: Sequence[str] = (),
    ) -> None:
        self._timeout = timeout
        # c-ares has a cache of its own. Its age adds to ours, so both get half of `negative`.
        self._flush_every = negative / 2
        self._negative = negative - self._flush_every
        self._positive = positive - self._flush_every
        self._max_names = max_names
        self._max_pending = max_pending
        self._servers = list(servers)
        self._answers: dict[str, _Answer] = {}
        self._flights: dict[str, _Flight] = {}
        self._awaited = 0  # of the flights
        self._ares: aiodns.DNSResolver | None = None
        self._flush: asyncio.TimerHandle | None = None
        self._closed = False

    async def resolve(self, host: str) -> Sequence[str]:
        """See Resolver.resolve; also raises errors.Unavailable when too much is pending."""
        answer = self._answers.get(host)
        if answer is None or answer.expires <= asyncio.get_running_loop().time():
            answer = await self._ask(host)
        if answer.failure is not None:
            raise answer.failure(log_detail=answer.log_detail)
        return answer.addresses

    async def close(self) -> None:
        """Ends all queries, whose askers get errors.DnsError, and frees threads and sockets."""
        self._closed = True
        if self._flush is not None:
            self._flush.cancel()
        if self._ares is not None:
            await self._ares.close()
        if self._flights:  # the cancelled queries report from another thread: let them land
            await asyncio.wait([flight.landed for flight in self._flights.values()], timeout=1.0)

    async def _ask(self, host: str) -> _Answer:
        flight = self._board(host)
        try:
            # wait() leaves the flight alone whether it is this asker's time that ends or the asker.
            done, _ = await asyncio.wait((flight.landed,), timeout=self._timeout)
        finally:
            flight.askers -= 1
            if not flight.askers:
                self._awaited -= 1
        if not done:
            raise errors.DnsTimeout(log_detail=f"no answer within {self._timeout:g} s")
        return flight.landed.result()

    def _board(self, host: str) -> _Flight:
        """The flight for a name, with a place for one more asker."""
        flight = self._flights.get(host)
        if flight is None or not flight.askers:
            begun = len(self._flights) - (flight is not None)
            full = self._awaited >= self._max_pending
            if self._closed or full or begun >= self._max_pending * _BEGUN_PER_PLACE:
                raise errors.Unavailable(
                    "The proxy cannot look up another name now.",
                    log_detail=f"{self._awaited} look-ups pending, {len(self._flights)} under way",
                )
            flight = flight or self._launch(host)
            self._awaited += 1
        flight.askers += 1
        return flight

    def _launch(self, host: str) -> _Flight:
        query = self._channel().getaddrinfo(host, type=socket.SOCK_STREAM)
        flight = self._flights[host] = _Flight(query.get_loop().create_future())
        query.add_done_callback(functools.partial(self._land, host))
        return flight

    def _land(self, host: str, query: asyncio.Future[pycares.AddrInfoResult]) -> None:
        answer = self._read(query)
        self._answers.pop(host, None)
        if len(self._answers) >= self._max_names:
            del self._answers[next(iter(self._answers))]  # the one that was stored first
        self._answers[host] = answer
        self._flights.pop(host).landed.set_result(answer)

    def _read(self, query: asyncio.Future[pycares.AddrInfoResult]) -> _Answer:
        """What a finished query says. The one place that knows c-ares's exceptions."""
        now = query.get_loop().time()
        error = query.exception()
        if error is None:
            found = query.result()
            nodes, aliases = found.nodes[:_ADDRESSES_SEEN], found.cnames[:_ADDRESSES_SEEN]
            addresses = tuple(dict.fromkeys(node.addr[0].decode() for node in nodes))
            ttls = [node.ttl for node in nodes] + [alias.ttl for alias in aliases]
            if addresses:
                kept = tuple(spread(addresses, _ADDRESSES))
                return _Answer(now + min(self._positive, *ttls), kept)
        timed_out = error is not None and error.args[:1] == (aiodns.error.ARES_ETIMEOUT,)
        failure = errors.DnsTimeout if timed_out else errors.DnsError
        return _Answer(now + self._negative, (), failure, f"c-ares: {error or 'no address'}")

    def _channel(self) -> aiodns.DNSResolver:
        if self._flush is None:
            loop = asyncio.get_running_loop()
            self._flush = loop.call_later(self._flush_every, self._empty_ares_cache)
        if self._ares is None:
            self._ares = aiodns.DNSResolver(
                timeout=self._timeout * _FIRST_TRY,
                tries=_TRIES,
                flags=_FLAGS,
                servers=self._servers or None,
            )
        return self._ares

    def _empty_ares_cache(self) -> None:
        """Bounds the cache inside c-ares, in age and so in size.

        It believes an answer for up to an hour (an answer without addresses too, c-ares issue
        1293) and keeps any number of them. The option that turns it off, qcache_max_ttl, is
        reached neither through aiodns nor through pycares; reinit() empties it, keeps the queries
        under way and what was learned of the servers, and is reached only through the channel.
        """
        self._flush = None
        if self._ares is not None:
            self._ares._channel.reinit()
