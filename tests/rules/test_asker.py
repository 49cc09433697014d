"""Who asks, by what the browser says, and whom the operator serves."""

from __future__ import annotations

import pytest

from cors_anywhere.errors import BadRequest, HeaderRequired, Refused
from cors_anywhere.rules.asker import Askers, is_cross_site, own_origin, refuse_two_origins
from cors_anywhere.rules.origins import OriginPattern

OWN = "http://localhost:8080"
SAME = {"sec-fetch-site": "same-origin"}
REQUIRED = ("Origin", "X-Requested-With")


def askers(
    allow: tuple[str, ...] = (), deny: tuple[str, ...] = (), required: tuple[str, ...] = ()
) -> Askers:
    return Askers(map(OriginPattern.parse, allow), map(OriginPattern.parse, deny), required)


def serves(
    by: Askers, index: dict[str, str], own: str | None = OWN, *, mounted: bool = False
) -> bool:
    try:
        by.check(index, by.identify(index, own), own, mounted=mounted)
    except Refused:
        return False
    return True


# --- who it is --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scheme", "host", "origin"),
    [
        ("http", "Proxy.test", "http://proxy.test"),
        ("http", "proxy.test:8080", "http://proxy.test:8080"),
        ("http", "proxy.test:80", "http://proxy.test"),
        ("https", "proxy.test:443", "https://proxy.test"),
        ("https", "proxy.test:80", "https://proxy.test:80"),
        ("http", "[::1]:80", "http://[::1]"),
        ("http", "[fe80::80]", "http://[fe80::80]"),
        ("http", "a" * 321, None),
        ("http", "", None),
        ("http", None, None),
    ],
)
def test_the_own_origin_is_the_host_as_a_browser_serialises_it(
    scheme: str, host: str | None, origin: str | None
) -> None:
    assert own_origin(scheme, host) == origin


ASKERS = {
    "origin": ({"origin": "https://a.test"}, "https://a.test"),
    "nothing": ({}, None),
    "empty": ({"origin": ""}, ""),
    "own-origin": ({"origin": OWN}, OWN),
    "same-origin": (SAME, OWN),
    "same-origin-without-referrer": (SAME | {"origin": "null"}, OWN),
    "opaque": ({"origin": "null", "sec-fetch-site": "cross-site"}, "null"),
    "an-origin-that-is-named-counts": (SAME | {"origin": "https://a.test"}, "https://a.test"),
    "same-site": ({"sec-fetch-site": "same-site"}, None),
    "typed": ({"sec-fetch-site": "none"}, None),
    "referer": ({"referer": f"{OWN}/page", "x-requested-with": "fetch"}, OWN),
    "referer-of-the-root": ({"referer": OWN, "x-requested-with": ""}, OWN),
    "referer-alone": ({"referer": f"{OWN}/page"}, None),
    "referer-of-another": ({"referer": f"{OWN}1/page", "x-requested-with": "x"}, None),
    "referer-against-the-browsers-word": (
        {"referer": f"{OWN}/", "x-requested-with": "x", "sec-fetch-site": "cross-site"},
        None,
    ),
}


@pytest.mark.parametrize(("index", "origin"), ASKERS.values(), ids=ASKERS)
def test_who_asks(index: dict[str, str], origin: str | None) -> None:
    assert askers().identify(index, OWN) == origin


def test_without_a_host_nothing_is_of_the_own_origin() -> None:
    assert askers().identify(SAME, None) is None


@pytest.mark.parametrize(("length", "passes"), [(320, True), (321, False), (31_000, False)])
def test_an_origin_has_a_length_that_browsers_send(length: int, passes: bool) -> None:
    index = {"origin": "https://" + "a" * (length - 8)}
    if passes:
        assert askers().identify(index, OWN) == index["origin"]
    else:
        with pytest.raises(BadRequest, match="320 octets") as caught:
            askers().identify(index, OWN)
        assert caught.value.rule == "origin-length"


def test_an_origin_is_named_once() -> None:
    once = [("Host", "a"), ("Origin", "https://a.test"), ("Origins", "b")]
    refuse_two_origins(once)
    with pytest.raises(BadRequest, match="two Origin fields") as caught:
        refuse_two_origins([*once, ("oRIGIN", "https://a.test")])
    assert caught.value.rule == "origin-twice"


# --- required headers -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "index", [{"origin": ""}, {"x-requested-with": ""}, SAME], ids=["origin", "other", "own"]
)
def test_any_required_header_will_do_and_the_own_origin_needs_none(index: dict[str, str]) -> None:
    assert serves(askers(required=REQUIRED), index)


