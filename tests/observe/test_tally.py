from __future__ import annotations

import os

from cors_anywhere.observe.tally import Tally


def test_rows_are_summed_and_their_most_is_found() -> None:
    tally = Tally(2, 3)
    tally.row(0)[1] += 2
    tally.row(1)[1] += 5
    assert tally.sums() == [0, 7, 0]
    assert tally.most(1) == 5


def test_what_a_process_counted_outlives_it() -> None:
    tally = Tally(2, 1)
    pid = os.fork()
    if not pid:
        tally.row(1)[0] += 3
        os._exit(0)
    os.waitpid(pid, 0)
    assert tally.sums() == [3]
