"""Who is answered what, in which order, and what a target's reply leads to."""

from __future__ import annotations

from typing import Any

import pytest

from cors_anywhere.config.settings import Settings
from cors_anywhere.config.suffixes import has_public_suffix
from cors_anywhere.errors import (
    BodyTooLarge,
    HeaderRequired,
    InvalidHost,
    InvalidPort,
    LoopDetected,
    MethodNotAllowed,
    NavigationRefused,
    OnlyRead,
    ProhibitedTarget,
    ProxyAuthenticationDemanded,
    ProxyError,
    Refused,
    ResponseBodyTooLarge,
    ServiceWorkerRefused,
)
from cors_anywhere.messages import (
    CHUNKED,
    Answer,
    Deliver,
    Fields,
    Follow,
    Gather,
    Hop,
    Length,
    Metered,
    Plan,
    ReplyHead,
    RequestHead,
    Use,
)
from cors_anywhere.proxy import choices
from cors_anywhere.rules.own import Documents
from cors_anywhere.rules.policy import Policy

PAGE = "https://page.test"
URL = "/https://api.example.com/x?y"
WEBSOCKET: dict[str, Any] = {"connection": "keep-alive, Upgrade", "upgrade": "WebSocket"}
DENIED = "was blacklisted by the operator of this proxy."
NOT_ALLOWED = "was not whitelisted by the operator of this proxy."


def policy(*, metered: bool = False, **settings: Any) -> Policy:
    return Policy(
        choices(Settings(**settings)),
        documents=Documents("<h1>Help</h1>", "text/html"),
        navigation_page="<h1>$url</h1>",
        loop_token="us",
        is_known_name=has_public_suffix,
        metered=metered,
    )


def request(
    path: str = URL,
    method: str = "GET",
    *,
    length: Length = 0,
    base: str = "",
    origin: str | None = PAGE,
    **fields: str,
) -> RequestHead:
    given = {"Host": "proxy.test"} | ({} if origin is None else {"Origin": origin})
    named = {name.replace("_", "-"): value for name, value in fields.items()}
    pairs = tuple((given | named).items())
    return RequestHead(method, path, pairs, length, "192.0.2.7", "https", 443, base)


def reply(status: int = 200, length: int = 0, **fields: str) -> ReplyHead:
    return ReplyHead(status, "Whatever", tuple(fields.items()), length)


def planned(deciding: Policy, head: RequestHead) -> Plan:
    plan = deciding.admit(head)
    assert isinstance(plan, Plan)
    return plan


def answered(deciding: Policy, head: RequestHead) -> Answer:
    answer = deciding.admit(head)
    assert isinstance(answer, Answer)
    return answer


def followed(deciding: Policy, head: RequestHead, plan: Plan, got: ReplyHead) -> Plan:
    decision = deciding.after(head, plan, got, replayable=False)
    assert isinstance(decision, Follow)
    return decision.plan


def delivered(
    deciding: Policy, head: RequestHead, got: ReplyHead, *, replayable: bool = False
) -> Deliver:
    decision = deciding.after(head, planned(deciding, head), got, replayable=replayable)
    assert isinstance(decision, Deliver)
    return decision


def sent(deciding: Policy, head: RequestHead, plan: Plan | None = None) -> Fields:
    """The head that goes to the plan's target."""
    return deciding.outbound(head, plan or planned(deciding, head))


def values(fields: Fields, name: str) -> list[str]:
    return [value for known, value in fields if known.lower() == name]


# --- the order of the checks ------------------------------------------------------------------

# Each request fails its own check and every later one as well; so the earlier one must answer.
STRICT: dict[str, Any] = {
    "allow_origins": ("https://good.test",),
    "deny_origins": ("https://bad.test",),
    "rate_limits": ("1 1",),
    "deny_targets": ("api.example.com",),
}
ORDER: dict[str, tuple[RequestHead, type[ProxyError]]] = {
    "method": (request("/index.php", "TRACE", origin=None), MethodNotAllowed),
    "port": (request("/http://a.test:65536/", origin=None), InvalidPort),
    "host": (request("/favicon.ico", origin=None), InvalidHost),
    "navigation": (
        request(origin=None, cdn_loop="us", sec_fetch_mode="navigate"),
        NavigationRefused,
    ),
    "loop": (request(origin=None, cdn_loop="us"), LoopDetected),
    "header": (request(origin=None), HeaderRequired),
    "denied": (request(origin="https://bad.test"), Refused),
    "allowed": (request(), Refused),
}


@pytest.mark.parametrize(("head", "error"), ORDER.values(), ids=ORDER)
def test_the_earlier_check_answers(head: RequestHead, error: type[ProxyError]) -> None:
    with pytest.raises(ProxyError) as failure:
        policy(**STRICT).admit(head)
    assert failure.type is error


def test_a_denied_origin_is_called_denied_though_it_is_not_allowed_either() -> None:
    with pytest.raises(Refused, match=f'^The origin "https://bad.test" {DENIED}$'):
        policy(**STRICT).admit(request(origin="https://bad.test"))


def test_the_rate_is_counted_before_the_target_is_judged() -> None:
    decision = policy(metered=True, **STRICT).admit(request(origin="https://good.test"))
    assert isinstance(decision, Metered)
    assert decision.origin == "https://good.test"
    assert isinstance(decision.then, Refused)


