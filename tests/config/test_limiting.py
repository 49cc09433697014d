"""What is told of limits that limit nobody."""

from __future__ import annotations

from typing import Any

import pytest

from cors_anywhere.config.settings import Settings


@pytest.mark.parametrize(
    ("values", "setting", "text"),
    [
        ({"rate_limits": ("9/minute a.org,b.org",)}, "rate_limits", '"a.org,b.org" exempts nobody'),
        ({"byte_limits": ("1GB/hour except *.a",)}, "byte_limits", '"*.a" exempts nobody'),
        ({"rate_limits": ("50 3 by key",)}, "rate_limits", "counts nobody by key"),
        ({"store": "shared"}, "store", "has nothing to keep"),
        (
            {"store": "memory", "workers": 2, "rate_limits": ("50 3",)},
            "store",
            "is each worker's own",
        ),
    ],
)
def test_what_limits_or_exempts_nobody_is_told(
    values: dict[str, Any], setting: str, text: str
) -> None:
    (doubt,) = Settings(**values).doubts
    assert doubt.setting == setting
    assert doubt.text.startswith(text)


def test_limits_that_hold_are_not_spoken_of() -> None:
    limits = ("50 3 a.org", "10/second by target except *.a.org")
    octets = ("1GB/hour by client except http://localhost:* 10.0.0.0/8",)
    assert Settings(rate_limits=limits, byte_limits=octets, store="shared").doubts == ()
    keys = (("reports", "0123456789abcdef"),)
    assert Settings(rate_limits=("50 3 by key",), api_keys=keys).doubts == ()
