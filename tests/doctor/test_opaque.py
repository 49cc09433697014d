from __future__ import annotations

import pytest

from cors_anywhere.doctor.address import Address, read_address
from cors_anywhere.doctor.opaque import check_reply, check_request
from cors_anywhere.doctor.vocabulary import Seen


def checked(*fields: tuple[str, str], origin: str = "https://app.example") -> tuple[str, str]:
    """The fault's parameter, and what is noted."""
    address = read_address("https://app.example/x")
    assert isinstance(address, Address)
    notes: list[str] = []
    fault = check_reply(
        address, origin, Seen(200, "", fields), lambda step, text, spec: notes.append(text)
    )
    return fault.parameter if fault else "", "\n".join(notes)


@pytest.mark.parametrize(
    ("policy", "origin", "parameter"),
    [
        ("same-origin", "https://b.example", "corp-not-same-origin"),
        ("same-site", "https://b.example", "corp-not-same-origin"),
        ("same-site", "https://app.example:8443", ""),
        ("cross-origin", "https://b.example", ""),
    ],
)
def test_corp_is_held_against_the_page(policy: str, origin: str, parameter: str) -> None:
    assert checked(("Cross-Origin-Resource-Policy", policy), origin=origin)[0] == parameter


def test_a_reply_that_would_be_emptied_is_told_of() -> None:
    assert "opaque response blocking" in checked(("Content-Type", "application/json"))[1]
    assert "opaque response blocking" not in checked(("Content-Type", "image/png"))[1]


def test_what_a_page_with_an_embedder_policy_may_not_use_is_told() -> None:
    assert "require-corp" in checked()[1]
    assert "require-corp" not in checked(("Cross-Origin-Resource-Policy", "cross-origin"))[1]


def test_what_such_a_request_does_not_carry_is_told() -> None:
    notes: list[str] = []
    check_request("PUT", [("X-Key", "1")], lambda step, text, spec: notes.append(text))
    assert len(notes) == 2
