"""What reaches the target as the client wrote it, on every front: path, query and method."""

from __future__ import annotations

import pytest
from tornado.web import RequestHandler

from tests.support.fronts import Front
from tests.support.site import Site


@pytest.mark.parametrize(
    "path",
    [
        *("/a//b///", "/a/./b/../c", "/a:/b:/c", "/;p=1,2", "/a+b%2Bc", "/%2e%2E/", "/%2F%5c"),
        *("/%C3%BC", "/%ff", "/%C3%28", "/%e2%82", "/\xc3\xbc", "/\xff", "/%0A%00", "/%zz%"),
        *("/?", "/?a=b&a=c&;", "/?%26=%3D+%20", "/?q=%FF\xfe", "/?u=http://x.test//y?z", "/a?b?c"),
        '/a|b^{}`"<>\\',
    ],
)
def test_path_and_query_arrive_octet_for_octet(proxy: Front, target: Site, path: str) -> None:
    seen = proxy.page(target.url + path)
    assert (seen.status, target.last.path) == (200, path)
    assert seen.get("x-request-url") == target.url + path


NAMES = sorted(
    name.upper()
    for name in dir(RequestHandler)
    if name == name.lower() and not name.startswith("__") and name != "head"
)
"""Tornado looks a method up among its handler's attributes: none of these may be found there."""


@pytest.mark.parametrize("method", [*NAMES, "__INIT__", "_SERVED", "get", "Get", "!#$%&'*+-.^_`|~"])
def test_any_token_is_a_method_of_the_targets(proxy: Front, target: Site, method: str) -> None:
    assert proxy.page(target.url, method=method).body == b"ok"
    assert target.last.method == method


@pytest.mark.parametrize("method", ["RENDER", "WRITE", "FINISH", "REDIRECT", "SEND_ERROR"])
def test_no_token_makes_the_proxy_do_anything_itself(proxy: Front, method: str) -> None:
    seen = proxy.page("/etc/hostname", method=method)  # "//etc/hostname" is no URL
    assert seen.text.startswith("This is a CORS proxy")