def test_the_rate_is_counted_before_the_same_origin_redirect() -> None:
    deciding = policy(metered=True)
    decision = deciding.admit(request(origin="https://api.example.com"))
    assert isinstance(decision, Metered)
    assert isinstance(decision.then, Answer)
    assert decision.then.status == 301


def test_the_same_origin_redirect_comes_before_the_rules_of_targets() -> None:
    deciding = policy(deny_targets=("api.example.com",))
    assert answered(deciding, request(origin="https://api.example.com")).status == 301


# --- the proxy's own answers ------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "//example.com", "/http://", "/http:///", "/http://:1234"])
def test_what_is_no_url_gets_the_help_page_whoever_asks(path: str) -> None:
    answer = answered(policy(**STRICT), request(path, origin=None))
    assert (answer.status, answer.body) == (200, b"<h1>Help</h1>")
    assert values(answer.fields, "content-type") == ["text/html; charset=utf-8"]
    assert values(answer.fields, "access-control-allow-origin") == ["*"]


@pytest.mark.parametrize("path", ["/iscorsneeded", "/iscorsneeded/x", "/iscorsneeded?x"])
def test_iscorsneeded_is_told_no_without_any_cors_field(path: str) -> None:
    answer = answered(policy(**STRICT), request(path, origin=None))
    assert (answer.status, answer.body) == (200, b"no")
    assert [name for name, _ in answer.fields] == ["content-type", "x-content-type-options"]


def test_a_longer_word_than_iscorsneeded_is_a_host() -> None:
    with pytest.raises(InvalidHost, match=r"^Invalid host: iscorsneededx$"):
        policy().admit(request("/iscorsneededx"))


@pytest.mark.parametrize("field", ["origin", "x_requested_with"])
def test_the_presence_of_any_one_required_header_is_enough(field: str) -> None:
    assert isinstance(policy().admit(request(**({"origin": None} | {field: ""}))), Plan)  # type: ignore[arg-type]


@pytest.mark.parametrize("origin", [None, "https://other.test", "http://good.test"])
def test_an_origin_that_is_not_listed_is_refused(origin: str | None) -> None:
    deciding = policy(allow_origins=("https://good.test",), require_headers=())
    with pytest.raises(Refused, match=f'^The origin "{origin or ""}" {NOT_ALLOWED}$'):
        deciding.admit(request(origin=origin))


def test_a_page_of_the_targets_own_origin_is_sent_there() -> None:
    answer = answered(policy(), request(origin="https://api.example.com"))
    assert (answer.status, answer.reason) == (301, "Please use a direct request")
    assert answer.body == b""
    assert values(answer.fields, "vary") == ["origin"]
    assert values(answer.fields, "cache-control") == ["private"]
    assert values(answer.fields, "location") == ["https://api.example.com/x?y"]


@pytest.mark.parametrize("origin", ["http://api.example.com", "https://api.example.com:444"])
def test_a_page_of_another_scheme_or_port_is_served(origin: str) -> None:
    assert isinstance(policy().admit(request(origin=origin)), Plan)


def test_an_origin_that_begins_like_the_targets_is_another() -> None:
    head = request("/https://page.test.evil.test/", origin="https://page.test")
    assert isinstance(policy().admit(head), Plan)


def test_the_same_origin_redirect_can_be_turned_off() -> None:
    deciding = policy(redirect_same_origin=False)
    assert isinstance(deciding.admit(request(origin="https://api.example.com")), Plan)


# --- OPTIONS ----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [URL, "/", "/favicon.ico", "/http://["])
def test_a_preflight_is_always_answered(path: str) -> None:
    head = request(path, "OPTIONS", access_control_request_method="PUT")
    answer = answered(policy(**STRICT), head)
    assert (answer.status, answer.body) == (200, b"")
    assert values(answer.fields, "access-control-allow-methods") == ["PUT"]
    assert values(answer.fields, "access-control-allow-origin") == ["*"]


@pytest.mark.parametrize("origin", ["https://bad.test", "https://other.test"])
def test_a_preflight_of_an_origin_that_is_not_served_passes_so_that_it_can_read_why(
    origin: str,
) -> None:
    preflight = request(method="OPTIONS", origin=origin, access_control_request_method="PUT")
    answer = answered(policy(**STRICT), preflight)
    assert answer.status == 200
    assert values(answer.fields, "access-control-allow-origin") == ["*"]
    with pytest.raises(Refused) as failure:
        policy(**STRICT).admit(request(method="PUT", origin=origin))
    refusal = policy(**STRICT).failed(failure.value)
    assert values(refusal.fields, "access-control-allow-origin") == ["*"]


def test_an_options_that_is_no_preflight_goes_to_the_target() -> None:
    assert planned(policy(), request(method="OPTIONS")).method == "OPTIONS"
    assert not policy().is_preflight(request(method="OPTIONS"))
    assert not policy().is_preflight(request())


@pytest.mark.parametrize(
    "head",
    [
        request(method="OPTIONS", origin=None),
        request("/", "OPTIONS"),
        request("/favicon.ico", "OPTIONS"),
    ],
    ids=["no-origin", "no-target", "invalid-target"],
)
def test_an_options_without_origin_or_target_is_answered(head: RequestHead) -> None:
    assert answered(policy(), head).status == 200
    assert policy().is_preflight(head)


# --- vary -------------------------------------------------------------------------------------

BY_ORIGIN: dict[str, dict[str, Any]] = {
    "allow": {"allow_origins": (PAGE,)},
    "deny": {"deny_origins": ("https://bad.test",)},
}


