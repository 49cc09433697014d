"""One process that serves, from its first connection to its last.

Owns: what each order leads to, and in which order the end comes. Must not know: who gives the
orders, or how a connection is served.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from typing import NamedTuple

from cors_anywhere.config.settings import Settings
from cors_anywhere.process.common import Common
from cors_anywhere.process.descriptors import client_limit, idle_limit
from cors_anywhere.process.orders import Order, Orders
from cors_anywhere.process.serving import ProxyServer
from cors_anywhere.proxy import Proxy

LOG = logging.getLogger("cors_anywhere")


class Duty(NamedTuple):
    """What a process serves, and where."""

    settings: Settings
    sockets: list[socket.socket]
    common: Common


async def work(duty: Duty, orders: Orders, on_listening: Callable[[], object]) -> int:
    """Serves until told to stop; the exit status."""
    settings, common = duty.settings, duty.common
    proxy = Proxy(
        settings,
        max_idle=idle_limit(),
        client_share=client_limit(settings),
        loop_token=common.loop_token,
        lines=common.lines,
    )
    server = ProxyServer(proxy)
    server.listen(duty.sockets)
    LOG.info(
        "At most %d client connections at a time, %d of one client",
        server.max_connections,
        min(server.max_connections, server.max_connections_per_client),
    )
    on_listening()
    while (order := await orders.get()) not in (Order.STOP, Order.AT_ONCE):
        LOG.info("Told to %s, which does nothing here", order.name.lower())
    if order is Order.STOP:
        await _finish(server, settings, orders)
    server.abort()
    await server.proxy.close()
    return 0


async def _finish(server: ProxyServer, settings: Settings, orders: Orders) -> None:
    """Lets what is under way end, unless somebody is tired of it."""
    LOG.info("Draining: %d connections are open", len(server.connections))
    draining = asyncio.ensure_future(server.drain(settings.drain_timeout))
    tired = asyncio.ensure_future(_told(Order.AT_ONCE, orders))
    await asyncio.wait((draining, tired), return_when=asyncio.FIRST_COMPLETED)
    draining.cancel()
    tired.cancel()


async def _told(wanted: Order, orders: Orders) -> None:
    while await orders.get() is not wanted:
        pass
