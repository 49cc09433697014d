"""The replies that the proxy makes, and what it adds to those of targets."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from cors_anywhere.errors import (
    GatewayError,
    MethodNotAllowed,
    NavigationRefused,
    ProxyError,
    TooManyRequests,
)
from cors_anywhere.messages import Answer, Fields, Hop, Plan, Use
from cors_anywhere.rules.headers import reply_table
from cors_anywhere.rules.replies import NOT_NEEDED, Replies, clean_reason, go_there
from tests.support.urls import parse_path

FIRST, FINAL = "https://api.example/x", "https://api.example/z"
HOPS = (Hop(302, "https://api.example/y"), Hop(307, FINAL))


def plan(hops: Sequence[Hop] = ()) -> Plan:
    final = parse_path(f"/{FINAL}")
    return Plan(final, "GET", (), False, parse_path(f"/{FIRST}"), tuple(hops), None)


def replies(*, by_origin: bool = False, max_age: int = 0) -> Replies:
    page = '<a href="$url">$url</a>'
    return Replies(page, by_origin=by_origin, max_age=max_age)


def failed(error: ProxyError, during: Plan | None = None) -> Answer:
    return replies().failed(error, during)


def values(fields: Fields, name: str) -> list[str]:
    return [value for key, value in fields if key.lower() == name.lower()]


def exposed(head: Fields) -> str:
    [value] = values(head, "access-control-expose-headers")
    return value


# --- of our own -------------------------------------------------------------------------------


# RFC 8941: a list of one token with parameters that are tokens or strings.
_MEMBER = re.compile(
    r'[A-Za-z*][!-~]*?(; ?[a-z*][a-z0-9_.*-]*=([A-Za-z*][\w:/.-]*|"(\\["\\]|[ !#-\[\]-~])*"))*'
)


@pytest.mark.parametrize(
    "detail", ["plain", 'a "quoted" \\ one', "ümlaut", "two\nlines", "\x00", ""]
)
def test_proxy_status_is_a_structured_field(detail: str) -> None:
    (value,) = values(failed(GatewayError(detail)).fields, "proxy-status")
    assert _MEMBER.fullmatch(value)
    assert value.startswith("cors-anywhere; error=http_protocol_error; details=")


def test_a_failure_is_told_in_words_that_a_page_can_read() -> None:
    answer = failed(GatewayError("It broke.", hint="Mend it.", log_detail="10.0.0.1"))
    assert (answer.status, answer.reason) == (502, "Bad Gateway")
    assert answer.body == b"It broke.\nMend it."
    assert values(answer.fields, "access-control-allow-origin") == ["*"]
    assert "proxy-status" in exposed(answer.fields)


def test_a_failure_of_a_fetch_says_what_was_fetched() -> None:
    answer = failed(GatewayError(), plan())
    assert values(answer.fields, "x-request-url") == [FIRST]
    assert values(answer.fields, "x-final-url") == [FINAL]
    assert {"x-request-url", "x-final-url"} <= {*exposed(answer.fields).split(",")}
    assert values(answer.fields, "cache-control") == []
    answer = failed(GatewayError(), plan()._replace(authorized=True))
    assert values(answer.fields, "cache-control") == ["private"]
    assert b"redirect" not in answer.body


def test_a_failure_after_redirects_names_the_hop() -> None:
    answer = failed(GatewayError("It broke."), plan(HOPS))
    assert values(answer.fields, "x-cors-redirect-2") == [f"307 {FINAL}"]
    assert "x-cors-redirect-2" in exposed(answer.fields).split(",")
    line = f"This was after redirect 2 of {FIRST}, which led to {FINAL}."
    assert answer.body.decode().split("\n") == ["It broke.", line]


def test_a_redirect_that_may_not_be_followed_is_named_as_one() -> None:
    error = GatewayError("No.")
    error.redirected_to = "http://intranet/"
    answer = failed(error, plan(HOPS))
    assert f"redirect 3 of {FIRST}, which led to http://intranet/." in answer.body.decode()
    assert values(answer.fields, "x-final-url") == [FINAL]


def test_a_method_that_is_not_served_is_answered_with_those_that_are() -> None:
    (allow,) = values(failed(MethodNotAllowed()).fields, "allow")
    assert {"GET", "HEAD", "POST", "OPTIONS"} <= set(allow.split(", "))


def test_the_429_has_the_meters_text_and_fields_and_lets_scripts_read_them() -> None:
    answer = failed(TooManyRequests("Enough.", (("retry-after", "62"),)))
    assert (answer.status, answer.reason, answer.body) == (429, "Too Many Requests", b"Enough.")
    assert values(answer.fields, "retry-after") == ["62"]
    assert "retry-after" in exposed(answer.fields).split(",")


def test_who_followed_a_link_gets_a_page_without_scripts_whatever_the_link_says() -> None:
    answer = failed(NavigationRefused("""https://a.example/"><script>'&\x80"""))
    assert (answer.status, values(answer.fields, "content-type")) == (
        403,
        ["text/html; charset=utf-8"],
    )
    assert values(answer.fields, "content-security-policy") == ["default-src 'none'"]
    assert "http_request_denied" in values(answer.fields, "proxy-status")[0]
    url = "https://a.example/&quot;&gt;&lt;script&gt;&#x27;&amp;%80"
    assert answer.body.decode() == f'<a href="{url}">{url}</a>'


@pytest.mark.parametrize(("by_origin", "vary"), [(True, ["origin"]), (False, [])])
def test_replies_that_depend_on_the_origin_say_so(by_origin: bool, vary: list[str]) -> None:
    deciding = replies(by_origin=by_origin)
    assert values(deciding.failed(GatewayError(), None).fields, "vary") == vary
    assert values(deciding.preflight({}).fields, "vary") == vary


