"""Which fields pass, in either direction."""

from __future__ import annotations

import pytest

from cors_anywhere.messages import Fields
from cors_anywhere.rules.headers import (
    FieldTable,
    check_name,
    check_reply_name,
    check_reply_settable,
    check_settable,
    reply_table,
    request_table,
)


def sent(*fields: tuple[str, str], by: FieldTable | None = None) -> Fields:
    """What the target gets of these fields."""
    return (by or request_table()).sort(fields).fields


def passed(*fields: tuple[str, str]) -> Fields:
    """What the client gets of these fields."""
    return reply_table().sort(fields).fields


HOP_BY_HOP = [
    "Connection",
    "Keep-Alive",
    "Proxy-Connection",
    "TE",
    "Trailer",
    "Transfer-Encoding",
    "Upgrade",
    "Proxy-Authenticate",
    "Proxy-Authorization",
    "Proxy-Authentication-Info",
]


# --- to the target ---


@pytest.mark.parametrize(
    "name",
    [
        "Origin",
        "Referer",
        "User-Agent",
        "Authorization",
        "Accept-Encoding",
        "Range",
        "If-None-Match",
        "Content-Type",
        "X-Requested-With",
        "Sec-WebSocket-Key",
        "Upgrade-Insecure-Requests",
        "X-Forwarded",
        "Sec-CH-UA",
        "Sec-GPC",
        "Proxying",
        "cookie3",
        "access-control-request",
        "ACCESS-CONTROL-ALLOW-ORIGIN",
    ],
)
def test_an_end_to_end_field_passes_as_it_is(name: str) -> None:
    assert sent((name, "v \xe9")) == [(name, "v \xe9")]


def test_order_and_repetition_are_kept() -> None:
    fields = (("X-A", "1"), ("x-b", "2"), ("x-a", "3"))
    assert sent(*fields) == list(fields)


@pytest.mark.parametrize(
    "name",
    [
        *HOP_BY_HOP,
        "Content-Length",
        "Expect",
        "Cookie",
        "cookie2",
        "X-Request-Start",
        "X-Request-ID",
        "VIA",
        "connect-time",
        "Total-Route-Time",
        "Access-Control-Request-Method",
        "Access-Control-Request-Headers",
        "access-control-request-private-network",
        "Proxy",
        "Proxy-Anything",
        "Forwarded",
        "X-Forwarded-For",
        "x-forwarded-host",
        "X-Forwarded-Anything",
        "X_Forwarded_For",
        "X_Real_IP",
        "X-Real-IP",
        "True-Client-IP",
        "CF-Connecting-IP",
        "CF-Connecting-IPv6",
        "X-Original-URL",
        "X-Rewrite-URL",
        "Sec-Fetch-Mode",
        "Sec-Fetch-Storage-Access",
        "Service-Worker",
        "Service-Worker-Navigation-Preload",
        "Available-Dictionary",
    ],
)
def test_a_field_that_must_not_reach_the_target_is_dropped(name: str) -> None:
    assert sent((name, "v"), ("X-A", "1")) == [("X-A", "1")]


@pytest.mark.parametrize(
    "connection",
    [["X-A"], ["close, x-a"], ["keep-alive ,\tX-a ,"], ["keep-alive", "x-a"], ["x-a", "close"]],
)
def test_a_field_that_connection_names_is_dropped(connection: list[str]) -> None:
    fields = [("Connection", value) for value in connection]
    assert sent(("X-A", "1"), *fields, ("x-a", "2"), ("X-B", "3")) == [("X-B", "3")]


@pytest.mark.parametrize("connection", ["keep-alive", "close", "Upgrade", "", "x-ab, x"])
def test_other_connection_options_drop_nothing(connection: str) -> None:
    assert sent(("X-A", "1"), ("Connection", connection)) == [("X-A", "1")]


def test_removals_add_to_the_default_ones() -> None:
    by = request_table(remove=["X-Secret"])
    assert sent(("x-secret", "1"), ("cookie", "2"), ("X-A", "3"), by=by) == [("X-A", "3")]


def test_fields_of_the_proxys_own_take_the_place_of_the_clients() -> None:
    by = request_table(replace=["User-Agent"])
    assert sent(("user-agent", "1"), ("X-A", "2"), ("USER-AGENT", "3"), by=by) == [("X-A", "2")]