@pytest.mark.parametrize("settings", BY_ORIGIN.values(), ids=BY_ORIGIN)
def test_replies_that_depend_on_the_origin_say_so(settings: dict[str, Any]) -> None:
    deciding = policy(**settings)
    got = delivered(deciding, request(), reply(vary="accept"))
    assert values(got.fields, "vary") == ["accept, origin"]
    assert values(deciding.failed(Refused()).fields, "vary") == ["origin"]
    assert values(answered(deciding, request(method="OPTIONS", path="/")).fields, "vary") == [
        "origin"
    ]


def test_replies_that_do_not_depend_on_the_origin_keep_their_vary() -> None:
    deciding = policy()
    assert values(delivered(deciding, request(), reply(vary="accept")).fields, "vary") == ["accept"]
    assert values(deciding.failed(Refused()).fields, "vary") == []


# --- rates ------------------------------------------------------------------------------------


def test_requests_count_by_a_function_without_any_limit() -> None:
    assert isinstance(policy(metered=True).admit(request()), Metered)
    assert isinstance(policy().admit(request()), Plan)


# --- targets ----------------------------------------------------------------------------------

NETWORK = ("10.0.0.0/8",)
RULED: dict[str, tuple[str, dict[str, Any], str | None]] = {
    # target, settings, the verdict that remains (None: refused outright)
    "public": ("https://api.example.com/", {}, ""),
    "single-label": ("http://intranet/", {}, None),
    "single-label-network": ("http://intranet/", {"allow_networks": NETWORK}, "single-label"),
    "single-label-target": ("http://intranet/", {"allow_targets": ("intranet",)}, ""),
    "special-name": ("http://printer.local/", {}, None),
    "special-name-network": (
        "http://printer.local/",
        {"allow_networks": NETWORK},
        "special-name",
    ),
    "special-name-target": ("http://printer.local/", {"allow_targets": ("printer.local",)}, ""),
    "bad-port": ("http://example.com:25/", {}, None),
    "bad-port-network": ("http://example.com:25/", {"allow_networks": NETWORK}, "bad-port"),
    "bad-port-host": ("http://example.com:25/", {"allow_targets": ("example.com",)}, None),
    "bad-port-target": ("http://example.com:25/", {"allow_targets": ("example.com:25",)}, ""),
    "good-port-beside": ("http://example.com:26/", {}, ""),
    "bad-port-private-host": ("http://example.com:25/", {"allow_private": ("example.com",)}, None),
    "bad-port-private": ("http://example.com:25/", {"allow_private": ("example.com:25",)}, ""),
    "private-and-denied": (
        "http://intranet/",
        {"allow_private": ("intranet",), "deny_targets": ("intranet",)},
        None,
    ),
    "private-and-not-allowed": (
        "http://intranet/",
        {"allow_private": ("intranet",), "allow_targets": ("example.com",)},
        None,
    ),
    "beside-private": ("http://example.com/", {"allow_private": ("intranet",)}, ""),
    "private": ("http://intranet/", {"allow_private": ("intranet",)}, ""),
    "other-target": ("http://example.com/", {"allow_targets": ("example.net",)}, None),
    "denied-target": ("http://example.com/", {"deny_targets": ("example.com",)}, None),
    "both": (
        "http://example.com/",
        {"deny_targets": ("example.com",), "allow_targets": ("example.com", "a.test")},
        None,
    ),
}


@pytest.mark.parametrize(("url", "settings", "left"), RULED.values(), ids=RULED)
def test_the_rules_of_targets(url: str, settings: dict[str, Any], left: str | None) -> None:
    deciding = policy(**settings)
    if left is None:
        with pytest.raises(Refused):
            deciding.admit(request(f"/{url}"))
    else:
        assert planned(deciding, request(f"/{url}")).exception_only == (left or None)


def test_a_target_that_the_operator_named_is_private_and_another_is_not() -> None:
    deciding = policy(allow_private=("intranet",))
    assert planned(deciding, request("/http://intranet/")).private
    assert not planned(deciding, request()).private


def test_a_redirect_is_private_only_where_it_leads_to_a_private_target() -> None:
    deciding, head = policy(allow_private=("intranet",)), request()
    there = followed(
        deciding, head, planned(deciding, head), reply(302, location="http://intranet/")
    )
    assert there.private
    back = followed(deciding, head, there, reply(302, location="https://api.example.com/"))
    assert not back.private


ITSELF: dict[str, tuple[dict[str, Any], str, bool]] = {
    "root": ({}, "/https://proxy.test/", True),
    "another-name": ({}, "/https://other.example.com/", False),
    "another-scheme": ({}, "/http://proxy.test/", False),
    "another-port": ({}, "/https://proxy.test:8443/", False),
    "base": ({"base_path": "/cors"}, "/cors/https://proxy.test/cors/https://a.example.com", True),
    "beside-the-base": ({"base_path": "/cors"}, "/cors/https://proxy.test/corsx", False),
}


@pytest.mark.parametrize(("settings", "path", "itself"), ITSELF.values(), ids=ITSELF)
def test_the_proxy_does_not_fetch_itself_and_says_so(
    settings: dict[str, Any], path: str, itself: bool
) -> None:
    deciding = policy(**settings, allow_private=("*.test", "proxy.test"))
    if itself:
        with pytest.raises(ProhibitedTarget, match="asked to fetch itself") as failure:
            deciding.admit(request(path))
        assert failure.value.rule == "own-address"
    else:
        assert isinstance(deciding.admit(request(path)), Plan)