# --- of a target ------------------------------------------------------------------------------


def received(
    *fields: tuple[str, str],
    hops: Sequence[Hop] = (),
    places: Mapping[str, str | None] | None = None,
    keep_length: bool = False,
    **of_plan: Any,
) -> list[tuple[str, str]]:
    return list(
        replies().proxied(
            reply_table().sort(fields),
            plan=plan(hops)._replace(**of_plan),
            places=places or {},
            keep_length=keep_length,
        )
    )


def passed(*fields: tuple[str, str], keep_length: bool = False) -> list[tuple[str, str]]:
    """What the client gets of these fields, without those that every reply has."""
    return received(*fields, keep_length=keep_length)[:-7]


def test_a_reply_says_what_was_fetched_and_lets_the_page_read_it() -> None:
    assert received(("Content-Type", "text/plain")) == [
        ("Content-Type", "text/plain"),
        ("content-security-policy", "sandbox"),
        ("cross-origin-resource-policy", "cross-origin"),
        ("x-request-url", FIRST),
        ("x-final-url", FINAL),
        ("access-control-allow-origin", "*"),
        ("timing-allow-origin", "*"),
        ("access-control-expose-headers", "content-type,x-final-url,x-request-url"),
    ]


def test_each_redirect_is_reported_and_exposed() -> None:
    head = received(hops=HOPS)
    assert values(head, "x-cors-redirect-1") == ["302 https://api.example/y"]
    assert values(head, "x-cors-redirect-2") == [f"307 {FINAL}"]
    assert exposed(head) == "x-final-url,x-request-url,x-cors-redirect-1,x-cors-redirect-2"


@pytest.mark.parametrize("name", ["Connection", "Set-Cookie", "Access-Control-Max-Age", "TE"])
def test_a_dropped_field_is_not_exposed(name: str) -> None:
    assert exposed(received((name, "v"))) == "x-final-url,x-request-url"


def test_names_are_exposed_in_order_and_once() -> None:
    fields = [("X-B", "1"), ("Content-Length", "3"), ("x-a", "2"), ("x-b", "3")]
    assert exposed(received(*fields)) == "x-b,content-length,x-a,x-final-url,x-request-url"


def test_the_targets_connection_cannot_remove_what_we_state() -> None:
    named = "access-control-allow-origin, x-final-url, x-request-url, location, content-length"
    head = received(
        ("Connection", named),
        ("Location", "/"),
        ("Content-Length", "3"),
        places={"location": "https://proxy.example/x"},
        keep_length=True,
    )
    assert [name for name, _ in head] == [
        "location",
        "content-length",
        "content-security-policy",
        "cross-origin-resource-policy",
        "x-request-url",
        "x-final-url",
        "access-control-allow-origin",
        "timing-allow-origin",
        "access-control-expose-headers",
    ]


@pytest.mark.parametrize("count", [1, 2])
def test_a_place_takes_that_of_the_targets(count: int) -> None:
    place = "https://proxy.example/https://a/y"
    head = received(*[("Location", "/y")] * count, places={"location": place})
    assert values(head, "location") == [place]
    assert exposed(head) == "location,x-final-url,x-request-url"


def test_a_place_that_is_none_is_neither_passed_nor_exposed() -> None:
    head = received(("Location", "javascript:x"), places={"location": None})
    assert values(head, "location") == []
    assert exposed(head) == "x-final-url,x-request-url"


def test_the_sandbox_stands_beside_the_targets_own_policy() -> None:
    own = "sandbox allow-same-origin allow-scripts"
    head = received(("Content-Security-Policy", own))
    assert values(head, "content-security-policy") == [own, "sandbox"]


def test_a_workers_script_is_not_sandboxed_and_no_cache_takes_it_for_another_reply() -> None:
    head = received(("Vary", "accept"), use=Use.WORKER)
    assert values(head, "content-security-policy") == []
    assert values(head, "cross-origin-resource-policy") == ["cross-origin"]
    assert values(head, "vary") == ["accept, sec-fetch-dest"]
    assert values(received(("Vary", "accept")), "vary") == ["accept"]


def test_what_a_target_says_of_who_may_use_it_gives_way() -> None:
    head = received(
        ("Cross-Origin-Resource-Policy", "same-origin"), ("Timing-Allow-Origin", "https://a.test")
    )
    assert values(head, "cross-origin-resource-policy") == ["cross-origin"]
    assert values(head, "timing-allow-origin") == ["*"]
    assert exposed(head) == "x-final-url,x-request-url"


@pytest.mark.parametrize(
    ("authorized", "said", "seen"),
    [
        (True, [], ["private"]),
        (True, ["public, max-age=5"], ["public, max-age=5"]),
        (False, [], []),
    ],
)
def test_what_was_fetched_with_credentials_is_kept_by_no_shared_cache(
    authorized: bool, said: list[str], seen: list[str]
) -> None:
    head = received(*[("Cache-Control", value) for value in said], authorized=authorized)
    assert values(head, "cache-control") == seen


def test_only_the_proxys_own_replies_forbid_to_guess_their_type() -> None:
    own = [
        NOT_NEEDED,
        replies().preflight({}),
        failed(GatewayError()),
        go_there(parse_path(f"/{FIRST}")),
    ]
    assert {tuple(values(one.fields, "x-content-type-options")) for one in own} == {("nosniff",)}
    assert values(received(), "x-content-type-options") == []


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