@pytest.mark.parametrize("name", ["Host", "CDN-Loop", "X-Set"])
def test_connection_cannot_name_a_field_that_a_rule_disposes_of(name: str) -> None:
    by = request_table(replace=["X-Set"])
    got = by.sort([("Connection", f"{name}, X-A"), ("X-A", "1"), ("CDN-Loop", "other")])
    assert got.fields == []
    assert got.gathered["cdn-loop"] == ["other"]


FOLDED = [
    "Transfer_Encoding",
    "transfer.encoding",
    "Content_Length",
    "Content.Length",
    "CONTENT_LENGTH",
    "Proxy_Connection",
    "Keep_Alive",
]


@pytest.mark.parametrize("name", FOLDED)
def test_a_name_that_a_server_may_take_for_a_framing_name_is_dropped(name: str) -> None:
    assert sent((name, "v"), ("X-A", "1")) == [("X-A", "1")]
    assert passed((name, "v"), ("X-A", "1")) == [("X-A", "1")]


@pytest.mark.parametrize("name", ["X_A", "x.a", "Content__Length", "ContentLength", "Accept_"])
def test_another_name_with_such_a_character_passes(name: str) -> None:
    assert sent((name, "v")) == [(name, "v")]


# --- what the operator may set ---


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("", "v"),
        ("x y", "v"),
        ("x:", "v"),
        ("x\r\ny", "v"),
        ("X-A", "v\r\nX-B: w"),
        ("X-A", "v\n"),
        ("X-A", "\0"),
        ("X-A", "\u20ac"),
        ("Upgrade", "x"),
        ("Host", "other.example"),
        ("Content-Length", "0"),
        ("Transfer-Encoding", "chunked"),
        ("Connection", "close"),
        ("CDN-Loop", "x"),
    ],
)
def test_a_field_that_would_break_the_message_cannot_be_set(name: str, value: str) -> None:
    with pytest.raises(
        ValueError, match=r"no header name|has a control|has characters|answers for"
    ):
        check_settable(name, value)


def test_any_other_field_can_be_set_and_removed() -> None:
    assert check_settable("X-A", "a\tb \xe9") == ("X-A", "a\tb \xe9")
    assert check_name("Referer") == "Referer"
    assert check_settable("X-Real-IP", "192.0.2.1") == ("X-Real-IP", "192.0.2.1")


def test_a_value_that_cannot_be_set_is_not_repeated() -> None:
    with pytest.raises(ValueError, match=r"^the value of \"X-A\"") as caught:
        check_settable("X-A", "secret\n")
    assert "secret" not in str(caught.value)


# --- from the target ---


@pytest.mark.parametrize(
    "name",
    [
        "Content-Encoding",
        "Content-Range",
        "ETag",
        "Vary",
        "Date",
        "Via",
        "WWW-Authenticate",
        "set-cookie3",
        "Access-Control",
        "x-cors-redirect",
        "Sec-WebSocket-Accept",
        "Content-Security-Policy",
        "X-Content-Type-Options",
        "X-Frame-Options",
        "Referrer-Policy",
        "X-Accel",
        "Cache-Control",
        "Session-Challenge",
    ],
)
def test_an_end_to_end_field_of_the_target_passes_as_it_is(name: str) -> None:
    assert passed((name, "a"), (name, "b \xe9")) == [(name, "a"), (name, "b \xe9")]


