from __future__ import annotations

from operator import call

from prometheus_client.parser import text_string_to_metric_families

from cors_anywhere.observe.exposition import Exposition
from cors_anywhere.observe.metrics import WIDTH, Metrics
from cors_anywhere.observe.tally import Tally


def test_prometheus_reads_every_family_and_each_says_what_it_is() -> None:
    text = Exposition(Tally(1, WIDTH), {"version": "1", "form": "plain"}).text().decode()
    families = list(text_string_to_metric_families(text))
    assert len(families) >= 12
    assert all(family.documentation for family in families)
    assert all(family.name.startswith("cors_anywhere_") for family in families)


def test_gauges_of_all_processes_are_summed_but_for_the_lag() -> None:
    tally = Tally(2, WIDTH)
    for number in (0, 1):
        Metrics(tally.row(number), call).gauge((4.0, 3.0, 2.0, 1.0, 0.5 + number))
    lines = Exposition(tally, {"version": "1"}).text().decode().splitlines()
    assert "cors_anywhere_connections 8.0" in lines
    assert "cors_anywhere_event_loop_lag_seconds 1.5" in lines
    assert 'cors_anywhere_build{version="1"} 1.0' in lines
