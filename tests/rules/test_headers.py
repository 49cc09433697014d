from __future__ import annotations

from collections.abc import Sequence

import pytest

from cors_anywhere.messages import CHUNKED, Fields, Hop, ReplyHead, RequestHead, Target
from cors_anywhere.rules.headers import Outbound, clean_reason, inbound, passed_through

TARGET = Target("https", "api.example", 443, "api.example", "/x")
SAME_ORIGIN = Target("https", "api.example", 443, "api.example:443", "/y")
TOKEN = "Token-1"
PROXY_FIELDS = [("CDN-Loop", TOKEN)]


def request(*fields: tuple[str, str]) -> RequestHead:
    return RequestHead("GET", "/https://api.example/x", fields, 0, "192.0.2.7", "http", 8080)


def outbound(
    *,
    remove: Sequence[str] = (),
    set_fields: Fields = (),
    forwarded: bool = False,
    loop_token: str = TOKEN,
) -> Outbound:
    return Outbound(
        remove=remove, set_fields=set_fields, forwarded=forwarded, loop_token=loop_token
    )


def sent(*fields: tuple[str, str], by: Outbound | None = None) -> list[tuple[str, str]]:
    """What the target gets of these fields, without its Host and our CDN-Loop."""
    head = (by or outbound()).first(request(*fields), TARGET)
    return [field for field in head if field[0] not in ("Host", "CDN-Loop")]


def values(fields: Fields, name: str) -> list[str]:
    return [value for key, value in fields if key.lower() == name.lower()]


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


def test_host_is_the_targets_and_comes_first() -> None:
    head = outbound().first(request(("Accept", "*/*"), ("host", "proxy.example")), SAME_ORIGIN)
    assert head[0] == ("Host", "api.example:443")
    assert len(values(head, "host")) == 1


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
        "X-Forwarded-For",
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


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Host", "api.example"),
        ("CDN-Loop", f"other, {TOKEN}"),
        ("X-Forwarded-For", "198.51.100.1,192.0.2.7"),
        ("X-Set", "operator"),
    ],
)
def test_connection_cannot_remove_what_the_proxy_itself_states(name: str, value: str) -> None:
    by = outbound(forwarded=True, set_fields=[("X-Set", "operator")])
    client = [("CDN-Loop", "other"), ("X-Forwarded-For", "198.51.100.1"), ("X-Set", "client")]
    head = by.first(request(*client, ("Connection", name)), TARGET)
    assert values(head, name) == [value]


def test_removals_add_to_the_default_ones() -> None:
    by = outbound(remove=["X-Secret"])
    assert sent(("x-secret", "1"), ("cookie", "2"), ("X-A", "3"), by=by) == [("X-A", "3")]


def test_a_set_field_replaces_all_of_its_name() -> None:
    by = outbound(set_fields=[("User-Agent", "proxy")])
    assert sent(("user-agent", "1"), ("X-A", "2"), ("USER-AGENT", "3"), by=by) == [
        ("X-A", "2"),
        ("User-Agent", "proxy"),
    ]


def test_a_set_field_wins_over_the_removals() -> None:
    by = outbound(remove=["x-key"], set_fields=[("X-Key", "k"), ("Cookie", "a=b")])
    assert sent(("x-key", "client"), by=by) == [("X-Key", "k"), ("Cookie", "a=b")]


def test_of_two_set_fields_of_one_name_the_last_wins() -> None:
    assert sent(by=outbound(set_fields=[("X-A", "1"), ("x-a", "2")])) == [("x-a", "2")]


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
        ("Host", "other.example"),
        ("Content-Length", "0"),
        ("Transfer-Encoding", "chunked"),
        ("Connection", "close"),
        ("CDN-Loop", "x"),
    ],
)
def test_a_field_that_would_break_the_message_cannot_be_set(name: str, value: str) -> None:
    with pytest.raises(ValueError):
        outbound(set_fields=[(name, value)])


