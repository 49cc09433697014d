"""What is wrong with a configuration, as an error."""

from __future__ import annotations

import copy
import pickle

import pytest

from cors_anywhere.config.problems import Problem, SettingsError
from cors_anywhere.config.settings import Settings

PROBLEMS = (Problem("port", "is odd"), Problem("hosts", "are even"))


def test_the_error_reads_as_one_line_for_each_mistake() -> None:
    assert str(SettingsError(PROBLEMS)) == "port: is odd\nhosts: are even"


@pytest.mark.parametrize(
    "carried", [lambda e: pickle.loads(pickle.dumps(e)), copy.copy, copy.deepcopy]
)
def test_the_error_can_be_copied_and_carried_to_another_process(carried: object) -> None:
    with pytest.raises(SettingsError) as raised:
        Settings(port=-1)
    assert callable(carried)
    seen = carried(raised.value)
    assert isinstance(seen, SettingsError)
    assert seen.problems == raised.value.problems
    assert str(seen) == str(raised.value) == "port: -1 is out of range: give 0 to 65535"
