"""What passes by its method or its content type, on every front."""

from __future__ import annotations

import pytest

from tests.support.fronts import OPEN, ORIGIN, Front
from tests.support.site import Site, redirect, reply

SETTINGS = {
    **OPEN,
    "allow_methods": ("GET", "POST"),
    "allow_content_types": ("application/json", "image/*"),
}
JSON = "Content-Type: application/json"


@pytest.mark.parametrize("method", ["DELETE", "HEAD", "PROPFIND"])
def test_a_method_that_is_not_allowed_never_reaches_the_target(
    proxy: Front, target: Site, method: str
) -> None:
    seen = proxy.page(target.url, method=method)
    assert (seen.status, seen.get("allow")) == (405, "GET, POST")
    assert (seen.error, seen.cors["allow-origin"]) == ("http_request_error", "*")
    assert not target.requests


def test_a_page_may_read_why_its_method_is_refused(proxy: Front, target: Site) -> None:
    """The preflight is let through: the browser would hide the 405 behind its failure."""
    asked = ("Access-Control-Request-Method: DELETE",)
    seen = proxy.page(target.url, *asked, method="OPTIONS")
    assert (seen.status, seen.cors["allow-methods"]) == (200, "DELETE")
    refused = proxy.ask(target.url, f"Origin: {ORIGIN}", method="DELETE")
    assert "allow" in refused.exposed
    assert "GET, POST" in refused.text


def test_what_is_asked_of_the_proxy_itself_is_not_filtered(proxy: Front) -> None:
    assert proxy.page("", method="HEAD").status == 200


def test_content_of_a_type_that_is_allowed_passes(proxy: Front, target: Site) -> None:
    seen = proxy.page(target.on("/", reply(b"{}", JSON)))
    assert (seen.status, seen.body) == (200, b"{}")


@pytest.mark.parametrize("fields", [(), ("Content-Type: text/html",)])
def test_content_of_another_type_is_refused(
    proxy: Front, target: Site, fields: tuple[str, ...]
) -> None:
    seen = proxy.page(target.on("/", reply(b"<secret>", *fields)))
    assert (seen.status, seen.error) == (403, "http_request_denied")
    assert "content type" in seen.text or "text/html" in seen.text
    assert "secret" not in seen.text
    assert seen.get("x-final-url") == f"{target.url}/"


def test_the_page_of_an_error_is_held_to_the_same_list(proxy: Front, target: Site) -> None:
    page = reply(b"<h1>", "Content-Type: text/html", status="500 Oops")
    assert proxy.page(target.on("/", page)).status == 403


def test_a_redirect_is_followed_whatever_it_says_besides(proxy: Front, target: Site) -> None:
    target.on("/from", redirect("/to"))
    target.on("/to", reply(b"{}", JSON))
    assert proxy.page(f"{target.url}/from").body == b"{}"


def test_a_redirect_to_nowhere_is_content(proxy: Front, target: Site) -> None:
    page = reply(b"<h1>", "Content-Type: text/html", status="302 Found")
    assert proxy.page(target.on("/", page)).status == 403


def test_a_reply_without_content_needs_no_type(proxy: Front, target: Site) -> None:
    assert proxy.page(target.on("/", reply(status="204 No Content"))).status == 204


def test_a_redirect_that_is_not_followed_is_no_way_around_the_list(
    proxy: Front, target: Site
) -> None:
    """Browsers show its body to no page, but JSON would hold it."""
    moved = b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Type: text/html\r\n"
    target.on("/", moved + b"Content-Length: 8\r\n\r\n<secret>")
    seen = proxy.page(f"get?url={target.url}/")
    assert (seen.status, seen.error) == (403, "http_request_denied")