def test_a_redirect_meets_the_same_rules() -> None:
    deciding = policy()
    head = request()
    with pytest.raises(ProhibitedTarget) as failure:
        deciding.after(
            head, planned(deciding, head), reply(302, location="http://intranet/"), replayable=True
        )
    answer = deciding.failed(failure.value, planned(deciding, head))
    assert b"after redirect 1 of https://api.example.com/x?y" in answer.body
    assert b"led to http://intranet/" in answer.body


# --- plans ------------------------------------------------------------------------------------


def test_a_plan_says_what_is_fetched_and_how() -> None:
    plan = planned(policy(), request(method="PATCH", length=3, X_Mine="1", Cookie="a=b"))
    assert (plan.method, plan.target.url) == ("PATCH", "https://api.example.com/x?y")
    assert (plan.with_body, plan.hops, plan.first, plan.upgrade) == (True, (), plan.target, False)
    assert [name.lower() for name, _ in plan.fields] == ["origin", "x-mine"]


def test_a_plan_has_the_clients_fields_only_and_each_hop_gets_ours_anew() -> None:
    deciding = policy(set_headers=(("X-Key", "secret"),), forwarded_headers=True)
    head = request(cdn_loop="other", x_key="mine")
    first = planned(deciding, head)
    then = followed(deciding, head, first, reply(302, location="http://b.example.com/"))
    assert [name for name, _ in first.fields] == [name for name, _ in then.fields] == ["Origin"]
    for plan, host in ((first, "api.example.com"), (then, "b.example.com")):
        fields = sent(deciding, head, plan)
        assert values(fields, "host") == [host]
        assert values(fields, "x-key") == ["secret"]
        assert values(fields, "cdn-loop") == ["other, us"]
        assert values(fields, "x-forwarded-for") == ["192.0.2.7"]


BASES = {
    "setting": ({"base_path": "/cors"}, "", "/cors/https://a.example.com/x"),
    "mount": ({}, "/cors", "/cors/https://a.example.com/x"),
    "without": ({"base_path": "/cors"}, "", "/https://a.example.com/x"),
}


@pytest.mark.parametrize(("settings", "base", "path"), BASES.values(), ids=BASES)
def test_the_base_path_is_not_part_of_the_target(
    settings: dict[str, Any], base: str, path: str
) -> None:
    plan = planned(policy(**settings), request(path, base=base))
    assert plan.target.url == "https://a.example.com/x"


def test_the_base_path_alone_is_the_help_page() -> None:
    assert answered(policy(base_path="/cors"), request("/cors")).body == b"<h1>Help</h1>"


def test_a_path_that_only_begins_like_the_base_is_not_under_it() -> None:
    with pytest.raises(InvalidHost, match="corsx"):
        policy(base_path="/cors").admit(request("/corsx"))


@pytest.mark.parametrize(
    "path", ["/wss://api.example.com/x", "/https://api.example.com/x"], ids=["wss", "https"]
)
def test_an_opening_handshake_is_planned_as_one(path: str) -> None:
    plan = planned(policy(), request(path, **WEBSOCKET))
    assert plan.upgrade
    assert plan.target.url == "https://api.example.com/x"
    fields = sent(policy(), request(path, **WEBSOCKET))
    assert values(fields, "upgrade") == ["websocket"]
    assert values(fields, "connection") == ["Upgrade"]


NO_HANDSHAKES = {
    "another-protocol": request(connection="upgrade", upgrade="h2c"),
    "not-in-connection": request(connection="close", upgrade="websocket"),
    "post": request(method="POST", **WEBSOCKET),
    "with-a-body": request(length=1, **WEBSOCKET),
}


@pytest.mark.parametrize("head", NO_HANDSHAKES.values(), ids=NO_HANDSHAKES)
def test_what_is_no_opening_handshake_asks_for_no_upgrade(head: RequestHead) -> None:
    plan = planned(policy(), head)
    assert not plan.upgrade
    assert values(sent(policy(), head), "upgrade") == []


def test_a_handshake_that_is_redirected_is_still_one() -> None:
    deciding = policy()
    head = request(**WEBSOCKET)
    plan = followed(deciding, head, planned(deciding, head), reply(302, location="/y"))
    assert plan.upgrade
    assert values(sent(deciding, head, plan), "upgrade") == ["websocket"]


# --- limits -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("length", "passes"), [(10, True), (11, False), (CHUNKED, True)])
def test_an_announced_body_above_the_limit_is_refused(length: int, passes: bool) -> None:
    head = request(method="POST", length=length)
    if passes:
        assert planned(policy(max_body_bytes=10), head).with_body
    else:
        with pytest.raises(BodyTooLarge):
            policy(max_body_bytes=10).admit(head)


@pytest.mark.parametrize(("length", "passes"), [(10, True), (11, False), (CHUNKED, True)])
def test_an_announced_reply_above_the_limit_is_refused(length: int, passes: bool) -> None:
    deciding = policy(max_response_bytes=10)
    if passes:
        assert delivered(deciding, request(), reply(length=length)).status == 200
    else:
        with pytest.raises(ResponseBodyTooLarge):
            delivered(deciding, request(), reply(length=length))


