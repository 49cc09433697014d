"""What is here takes minutes and environments of its own: `make browsers` runs it, `make test` does
not.

Owns: whether these tests are collected, and in which browsers. Must not know: what else they need.
"""

from __future__ import annotations

import os

import pytest

from tests.browsers.engines import ENGINES
from tests.support.needs import needs

collect_ignore_glob = [] if os.environ.get("CORSANYWHERE_TEST_BROWSERS") == "1" else ["test_*.py"]


@pytest.fixture(scope="module", params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    """The name of each browser in turn."""
    name: str = request.param
    needs(ENGINES[name].command, name)
    return name
