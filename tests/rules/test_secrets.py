"""Fields for one target, and that nobody is shown them."""

from __future__ import annotations

import pytest

from cors_anywhere.rules.secrets import Secret


@pytest.mark.parametrize(
    ("target", "place"),
    [
        ("api.example.com", ("https", "api.example.com", 443)),
        ("API.example.com.", ("https", "api.example.com", 443)),
        ("api.example.com:8443", ("https", "api.example.com", 8443)),
        ("https://api.example.com", ("https", "api.example.com", 443)),
        ("http://api.example.com", ("http", "api.example.com", 80)),
        ("http://localhost:3000", ("http", "localhost", 3000)),
        ("https://[2001:db8::1]:444", ("https", "2001:db8::1", 444)),
        ("bücher.example", ("https", "xn--bcher-kva.example", 443)),
    ],
)
def test_a_target_is_an_origin_or_a_host_of_https(target: str, place: tuple[str, str, int]) -> None:
    assert Secret.parse(target, "X-Key", "k").place == place


@pytest.mark.parametrize(
    ("target", "fix"),
    [
        ("https://api.example.com/", 'write "https://api.example.com"'),
        ("api.example.com/v1", 'write "https://api.example.com"'),
        ("https://api.example.com?x", "whatever the path is"),
        ("*.example.com", "name it"),
        ("ftp://api.example.com", "write https or http"),
        ("HTTPS://api.example.com", "write https or http"),
        ("https://user:pw@api.example.com", "holds no valid host"),
        ("https://", "holds no valid host"),
        ("127.1", "holds no valid host"),
        ("api.example.com:99999", "holds no valid host"),
        ("", "holds no valid host"),
    ],
)
def test_a_target_that_is_none_is_told_with_its_fix(target: str, fix: str) -> None:
    with pytest.raises(ValueError, match=fix):
        Secret.parse(target, "X-Key", "k")


@pytest.mark.parametrize("name", ["Host", "Content-Length", "Connection", "a b", ""])
def test_a_name_that_cannot_be_set_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"answers for|no header name"):
        Secret.parse("api.example.com", name, "k")


def test_a_value_is_never_shown() -> None:
    secret = Secret.parse("api.example.com", "X-Key", "s3cret")
    assert repr(secret) == "<Secret X-Key for https://api.example.com:443>"
    assert "s3cret" not in f"{secret} {[secret]}"
    with pytest.raises(ValueError, match="control character") as caught:
        Secret.parse("api.example.com", "X-Key", "s3cret\n")
    assert "s3cret" not in str(caught.value)