def test_the_length_of_a_reply_that_has_no_body_is_no_matter() -> None:
    deciding = policy(max_response_bytes=10)
    assert delivered(deciding, request(method="HEAD"), reply(length=11)).status == 200


# --- redirects --------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [301, 302, 303])
@pytest.mark.parametrize(
    ("method", "then"), [("GET", "GET"), ("HEAD", "HEAD"), ("POST", "GET"), ("DELETE", "GET")]
)
def test_a_redirect_is_followed_without_the_body(status: int, method: str, then: str) -> None:
    deciding = policy()
    head = request(method=method, length=3, Content_Type="text/plain")
    plan = followed(deciding, head, planned(deciding, head), reply(status, location="/new"))
    assert (plan.method, plan.with_body) == (then, False)
    assert plan.target.url == "https://api.example.com/new"
    assert plan.first.url == "https://api.example.com/x?y"
    assert plan.hops == (Hop(status, "https://api.example.com/new"),)
    assert values(plan.fields, "content-type") == []


@pytest.mark.parametrize("status", [307, 308])
def test_a_redirect_that_keeps_the_method_is_followed_when_the_body_is_at_hand(
    status: int,
) -> None:
    deciding = policy()
    head = request(method="PUT", length=3)
    got = reply(status, location="/new")
    decision = deciding.after(head, planned(deciding, head), got, replayable=True)
    assert isinstance(decision, Follow)
    assert (decision.plan.method, decision.plan.with_body) == ("PUT", True)


@pytest.mark.parametrize("base", ["", "/cors"])
def test_a_redirect_whose_body_is_gone_is_passed_on_through_the_proxy(base: str) -> None:
    head = request(f"{base}{URL}", "PUT", length=CHUNKED, base=base)
    got = delivered(policy(), head, reply(307, location="/new"))
    assert got.status == 307
    location = f"https://proxy.test{base}/https://api.example.com/new"
    assert values(got.fields, "location") == [location]


def test_the_sixth_redirect_is_passed_on_through_the_proxy() -> None:
    deciding, head = policy(), request()
    plan = planned(deciding, head)
    for number in range(5):
        plan = followed(deciding, head, plan, reply(302, location=f"/{number}"))
    got = deciding.after(head, plan, reply(302, location="/6"), replayable=False)
    assert isinstance(got, Deliver)
    assert values(got.fields, "location") == ["https://proxy.test/https://api.example.com/6"]
    assert values(got.fields, "x-cors-redirect-5") == ["302 https://api.example.com/4"]
    assert values(got.fields, "x-request-url") == ["https://api.example.com/x?y"]
    assert values(got.fields, "x-final-url") == ["https://api.example.com/4"]


@pytest.mark.parametrize(
    "location",
    [None, "ftp://a.test/", "javascript:alert(1)", "data:,x", "http://[", "http://xn--/"],
)
def test_a_redirect_to_nowhere_is_passed_on_without_its_location(location: str | None) -> None:
    fields: dict[str, Any] = {} if location is None else {"location": location}
    got = delivered(policy(), request(), reply(302, **fields))
    assert got.status == 302
    assert values(got.fields, "location") == []


@pytest.mark.parametrize("status", [200, 300, 304, 305])
def test_a_location_without_a_redirect_is_passed_on(status: int) -> None:
    got = delivered(policy(), request(), reply(status, location="/x"))
    assert values(got.fields, "location") == ["/x"]


HERE = "https://proxy.test/https://api.example.com"
PLACES: dict[str, tuple[ReplyHead, str, list[str]]] = {
    "created": (reply(201, location="/files/1"), "location", [f"{HERE}/files/1"]),
    "created-nowhere": (reply(201, location="urn:x"), "location", ["urn:x"]),
    "content": (
        ReplyHead(200, "OK", (("Content-Location", "b?c"),), 0),
        "content-location",
        [f"{HERE}/b?c"],
    ),
    "content-elsewhere": (
        ReplyHead(200, "OK", (("Content-Location", "cid:x"),), 0),
        "content-location",
        ["cid:x"],
    ),
}


@pytest.mark.parametrize(("got", "name", "places"), PLACES.values(), ids=PLACES)
def test_what_a_reply_created_or_holds_is_found_through_the_proxy(
    got: ReplyHead, name: str, places: list[str]
) -> None:
    assert values(delivered(policy(), request(), got).fields, name) == places


def test_a_client_that_named_no_host_gets_a_path_on_this_one() -> None:
    head = request()
    head = head._replace(fields=tuple(f for f in head.fields if f[0] != "Host"))
    got = delivered(policy(max_redirects=0), head, reply(302, location="/x"))
    assert values(got.fields, "location") == ["/https://api.example.com/x"]


@pytest.mark.parametrize(
    ("location", "kept"), [("/here", ["Basic x"]), ("https://other.example.com/", [])]
)
def test_credentials_stay_with_their_origin(location: str, kept: list[str]) -> None:
    deciding, head = policy(), request(Authorization="Basic x")
    plan = followed(deciding, head, planned(deciding, head), reply(302, location=location))
    assert values(plan.fields, "authorization") == kept


def test_a_target_cannot_ask_for_the_proxys_credentials() -> None:
    with pytest.raises(ProxyAuthenticationDemanded):
        delivered(policy(), request(), reply(407))


