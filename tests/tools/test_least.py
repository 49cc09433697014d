"""The least versions are those that setup.cfg says."""

from __future__ import annotations

import pytest

from tools.least import pins

CONFIG = """
[options]
install_requires =
    plain>=1.2
    two-sided>=4.0.1,<5
"""


def test_the_lower_bounds_are_pinned() -> None:
    assert pins(CONFIG) == ["plain==1.2", "two-sided==4.0.1"]


@pytest.mark.parametrize(
    "requirement", ["free", "above<2", "exact==1", "marked>=1; python_version<'4'"]
)
def test_a_requirement_without_one_is_named(requirement: str) -> None:
    with pytest.raises(ValueError, match=requirement.partition(";")[0]):
        pins(CONFIG + f"    {requirement}\n")
