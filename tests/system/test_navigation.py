"""What is refused because a browser would make a page of it, on every front."""

from __future__ import annotations

import pytest

from tests.support.fronts import ORIGIN, Front
from tests.support.site import Site, reply

NAVIGATIONS = {
    "link": ("GET", ("Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document")),
    "frame": ("GET", ("Sec-Fetch-Dest: iframe",)),
    "form": (
        "POST",
        (f"Origin: {ORIGIN}", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"),
    ),
    "plain-http": (
        "GET",
        ("Accept: text/html,application/xml;q=0.9", "Upgrade-Insecure-Requests: 1"),
    ),
}


@pytest.mark.parametrize(("method", "fields"), NAVIGATIONS.values(), ids=NAVIGATIONS)
def test_who_follows_a_link_gets_a_page_and_the_target_is_not_asked(
    proxy: Front, target: Site, method: str, fields: tuple[str, ...]
) -> None:
    body = b"a=b" if method == "POST" else None
    seen = proxy.ask(f"{target.url}/x?<y", *fields, method=method, body=body)
    assert (seen.status, target.requests) == (403, [])
    assert seen.get("content-type") == "text/html; charset=utf-8"
    assert seen.get("content-security-policy") == "default-src 'none'"
    assert seen.get("x-content-type-options") == "nosniff"
    assert seen.error == "http_request_denied"
    assert f'<a href="{target.url}/x?&lt;y" rel="noreferrer">' in seen.text
    assert "<script" not in seen.text


def test_a_service_worker_is_refused_and_the_target_is_not_asked(
    proxy: Front, target: Site
) -> None:
    seen = proxy.page(f"{target.url}/sw.js", "Service-Worker: script")
    assert (seen.status, target.requests) == (403, [])
    assert "service worker" in seen.text


@pytest.mark.parametrize(
    ("fields", "policy"),
    [
        (("Sec-Fetch-Mode: cors", "Sec-Fetch-Dest: empty"), "sandbox"),
        (("Sec-Fetch-Mode: no-cors", "Sec-Fetch-Dest: image"), "sandbox"),
        ((), "sandbox"),
        (("Sec-Fetch-Mode: same-origin", "Sec-Fetch-Dest: worker"), None),
    ],
)
def test_what_pages_load_passes_with_what_makes_it_harmless(
    proxy: Front, target: Site, fields: tuple[str, ...], policy: str | None
) -> None:
    sent = reply(b"ok", "Cross-Origin-Resource-Policy: same-origin", "Timing-Allow-Origin: null")
    seen = proxy.page(target.on("/x", sent), *fields)
    assert (seen.status, seen.body) == (200, b"ok")
    assert seen.get("content-security-policy") == policy
    assert seen.get("cross-origin-resource-policy") == "cross-origin"
    assert seen.get("timing-allow-origin") == "*"
    assert seen.get("x-content-type-options") is None


def test_no_preflight_opens_a_private_network(proxy: Front, target: Site) -> None:
    asked = ("Access-Control-Request-Method: PUT", "Access-Control-Request-Private-Network: true")
    seen = proxy.page(target.url, *asked, method="OPTIONS")
    assert (seen.status, seen.cors.get("allow-private-network")) == (200, None)
