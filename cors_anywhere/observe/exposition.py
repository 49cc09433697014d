"""The counts in the form that Prometheus reads.

Owns: the names of the families and what is said of each. Must not know: how they are counted, or
who asks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from cors_anywhere.observe import metrics
from cors_anywhere.observe.tally import Tally

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

_TIMES: Final = (
    "To look a target's name up, all hops together",
    "To connect to a target, TLS included, all hops together",
    "From a request's head to the head of the reply that was delivered",
    "From a request's head to its end",
)
_GAUGES: Final = (
    "Clients' connections that are open",
    "Requests that are being served",
    "Connections to targets that wait for their next request",
    "Outages of the store of counts since the start",
)


class Exposition(Collector):
    """The families of one command. `build` says what runs, by label."""

    def __init__(self, tally: Tally, build: dict[str, str]) -> None:
        self._tally = tally
        self._build = build
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)

    def text(self) -> bytes:
        """Everything, as of now."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """See prometheus_client's Collector."""
        sums = self._tally.sums()
        yield self._requests(sums)
        yield _by_name(
            "refusals", "Requests refused", "rule", metrics.RULES, sums[metrics.REFUSALS :]
        )
        yield _by_name(
            "errors", "Requests failed", "error", metrics.ERRORS, sums[metrics.FAILURES :]
        )
        yield _by_name(
            "body_octets", "Of bodies", "direction", ("received", "sent"), sums[metrics.OCTETS :]
        )
        yield _by_name(
            "target_connections",
            "Hops by the connection that they had",
            "connection",
            ("new", "reused"),
            sums[metrics.CONNECTIONS :],
        )
        for number, (name, said) in enumerate(zip(metrics.TIMES, _TIMES, strict=True)):
            buckets, total = metrics.histogram(sums, number)
            family = HistogramMetricFamily(f"cors_anywhere_{name}_seconds", said)
            family.add_metric([], buckets, total)
            yield family
        yield from self._gauges(sums)

    def _requests(self, sums: Sequence[float]) -> Metric:
        family = CounterMetricFamily(
            "cors_anywhere_requests", "Requests that have ended", labels=("outcome", "status")
        )
        names = ((kind, group) for kind in metrics.OUTCOMES for group in metrics.CLASSES)
        for labels, count in zip(names, sums, strict=False):
            family.add_metric(labels, count)
        return family

    def _gauges(self, sums: Sequence[float]) -> Iterator[Metric]:
        values = sums[metrics.GAUGE :]
        for name, said, value in zip(metrics.GAUGES, _GAUGES, values, strict=False):
            yield GaugeMetricFamily(f"cors_anywhere_{name}", said, value)
        yield GaugeMetricFamily(
            "cors_anywhere_event_loop_lag_seconds",
            "How late the latest of all processes was for its last look at the clock",
            self._tally.most(metrics.GAUGE + metrics.GAUGES.index("event_loop_lag")),
        )
        build = GaugeMetricFamily("cors_anywhere_build", "What runs", labels=tuple(self._build))
        build.add_metric(tuple(self._build.values()), 1)
        yield build


def _by_name(
    name: str, said: str, label: str, names: Sequence[str], counts: Sequence[float]
) -> Metric:
    family = CounterMetricFamily(f"cors_anywhere_{name}", said, labels=(label,))
    for one, count in zip(names, counts, strict=False):
        family.add_metric((one,), count)
    return family
