"""What is counted of requests, for whoever watches many.

Owns: the series and their places in a row of numbers; nothing that a stranger chooses is one of
them. Must not know: how they are shown (exposition.py).

A request costs a dozen additions here, to numbers of the process's own: to one in memory that is
shared, each takes 1.7 times as long in plain Python and more when compiled. Nothing is looked up in
a registry.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import Final, TypeGuard

from cors_anywhere import errors
from cors_anywhere.outcome import End, Outcome, Times


def _is_failure(one: object) -> TypeGuard[type[errors.ProxyError]]:
    return isinstance(one, type) and issubclass(one, errors.ProxyError)


OUTCOMES: Final = ("served", "refused", "failed", "aborted", "client_gone")
CLASSES: Final = ("1xx", "2xx", "3xx", "4xx", "5xx", "none")
OTHER: Final = "other"

RULES: Final = (  # what refuses a request, and a row for what is not listed here
    *("allowed-origins", "allowed-targets", "api-key", "bad-port", "body-size", "byte-limit"),
    *("callback", "content-type", "denied", "denied-origin", "denied-target", "documentation"),
    *("embedded", "get-coding", "get-method", "get-room", "get-size", "header-override"),
    *("invalid", "link-local", "loop", "loopback", "metadata", "method", "multicast"),
    *("navigation", "open-proxy", "origin-length", "origin-twice", "own-address", "private"),
    *("rate-limit", "required-header", "reserved", "response-size", "service-worker", "shared"),
    *("single-label", "special-name", "target-share", "url-parameter", OTHER),
)
ERRORS: Final = (  # RFC 9209 section 2.3, of those that are raised
    *sorted({one.error for one in vars(errors).values() if _is_failure(one) and one.error}),
    OTHER,
)
TIMES: Final = ("look_up", "connect", "first_octet", "total")
BOUNDS: Final[Sequence[float]] = (0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0, 120.0)
"""Seconds: the upper ends of the histograms' buckets, but for the last, which has none."""

GAUGES: Final = (
    *("connections", "requests_under_way", "idle_target_connections", "store_troubles"),
    "event_loop_lag",
)

_HISTOGRAM: Final = len(BOUNDS) + 2  # the buckets, one without an end, and the sum

REQUESTS: Final = 0
REFUSALS: Final = REQUESTS + len(OUTCOMES) * len(CLASSES)
FAILURES: Final = REFUSALS + len(RULES)
HISTOGRAMS: Final = FAILURES + len(ERRORS)
OCTETS: Final = HISTOGRAMS + len(TIMES) * _HISTOGRAM  # received, sent
CONNECTIONS: Final = OCTETS + 2  # to targets: new, reused
GAUGE: Final = CONNECTIONS + 2
WIDTH: Final = GAUGE + len(GAUGES)

_RULE: Final = {rule: place for place, rule in enumerate(RULES, REFUSALS)}
_ERROR: Final = {error: place for place, error in enumerate(ERRORS, FAILURES)}
_FIRST_BOUND: Final[float] = BOUNDS[0]  # most requests take no longer
_LATENESS: Final = dict(zip((End.ABORTED, End.CLIENT_GONE), (3, 4), strict=True))


class Metrics:
    """Counts outcomes, and goes on where `row` was left, which is WIDTH numbers.

    They are written down there by what is given to `later`, which is to call it soon.
    """

    def __init__(
        self, row: memoryview[float], later: Callable[[Callable[[], None]], object]
    ) -> None:
        self._row = row
        self._numbers: list[float] = [float(number) for number in row]
        self._later = later
        self._waits = False  # to be written down

    def __call__(self, outcome: Outcome) -> None:
        """One request has ended."""
        row = self._numbers
        # All at once: each by its name takes three times as long.
        (_, _, _, _, _, _, _, status, end, error, rule, _, received, sent, times, reused, _) = (
            outcome
        )
        group = 5 if status is None or not 100 <= status <= 599 else status // 100 - 1
        kind = 0  # the place in OUTCOMES
        if end is not End.COMPLETE:
            kind = _LATENESS[end]
        elif rule is not None:
            kind = 1
        elif error is not None:
            kind = 2
        row[REQUESTS + kind * len(CLASSES) + group] += 1.0
        if rule is not None:
            row[_RULE.get(rule, _RULE[OTHER])] += 1.0
        if error is not None:
            row[_ERROR.get(error, _ERROR[OTHER])] += 1.0
        if received:
            row[OCTETS] += float(received)
        row[OCTETS + 1] += float(sent)
        if reused is not None:
            row[CONNECTIONS + int(reused)] += 1.0
        self._time(times)
        if not self._waits:
            self._waits = True
            self._later(self.write_down)

    def _time(self, times: Times) -> None:
        row = self._numbers
        start = HISTOGRAMS
        for seconds in times:
            if seconds:  # a connection that was reused took no time
                bucket = 0 if seconds <= _FIRST_BOUND else bisect_left(BOUNDS, seconds)
                row[start + bucket] += 1.0
                row[start + _HISTOGRAM - 1] += seconds
            start += _HISTOGRAM

    def gauge(self, values: Sequence[float]) -> None:
        """What is so just now, in the order of GAUGES."""
        for place, value in enumerate(values, GAUGE):
            self._numbers[place] = value
        self.write_down()

    def write_down(self) -> None:
        """What was counted is there for others to see."""
        self._waits = False
        self._row[:] = memoryview(array("d", self._numbers))


def histogram(sums: Sequence[float], number: int) -> tuple[list[tuple[str, float]], float]:
    """The buckets of one of TIMES, each with all below it, and the sum of what was measured."""
    start = HISTOGRAMS + number * _HISTOGRAM
    buckets: list[tuple[str, float]] = []
    count = 0.0
    for bound, found in zip((*BOUNDS, float("inf")), sums[start:], strict=False):
        count += found
        buckets.append(("+Inf" if bound == float("inf") else str(bound), count))
    return buckets, sums[start + _HISTOGRAM - 1]
