from __future__ import annotations

import pytest

from cors_anywhere.rules.cors import (
    own_reply_fields,
    preflight_fields,
    reply_fields,
    vary_on,
    with_fields,
)


def preflight(
    method: str | None = None, headers: str | None = None, max_age: int = 0
) -> dict[str, str]:
    return dict(preflight_fields(method, headers, max_age=max_age))


def test_a_preflight_echoes_the_requested_method_and_headers() -> None:
    assert preflight("PUT", "x-a, X-B") == {
        "access-control-allow-origin": "*",
        "access-control-allow-methods": "PUT",
        "access-control-allow-headers": "x-a, X-B",
        "access-control-expose-headers": "access-control-allow-origin,"
        "access-control-allow-methods,access-control-allow-headers",
    }


def test_a_preflight_that_asks_for_nothing_is_still_allowed() -> None:
    assert preflight() == {
        "access-control-allow-origin": "*",
        "access-control-expose-headers": "access-control-allow-origin",
    }


@pytest.mark.parametrize("method", ["GET", "propfind", "X!#$%&'*+-.^_`|~9", "M" * 64])
def test_a_method_that_is_a_token_is_echoed(method: str) -> None:
    assert preflight(method)["access-control-allow-methods"] == method


@pytest.mark.parametrize(
    "method",
    [
        "",
        " ",
        "GET PUT",
        "GET,PUT",
        "GET\r\nx: y",
        "GET\n",
        "G\0T",
        "G(T",
        "GÉT",
        "\u212a",
        "M" * 65,
    ],
)
def test_anything_else_is_not_echoed_as_method(method: str) -> None:
    assert "access-control-allow-methods" not in preflight(method)


@pytest.mark.parametrize(
    "headers", ["x-a", "X-A,x-b", "x-a ,\tx-b", "x-a,,x-b", ",x-a", "a" * 8192, "*"]
)
def test_a_list_of_tokens_is_echoed_as_it_came(headers: str) -> None:
    assert preflight("GET", headers)["access-control-allow-headers"] == headers


@pytest.mark.parametrize(
    "headers",
    [
        "",
        ",",
        " , ",
        "x a",
        "x-a;q=1",
        "x-a:",
        "x-a\r\nset-cookie: b",
        "x-a\n",
        "x-\xe4",
        "a" * 8193,
    ],
)
def test_anything_else_is_not_echoed_as_headers(headers: str) -> None:
    assert "access-control-allow-headers" not in preflight("GET", headers)


@pytest.mark.parametrize(("max_age", "sent"), [(-1, None), (0, None), (1, "1"), (600, "600")])
def test_max_age_is_sent_only_when_positive(max_age: int, sent: str | None) -> None:
    assert preflight("GET", max_age=max_age).get("access-control-max-age") == sent


def test_no_preflight_mentions_credentials_or_private_networks() -> None:
    names = preflight("GET", "x-a", max_age=5).keys()
    assert not {n for n in names if n.endswith(("-credentials", "-network"))}


def test_a_reply_of_our_own_exposes_its_fields() -> None:
    assert own_reply_fields(["Content-Type", "Proxy-Status", "content-type"]) == [
        ("access-control-allow-origin", "*"),
        ("access-control-expose-headers", "content-type,proxy-status"),
    ]


def test_a_reply_of_our_own_without_fields_has_no_empty_list() -> None:
    assert own_reply_fields([])[1] == (
        "access-control-expose-headers",
        "access-control-allow-origin",
    )


def test_a_proxied_reply_exposes_the_targets_fields_in_order_then_ours() -> None:
    assert reply_fields(["Date", "x-b", "X-A", "X-B"], 0) == [
        ("access-control-allow-origin", "*"),
        ("timing-allow-origin", "*"),
        ("access-control-expose-headers", "date,x-b,x-a,x-final-url,x-request-url"),
    ]


def test_a_proxied_reply_exposes_each_redirect() -> None:
    exposed = reply_fields([], 2)[-1][1]
    assert exposed == "x-final-url,x-request-url,x-cors-redirect-1,x-cors-redirect-2"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([], ["origin"]),
        (["Accept-Encoding"], ["Accept-Encoding, origin"]),
        (["accept", "x-origin"], ["accept, x-origin, origin"]),
        ([" ", ","], ["origin"]),
        (["accept, ORIGIN"], ["accept, ORIGIN"]),
        (["accept", "origin"], ["accept", "origin"]),
        (["*"], ["*"]),
        (["accept,\t* "], ["accept,\t* "]),
    ],
)
def test_vary_names_the_origin_once(before: list[str], after: list[str]) -> None:
    fields = vary_on("origin", [("Age", "1"), *(("Vary", value) for value in before)])
    assert [value for name, value in fields if name.lower() == "vary"] == after
    assert fields[0] == ("Age", "1")


# --- credentials ---

CREDITED = "https://app.test"
NAMED = [
    ("access-control-allow-origin", CREDITED),
    ("access-control-allow-credentials", "true"),
]


def test_whose_credentials_are_allowed_is_named_in_every_reply() -> None:
    assert own_reply_fields(["a"], CREDITED)[:2] == NAMED
    assert reply_fields(["a"], 0, CREDITED)[:2] == NAMED
    assert preflight_fields("PUT", "x-a", max_age=0, credited=CREDITED)[:2] == NAMED


def test_nobody_elses_are() -> None:
    for fields in (
        own_reply_fields(["a"]),
        reply_fields(["a"], 0),
        preflight_fields("PUT", "x-a", max_age=0),
    ):
        assert dict(fields)["access-control-allow-origin"] == "*"
        assert "access-control-allow-credentials" not in dict(fields)


def test_a_star_stands_for_nothing_beside_credentials() -> None:
    fields = preflight_fields("*", "*", max_age=0, credited=CREDITED)
    assert dict(fields)["access-control-allow-headers"] == "*"  # the header of that name, echoed
    asked = preflight_fields("PUT", "x-a, authorization", max_age=0, credited=CREDITED)
    assert dict(asked)["access-control-allow-methods"] == "PUT"
    assert dict(asked)["access-control-allow-headers"] == "x-a, authorization"
    assert "*" not in dict(reply_fields(["a"], 1, CREDITED))["access-control-expose-headers"]


def test_fields_that_are_added_can_be_read_and_stay_beside_a_target_s_own() -> None:
    fields = [("ratelimit", "the target's"), ("access-control-expose-headers", "ratelimit,x")]
    assert with_fields(fields, [("ratelimit", "ours"), ("ratelimit-policy", "p")]) == [
        ("ratelimit", "the target's"),
        ("access-control-expose-headers", "ratelimit,x,ratelimit-policy"),
        ("ratelimit", "ours"),
        ("ratelimit-policy", "p"),
    ]
