"""Beside what test_admin.py shows of the command."""

from __future__ import annotations

from cors_anywhere.process.watching import Watch


def test_where_nobody_looks_nobody_is_told_of_requests() -> None:
    assert Watch(None, 0, ()).watchers == (None, None)
