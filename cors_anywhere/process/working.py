"""One process that serves, from its first connection to its last.

Owns: what each order leads to, and in which order the end comes. Must not know: who gives the
orders, or how a connection is served.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import socket
import ssl
from collections.abc import Callable, Sequence
from typing import NamedTuple

from cors_anywhere.config.settings import Settings
from cors_anywhere.config.startup import Again
from cors_anywhere.process.activation import notify
from cors_anywhere.process.common import Common
from cors_anywhere.process.descriptors import client_limit, idle_limit
from cors_anywhere.process.logs import reopen_log
from cors_anywhere.process.orders import Order, Orders
from cors_anywhere.process.reloading import carried_out, renewed
from cors_anywhere.process.serving import ProxyServer
from cors_anywhere.process.watching import Kept, Watch
from cors_anywhere.proxy import Proxy

LOG = logging.getLogger("cors_anywhere")

_LAST = (Order.STOP, Order.LEAVE, Order.AT_ONCE)


class Duty(NamedTuple):
    """What a process serves, and where."""

    settings: Settings  # the command's
    sockets: list[socket.socket]
    common: Common
    again: Again
    admin: Sequence[
        socket.socket
    ] = ()  # of the operator's listener, which the first process serves
    kept: Kept | None = None  # what all processes write down, where somebody looks
    number: int = 0  # of this process, among all that serve
    tls: ssl.SSLContext | None = None
    """Made before the first worker: a client's session is resumed by whichever it comes to."""
    part: Callable[[Settings], Settings] | None = None
    """From the command's settings to a worker's own; None for who has no supervisor."""

    @property
    def own(self) -> Settings:
        """The settings of this process."""
        return self.settings if self.part is None else self.part(self.settings)


async def work(duty: Duty, orders: Orders, on_listening: Callable[[], object]) -> int:
    """Serves until told to stop; the exit status."""
    settings, common = duty.own, duty.common
    watch = Watch(duty.kept, duty.number, duty.admin)
    proxy = Proxy(
        settings,
        max_idle=idle_limit(),
        client_share=client_limit(settings),
        loop_token=common.loop_token,
        lines=common.lines,
        log=common.log,
        store=common.store,
        watch=watch.watchers,
    )
    server = ProxyServer(proxy, accepts_alone=duty.part is None, tls=duty.tls)
    proxy.own.add_sockets(duty.admin)  # that one must not be asked through the proxy either
    server.listen(duty.sockets)
    watch.begin(server)
    LOG.info(
        "At most %d client connections at a time, %d of one client",
        server.max_connections,
        min(server.max_connections, server.max_connections_per_client),
    )
    on_listening()
    while (order := await orders.get()) not in _LAST:
        if order is Order.REOPEN:
            reopen_log(common.log)
        else:
            duty = await _reloaded(duty, server)
            gc.collect()  # what the former settings were compiled into is full of cycles
    if duty.part is None:
        notify("STOPPING=1")
    if order is not Order.AT_ONCE:
        await _finish(server, duty.settings, orders, alone=order is Order.LEAVE)
    server.abort()
    await watch.end()
    await server.proxy.close()
    return 0


async def _reloaded(duty: Duty, server: ProxyServer) -> Duty:
    """The duty from now on: with new settings, unless something is wrong with them. Long lists take
    seconds to read, in which requests are served."""
    supervised = duty.part is not None
    settings = await asyncio.to_thread(lambda: renewed(duty.settings, duty.again, quiet=supervised))
    if settings is None:
        return duty
    changed = duty._replace(settings=settings)
    own = await asyncio.to_thread(lambda: changed.own)
    if not carried_out(lambda: server.renew(own)):
        return duty
    if not supervised:
        LOG.info("Reloaded")
    return changed


async def _finish(server: ProxyServer, settings: Settings, orders: Orders, *, alone: bool) -> None:
    """Lets what is under way end, unless somebody is tired of it."""
    draining = asyncio.ensure_future(_leave(server, settings, alone=alone))
    tired = asyncio.ensure_future(_told(Order.AT_ONCE, orders))
    await asyncio.wait((draining, tired), return_when=asyncio.FIRST_COMPLETED)
    draining.cancel()
    tired.cancel()


async def _leave(server: ProxyServer, settings: Settings, *, alone: bool) -> None:
    server.ready = False
    if settings.shutdown_delay and not alone:
        LOG.info("Told to stop: newcomers are served for %g s", settings.shutdown_delay)
        await asyncio.sleep(settings.shutdown_delay)
    LOG.info("Draining: %d connections are open", len(server.connections))
    await server.drain(settings.drain_timeout, others_go_on=alone)


async def _told(wanted: Order, orders: Orders) -> None:
    while await orders.get() is not wanted:
        pass