@pytest.mark.parametrize("location", ["javascript:alert(1)", "myapp://callback?code=1"])
def test_where_a_redirect_led_that_is_not_passed_on_is_told(location: str) -> None:
    got = delivered(policy(), request(), reply(302, location=location))
    assert (values(got.fields, "location"), values(got.fields, "x-cors-location")) == (
        [],
        [location],
    )
    (exposed,) = values(got.fields, "access-control-expose-headers")
    assert "x-cors-location" in exposed.split(",")


CHALLENGES: dict[str, tuple[dict[str, Any], list[str]]] = {
    "own-page": ({"origin": None, "sec_fetch_site": "same-origin"}, []),
    "own-page-that-says-its-origin": ({"origin": "https://proxy.test"}, []),
    "own-image-over-plain-http": ({"origin": None, "referer": "https://proxy.test/p"}, []),
    "other-page": ({"sec_fetch_site": "cross-site"}, ["Basic"]),
    "other-page-over-plain-http": ({}, ["Basic"]),
    "like-our-own": ({"origin": None, "referer": "https://proxy.test.evil.test/"}, ["Basic"]),
    "tool": ({"origin": None}, ["Basic"]),
}


@pytest.mark.parametrize(("fields", "seen"), CHALLENGES.values(), ids=CHALLENGES)
def test_a_person_is_asked_for_no_password_in_the_proxys_name(
    fields: dict[str, Any], seen: list[str]
) -> None:
    got = delivered(
        policy(require_headers=()),
        request(**fields),
        ReplyHead(401, "", (("WWW-Authenticate", "Basic"),), 0),
    )
    assert values(got.fields, "www-authenticate") == seen


# --- pages ------------------------------------------------------------------------------------


def test_pages_pass_sandboxed_where_the_operator_allows_it_and_service_workers_do_not() -> None:
    deciding = policy(allow_navigation=True)
    got = delivered(deciding, request(sec_fetch_dest="document"), reply())
    assert values(got.fields, "content-security-policy") == ["sandbox"]
    with pytest.raises(ServiceWorkerRefused):
        deciding.admit(request(sec_fetch_dest="serviceworker"))


@pytest.mark.parametrize("path", ["/", "/iscorsneeded"])
def test_the_proxys_own_pages_may_be_looked_at(path: str) -> None:
    head = request(path, sec_fetch_mode="navigate", sec_fetch_dest="document")
    assert answered(policy(), head).status == 200


def test_a_workers_script_comes_without_the_sandbox() -> None:
    got = delivered(policy(), request(sec_fetch_dest="worker"), reply())
    assert values(got.fields, "content-security-policy") == []


def test_a_request_with_credentials_has_its_reply_marked_private() -> None:
    got = delivered(policy(), request(authorization="Bearer x"), reply())
    assert values(got.fields, "cache-control") == ["private"]
    deciding = policy(allow_header_overrides=("Authorization",))
    got = delivered(deciding, request(x_cors_headers='{"authorization": "Bearer x"}'), reply())
    assert values(got.fields, "cache-control") == ["private"]
    assert values(delivered(policy(), request(), reply()).fields, "cache-control") == []


def test_what_a_redirect_led_to_with_a_secret_is_private_too() -> None:
    deciding = policy(
        allow_origins=(PAGE,),
        allow_targets=("api.example.com", "other.example"),
        target_headers=(("https://other.example", "X-Key", "secret"),),
    )
    head = request()
    to = reply(302, location="https://other.example/y")
    following = followed(deciding, head, planned(deciding, head), to)
    got = deciding.after(head, following, reply(), replayable=False)
    assert isinstance(got, Deliver)
    assert values(got.fields, "cache-control") == ["private"]


def test_a_cache_takes_no_reply_for_that_to_other_headers_of_a_page() -> None:
    deciding = policy(allow_header_overrides=("Referer",))
    for head in (request(), request(x_cors_headers='{"referer": "https://a.test/"}')):
        got = delivered(deciding, head, reply())
        assert values(got.fields, "vary") == ["x-cors-headers"]


def test_a_link_to_a_page_that_is_allowed_needs_no_header() -> None:
    head = request(origin=None, sec_fetch_mode="navigate")
    assert planned(policy(allow_navigation=True), head).use is Use.DOCUMENT


# --- who asks ---------------------------------------------------------------------------------


def test_a_page_of_the_proxys_own_origin_needs_no_header_and_counts_as_its_origin() -> None:
    deciding = policy(metered=True)
    decision = deciding.admit(request(origin=None, sec_fetch_site="same-origin"))
    assert isinstance(decision, Metered)
    assert decision.origin == "https://proxy.test"


def test_in_a_mount_its_pages_are_served_beside_the_allowed_origins() -> None:
    deciding = policy(allow_origins=("https://good.test",))
    head = request(
        "/p/https://api.example.com/", base="/p", origin=None, sec_fetch_site="same-origin"
    )
    with pytest.raises(Refused):
        deciding.admit(head)
    assert isinstance(deciding.admit(head._replace(mounted=True)), Plan)


