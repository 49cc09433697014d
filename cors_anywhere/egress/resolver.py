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


class Resolver(Protocol):
    """Anything that turns a host name into addresses."""

    async def resolve(self, host: str) -> Sequence[str]:
        """The textual IP addresses of `host`, at least one, in order of preference.

        Raises errors.DnsError when there is none, errors.DnsTimeout when none came in time.
        """


class _Answer(NamedTuple):
    expires: float  # on the loop's clock, which is monotonic
    addresses: tuple[str, ...]
    failure: type[errors.ProxyError] | None = None
    log_detail: str = ""


class CachingResolver:
    """Asks the machine's name servers (resolv.conf, after the hosts file) for A and AAAA records.

    An answer is kept for its TTL but at most `positive` seconds, a failure `negative` seconds;
    at most `max_names` of them. Those who ask for one name at one time share one query. More than
    `max_pending` queries are not begun: errors.Unavailable at once. `servers` ("address:port")
    replaces the machine's own. Nothing is opened before the first question, so an instance may
    be made before its event loop runs or a worker forks.
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
        self._flights: dict[str, asyncio.Future[_Answer]] = {}
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
            await asyncio.wait(self._flights.values(), timeout=1.0)

    async def _ask(self, host: str) -> _Answer:
        flight = self._flights.get(host) or self._launch(host)
        # wait() leaves the flight alone whether it is this asker's time that ends or the asker.
        done, _ = await asyncio.wait((flight,), timeout=self._timeout)
        if not done:
            raise errors.DnsTimeout(log_detail=f"no answer within {self._timeout:g} s")
        return flight.result()

    def _launch(self, host: str) -> asyncio.Future[_Answer]:
        if self._closed or len(self._flights) >= self._max_pending:
            raise errors.Unavailable(
                "The proxy cannot look up another name now.",
                log_detail=f"{len(self._flights)} look-ups pending",
            )
        query = self._channel().getaddrinfo(host, type=socket.SOCK_STREAM)
        flight = self._flights[host] = query.get_loop().create_future()
        query.add_done_callback(functools.partial(self._land, host))
        return flight

    def _land(self, host: str, query: asyncio.Future[pycares.AddrInfoResult]) -> None:
        answer = self._read(query)
        self._answers.pop(host, None)
        if len(self._answers) >= self._max_names:
            del self._answers[next(iter(self._answers))]  # the one that was stored first
        self._answers[host] = answer
        self._flights.pop(host).set_result(answer)

    def _read(self, query: asyncio.Future[pycares.AddrInfoResult]) -> _Answer:
        """What a finished query says. The one place that knows c-ares's exceptions."""
        now = query.get_loop().time()
        error = query.exception()
        if error is None:
            found = query.result()
            addresses = tuple(dict.fromkeys(node.addr[0].decode() for node in found.nodes))
            ttls = [node.ttl for node in found.nodes] + [alias.ttl for alias in found.cnames]
            if addresses:
                return _Answer(now + min(self._positive, *ttls), addresses)
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
