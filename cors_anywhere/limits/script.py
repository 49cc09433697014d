"""What Redis is told to do: count several requests in one round trip.

Owns: the script, and the form of its arguments and of what it returns. Must not know: when it is
sent, or what becomes of a Redis that does not answer (in_redis.py).

The script counts as table.py does. Its clock is that of Redis, one for all proxies.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from cors_anywhere.limits.windows import Ask, Quota, Window, granted, refused

TAKE: Final = 0
CHARGE: Final = 1

_ROUNDING = "1e-6"  # as in windows.py

SCRIPT: Final = (
    """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local at, told = 1, {}

local function window(key, seconds)
    local start, count, before = now, 0, 0
    local held = redis.call('GET', key)
    if held then
        local a, b, c = string.match(held, '^(%S+) (%S+) (%S+)$')
        start, count, before = tonumber(a), tonumber(b), tonumber(c)
    end
    local passed = now - start
    if passed < 0 then
        return 0, count, before
    elseif passed < seconds then
        return passed, count, before
    elseif passed < 2 * seconds then
        return passed - seconds, 0, count
    end
    return 0, 0, 0
end

local function add(key, seconds, more, passed, count, before)
    local value = string.format('%.6f %.0f %.0f', now - passed, count + more, before)
    redis.call('SET', key, value, 'PX', math.ceil((2 * seconds - passed) * 1000))
end

while at <= #KEYS do
    local kind = tonumber(ARGV[4 * at - 3])
    local last = at + tonumber(ARGV[4 * at - 2]) - 1
    local windows, counted = {}, true
    for i = at, last do
        local amount, wanted = string.match(ARGV[4 * i - 1], '^(%d+) (%d+)$')
        local seconds = tonumber(ARGV[4 * i])
        local passed, count, before = window(KEYS[i], seconds)
        local used = count + before * (1 - passed / seconds)
        local room = kind == 1 or used + 1 <= tonumber(amount) + """
    + _ROUNDING
    + """
        counted = counted and room
        windows[i] = {passed, count, before, tonumber(wanted), seconds}
        told[i] = string.format('%d %.6f %.0f %.0f', room and 1 or 0, passed, count, before)
    end
    for i = at, last do
        local passed, count, before, more, seconds = unpack(windows[i])
        if counted and more > 0 then
            add(KEYS[i], seconds, more, passed, count, before)
        end
    end
    at = last + 1
end
return told
"""
)
"""KEYS are the asks' keys, one after another. Each has four ARGV: what is done with its group, how
many asks the group still has from here, the amount and what to add, and the seconds."""


def arguments(kind: int, asks: Sequence[Ask]) -> list[str | int]:
    """Those of one group."""
    said: list[str | int] = []
    for number, ask in enumerate(asks):
        said += (kind, len(asks) - number, f"{ask.amount} {ask.add}", ask.seconds)
    return said


def quotas(asks: Sequence[Ask], told: Sequence[bytes]) -> list[Quota]:
    """What is left of each limit, as the script told. Raises ValueError for an answer that is not
    the script's."""
    read = [_read(answer) for answer in told]
    counted = all(room for room, _ in read)
    return [
        _quota(ask, room, window, counted) for ask, (room, window) in zip(asks, read, strict=True)
    ]


def _read(told: bytes) -> tuple[bool, Window]:
    room, passed, count, before = told.split(b" ")
    return room == b"1", Window(float(passed), int(count), int(before))


def _quota(ask: Ask, room: bool, window: Window, counted: bool) -> Quota:
    if not room:
        return refused(window, ask.amount, ask.seconds)
    return granted(window, ask.amount, ask.seconds, ask.add if counted else 0)