RULES: dict[str, tuple[RequestHead, dict[str, Any], str]] = {
    "method": (request(method="TRACE"), {}, "method"),
    "loop": (request(cdn_loop="us"), {}, "loop"),
    "navigation": (request(sec_fetch_dest="iframe"), {}, "navigation"),
    "service-worker": (request(service_worker="script"), {}, "service-worker"),
    "required-header": (request(origin=None), {}, "required-header"),
    "denied-origin": (request(), {"deny_origins": (PAGE,)}, "denied-origin"),
    "allowed-origins": (request(), {"allow_origins": ("https://a.test",)}, "allowed-origins"),
    "body-size": (request(method="PUT", length=2), {"max_body_bytes": 1}, "body-size"),
    "denied-target": (request(), {"deny_targets": ("api.example.com",)}, "denied-target"),
    "allowed-targets": (request(), {"allow_targets": ("a.test",)}, "allowed-targets"),
    "host": (request("/http://intranet/"), {}, "single-label"),
    "itself": (request("/https://proxy.test/"), {}, "own-address"),
}


@pytest.mark.parametrize(("head", "settings", "rule"), RULES.values(), ids=RULES)
def test_every_refusal_names_its_rule(
    head: RequestHead, settings: dict[str, Any], rule: str
) -> None:
    with pytest.raises(ProxyError) as failure:
        policy(**settings).admit(head)
    assert failure.value.rule == rule


# --- mounts -----------------------------------------------------------------------------------

MOUNTED: dict[str, Any] = {
    "mounts": {
        "/api": "https://api.example.com/base",
        "/dev": "http://localhost:3000",
        "/cdn": "https://cdn.example.com",
    }
}
BESIDE = {**MOUNTED, "open_proxy": True}
AWAY = "https://www.example.org/x"


def test_the_plan_of_a_mount_carries_it() -> None:
    plan = planned(policy(**MOUNTED), request("/api/x?y"))
    assert plan.mount is not None
    assert (plan.mount.prefix, plan.target.url) == ("/api", "https://api.example.com/base/x?y")
    assert planned(policy(**BESIDE), request()).mount is None


@pytest.mark.parametrize(
    ("path", "settings", "private"),
    [
        ("/dev/x", {}, True),
        ("/api/x", {}, False),
        ("/api/x", {"allow_private": ("api.example.com",)}, True),
        ("/api/x", {"open_proxy": True, "allow_targets": ("other.example.com",)}, False),
    ],
)
def test_a_mount_is_allowed_and_an_address_in_it_whatever_its_network(
    path: str, settings: dict[str, Any], *, private: bool
) -> None:
    plan = planned(policy(**{**MOUNTED, **settings}), request(path))
    assert (plan.private, plan.exception_only) == (private, None)


def test_a_mount_opens_its_target_to_no_other_path() -> None:
    with pytest.raises(ProhibitedTarget, match="special-name"):
        policy(**BESIDE).admit(request("/http://localhost:3000/x"))


def test_the_page_of_a_mounts_target_is_not_sent_there_directly() -> None:
    head = request("/api/x", origin="https://api.example.com")
    assert planned(policy(**MOUNTED), head).target.url == "https://api.example.com/base/x"


@pytest.mark.parametrize("allowed", [("self",), ("https://127.0.0.1",), ()])
def test_a_page_of_our_own_origin_asks_a_mount_without_naming_itself(
    allowed: tuple[str, ...],
) -> None:
    head = request("/dev/x", origin=None, Host="127.0.0.1", Sec_Fetch_Site="same-origin")
    assert planned(policy(**MOUNTED, allow_origins=allowed), head).mount is not None


def test_a_name_that_could_be_pointed_here_is_no_own_page_of_a_mount() -> None:
    head = request("/dev/x", origin=None, Host="evil.test", Sec_Fetch_Site="same-origin")
    with pytest.raises(Refused, match="not whitelisted"):
        policy(**MOUNTED, allow_origins=("self",)).admit(head)


def located(status: int, location: str) -> list[str]:
    """The `Location` with which a mount's reply is delivered."""
    deliver = delivered(policy(**MOUNTED), request("/api/x"), reply(status, location=location))
    return values(deliver.fields, "location")


@pytest.mark.parametrize("status", [201, 301, 302, 303, 307, 308])
def test_a_redirect_within_a_mount_stays_within_it(status: int) -> None:
    assert located(status, "/base/y?z") == ["https://proxy.test/api/y?z"]


@pytest.mark.parametrize(
    ("place", "where"),
    [
        ("y", "https://proxy.test/api/y"),
        ("https://api.example.com/base", "https://proxy.test/api"),
        ("//api.example.com/base/y", "https://proxy.test/api/y"),
        ("y#part two", "https://proxy.test/api/y#part%20two"),
        ("https://cdn.example.com/y", "https://proxy.test/cdn/y"),
        ("/y", "https://api.example.com/y"),
        (AWAY, AWAY),
        ("http://api.example.com/base/y", "http://api.example.com/base/y"),
        ("/base/..%2fy", "https://api.example.com/base/..%2fy"),
    ],
)
def test_a_mount_leads_into_mounts_and_else_straight_to_the_url(place: str, where: str) -> None:
    assert located(302, place) == [where]
    content = ReplyHead(200, "OK", (("Content-Location", place),), 0)
    deliver = delivered(policy(**MOUNTED), request("/api/x"), content)
    assert values(deliver.fields, "content-location") == [where.partition("#")[0]]


def test_what_a_mount_leads_to_lies_under_the_base_path() -> None:
    deciding = policy(**MOUNTED, base_path="/cors")
    deliver = delivered(deciding, request("/cors/api/x"), reply(302, location="y"))
    assert values(deliver.fields, "location") == ["https://proxy.test/cors/api/y"]


