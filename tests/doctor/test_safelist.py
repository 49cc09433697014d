from __future__ import annotations

import pytest

from cors_anywhere.doctor.safelist import is_forbidden, normalised, unsafe_fields


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Accept", "text/html;q=0.9"),
        ("Accept", "a" * 128),
        ("Accept-Language", "de, en;q=0.5"),
        ("Content-Language", "de"),
        ("Content-Type", "text/plain; charset=utf-8"),
        ("Content-Type", " MULTIPART/form-data"),
        ("Range", "bytes=0-"),
        ("Range", "bytes=0-0"),
        ("DPR", "2"),
    ],
)
def test_a_safelisted_field_needs_no_preflight(name: str, value: str) -> None:
    assert unsafe_fields([(name, value)]) == {}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Accept", "a" * 129),
        ("Accept", '"'),
        ("Accept-Language", "de_DE"),
        ("Content-Type", "application/json"),
        ("Content-Type", "text/plain(x)"),
        ("Range", "bytes=-5"),
        ("Range", "bytes=5-4"),
        ("Range", "bytes=0-1,2-3"),
        ("X-Key", ""),
        ("Authorization", "Basic eA=="),
    ],
)
def test_any_other_needs_one_and_says_why(name: str, value: str) -> None:
    (why,) = unsafe_fields([(name, value)]).values()
    assert why


def test_the_values_of_all_safelisted_fields_together_have_1024_octets() -> None:
    fields = [("Accept", "a" * 128)] * 8
    assert unsafe_fields(fields) == {}
    assert unsafe_fields([*fields, ("Accept-Language", "a")]).keys() == {
        "accept",
        "accept-language",
    }


def test_names_are_given_as_a_preflight_gives_them() -> None:
    assert list(unsafe_fields([("X-B", "1"), ("x-a", "1"), ("X-b", "2")])) == ["x-a", "x-b"]


@pytest.mark.parametrize(
    ("name", "value", "forbidden"),
    [
        ("Cookie", "a=b", True),
        ("Sec-Fetch-Site", "none", True),
        ("Proxy-Authorization", "x", True),
        ("X-HTTP-Method-Override", "get, trace", True),
        ("X-HTTP-Method-Override", "PUT", False),
        ("X-Requested-With", "x", False),
        ("User-Agent", "x", False),
    ],
)
def test_what_a_script_cannot_set_is_known(name: str, value: str, forbidden: bool) -> None:
    assert is_forbidden(name, value) is forbidden


@pytest.mark.parametrize(("given", "sent"), [("put", "PUT"), ("patch", "patch"), ("Get", "GET")])
def test_six_methods_are_sent_in_upper_case(given: str, sent: str) -> None:
    assert normalised(given) == sent
