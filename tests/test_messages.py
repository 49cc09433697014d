"""The values that pass between the parts."""

from __future__ import annotations

import pytest

from cors_anywhere.messages import RequestHead, Target

FIELDS = (("X-A", "1"), ("x-a", "2"), ("X-B", ""))
HEAD = RequestHead("GET", "/", FIELDS, 0, "192.0.2.1", "http", 80)


def test_a_field_is_found_by_its_lower_case_name_and_the_first_of_several_counts() -> None:
    assert (HEAD.get("x-a"), HEAD.get("x-b"), HEAD.get("x-c")) == ("1", "", None)
    assert HEAD.by_name() == {"x-a": "1", "x-b": ""}


@pytest.mark.parametrize(
    ("scheme", "authority", "port", "origin"),
    [
        ("https", "a.test", 443, "https://a.test"),
        ("https", "a.test:443", 443, "https://a.test"),
        ("http", "a.test:443", 443, "http://a.test:443"),
        ("http", "a.test:80", 80, "http://a.test"),
        ("http", "a.test:8080", 8080, "http://a.test:8080"),
        ("https", "[2001:db8::1]", 443, "https://[2001:db8::1]"),
        ("https", "[2001:db8::1]:443", 443, "https://[2001:db8::1]"),
        ("https", "[2001:db8::1]:8443", 8443, "https://[2001:db8::1]:8443"),
    ],
)
def test_a_targets_origin_leaves_out_a_default_port(
    scheme: str, authority: str, port: int, origin: str
) -> None:
    target = Target(scheme, authority.partition(":")[0], port, authority, "/p?q")
    assert target.origin == origin
    assert target.url == f"{scheme}://{authority}/p?q"


@pytest.mark.parametrize(
    ("host", "authority", "written"),
    [("a.test", "a.test", "a.test:443"), ("2001:db8::1", "[2001:db8::1]", "[2001:db8::1]:443")],
)
def test_a_target_is_named_by_its_host_and_port(host: str, authority: str, written: str) -> None:
    assert Target("https", host, 443, authority, "/").host_and_port == written
