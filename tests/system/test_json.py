"""The doors that users of AllOrigins know, on every front."""

from __future__ import annotations

import gzip
import json
import zlib
from typing import Any

import pytest

from tests.support.fronts import OPEN, Front, Reply
from tests.support.site import Site, Wire, redirect, reply

MOST = 100_000
SETTINGS = {**OPEN, "max_get_bytes": MOST}


def get(proxy: Front, url: str, *fields: str, method: str = "GET") -> Reply:
    escaped = url.replace("%", "%25").replace(":", "%3A").replace("/", "%2F").replace("?", "%3F")
    return proxy.page(f"get?url={escaped}", *fields, method=method)


def test_a_reply_comes_as_json(proxy: Front, target: Site) -> None:
    url = target.on(
        "/x?y", reply("größer".encode("latin-1"), "Content-Type: text/plain;charset=latin1")
    )
    seen = get(proxy, url, "Accept-Encoding: gzip, br")
    assert (seen.status, seen.get("content-type")) == (200, "application/json; charset=utf-8")
    assert (seen.cors["allow-origin"], seen.get("x-final-url")) == ("*", url)
    answer = json.loads(seen.body)
    waited = answer["status"].pop("response_time")
    assert isinstance(waited, int)
    assert answer == {
        "contents": "größer",
        "status": {
            "url": url,
            "content_type": "text/plain;charset=latin1",
            "content_length": 6,
            "http_code": 200,
        },
    }
    assert target.last.get("accept-encoding") == "identity"


def test_the_targets_own_failure_is_in_the_json(proxy: Front, target: Site) -> None:
    url = target.on("/x", reply(b"gone", status="410 Gone"))
    answer = json.loads(get(proxy, url).body)
    assert (answer["contents"], answer["status"]["http_code"]) == ("gone", 410)


def test_redirects_are_followed(proxy: Front, target: Site, other: Site) -> None:
    url = target.on("/a", redirect(f"{other.url}/b"))
    other.on("/b", reply(b"end"))
    seen = get(proxy, url)
    answer = json.loads(seen.body)
    assert (answer["contents"], answer["status"]["url"]) == ("end", url)
    assert seen.get("x-final-url") == f"{other.url}/b"


def test_octets_that_are_no_text_come_as_a_data_url(proxy: Front, target: Site) -> None:
    url = target.on("/x", reply(b"\x89PNG\xff", "Content-Type: image/png"))
    assert json.loads(get(proxy, url).body)["contents"] == "data:image/png;base64,iVBOR/8="


def test_a_large_reply_comes_whole(proxy: Front, target: Site) -> None:
    text = "äbc\n" * (MOST // 5)
    url = target.on("/x", reply(text.encode(), "Content-Type: text/plain"))
    seen = get(proxy, url)
    assert seen.whole
    assert json.loads(seen.body)["contents"] == text


def test_head_has_the_fields_of_get(proxy: Front, target: Site) -> None:
    seen = get(proxy, target.on("/x", reply(b"some text")), method="HEAD")
    assert (seen.status, seen.body, target.last.method) == (200, b"", "GET")
    assert int(seen.get("content-length") or 0) > 100


def test_a_preflight_is_answered(proxy: Front, target: Site) -> None:
    asked = "Access-Control-Request-Method: GET"
    assert get(proxy, target.url, asked, method="OPTIONS").cors["allow-methods"] == "GET"
    assert get(proxy, target.url, method="OPTIONS").status == 200
    assert target.requests == []


def test_other_methods_are_not_served(proxy: Front, target: Site) -> None:
    seen = get(proxy, target.url, method="DELETE")
    assert (seen.status, seen.get("allow"), target.requests) == (405, "GET, HEAD", [])


@pytest.mark.parametrize("query", ["callback=f&url={}", "url={}&callback=?"])
def test_jsonp_is_refused(proxy: Front, target: Site, query: str) -> None:
    seen = proxy.page("get?" + query.format(f"http%3A%2F%2F127.0.0.1:{target.port}"))
    assert (seen.status, target.requests) == (400, [])
    assert "would run as a script" in seen.text


@pytest.mark.parametrize("path", ["get?", "get?url=", "raw?url=example.com"])
def test_a_form_without_a_url_says_what_it_needs(proxy: Front, path: str) -> None:
    seen = proxy.page(path)
    assert (seen.status, seen.error) == (400, "http_request_error")
    assert "A URL is needed here" in seen.text


def chunked(wire: Wire) -> None:
    wire.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    for _ in range(3):
        wire.send(b"%x\r\n%s\r\n" % (MOST // 2, b"x" * (MOST // 2)))
    wire.send(b"0\r\n\r\n")


@pytest.mark.parametrize(
    "answer",
    [
        reply(b"x" * (MOST + 1)),
        reply(gzip.compress(b"x" * 10 * MOST), "Content-Encoding: gzip"),
        chunked,
    ],
    ids=["length", "bomb", "chunked"],
)
def test_what_is_too_large_is_a_failure_that_names_the_limit(
    proxy: Front, target: Site, answer: Any
) -> None:
    seen = get(proxy, target.on("/x", answer))
    assert (seen.status, seen.error) == (502, "http_response_body_size")
    assert f"{MOST} octets" in seen.text
    assert "--max-get-bytes" in seen.text


@pytest.mark.parametrize(("coding", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
def test_what_comes_coded_all_the_same_is_decoded(
    proxy: Front, target: Site, coding: str, pack: Any
) -> None:
    url = target.on("/x", reply(pack(b"text"), f"Content-Encoding: {coding}"))
    assert json.loads(get(proxy, url).body)["contents"] == "text"


@pytest.mark.parametrize(("coding", "body"), [("br", b"x"), ("gzip", b"x"), ("gzip, gzip", b"")])
def test_what_cannot_be_decoded_is_told(
    proxy: Front, target: Site, coding: str, body: bytes
) -> None:
    seen = get(proxy, target.on("/x", reply(body, f"Content-Encoding: {coding}")))
    assert (seen.status, seen.error) == (502, "http_response_content_coding")


def test_a_reply_that_is_cut_is_no_json(proxy: Front, target: Site) -> None:
    def cut(wire: Wire) -> None:
        wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
        wire.end()

    seen = get(proxy, target.on("/x", cut))
    assert (seen.status, seen.error) == (502, "http_response_incomplete")


def test_raw_is_another_form_of_the_url(proxy: Front, target: Site) -> None:
    url = target.on("/x", reply(b"\x1f\x8bcoded", "Content-Encoding: gzip", status="404 No"))
    seen = proxy.page(f"raw?url={url}", method="POST", body=b"body")
    assert (seen.status, seen.body, seen.get("x-request-url")) == (404, b"\x1f\x8bcoded", url)
    assert (target.last.method, target.last.body) == ("POST", b"body")


def test_caches_are_told_what_the_target_said(proxy: Front, target: Site) -> None:
    fields = ("Cache-Control: private, no-store", "Vary: Accept-Language", "Expires: 0")
    seen = get(proxy, target.on("/x", reply(b"text", *fields)))
    assert seen.get("cache-control") == "private, no-store"
    assert "Accept-Language" in (seen.get("vary") or "")
    assert seen.get("expires") == "0"
