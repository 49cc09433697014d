"""What a serving process can be told, and by whom: signals, or its supervisor.

Owns: which signal means what, and what supervisor and worker say to each other. Must not know: how
an order is carried out.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
from enum import Enum
from typing import Final

LOG = logging.getLogger("cors_anywhere")


class Order(Enum):
    """What a process is told; the value is the octet by which a supervisor says so."""

    STOP = b"s"  # all of the service: finish what is under way; again it means nothing new
    LEAVE = b"."  # the same for one of several processes: the others go on
    AT_ONCE = b"!"  # finish nothing
    RELOAD = b"r"
    REOPEN = b"l"  # the log file


READY: Final = b"+"
"""What a worker says when it listens."""

ALONE_SECONDS: Final = 0.5
"""After a signal to a worker: whoever signals a whole group has the supervisor stop it, too."""

_ALL: Final = 4096
"""Octets: more than ever wait on a line."""

STOPPING: Final = (signal.SIGTERM, signal.SIGINT)
OTHERS: Final = {signal.SIGHUP: Order.RELOAD, signal.SIGUSR1: Order.REOPEN}
HEEDED: Final = (*STOPPING, *OTHERS)


class Interpreter:
    """From signals to orders: the first that stops leaves time, a second one none."""

    def __init__(self) -> None:
        self._stopping = False

    def order(self, number: int) -> Order:
        """What a signal means; its number is one of STOPPING and OTHERS."""
        if number not in STOPPING:
            return OTHERS[signal.Signals(number)]
        order = Order.AT_ONCE if self._stopping else Order.STOP
        self._stopping = True
        return order


class Orders:
    """What a process is still to do, each order once: files that are read now are read for all who
    asked until now, and a storm of signals must not keep the order to stop waiting behind it."""

    def __init__(self) -> None:
        self._waiting: list[Order] = []
        self._some = asyncio.Event()

    def give(self, order: Order) -> None:
        """It is done when its turn comes."""
        if order not in self._waiting:
            self._waiting.append(order)
        self._some.set()

    async def get(self) -> Order:
        """The next one, as soon as there is one."""
        await self._some.wait()
        order = self._waiting.pop(0)
        if not self._waiting:
            self._some.clear()
        return order


def by_signals() -> Orders:
    """The orders of a process that nobody supervises."""
    orders = Orders()
    interpreter = Interpreter()
    loop = asyncio.get_running_loop()

    def heard(number: int) -> None:
        orders.give(interpreter.order(number))

    for number in HEEDED:
        loop.add_signal_handler(number, heard, number)
    return orders


class Line:
    """A worker's end of the line to its supervisor.

    Signals to stop are obeyed too, and mean no more when they come twice: a terminal's Ctrl-C and
    an init system's SIGTERM reach workers and supervisor alike. One that the supervisor did not get
    is for this worker alone. When the supervisor has gone, the worker goes: nobody would know of
    it.
    """

    def __init__(self, sock: socket.socket) -> None:
        self.orders = Orders()
        self._sock = sock
        self._loop = asyncio.get_running_loop()
        sock.setblocking(False)
        self._loop.add_reader(sock, self._read)
        for number in STOPPING:
            self._loop.add_signal_handler(number, self._signalled)
        for number in OTHERS:  # the supervisor's to answer
            self._loop.add_signal_handler(number, _nothing)
        # Blocked since before the fork: until now they would have ended the process.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, HEEDED)

    def _signalled(self) -> None:
        self._loop.call_later(ALONE_SECONDS, self.orders.give, Order.LEAVE)

    def ready(self) -> None:
        """Tells that the worker listens."""
        try:
            self._sock.send(READY)
        except OSError:
            LOG.debug("The supervisor has gone")

    def _read(self) -> None:
        try:
            said = self._sock.recv(_ALL)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            said = b""
        if not said:
            self._loop.remove_reader(self._sock)
        for octet in said or Order.STOP.value:
            self.orders.give(Order(bytes((octet,))))


def _nothing() -> None:
    """A signal that is somebody else's."""
