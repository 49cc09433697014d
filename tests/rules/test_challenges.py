"""Which challenges of a target would have the browser ask the person."""

from __future__ import annotations

import pytest

from cors_anywhere.rules.challenges import silent

PROMPTS = [
    'Basic realm="x"',
    "bAsIc",
    " \tDigest realm=x",
    "Negotiate",
    "NTLM",
    'Bearer realm="x", Basic realm="y"',
    "Bearer,,\tNegotiate abc",
]
SILENT = ['Bearer realm="Basic"', "Basics realm=x", "DPoP algs=ES256", "Bearer Basic", ""]


@pytest.mark.parametrize("value", PROMPTS)
def test_a_field_that_offers_a_prompt_is_dropped(value: str) -> None:
    assert silent([value]) is None
    assert silent(["Bearer", value, "DPoP"]) == "Bearer, DPoP"


@pytest.mark.parametrize("value", SILENT)
def test_any_other_stays(value: str) -> None:
    assert silent([value]) == value
