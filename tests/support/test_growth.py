"""The helper that finds slow parsers finds them."""

from __future__ import annotations

import re

import pytest

from tests.support.growth import assert_linear


def test_a_parser_that_is_linear_passes_also_when_it_refuses() -> None:
    def refuse(octets: bytes) -> None:
        octets.replace(b"x", b"yy")
        raise ValueError

    assert_linear("replace", lambda size: b"x" * size, refuse, 1 << 18)


def test_a_parser_that_is_quadratic_is_found() -> None:
    quadratic = re.compile(rb"a*b")
    with pytest.raises(AssertionError, match="times a quarter"):
        assert_linear("a*b", lambda size: b"a" * size, quadratic.search, 1024)