# --- CDN-Loop ---


@pytest.mark.parametrize(
    ("received", "passed_on"),
    [
        ([], TOKEN),
        (["cdn.example"], f"cdn.example, {TOKEN}"),
        (["a; v=1, b", "c"], f"a; v=1, b, c, {TOKEN}"),
        ([""], TOKEN),
    ],
)
def test_our_token_is_appended_to_one_cdn_loop_field(received: list[str], passed_on: str) -> None:
    head = outbound().first(request(*(("cdn-loop", value) for value in received)), TARGET)
    assert values(head, "cdn-loop") == [passed_on]


def test_cdn_loop_cannot_be_removed() -> None:
    head = outbound(remove=["CDN-Loop"]).first(request(("CDN-Loop", "other")), TARGET)
    assert values(head, "cdn-loop") == [f"other, {TOKEN}"]


@pytest.mark.parametrize("token", ["", "a b", "a,b", "a;b", "a\r\n", 'a"'])
def test_a_loop_token_that_is_no_cdn_id_is_refused(token: str) -> None:
    with pytest.raises(ValueError):
        outbound(loop_token=token)


@pytest.mark.parametrize(
    "received",
    [
        ["Token-1"],
        ["TOKEN-1"],
        ["token-1;v=1"],
        ["a,token-1 ; x"],
        ["a", "b, Token-1"],
        ['a; x="unclosed, Token-1'],
    ],
)
def test_a_request_that_bears_our_token_has_passed_through(received: list[str]) -> None:
    assert passed_through(request(*(("CDN-LOOP", value) for value in received)), TOKEN)


@pytest.mark.parametrize(
    "received", [[], [""], ["token-12"], ["token"], ["a; token-1"], ["a token-1"], ["x;y=token-1"]]
)
def test_a_request_without_our_token_has_not(received: list[str]) -> None:
    head = request(("via-loop", TOKEN), *(("cdn-loop", value) for value in received))
    assert not passed_through(head, TOKEN)


def test_what_we_send_is_recognised_when_it_comes_back() -> None:
    head = outbound().first(request(("CDN-Loop", 'x; a="')), TARGET)
    assert passed_through(request(*head), TOKEN)


# --- X-Forwarded-* ---


def test_forwarded_fields_tell_of_the_client() -> None:
    assert sent(by=outbound(forwarded=True)) == [
        ("X-Forwarded-For", "192.0.2.7"),
        ("X-Forwarded-Port", "8080"),
        ("X-Forwarded-Proto", "http"),
    ]


def test_forwarded_fields_continue_those_received() -> None:
    received = [("x-forwarded-for", "a, b"), ("X-Forwarded-For", "c"), ("x-forwarded-port", "443")]
    assert sent(*received, by=outbound(forwarded=True)) == [
        ("X-Forwarded-For", "a, b,c,192.0.2.7"),
        ("X-Forwarded-Port", "443,8080"),
        ("X-Forwarded-Proto", "http"),
    ]


def test_removing_a_forwarded_field_removes_only_what_was_received() -> None:
    by = outbound(forwarded=True, remove=["x-forwarded-for"])
    assert values(sent(("X-Forwarded-For", "a"), by=by), "x-forwarded-for") == ["192.0.2.7"]


def test_a_set_forwarded_field_wins() -> None:
    by = outbound(forwarded=True, set_fields=[("X-Forwarded-For", "hidden")])
    assert values(sent(("x-forwarded-for", "a"), by=by), "x-forwarded-for") == ["hidden"]


# --- redirects ---


CLIENT = (
    ("Authorization", "secret"),
    ("Content-Type", "text/plain"),
    ("Content-Encoding", "gzip"),
    ("Content-Language", "en"),
    ("Content-Location", "/l"),
    ("Origin", "https://page.example"),
    ("Accept", "*/*"),
)


