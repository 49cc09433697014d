"""What the proxy itself says to a target, at each hop anew."""

from __future__ import annotations

import pytest

from cors_anywhere.messages import Fields, Plan, RequestHead
from cors_anywhere.rules.headers import request_table
from cors_anywhere.rules.injections import Injections, to_continue
from cors_anywhere.rules.secrets import Secret
from tests.support.urls import parse_path

TOKEN = "Token-1"


def request(*fields: tuple[str, str], front: str | None = None) -> RequestHead:
    return RequestHead(
        "GET", "/https://api.example/x", fields, 0, "192.0.2.7", "http", 8080, front=front
    )


def injections(*, set_fields: Fields = (), forwarded: bool = False) -> Injections:
    return Injections(TOKEN, set_fields=set_fields, forwarded=forwarded)


def sent(
    *fields: tuple[str, str],
    by: Injections | None = None,
    forwarded: bool = False,
    front: str | None = None,
    upgrade: bool = False,
    url: str = "https://api.example/x",
) -> list[tuple[str, str]]:
    """What the target gets of a request with these fields."""
    by = by or injections(forwarded=forwarded)
    table = request_table(replace=by.names)
    passed, _, gathered = table.sort(fields)
    target = parse_path(f"/{url}")
    plan = Plan(
        target,
        "GET",
        passed,
        False,
        target,
        (),
        None,
        upgrade=upgrade,
        continued=to_continue(gathered),
    )
    return by.add(request(*fields, front=front), plan)


def values(fields: Fields, name: str) -> list[str]:
    return [value for key, value in fields if key.lower() == name.lower()]


def test_host_is_the_targets_and_comes_first() -> None:
    head = sent(("Accept", "*/*"), ("host", "proxy.example"), url="https://api.example:443/")
    assert head[0] == ("Host", "api.example:443")
    assert len(values(head, "host")) == 1


def test_a_set_field_takes_the_place_of_the_clients() -> None:
    head = sent(("user-agent", "1"), by=injections(set_fields=[("User-Agent", "proxy")]))
    assert values(head, "user-agent") == ["proxy"]


def test_a_set_field_wins_over_the_removals() -> None:
    by = injections(set_fields=[("X-Key", "k"), ("Cookie", "a=b")])
    head = sent(("x-key", "client"), ("cookie", "client"), by=by)
    assert (values(head, "x-key"), values(head, "cookie")) == (["k"], ["a=b"])


def test_of_two_set_fields_of_one_name_the_last_wins() -> None:
    assert values(sent(by=injections(set_fields=[("X-A", "1"), ("x-a", "2")])), "x-a") == ["2"]


def test_a_handshake_is_asked_for_where_the_client_did() -> None:
    head = sent(("Connection", "Upgrade"), ("Upgrade", "websocket"), upgrade=True)
    assert (values(head, "connection"), values(head, "upgrade")) == (["Upgrade"], ["websocket"])
    assert not values(sent(("Connection", "Upgrade"), ("Upgrade", "h2c")), "upgrade")


# --- for one target alone ---

KEYED = Injections(
    TOKEN,
    set_fields=[("X-Key", "all"), ("X-Set", "all")],
    secrets=[
        Secret.parse("api.example", "X-Key", "secret"),
        Secret.parse("api.example", "Authorization", "Bearer secret"),
        Secret.parse("http://api.example:8080", "X-Key", "other"),
    ],
)


@pytest.mark.parametrize("url", ["https://api.example/", "https://API.example.:443/x?y"])
def test_a_target_gets_what_is_for_it_in_place_of_what_anybody_else_says(url: str) -> None:
    head = sent(("x-key", "page"), ("AUTHORIZATION", "page"), ("X-A", "1"), by=KEYED, url=url)
    assert [values(head, name) for name in ("x-key", "authorization", "x-set", "x-a")] == [
        ["secret"],
        ["Bearer secret"],
        ["all"],
        ["1"],
    ]


def test_a_name_that_a_server_folds_into_that_of_a_secret_does_not_stand_beside_it() -> None:
    head = sent(("X_Key", "page"), ("x.key", "page"), ("X-Keys", "1"), by=KEYED)
    assert [(name, value) for name, value in head if "key" in name.lower()] == [
        ("X-Keys", "1"),
        ("X-Key", "secret"),
    ]


