"""Taking connections in, and keeping their number below what the process can hold.

Owns: the listening sockets, and what becomes of whoever asks to come in: a place, a wait for one,
or a refusal. Must not know: who is entitled to a place (shares.py), or what travels on a
connection.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import ssl
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from cors_anywhere.errors import ProxyError
from cors_anywhere.http1.server import ServerConnection
from cors_anywhere.messages import UNIX, Answer
from cors_anywhere.process.closing import let_nobody_in
from cors_anywhere.process.places import ClientPlace, Make
from cors_anywhere.process.refusing import Refusals
from cors_anywhere.process.shares import Admission, Shares

LOG = logging.getLogger("cors_anywhere")

BACKLOG = 1024
QUEUE = BACKLOG + 1
"""What the kernel lets wait then."""

ACCEPTS_PER_TURN = 16
"""Connections taken in one turn of the event loop, so that a flood does not keep it busy. Those
that give way hold their descriptors to its end. Of several workers none takes more than one: they
share the socket, and whoever is first must not have all."""

WAITING_ROOM = 8
"""Newcomers that wait inside for a place. The kernel's queue is no place to wait: whoever comes
behind one who is not entitled could be."""

WAITING_SECONDS = 2.0
RETRY_SECONDS = 0.1
COMPLAINT_SECONDS = 10.0
"""At most one line of log in this time about descriptors, and one about refusals."""


class House(NamedTuple):
    """How newcomers are received."""

    make: Make
    client_of: Callable[[str], str | None]
    """From a peer's address to the client that it counts as; None is a front server."""
    shares: Shares[ClientPlace]
    full: ProxyError  # for those for whom there is no place
    beyond_share: ProxyError
    turn_away: Callable[[ProxyError, str], Answer]
    """The reply to a peer that gets no place, whatever it asks; see Relay.turn_away."""
    tls: ssl.SSLContext | None
    accepts_per_turn: int = ACCEPTS_PER_TURN


class Newcomer(NamedTuple):
    """An accepted socket that has no place yet."""

    sock: socket.socket
    client: str | None
    until: float


