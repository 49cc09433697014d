"""The log as JSON, an object a line, for programs.

Owns: the names of its members: those that Caddy's log has for the same thing, so that what reads
the one reads the other, and ours for the rest. Must not know: where lines go.
"""

from __future__ import annotations

from collections.abc import Callable
from json.encoder import encode_basestring_ascii as quoted
from time import time
from typing import Final

from cors_anywhere.observe.words import cut, printable
from cors_anywhere.outcome import End, Outcome, Times
from cors_anywhere.recent import Recent
from cors_anywhere.tokens import MAX_ORIGIN

MOST_OF_A_URL = 1000
MOST_OF_A_HOP = 200
"""Characters, as in the text's lines."""

_METHODS: Final[dict[str | None, str]] = {
    None: "null",
    **{method: f'"{method}"' for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")},
}
_ORIGINS = 256
"""How many are remembered as they are written: pages ask again and again."""


class JsonLines:
    """Makes lines, without their ends, of ASCII. `now` is the wall clock's seconds since the epoch,
    which `ts` holds."""

    def __init__(self, *, now: Callable[[], float] = time) -> None:
        self._now = now
        self._millisecond = -1
        self._stamp = ""
        self._begins = ""
        self._origins: Recent[str, str] = Recent(_ORIGINS)

    def of_outcome(self, outcome: Outcome) -> str:
        """The line of one request. Durations are in seconds, sizes in octets of the body."""
        # All at once: each by its name takes three times as long.
        (
            request_id, client, origin, method, target, _, hops, status, end, error, rule, detail,
            received, sent, times, reused, key,
        ) = outcome  # fmt: skip
        stamp = self._time()
        begun = self._begins
        if status is not None and status >= 500:
            begun = _beginning_of("error", stamp)
        page = "{}" if origin is None else self._origins.get(origin) or self._page(origin)
        rest = _connection(times, reused)
        if end is not End.COMPLETE or error or rule or detail:
            rest = _fault(outcome) + rest
        if hops:
            rest = _hops(outcome) + rest
        if key is not None:
            rest = f',"user_id":{quoted(key)}{rest}'
        return (
            f'{begun}{request_id}","request":{{"client_ip":{quoted(client)}'
            f',"method":{_METHODS.get(method) or quoted(method or "")}'
            f',"uri":{"null" if target is None else quoted(cut(target, MOST_OF_A_URL))}'
            f',"headers":{page}}},"bytes_read":{received}'
            f',"duration":{_seconds(times.total)},"size":{sent}'
            f',"status":{0 if status is None else status}{rest}}}'
        )

    def of_message(self, level: str, text: str, logger: str = "cors_anywhere") -> str:
        """The line of anything else."""
        return (
            f'{{"level":"{level.lower()}","ts":{self._time()}'
            f',"logger":{quoted(logger)},"msg":{quoted(text)}}}'
        )

    def _page(self, origin: str) -> str:
        page = f'{{"Origin":[{quoted(printable(origin))}]}}'
        if len(origin) <= MAX_ORIGIN:
            self._origins.put(origin, page)
        return page

    def _time(self) -> str:
        """Made once for all lines of a millisecond, with how most of them begin: that is a fifth of
        a line's time."""
        millisecond = int(self._now() * 1000)
        if millisecond != self._millisecond:
            self._millisecond = millisecond
            self._stamp = f"{millisecond // 1000}.{str(millisecond % 1000).zfill(3)}"
            self._begins = _beginning_of("info", self._stamp)
        return self._stamp


def _beginning_of(level: str, stamp: str) -> str:
    return (
        f'{{"level":"{level}","ts":{stamp},"logger":"cors_anywhere.access"'
        ',"msg":"handled request","request_id":"'
    )


def _hops(outcome: Outcome) -> str:
    hops = ",".join(f"[{hop.status},{quoted(cut(hop.url, MOST_OF_A_HOP))}]" for hop in outcome.hops)
    return f',"redirects":[{hops}],"final":{quoted(cut(outcome.final or "", MOST_OF_A_URL))}'


def _fault(outcome: Outcome) -> str:
    said = ""
    if outcome.error is not None:
        said = f',"error":"{outcome.error}"'
    if outcome.rule is not None:
        said += f',"rule":"{outcome.rule}"'
    if outcome.detail:
        said += f',"detail":{quoted(printable(outcome.detail))}'
    return said if outcome.end is End.COMPLETE else f'{said},"end":"{outcome.end.value}"'


def _connection(times: Times, reused: bool | None) -> str:
    """What it took to be answered by a target; a connection that was reused took nothing."""
    look_up, connect, first_octet, _ = times
    said = ""
    if reused is not None:
        said = ',"reused":true' if reused else ',"reused":false'
    if look_up or connect:
        said += f',"look_up":{_seconds(look_up or 0.0)},"connect":{_seconds(connect or 0.0)}'
    if first_octet is not None:
        said += f',"first_octet":{_seconds(first_octet)}'
    return said


def _seconds(seconds: float) -> str:
    """To the microsecond. Below a second it is put together by hand, in half of the time; within an
    f-string, compiled, it would take longer than all the rest of a line."""
    microseconds = int(seconds * 1e6 + 0.5)
    if 0 <= microseconds < 1_000_000:
        return "0." + str(1_000_000 + microseconds)[1:]
    return format(seconds, ".6f")