def test_a_redirect_gets_the_new_targets_host() -> None:
    by = outbound()
    new = Target("https", "b.example", 8443, "b.example:8443", "/")
    head = by.redirected(by.first(request(), TARGET), TARGET, new, keep_body=True)
    assert head == [("Host", "b.example:8443"), *PROXY_FIELDS]


def test_a_redirect_within_the_origin_with_its_body_keeps_everything() -> None:
    by = outbound(forwarded=True)
    first = by.first(request(*CLIENT), TARGET)
    again = by.redirected(first, TARGET, SAME_ORIGIN, keep_body=True)
    assert again == [("Host", "api.example:443"), *first[1:]]


def test_a_redirect_without_body_drops_what_described_it() -> None:
    by = outbound(set_fields=[("Content-Type", "text/css")])
    head = by.redirected(by.first(request(*CLIENT), TARGET), TARGET, TARGET, keep_body=False)
    assert [name for name, _ in head] == ["Host", "Authorization", "Origin", "Accept", "CDN-Loop"]


@pytest.mark.parametrize(
    "new",
    [
        Target("http", "api.example", 80, "api.example", "/x"),
        Target("https", "api.example", 8443, "api.example:8443", "/x"),
        Target("https", "www.api.example", 443, "www.api.example", "/x"),
    ],
)
def test_a_redirect_to_another_origin_drops_credentials(new: Target) -> None:
    by = outbound()
    fields = [("Host", "api.example"), *CLIENT, ("COOKIE", "c"), ("Proxy-Authorization", "p")]
    head = by.redirected(fields, TARGET, new, keep_body=True)
    assert head == [("Host", new.authority), *CLIENT[1:]]


def test_credentials_do_not_come_back_with_the_first_origin() -> None:
    by = outbound()
    other = Target("https", "b.example", 443, "b.example", "/")
    away = by.redirected(by.first(request(*CLIENT), TARGET), TARGET, other, keep_body=True)
    assert not values(by.redirected(away, other, TARGET, keep_body=True), "authorization")


def test_credentials_that_the_operator_set_go_to_every_target() -> None:
    by = outbound(set_fields=[("Authorization", "operator")])
    other = Target("https", "b.example", 443, "b.example", "/")
    head = by.redirected(by.first(request(*CLIENT), TARGET), TARGET, other, keep_body=True)
    assert values(head, "authorization") == ["operator"]


# --- from the target ---


FIRST, FINAL = "https://api.example/x", "https://api.example/z"


def received(
    *fields: tuple[str, str],
    hops: Sequence[Hop] = (),
    location: str | None = None,
    keep_length: bool = False,
) -> list[tuple[str, str]]:
    return inbound(
        ReplyHead(200, "OK", fields, CHUNKED),
        first_url=FIRST,
        final_url=FINAL,
        hops=hops,
        location=location,
        keep_length=keep_length,
    )


def passed(*fields: tuple[str, str], keep_length: bool = False) -> list[tuple[str, str]]:
    """What the client gets of these fields, without those that every reply has."""
    return received(*fields, keep_length=keep_length)[:-4]


def exposed(head: Fields) -> str:
    [value] = values(head, "access-control-expose-headers")
    return value


def test_a_reply_says_what_was_fetched_and_lets_the_page_read_it() -> None:
    assert received(("Content-Type", "text/plain")) == [
        ("Content-Type", "text/plain"),
        ("x-request-url", FIRST),
        ("x-final-url", FINAL),
        ("access-control-allow-origin", "*"),
        ("access-control-expose-headers", "content-type,x-final-url,x-request-url"),
    ]


def test_each_redirect_is_reported_and_exposed() -> None:
    hops = [Hop(302, "https://api.example/y"), Hop(307, FINAL)]
    head = received(hops=hops)
    assert values(head, "x-cors-redirect-1") == ["302 https://api.example/y"]
    assert values(head, "x-cors-redirect-2") == [f"307 {FINAL}"]
    assert exposed(head) == "x-final-url,x-request-url,x-cors-redirect-1,x-cors-redirect-2"