class Acceptor:
    """Accepts whoever comes, and gives each a place, a wait or a refusal, as the shares rule.

    A slow client costs nothing while places are free. When they are not, the clients that hold the
    most and those who keep the proxy waiting give way: so a crowd, whatever it does and however
    large, cannot shut out the others (nginx recycles idle connections alike).
    """

    def __init__(self, house: House, connections: set[ServerConnection]) -> None:
        self._house = house
        self._shares = house.shares
        self._connections = connections
        self._loop = asyncio.get_running_loop()
        self._listening: list[socket.socket] = []
        self._waiting: deque[Newcomer] = deque()
        self._refusals = Refusals()
        self._refused = 0
        self._complained = self._told = -COMPLAINT_SECONDS
        self._pausing: asyncio.TimerHandle | None = None
        self._retry: asyncio.TimerHandle | None = None
        self._closed = False
        self._empty = asyncio.Event()

    def renew(self, house: House) -> None:
        """Receives newcomers in another way from now on; the shares are the same."""
        self._house = house

    def listen(self, sock: socket.socket) -> None:
        """Begins to accept on a bound socket."""
        sock.setblocking(False)
        sock.listen(BACKLOG)
        self._listening.append(sock)
        self._loop.add_reader(sock, self._accept, sock)

    def close(self, *, others_go_on: bool = False) -> None:
        """Stops listening, after taking in those whose connection the kernel made already; where
        `others_go_on` with the same sockets, those are theirs."""
        self._closed = True
        if self._pausing is not None:
            self._pausing.cancel()
        for sock in self._listening:
            self._loop.remove_reader(sock)
            if not others_go_on:
                let_nobody_in(sock)
                self._accept(sock)
            sock.close()
        self._listening.clear()
        self._look_whether_empty()

    def abort(self) -> None:
        """Drops all who have no connection yet."""
        self.close()
        if self._retry is not None:
            self._retry.cancel()
        while self._waiting:
            self._waiting.popleft().sock.close()
        self._refusals.close()
        self._look_whether_empty()

    async def wait_empty(self) -> None:
        """Returns when no connection is left."""
        await self._empty.wait()

    # --- the places tell of themselves ------------------------------------------------------------

    def opened(self, connection: ServerConnection, /) -> None:
        """A connection is open."""
        self._connections.add(connection)
        if self._closed:
            connection.drain()

    def freed(self, place: ClientPlace, /) -> None:
        """A place is not needed any more."""
        self._vacate(place)
        if self._waiting:
            self._look_again()
        self._look_whether_empty()

    def _vacate(self, place: ClientPlace) -> None:
        self._shares.give_back(place.client, place)
        if place.connection is not None:
            self._connections.discard(place.connection)

    def _look_whether_empty(self) -> None:
        if self._closed and not len(self._shares) and not self._waiting:
            self._empty.set()

    # --- accepting --------------------------------------------------------------------------------

    def _accept(self, listening: socket.socket) -> None:
        for _ in range(QUEUE if self._closed else self._house.accepts_per_turn):
            try:
                sock, peer = listening.accept()
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
                    self._complain(error)
                    self._pause()
                    return
                continue  # that connection was gone before it was taken (accept(2))
            sock.setblocking(False)
            until = self._loop.time() + WAITING_SECONDS
            self._receive(Newcomer(sock, self._house.client_of(peer[0] if peer else UNIX), until))

    def _receive(self, newcomer: Newcomer) -> None:
        verdict = self._seat(newcomer)
        if verdict is Admission.REFUSE:
            self._refuse(newcomer, self._house.beyond_share)
        elif verdict is Admission.WAIT and len(self._waiting) < WAITING_ROOM:
            self._waiting.append(newcomer)
            self._retry_soon()
        elif verdict is Admission.WAIT:
            self._refuse(newcomer, self._house.full)

    def _seat(self, newcomer: Newcomer) -> Admission:
        """Gives the newcomer its place if it is to have one."""
        verdict, give_way = self._shares.rule(newcomer.client, self._loop.time())
        for place in give_way:
            self._vacate(place)
            place.give_way()
        if verdict is Admission.SEAT:
            place = ClientPlace(newcomer.client, self)
            self._shares.take(newcomer.client, place)
            place.begin(newcomer.sock, self._house.make, self._house.tls)
        return verdict

    def _look_again(self) -> None:
        """Whether there is a place by now for those who wait."""
        now = self._loop.time()
        for newcomer in list(self._waiting):
            verdict = self._seat(newcomer)
            if verdict is Admission.WAIT and now < newcomer.until:
                continue
            self._waiting.remove(newcomer)
            if verdict is not Admission.SEAT:
                self._refuse(newcomer, self._house.full)
        self._look_whether_empty()

    def _retry_soon(self) -> None:
        if self._retry is None:
            self._retry = self._loop.call_later(RETRY_SECONDS, self._retry_now)

    def _retry_now(self) -> None:
        self._retry = None
        self._look_again()
        if self._waiting:
            self._retry_soon()

    # --- those who get no place -------------------------------------------------------------------

    def _refuse(self, newcomer: Newcomer, why: ProxyError) -> None:
        self._refused += 1
        whom = newcomer.client or "a front server"
        now = self._loop.time()
        if now >= self._told + COMPLAINT_SECONDS:
            self._told = now
            LOG.warning("No place for %s; %d were refused so far", whom, self._refused)
        if self._house.tls is None:
            self._refusals.refuse(newcomer.sock, self._house.turn_away(why, whom))
        else:
            newcomer.sock.close()  # a handshake would cost more than the refusal is worth

    def _complain(self, error: OSError) -> None:
        now = self._loop.time()
        if now >= self._complained + COMPLAINT_SECONDS:
            self._complained = now
            LOG.warning("Cannot accept: %s", error.strerror)

    def _pause(self) -> None:
        """Leaves the others in the kernel's queue for a moment."""
        if self._pausing is None and not self._closed:
            for sock in self._listening:
                self._loop.remove_reader(sock)
            self._pausing = self._loop.call_later(RETRY_SECONDS, self._resume)

    def _resume(self) -> None:
        self._pausing = None
        for sock in self._listening:
            self._loop.add_reader(sock, self._accept, sock)