@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("http://api.example/", "all"),
        ("https://api.example:8443/", "all"),
        ("https://www.api.example/", "all"),
        ("https://api.example.org/", "all"),
        ("http://api.example:8080/", "other"),
    ],
)
def test_another_scheme_host_or_port_does_not(url: str, key: str) -> None:
    head = sent(("Authorization", "page"), by=KEYED, url=url)
    assert (values(head, "x-key"), values(head, "authorization")) == ([key], ["page"])


@pytest.mark.parametrize(
    ("old", "new", "apart"),
    [
        ("https://api.example/a", "https://api.example/b", False),
        ("https://api.example/", "https://api.example:443/", False),
        ("https://api.example/", "http://api.example/", True),
        ("https://api.example/", "https://api.example:444/", True),
        ("https://api.example/", "https://other.example/", True),
        ("https://other.example/", "https://api.example/", False),
        ("https://other.example/", "https://third.example/", False),
    ],
)
def test_a_redirect_that_leaves_a_target_with_fields_of_its_own_is_not_followed(
    old: str, new: str, apart: bool
) -> None:
    assert KEYED.keeps_apart(parse_path(f"/{old}"), parse_path(f"/{new}")) is apart


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
    head = sent(*(("cdn-loop", value) for value in received))
    assert values(head, "cdn-loop") == [passed_on]


def test_connection_cannot_rid_the_request_of_our_token() -> None:
    head = sent(("CDN-Loop", "other"), ("Connection", "CDN-Loop"))
    assert values(head, "cdn-loop") == [f"other, {TOKEN}"]


@pytest.mark.parametrize("token", ["", "a b", "a,b", "a;b", "a\r\n", 'a"'])
def test_a_loop_token_that_is_no_cdn_id_is_refused(token: str) -> None:
    with pytest.raises(ValueError, match="CDN-Loop"):
        Injections(token)


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
    assert injections().passed_through(request(*(("CDN-LOOP", value) for value in received)))


@pytest.mark.parametrize(
    "received", [[], [""], ["token-12"], ["token"], ["a; token-1"], ["a token-1"], ["x;y=token-1"]]
)
def test_a_request_without_our_token_has_not(received: list[str]) -> None:
    head = request(("via-loop", TOKEN), *(("cdn-loop", value) for value in received))
    assert not injections().passed_through(head)


def test_what_we_send_is_recognised_when_it_comes_back() -> None:
    assert injections().passed_through(request(*sent(("CDN-Loop", 'x; a="'))))


# --- X-Forwarded-* ---


def forwarded(*fields: tuple[str, str], front: str | None = None) -> dict[str, list[str]]:
    head = sent(*fields, forwarded=True, front=front)
    return {name: values(head, f"x-forwarded-{name}") for name in ("for", "port", "proto")}


def test_forwarded_fields_tell_of_the_client() -> None:
    assert forwarded() == {"for": ["192.0.2.7"], "port": ["8080"], "proto": ["http"]}


def test_what_a_client_says_of_itself_is_not_continued() -> None:
    junk = [
        ("x-forwarded-for", "a, b"),
        ("X-Forwarded-Port", "443"),
        ("X-Forwarded-Proto", "https"),
    ]
    assert forwarded(*junk) == forwarded()


def test_behind_a_trusted_front_server_the_client_and_the_server_are_told() -> None:
    got = forwarded(("X-Forwarded-For", "junk, 192.0.2.7"), front="10.0.0.1")
    assert got["for"] == ["192.0.2.7,10.0.0.1"]


def test_a_front_server_that_names_no_client_is_told_once() -> None:
    assert forwarded(front="192.0.2.7")["for"] == ["192.0.2.7"]


def test_a_set_forwarded_field_wins() -> None:
    by = injections(forwarded=True, set_fields=[("X-Forwarded-For", "hidden")])
    head = sent(("x-forwarded-for", "a"), by=by, forwarded=True)
    assert values(head, "x-forwarded-for") == ["hidden"]
