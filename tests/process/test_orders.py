"""What a process is told, by signals and by its supervisor."""

from __future__ import annotations

import asyncio
import os
import signal
import socket

from cors_anywhere.process.orders import READY, Interpreter, Line, Order, by_signals
from tests.support import PATIENCE


def heard(*numbers: int) -> list[Order]:
    interpreter = Interpreter()
    return [interpreter.order(number) for number in numbers]


def test_the_second_signal_to_stop_leaves_no_time() -> None:
    term, interrupt = signal.SIGTERM, signal.SIGINT
    assert heard(term, term) == heard(interrupt, term) == [Order.STOP, Order.AT_ONCE]


def test_other_signals_stop_nothing() -> None:
    numbers = (signal.SIGHUP, signal.SIGHUP, signal.SIGUSR1, signal.SIGTERM)
    assert heard(*numbers) == [Order.RELOAD, Order.RELOAD, Order.REOPEN, Order.STOP]


def test_a_process_heeds_its_signals() -> None:
    async def told() -> list[Order]:
        orders = by_signals()
        async with asyncio.timeout(PATIENCE):
            for number in (signal.SIGHUP, signal.SIGUSR1, signal.SIGTERM):
                os.kill(os.getpid(), number)
            return [await orders.get() for _ in range(3)]

    assert set(asyncio.run(told())) == {Order.RELOAD, Order.REOPEN, Order.STOP}


async def _taken(line: Line, count: int) -> list[Order]:
    async with asyncio.timeout(PATIENCE):
        return [await line.orders.get() for _ in range(count)]


def test_a_worker_hears_its_supervisor() -> None:
    async def talk() -> list[Order]:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            line = Line(theirs)
            line.ready()
            assert ours.recv(10) == READY
            ours.send(Order.RELOAD.value + Order.STOP.value + Order.AT_ONCE.value)
            return await _taken(line, 3)

    assert asyncio.run(talk()) == [Order.RELOAD, Order.STOP, Order.AT_ONCE]


def test_a_signal_to_a_worker_is_for_it_alone_and_leaves_time_however_often_it_comes() -> None:
    async def talk() -> list[Order]:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            line = Line(theirs)
            told = []
            for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGINT):
                os.kill(os.getpid(), number)
                told += await _taken(line, 1)
            return told

    assert asyncio.run(talk()) == [Order.LEAVE] * 3


def test_a_signal_that_the_supervisor_got_too_is_for_all() -> None:
    async def talk() -> list[Order]:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            line = Line(theirs)
            os.kill(os.getpid(), signal.SIGTERM)
            ours.send(Order.STOP.value)
            return await _taken(line, 2)

    assert asyncio.run(talk()) == [Order.STOP, Order.LEAVE]


def test_a_worker_whose_supervisor_has_gone_stops() -> None:
    async def talk() -> list[Order]:
        ours, theirs = socket.socketpair()
        with theirs:
            line = Line(theirs)
            ours.close()
            return await _taken(line, 1)

    assert asyncio.run(talk()) == [Order.STOP]


def test_what_many_signals_ask_for_is_done_once_and_stopping_does_not_wait() -> None:
    async def told() -> list[Order]:
        orders = by_signals()
        async with asyncio.timeout(PATIENCE):
            first = [Order.RELOAD, Order.RELOAD, Order.REOPEN, Order.RELOAD, Order.STOP]
            for order in first:
                orders.give(order)
            return [await orders.get() for _ in range(3)]

    assert asyncio.run(told()) == [Order.RELOAD, Order.REOPEN, Order.STOP]
