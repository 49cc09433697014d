from __future__ import annotations

import pytest

from cors_anywhere.doctor.address import Address, read_address
from cors_anywhere.doctor.vocabulary import Fault


@pytest.mark.parametrize(
    ("written", "url", "origin"),
    [
        ("https://API.example/x#part", "https://api.example/x", "https://api.example"),
        ("http://api.example:80", "http://api.example/", "http://api.example"),
        ("http://[::1]:8080/", "http://[::1]:8080/", "http://[::1]:8080"),
        (
            "https://bücher.example/",
            "https://xn--bcher-kva.example/",
            "https://xn--bcher-kva.example",
        ),
    ],
)
def test_a_url_is_read_as_a_browser_reads_it(written: str, url: str, origin: str) -> None:
    address = read_address(written)
    assert isinstance(address, Address)
    assert (address.url, address.origin, address.remark) == (url, origin, "")


@pytest.mark.parametrize(
    ("written", "said"),
    [("https:/api.example/", "two slashes"), (r"https:\\a.example", "backslash")],
)
def test_what_the_browser_mends_is_told(written: str, said: str) -> None:
    address = read_address(written)
    assert isinstance(address, Address)
    assert said in address.remark


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("api.example", "no scheme"),
        ("localhost:8080/x", "no scheme"),
        ("//api.example", "no scheme"),
        ("https://", "no URL"),
        ("ftp://a.example/", "not ftp"),
        ("https://u:p@a.example/", "send Authorization"),
        ("https://a.example:25/", "port 25"),
    ],
)
def test_what_no_page_can_fetch_is_a_fault(written: str, said: str) -> None:
    fault = read_address(written)
    assert isinstance(fault, Fault)
    assert said in fault.reason
