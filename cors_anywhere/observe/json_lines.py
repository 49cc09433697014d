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
        method, target = outcome.method, outcome.target
        level = "error" if status is not None and status >= 500 else "info"
        page = "" if origin is None else f'"Origin":[{quoted(printable(origin))}]'
        rest = _connection(outcome)
        if outcome.end is not End.COMPLETE or outcome.error or outcome.rule or outcome.detail:
            rest = _fault(outcome) + rest
        if outcome.hops:
            rest = _hops(outcome) + rest
        if outcome.key is not None:
            rest = f',"user_id":{quoted(outcome.key)}{rest}'
        return (
            f'{{"level":"{level}","ts":{self._now():.6f},"logger":"cors_anywhere.access"'
            f',"msg":"handled request","request_id":"{outcome.request_id}"'
            f',"request":{{"client_ip":{quoted(outcome.client)}'
            f',"method":{"null" if method is None else quoted(method)}'
            f',"uri":{"null" if target is None else quoted(cut(target, MOST_OF_A_URL))}'
            f',"headers":{{{page}}}}},"bytes_read":{outcome.received}'
            f',"duration":{outcome.times.total:.6f},"size":{outcome.sent}'
            f',"status":{status or 0}{rest}}}'
        )

    def of_message(self, level: str, text: str, logger: str = "cors_anywhere") -> str:
        """The line of anything else."""
        return (
            f'{{"level":"{level.lower()}","ts":{self._now():.6f}'
            f',"logger":{quoted(logger)},"msg":{quoted(text)}}}'
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