@pytest.mark.parametrize(
    "name",
    [
        "Content-Encoding",
        "Content-Range",
        "ETag",
        "Vary",
        "Date",
        "Via",
        "Location",
        "WWW-Authenticate",
        "set-cookie3",
        "Access-Control",
        "x-cors-redirect",
        "Sec-WebSocket-Accept",
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
    ],
)
def test_a_field_that_must_not_reach_the_client_is_dropped(name: str) -> None:
    assert passed((name, "forged"), ("X-A", "1")) == [("X-A", "1")]


@pytest.mark.parametrize("name", [*HOP_BY_HOP, "Set-Cookie", "Access-Control-Max-Age"])
def test_a_dropped_field_is_not_exposed(name: str) -> None:
    assert exposed(received((name, "v"))) == "x-final-url,x-request-url"


def test_names_are_exposed_in_order_and_once() -> None:
    fields = [("X-B", "1"), ("Content-Length", "3"), ("x-a", "2"), ("x-b", "3")]
    assert exposed(received(*fields)) == "x-b,content-length,x-a,x-final-url,x-request-url"


@pytest.mark.parametrize("connection", ["x-a", "close, X-A", "X-A,keep-alive"])
def test_a_field_that_the_targets_connection_names_is_neither_passed_nor_exposed(
    connection: str,
) -> None:
    head = received(("X-A", "1"), ("Connection", connection), ("X-B", "2"))
    assert head[0] == ("X-B", "2")
    assert exposed(head) == "x-b,x-final-url,x-request-url"


def test_the_targets_connection_cannot_remove_what_we_state() -> None:
    named = "access-control-allow-origin, x-final-url, x-request-url, location, content-length"
    head = received(
        ("Connection", named),
        ("Location", "/"),
        ("Content-Length", "3"),
        location="https://proxy.example/x",
        keep_length=True,
    )
    assert [name for name, _ in head] == [
        "location",
        "content-length",
        "x-request-url",
        "x-final-url",
        "access-control-allow-origin",
        "access-control-expose-headers",
    ]


@pytest.mark.parametrize("count", [0, 1, 2])
def test_a_given_location_replaces_the_targets(count: int) -> None:
    head = received(*[("Location", "/y")] * count, location="https://proxy.example/https://a/y")
    assert values(head, "location") == ["https://proxy.example/https://a/y"]
    assert exposed(head) == "location,x-final-url,x-request-url"


@pytest.mark.parametrize(
    "lengths", [["12"], ["12", "12"], ["12, 12"], ["12 ,12", "12"]], ids=", then ".join
)
def test_the_length_of_a_bodiless_reply_is_kept_once(lengths: list[str]) -> None:
    fields = [("Content-Length", value) for value in lengths]
    assert passed(*fields, keep_length=True) == [("content-length", "12")]


@pytest.mark.parametrize(
    "fields",
    [
        [],
        [("Content-Length", "")],
        [("Content-Length", "-1")],
        [("Content-Length", "+1")],
        [("Content-Length", "1\xb2")],
        [("Content-Length", "1"), ("content-length", "2")],
        [("Content-Length", "1, 2")],
        [("Content-Length", "1"), ("Transfer-Encoding", "chunked")],
    ],
)
def test_a_doubtful_length_is_not_kept(fields: list[tuple[str, str]]) -> None:
    assert passed(*fields, keep_length=True) == []


@pytest.mark.parametrize(
    ("reason", "cleaned"),
    [
        ("Not Found", "Not Found"),
        ("", ""),
        ("a\tb\r\nc\0d\x1fe\x7ff", "abcdef"),
        ("\x1f \x7f~", " ~"),
        ("Ni\xc3\xa9 \x80\xa0", "Ni\xc3\xa9 \x80\xa0"),
    ],
)
def test_a_reason_loses_its_control_characters_only(reason: str, cleaned: str) -> None:
    assert clean_reason(reason) == cleaned