@pytest.mark.parametrize(
    "name",
    [
        *HOP_BY_HOP,
        "Content-Length",
        "Set-Cookie",
        "set-cookie2",
        "Access-Control-Allow-Origin",
        "access-control-allow-credentials",
        "Access-Control-Max-Age",
        "Access-Control-Expose-Headers",
        "X-Request-URL",
        "x-final-url",
        "X-Cors-Redirect-1",
        "x-cors-redirect-99",
        "X-Cors-Location",
        "Clear-Site-Data",
        "Strict-Transport-Security",
        "Public-Key-Pins",
        "Public-Key-Pins-Report-Only",
        "Expect-CT",
        "Alt-Svc",
        "NEL",
        "Report-To",
        "Reporting-Endpoints",
        "Service-Worker-Allowed",
        "Accept-CH",
        "Critical-CH",
        "Origin-Trial",
        "Origin-Agent-Cluster",
        "Speculation-Rules",
        "Refresh",
        "Use-As-Dictionary",
        "Set-Login",
        "Activate-Storage-Access",
        "X-Accel-Redirect",
        "X_Accel_Redirect",
        "X-Accel-Anything",
        "X-Sendfile",
        "X-Sendfile2",
        "X-LIGHTTPD-Send-File",
        "X-Reproxy-URL",
        "X-LiteSpeed-Location",
        "Surrogate-Control",
        "CDN-Cache-Control",
        "Cloudflare-CDN-Cache-Control",
        "Sec-Session-Registration",
        "Secure-Session-Registration",
        "Secure-Session-Challenge",
        "Attribution-Reporting-Register-Source",
        "Observe-Browsing-Topics",
        "Proxy-Status",
        "Cross-Origin-Resource-Policy",
        "Timing-Allow-Origin",
        "Access-Control-Allow-Private-Network",
    ],
)
def test_a_field_that_must_not_reach_the_client_is_dropped(name: str) -> None:
    assert passed((name, "forged"), ("X-A", "1")) == [("X-A", "1")]


@pytest.mark.parametrize("name", ["Location", "Content-Location", "WWW-Authenticate"])
def test_a_field_that_decides_something_passes_and_is_noted(name: str) -> None:
    got = reply_table().sort([(name, "a"), (name, "b")])
    assert got.fields == [(name, "a"), (name, "b")]
    assert got.gathered == {name.lower(): ["a", "b"]}


def test_the_names_are_those_that_pass_or_are_restated_in_order() -> None:
    fields = [("X-B", "1"), ("Content-Length", "3"), ("Set-Cookie", "c"), ("x-a", "2")]
    assert reply_table().sort(fields).names == ["x-b", "content-length", "x-a"]


@pytest.mark.parametrize("connection", ["x-a", "close, X-A", "X-A,keep-alive"])
def test_a_field_that_the_targets_connection_names_neither_passes_nor_has_a_name(
    connection: str,
) -> None:
    got = reply_table().sort([("X-A", "1"), ("Connection", connection), ("X-B", "2")])
    assert (got.fields, got.names) == ([("X-B", "2")], ["x-b"])


def test_replies_lose_what_the_operator_removes_or_sets() -> None:
    by = reply_table(remove=["X-Powered-By"], replace=["cache-control"])
    got = by.sort([("x-powered-by", "a"), ("Cache-Control", "b"), ("X-A", "c")])
    assert (got.fields, got.names) == ([("X-A", "c")], ["x-a"])


def test_no_removal_undoes_what_decides_something() -> None:
    got = reply_table(remove=["location", "content-length"]).sort([("Location", "/a")])
    assert got.gathered == {"location": ["/a"]}


@pytest.mark.parametrize(
    "name",
    [
        *HOP_BY_HOP,
        *("Access-Control-Allow-Origin", "access-control-max-age", "Content-Length", "Location"),
        *("Content-Location", "Proxy-Status", "X-Request-URL", "x-final-url", "X-Cors-Redirect-1"),
        *("Set-Cookie", "x-cors-set-cookie", "Cross-Origin-Resource-Policy", "Transfer_Encoding"),
        *("Timing-Allow-Origin", "", "a b", "a:"),
    ],
)
def test_what_the_proxy_says_in_replies_can_be_neither_set_nor_removed(name: str) -> None:
    for check in (check_reply_name, lambda name: check_reply_settable(name, "v")):
        with pytest.raises(ValueError, match=r"answers for|no header name"):
            check(name)


@pytest.mark.parametrize(
    "name", ["Cache-Control", "Content-Security-Policy", "Strict-Transport-Security", "Host"]
)
def test_any_other_field_of_a_reply_can(name: str) -> None:
    assert check_reply_name(name) == name
    assert check_reply_settable(name, "v") == (name, "v")


def test_a_value_of_a_reply_that_would_break_the_message_cannot_be_set() -> None:
    with pytest.raises(ValueError, match="control character"):
        check_reply_settable("X-A", "v\r\nX-B: w")


def test_the_operator_may_remove_a_challenge() -> None:
    table = reply_table(remove=["WWW-Authenticate"])
    assert table.sort([("www-authenticate", "Basic"), ("X-A", "1")]).fields == [("X-A", "1")]
