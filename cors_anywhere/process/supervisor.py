"""The parent of the workers: starts them, replaces those that die, passes orders on, ends.

Owns: the workers' lives, the listening sockets between them, and the exit status. Works as process
1 of a container: it reaps whatever it inherits. Must not know: what a worker does, or settings.

There is no event loop here: a process that forks must not have one.
"""

from __future__ import annotations

import logging
import os
import select
import signal
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from time import monotonic
from typing import Final, NoReturn

from cors_anywhere.process.activation import notify
from cors_anywhere.process.backoff import Backoff
from cors_anywhere.process.orders import HEEDED, READY, Interpreter, Order

LOG = logging.getLogger("cors_anywhere")

GRACE_SECONDS: Final = 1.0
"""For a worker to end beyond its own patience, before it is killed."""

AT_ONCE_SECONDS: Final = 0.5
"""For a worker that was told to end at once."""

FAILED: Final = 1
"""The exit status when something went wrong that was not the configuration."""

Work = Callable[[int, socket.socket], int]
"""What a worker does, given its number and its end of the line to the supervisor. It returns the
exit status, and unblocks the signals that are HEEDED when it heeds them."""


class Worker:
    """A place for a worker, and the process that fills it."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.pid = 0  # 0: none runs
        self.line: socket.socket | None = None
        self.ready = False
        self.backoff = Backoff()
        self.due = 0.0  # when the next is started

    def tell(self, order: Order) -> None:
        """Passes an order on."""
        if self.line is not None:
            try:
                self.line.send(order.value)
            except OSError:  # or it is stuck, and has more to read than it may ever do
                LOG.debug("Worker %d does not listen", self.number + 1)

    def hang_up(self) -> None:
        """Nobody is at the other end any more."""
        if self.line is not None:
            self.line.close()
            self.line = None


class Supervisor:
    """So many workers, from the first to the last.

    `sockets` are those that the workers listen on: they stay open here, so that nobody is refused
    while a worker is replaced. `patience` is the time in seconds that a worker takes for its end.
    An order that is in `before` is passed on only if what stands there says so.
    """

    def __init__(
        self,
        work: Work,
        count: int,
        sockets: Sequence[socket.socket],
        *,
        patience: float,
        before: Mapping[Order, Callable[[], bool]] = {},
    ) -> None:
        self._work = work
        self._workers = [Worker(number) for number in range(count)]
        self._sockets = sockets
        self.patience = patience
        self._before = before
        self._interpreter = Interpreter()
        self._orders: list[Order] = []  # heard, and not passed on yet; each once
        self._stopping = False
        self._tired = False  # somebody asked twice: to be killed is no failure then
        self._kill_at: float | None = None
        self._served = False
        self._status = 0

    def run(self, announce: Callable[[], object]) -> int:
        """Returns the exit status when no worker is left: 0, or 1 if one had to be killed at the
        end, or none could begin. `announce` is called when all of them listen for the first time.
        """
        self._wake, wake = socket.socketpair()
        for end in (self._wake, wake):
            end.setblocking(False)
        numbers = (*HEEDED, signal.SIGCHLD)
        before = {number: signal.signal(number, self._note) for number in numbers}
        former = signal.set_wakeup_fd(wake.fileno(), warn_on_full_buffer=False)
        try:
            for worker in self._workers:
                if not self._stopping:
                    self._start(worker)
            while any(worker.pid for worker in self._workers) or not self._stopping:
                self._step(announce)
        finally:
            signal.set_wakeup_fd(former)
            for number, handler in before.items():
                signal.signal(number, handler)
            self._wake.close()
            wake.close()
        return self._status

    # --- one turn ---------------------------------------------------------------------------------

    def _step(self, announce: Callable[[], object]) -> None:
        lines = {worker.line: worker for worker in self._workers if worker.line is not None}
        readable, _, _ = select.select([self._wake, *lines], (), (), self._seconds_left())
        for sock in readable:
            if sock is self._wake:
                sock.recv(4096)  # it tells that there is something, _note() what
            else:
                self._listen_to(lines[sock])
        orders, self._orders = self._orders, []
        for order in orders:
            self._pass_on(order)
        self._reap()
        if not self._served and all(worker.ready for worker in self._workers):
            self._served = True
            announce()
        now = monotonic()
        for worker in self._workers:
            if not (self._stopping or worker.pid) and worker.due <= now:
                self._start(worker)
        if self._kill_at is not None and self._kill_at <= now:
            self._kill()

    def _seconds_left(self) -> float | None:
        """Until something is due; None for never."""
        due = [worker.due for worker in self._workers if not (self._stopping or worker.pid)]
        if self._kill_at is not None:
            due.append(self._kill_at)
        return max(0.0, min(due) - monotonic()) if due else None

    def _note(self, number: int, _frame: object) -> None:
        """A signal came, maybe one of thousands: nothing but this list must grow, or be full when
        the one comes that stops."""
        if number != signal.SIGCHLD:
            order = self._interpreter.order(number)
            if order not in self._orders:
                self._orders.append(order)

    def _listen_to(self, worker: Worker) -> None:
        assert worker.line is not None
        try:
            said = worker.line.recv(64)
        except OSError:
            said = b""
        if not said:
            worker.hang_up()
        elif READY in said:
            worker.ready = True

    # --- orders -----------------------------------------------------------------------------------

    def _pass_on(self, order: Order) -> None:
        if order is Order.STOP:
            LOG.info("Stopping %d workers", len(self._workers))
            notify("STOPPING=1")
            self._stop(self.patience + GRACE_SECONDS)
        elif order is Order.AT_ONCE:
            self._tired = True
            self._stop(AT_ONCE_SECONDS)
        elif self._stopping or not self._before.get(order, _always)():
            return
        for worker in self._workers:
            worker.tell(order)

    def _stop(self, seconds: float) -> None:
        """Nobody is replaced any more, and whoever is there after so many seconds is killed."""
        self._stopping = True
        self._kill_at = monotonic() + seconds
        for sock in self._sockets:
            sock.close()

    def _kill(self) -> None:
        self._kill_at = None
        for worker in self._workers:
            if worker.pid:
                LOG.error("Worker %d does not end: killed", worker.number + 1)
                os.kill(worker.pid, signal.SIGKILL)

    # --- lives ------------------------------------------------------------------------------------

    def _start(self, worker: Worker) -> None:
        worker.backoff.started(monotonic())
        try:
            ours, theirs = socket.socketpair()
            with theirs:
                self._fork(worker, ours, theirs)
        except OSError as error:  # no process, memory or descriptor is left: it may be again
            self._missing(worker, f"cannot be started ({error.strerror})")

    def _fork(self, worker: Worker, ours: socket.socket, theirs: socket.socket) -> None:
        """No signal comes between: it would be taken for one of the parent's."""
        sys.stdout.flush()
        sys.stderr.flush()
        signal.pthread_sigmask(signal.SIG_BLOCK, HEEDED)
        try:
            worker.pid = os.fork()
            if not worker.pid:
                ours.close()
                self._become(worker.number, theirs)
        except OSError:
            ours.close()
            raise
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, HEEDED)
        ours.setblocking(False)
        worker.line, worker.ready = ours, False

    def _become(self, number: int, line: socket.socket) -> NoReturn:
        """The rest of a worker's life."""
        status = FAILED
        try:
            signal.set_wakeup_fd(-1)
            for received in (*HEEDED, signal.SIGCHLD):
                signal.signal(received, signal.SIG_DFL)
            self._wake.close()
            for other in self._workers:
                other.hang_up()
            status = self._work(number, line)
        except BaseException:
            LOG.exception("Worker %d has failed", number + 1)
        finally:
            logging.shutdown()
            sys.stdout.flush()
            os._exit(status)

    def _reap(self) -> None:
        """Takes note of all who died, those that were never ours among them."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            for worker in self._workers:
                if worker.pid == pid:
                    self._died(worker, os.waitstatus_to_exitcode(status))

    def _died(self, worker: Worker, status: int) -> None:
        pid, worker.pid, worker.ready = worker.pid, 0, False
        worker.hang_up()
        how = f"was ended by {signal.Signals(-status).name}" if status < 0 else f"ended ({status})"
        if self._stopping:
            if status and not (self._tired and status == -signal.SIGKILL):
                LOG.error("Worker %d (process %d) %s", worker.number + 1, pid, how)
                self._status = FAILED
            return
        self._missing(worker, f"(process {pid}) {how}")

    def _missing(self, worker: Worker, how: str) -> None:
        """One is to be started again, unless none of them ever served."""
        if not self._served:
            LOG.error("Worker %d %s before it listened", worker.number + 1, how)
            self._status = FAILED
            self._pass_on(self._interpreter.order(signal.SIGTERM))
            return
        now = monotonic()
        delay = worker.backoff.died(now)
        worker.due = now + delay
        soon = f" in {delay:g} s" if delay else ""
        LOG.error("Worker %d %s: replaced%s", worker.number + 1, how, soon)


def _always() -> bool:
    return True
