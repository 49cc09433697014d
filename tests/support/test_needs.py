"""A missing part is told, and where CI is true it is a failure."""

from __future__ import annotations

import pytest

from tests.support.needs import needs


def test_what_is_there_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    needs("/usr/bin/chromium", "chromium")


@pytest.mark.parametrize(
    ("ci", "outcome"),
    [
        ("", pytest.skip.Exception),
        ("false", pytest.skip.Exception),
        ("true", pytest.fail.Exception),
    ],
)
def test_what_is_missing_skips_a_test_and_fails_it_where_ci_is_true(
    ci: str, outcome: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", ci)
    with pytest.raises(outcome, match="there is no chromium"):
        needs(None, "chromium")