def test_a_missing_header_is_told_with_its_names_and_advice() -> None:
    with pytest.raises(HeaderRequired) as caught:
        serves(askers(required=REQUIRED), {})
    assert caught.value.rule == "required-header"
    names = "origin,x-requested-with"
    assert caught.value.detail == f"Missing required request header. Must specify one of: {names}"
    for word in ("fetch()", "crossorigin", "images, media and scripts", "no-cors", "own origin"):
        assert word in caught.value.hint


# --- the lists --------------------------------------------------------------------------------


def test_a_refusal_names_its_list() -> None:
    with pytest.raises(Refused, match=r'^The origin "https://b.test" was blacklisted') as caught:
        askers(deny=("https://b.test",)).check({}, "https://b.test", OWN)
    assert caught.value.rule == "denied-origin"
    with pytest.raises(Refused, match=r'^The origin "" was not whitelisted') as caught:
        askers(("https://a.test",)).check({}, None, OWN)
    assert caught.value.rule == "allowed-origins"


def test_the_own_origin_is_held_against_the_lists_like_any_other() -> None:
    assert serves(askers(), SAME)
    assert not serves(askers(("https://a.test",)), SAME)
    assert serves(askers((OWN,)), SAME)
    assert not serves(askers(deny=(OWN,)), SAME)


REBOUND = {
    "http://localhost:8080": True,
    "http://app.localhost": True,
    "http://127.0.0.1:8080": True,
    "https://192.168.1.7": True,
    "http://[::1]:8080": True,
    "http://proxy.test": False,
    "http://127.0.0.1.evil.test": False,
    "http://notlocalhost": False,
}


@pytest.mark.parametrize(("own", "allowed"), REBOUND.items(), ids=REBOUND)
def test_self_allows_the_own_origin_where_no_name_can_be_rebound(own: str, allowed: bool) -> None:
    assert serves(askers(("self",)), SAME, own) is allowed
    assert serves(askers(("self",)), {"origin": own}, own) is allowed


def test_self_allows_no_other_origin() -> None:
    assert not serves(askers(("self",)), {"origin": "http://localhost:3000"})
    assert not serves(askers(("self",)), {"origin": "self"})
    assert not serves(askers(("self",)), {})


def test_self_can_be_denied_whatever_its_host() -> None:
    assert not serves(askers(deny=("self",)), SAME, "https://proxy.test")
    assert serves(askers(deny=("self",)), {"origin": "https://a.test"}, "https://proxy.test")


def test_in_a_mount_the_applications_origin_is_allowed() -> None:
    by = askers(("https://a.test",), deny=("https://b.test",))
    assert serves(by, SAME, "https://proxy.test", mounted=True)
    assert not serves(by, {"origin": "https://c.test"}, "https://proxy.test", mounted=True)
    assert not serves(by, SAME, "https://b.test", mounted=True)


# --- credentials ---

CREDITING = Askers(
    [OriginPattern.parse(text) for text in ("https://app.test", "https://*.b.test", "self")],
    [OriginPattern.parse("https://no.b.test")],
    credentials=True,
)


@pytest.mark.parametrize("origin", ["https://app.test", "https://a.b.test"])
def test_pages_of_an_allowed_origin_may_send_credentials(origin: str) -> None:
    assert CREDITING.credited(origin) == origin


@pytest.mark.parametrize(
    "origin",
    [
        *(None, "", "null", "self", "*", "https://b.test", "https://no.b.test"),
        *("http://app.test", "https://app.test:8443", "HTTPS://APP.TEST", "https://app.test,x"),
        "https://" + "a." * 200 + "b.test",
    ],
)
def test_no_other_page_may(origin: str | None) -> None:
    assert CREDITING.credited(origin) is None


@pytest.mark.parametrize(
    ("index", "cross"),
    [
        ({"sec-fetch-site": "cross-site", "origin": "https://own.test"}, True),
        ({"sec-fetch-site": "same-site", "origin": "https://a.own.test"}, False),
        ({"sec-fetch-site": "same-origin"}, False),
        ({"sec-fetch-site": "none"}, False),
        ({"origin": "https://other.test"}, True),
        ({"origin": "https://own.test"}, False),
        ({}, False),
    ],
)
def test_a_page_is_of_another_site_where_the_browser_says_so_or_the_origin_is_another(
    index: dict[str, str], cross: bool
) -> None:
    assert is_cross_site(index, "https://own.test") is cross
