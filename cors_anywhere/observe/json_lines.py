"""The log as JSON, an object a line, for programs.

Owns: the names of its members: those that Caddy's log has for the same thing, so that what reads
the one reads the other, and ours for the rest. Must not know: where lines go.
"""

from __future__ import annotations

from collections.abc import Callable
from json.encoder import encode_basestring_ascii as quoted
from time import time

from cors_anywhere.observe.words import cut, printable
from cors_anywhere.outcome import End, Outcome

MOST_OF_A_URL = 1000
MOST_OF_A_HOP = 200
"""Characters, as in the text's lines."""


class JsonLines:
    """Makes lines, without their ends, of ASCII. `now` is the wall clock's seconds since the epoch,
    which `ts` holds."""

    def __init__(self, *, now: Callable[[], float] = time) -> None:
        self._now = now

    def of_outcome(self, outcome: Outcome) -> str:
        """The line of one request. Durations are in seconds, sizes in octets of the body."""
        status, origin = outcome.status, outcome.origin
        level = "error" if status is not None and status >= 500 else "info"
        fields = "" if origin is None else f'"Origin":[{quoted(printable(origin))}]'
        return (
            f'{{"level":"{level}","ts":{self._now():.6f},"logger":"cors_anywhere.access"'
            f',"msg":"handled request","request_id":"{outcome.request_id}"'
            f',"request":{{"client_ip":{quoted(outcome.client)},"method":{_text(outcome.method)}'
            f',"uri":{_url(outcome.target, MOST_OF_A_URL)},"headers":{{{fields}}}}}{_user(outcome)}'
            f',"bytes_read":{outcome.received},"duration":{outcome.times.total:.6f}'
            f',"size":{outcome.sent},"status":{0 if status is None else status}'
            f"{_hops(outcome)}{_fault(outcome)}{_connection(outcome)}}}"
        )

    def of_message(self, level: str, text: str, logger: str = "cors_anywhere") -> str:
        """The line of anything else."""
        return (
            f'{{"level":"{level.lower()}","ts":{self._now():.6f}'
            f',"logger":{quoted(logger)},"msg":{quoted(text)}}}'
        )


def _user(outcome: Outcome) -> str:
    return "" if outcome.key is None else f',"user_id":{quoted(outcome.key)}'


def _hops(outcome: Outcome) -> str:
    if not outcome.hops:
        return ""
    hops = ",".join(f"[{hop.status},{_url(hop.url, MOST_OF_A_HOP)}]" for hop in outcome.hops)
    return f',"redirects":[{hops}],"final":{_url(outcome.final, MOST_OF_A_URL)}'


def _fault(outcome: Outcome) -> str:
    said = ""
    if outcome.error is not None:
        said = f',"error":"{outcome.error}"'
    if outcome.rule is not None:
        said += f',"rule":"{outcome.rule}"'
    if outcome.detail is not None:
        said += f',"detail":{quoted(printable(outcome.detail))}'
    return said if outcome.end is End.COMPLETE else f'{said},"end":"{outcome.end.value}"'


def _connection(outcome: Outcome) -> str:
    """What it took to be answered by a target; a connection that was reused took nothing."""
    times, said = outcome.times, ""
    if outcome.reused is not None:
        said = f',"reused":{"true" if outcome.reused else "false"}'
    if times.look_up or times.connect:
        said += f',"look_up":{times.look_up or 0.0:.6f},"connect":{times.connect or 0.0:.6f}'
    if times.first_octet is not None:
        said += f',"first_octet":{times.first_octet:.6f}'
    return said


def _url(url: str | None, most: int) -> str:
    return "null" if url is None else quoted(cut(url, most))


def _text(text: str | None) -> str:
    return "null" if text is None else quoted(text)