def test_the_open_proxy_beside_mounts_follows_what_leads_out_of_them() -> None:
    deciding, head = policy(**BESIDE), request("/api/x")
    plan = followed(deciding, head, planned(deciding, head), reply(302, location=AWAY))
    assert (plan.mount, plan.target.url) == (None, AWAY)


def test_what_leads_out_of_a_mount_passes_the_rules_of_any_target() -> None:
    deciding, head = policy(**BESIDE), request("/dev/x")
    away = reply(302, location="http://8.8.8.8:9000/")
    plan = followed(deciding, head, planned(deciding, head), away)
    assert not plan.private
    with pytest.raises(ProhibitedTarget, match="special-name"):
        followed(deciding, head, plan, reply(302, location="http://localhost:3000/"))


def test_a_mounts_pages_may_be_looked_at_sandboxed_and_it_has_no_service_worker() -> None:
    deciding = policy(**MOUNTED)
    head = request("/api/x", origin=None, sec_fetch_mode="navigate", sec_fetch_site="none")
    got = delivered(deciding, head, reply())
    assert values(got.fields, "content-security-policy") == ["sandbox"]
    with pytest.raises(ServiceWorkerRefused):
        deciding.admit(request("/api/x", service_worker="script"))


def test_beside_mounts_no_page_may_be_looked_at() -> None:
    with pytest.raises(NavigationRefused):
        policy(**BESIDE).admit(request(sec_fetch_mode="navigate"))


def test_a_document_is_never_led_out_of_a_mount_by_the_proxy() -> None:
    head = request("/api/x", Sec_Fetch_Mode="navigate")
    deliver = delivered(policy(**BESIDE), head, reply(302, location=AWAY))
    assert values(deliver.fields, "location") == [AWAY]


def test_a_handshake_is_led_on_within_its_mount_because_no_browser_follows() -> None:
    deciding, head = policy(**MOUNTED), request("/api/x", **WEBSOCKET)
    plan = followed(deciding, head, planned(deciding, head), reply(302, location="y"))
    assert (plan.target.url, plan.upgrade) == ("https://api.example.com/base/y", True)
    assert plan.mount is not None


def test_the_open_proxy_leads_into_no_mount() -> None:
    place = "https://api.example.com/base/x"
    deliver = delivered(policy(**BESIDE), request(), reply(201, location=place))
    assert values(deliver.fields, "location") == [f"https://proxy.test/{place}"]


def test_the_log_names_what_a_refused_mount_stands_for() -> None:
    found = policy(**MOUNTED).target_of(request("/api/x", origin=None))
    assert found is not None
    assert found.url == "https://api.example.com/base/x"


# --- JSON -------------------------------------------------------------------------------------

AS_JSON = "/get?url=https%3A%2F%2Fapi.example.com%2Fx"


def test_a_reply_that_is_asked_for_as_json_is_gathered_and_made_an_answer() -> None:
    deciding, head = policy(max_get_bytes=99, allow_origins=(PAGE,)), request(AS_JSON)
    plan = planned(deciding, head)
    assert dict(sent(deciding, head, plan))["Accept-Encoding"] == "identity"
    got = reply(500, length=99)
    assert deciding.after(head, plan, got, replayable=False) == Gather(99)
    answer = deciding.gathered(head, plan, got, b"x", 0.5)
    assert b'"http_code": 500' in answer.body
    assert values(answer.fields, "vary") == ["origin"]


@pytest.mark.parametrize(
    ("limits", "most"),
    [
        ({"max_response_bytes": 50}, 50),
        ({"max_response_bytes": 0}, 0),
        ({"max_response_bytes": 200}, 99),
        ({}, 99),
    ],
)
def test_no_more_is_gathered_than_either_limit_lets(limits: dict[str, Any], most: int) -> None:
    deciding, head = policy(max_get_bytes=99, **limits), request(AS_JSON)
    plan = planned(deciding, head)
    assert deciding.after(head, plan, reply(length=most), replayable=False) == Gather(most)
    with pytest.raises(ResponseBodyTooLarge):
        deciding.after(head, plan, reply(length=most + 1), replayable=False)


def test_a_redirect_on_the_way_to_json_is_followed() -> None:
    deciding, head = policy(), request(AS_JSON)
    plan = followed(deciding, head, planned(deciding, head), reply(302, location="/y"))
    assert (plan.as_json, plan.target.path) == (True, "/y")
    assert dict(sent(deciding, head, plan))["Accept-Encoding"] == "identity"


def test_a_page_that_asks_for_json_of_its_own_origin_is_not_sent_to_what_is_none() -> None:
    head = request(AS_JSON, origin="https://api.example.com")
    assert planned(policy(), head).as_json


@pytest.mark.parametrize(
    ("head", "error", "settings"),
    [
        (request(AS_JSON, origin=None), HeaderRequired, {}),
        (request(AS_JSON), Refused, {"deny_origins": (PAGE,)}),
        (request(AS_JSON), Refused, {"deny_targets": ("api.example.com",)}),
        (request("/get?url=http://localhost/"), ProhibitedTarget, {}),
        (request(AS_JSON, "POST"), OnlyRead, {}),
    ],
)
def test_json_passes_the_same_checks(
    head: RequestHead, error: type[ProxyError], settings: dict[str, Any]
) -> None:
    with pytest.raises(error):
        policy(**settings).admit(head)


def test_json_counts_against_a_rate_limit() -> None:
    assert isinstance(policy(metered=True).admit(request(AS_JSON)), Metered)
