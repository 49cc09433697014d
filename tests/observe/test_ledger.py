"""The last failures of all processes are kept, whatever strangers put into them."""

from __future__ import annotations

import os

from cors_anywhere.observe.ledger import SLOTS, Ledger
from tests.support.outcomes import outcome


def test_the_latest_of_all_processes_come_first() -> None:
    ledger = Ledger(2)
    ledger.note(0, outcome(502, client="first"))
    pid = os.fork()
    if not pid:
        ledger.note(1, outcome(502, client="second"))
        os._exit(0)
    os.waitpid(pid, 0)
    ledger.note(0, outcome(502, client="third"))
    assert [failure.client for failure in ledger.last()] == ["third", "second", "first"]


def test_no_more_than_the_last_are_kept() -> None:
    ledger = Ledger(1)
    for number in range(SLOTS + 5):
        ledger.note(0, outcome(502, client=str(number)))
    assert [int(failure.client) for failure in ledger.last()] == [*range(SLOTS + 4, 4, -1)]


def test_nothing_that_is_long_or_strange_is_beyond_its_slot() -> None:
    ledger = Ledger(1)
    ledger.note(0, outcome(502, client="before"))
    ledger.note(0, outcome(502, client="\0" * 9, method="\ud800ü" * 999, target="€" * 9999))
    ledger.note(0, outcome(502, client="after"))
    after, strange, before = ledger.last()
    assert (before.client, after.client) == ("before", "after")
    assert strange.client.strip() == ""
    assert strange.method.startswith("?ü")
