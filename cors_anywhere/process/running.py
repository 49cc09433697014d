"""The command's process: its log, its memory, and who serves.

Owns: whether it serves itself or has workers do so. Must not know: how it is served, or what an
order leads to.
"""

from __future__ import annotations

import gc
import logging
import socket
from collections.abc import Callable, Sequence

from cors_anywhere.config.settings import Settings
from cors_anywhere.config.startup import Again
from cors_anywhere.config.suffixes import has_public_suffix
from cors_anywhere.form import form
from cors_anywhere.process.activation import notify
from cors_anywhere.process.common import common, part_of
from cors_anywhere.process.cores import cores
from cors_anywhere.process.logs import reopen_log, start_log
from cors_anywhere.process.loops import run_on
from cors_anywhere.process.orders import Line, Order, by_signals
from cors_anywhere.process.reloading import renewed, tell_of
from cors_anywhere.process.sockets import bind, bind_admin, server_tls
from cors_anywhere.process.supervisor import Supervisor
from cors_anywhere.process.watching import keep
from cors_anywhere.process.working import Duty, work

__all__ = ["bind", "bind_admin", "run"]

LOG = logging.getLogger("cors_anywhere")


def run(
    settings: Settings,
    sockets: list[socket.socket],
    *,
    again: Again,
    admin: Sequence[socket.socket] = (),
    on_listening: Callable[[], object] | None = None,
) -> int:
    """Serves until SIGTERM or SIGINT; the exit status. `again` reads the settings anew."""
    log = start_log(settings)
    try:
        _calm_garbage_collector()
        LOG.info("Running as %s on %s", form(), settings.event_loop)
        count = settings.workers or cores()
        kept = keep(count) if admin else None
        duty = Duty(settings, sockets, common(log, settings, count), again, list(admin), kept)
        return _run(duty, count, on_listening)
    finally:
        log.close()


def _run(duty: Duty, count: int, on_listening: Callable[[], object] | None) -> int:
    def announce() -> None:
        if on_listening is not None:
            on_listening()
        notify("READY=1")

    if count == 1:
        return run_on(duty.settings.event_loop, _serve(duty, announce))
    return _supervise(duty, count, announce)


async def _serve(duty: Duty, announce: Callable[[], object]) -> int:
    return await work(duty, by_signals(), announce)


def _supervise(duty: Duty, count: int, announce: Callable[[], object]) -> int:
    has_public_suffix("example.com")  # whose list is read once, not by every worker
    duty = duty._replace(tls=server_tls(duty.settings))

    async def serve(number: int, sock: socket.socket) -> int:
        line = Line(sock)
        own = duty._replace(number=number, part=lambda settings: part_of(settings, number, count))
        return await work(own, line.orders, line.ready)

    def may_reload() -> bool:
        nonlocal duty
        settings = renewed(duty.settings, duty.again)
        if settings is None:
            return False
        try:
            tls = server_tls(settings)
        except OSError as error:  # ssl.SSLError among them
            tell_of(error)
            return False
        duty = duty._replace(settings=settings, tls=tls)
        supervisor.patience = _patience(settings)
        LOG.info("Reloaded")
        gc.collect()
        return True

    def reopen() -> bool:
        reopen_log(duty.common.log)
        return True

    supervisor = Supervisor(
        lambda number, sock: run_on(duty.settings.event_loop, serve(number, sock)),
        count,
        [*duty.sockets, *duty.admin],
        patience=_patience(duty.settings),
        before={Order.RELOAD: may_reload, Order.REOPEN: reopen},
    )
    return supervisor.run(announce)


def _patience(settings: Settings) -> float:
    return settings.shutdown_delay + settings.drain_timeout


def _calm_garbage_collector() -> None:
    """Collects rarely, and never looks at what start-up made.

    A request leaves next to no cycles, yet allocates enough for the default thresholds to start
    several collections each: 103 to 113 instead of 114 to 141 microseconds a request (1 KiB over
    HTTP, four rounds in turn, two shared cores).
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 100)
