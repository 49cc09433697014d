"""API keys, on every front: who is served with one and without, and that no target sees one."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.fronts import HERE, Front, front
from tests.support.process import started
from tests.support.site import Site
from tests.support.waiting import eventually, has

ANN = "0123456789abcdef"
BOB = "fedcba9876543210"
BY_ANN = f"X-Cors-Anywhere-Key: {ANN}"
WRONG = "X-Cors-Anywhere-Key: 0123456789abcdeX"
LISTED = "https://listed.test"


@pytest.fixture(scope="module")
def private(kind: str) -> Iterator[Front]:
    """Where nobody may ask without a key."""
    with front(kind, **HERE, api_keys=(("ann", ANN),), deny_origins=("https://denied.test",)) as it:
        yield it


@pytest.fixture(scope="module")
def listing(kind: str) -> Iterator[Front]:
    """Where pages of one origin may ask, and who has a key."""
    with front(kind, **HERE, api_keys=(("ann", ANN),), allow_origins=(LISTED,)) as it:
        yield it


def test_who_has_a_key_needs_neither_origin_nor_required_header(
    private: Front, target: Site
) -> None:
    assert private.ask(target.url, BY_ANN).status == 200
    assert private.ask(target.url, BY_ANN, "Origin: https://any.test").status == 200


def test_no_target_sees_the_key(private: Front, target: Site) -> None:
    private.ask(target.url, BY_ANN, f"X_Cors_Anywhere_Key: {ANN}", "X-Other: 1")
    assert target.last.get("x-other") == "1"
    assert not [name for name in target.last.names if "key" in name]


def test_who_has_none_is_told_so_and_no_target_is_asked(private: Front, target: Site) -> None:
    reply = private.page(target.url)
    assert (reply.status, reply.reason, reply.error) == (401, "Unauthorized", "http_request_denied")
    assert reply.text.startswith("This proxy serves only who has a key.\nSend it in the header")
    assert reply.get("www-authenticate") == 'X-Cors-Anywhere-Key realm="cors-anywhere"'
    assert reply.cors["allow-origin"] == "*"
    assert not target.requests


def test_a_wrong_key_is_refused_also_where_none_is_needed(
    private: Front, listing: Front, target: Site
) -> None:
    for proxy in (private, listing):
        reply = proxy.ask(target.url, WRONG, f"Origin: {LISTED}")
        assert (reply.status, "is none of this proxy's" in reply.text) == (401, True)


def test_a_denied_origin_stays_denied(private: Front, target: Site) -> None:
    assert private.ask(target.url, BY_ANN, "Origin: https://denied.test").status == 403


def test_with_listed_origins_a_key_is_another_way_in(listing: Front, target: Site) -> None:
    assert listing.ask(target.url, f"Origin: {LISTED}").status == 200
    assert listing.ask(target.url, BY_ANN, "Origin: https://other.test").status == 200
    assert listing.ask(target.url, BY_ANN).status == 200
    assert listing.ask(target.url, "Origin: https://other.test").status == 403
    assert listing.ask(target.url).status == 400


def test_preflights_pass_without(private: Front) -> None:
    reply = private.ask(
        "http://a.example.com/",
        "Origin: https://any.test",
        "Access-Control-Request-Method: GET",
        "Access-Control-Request-Headers: x-cors-anywhere-key",
        method="OPTIONS",
    )
    assert (reply.status, reply.cors["allow-headers"]) == (200, "x-cors-anywhere-key")


def test_the_url_and_navigations_are_looked_at_before_the_key(private: Front) -> None:
    assert private.ask("iscorsneeded").text == "no"
    assert private.ask("favicon.ico").status == 404
    assert private.ask("").status == 200
    link = private.ask(
        "http://a.example.com/", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"
    )
    assert link.status == 403


def test_the_key_is_looked_at_before_the_required_header(private: Front) -> None:
    assert private.ask("http://a.example.com/").status == 401


def test_caches_are_told_that_replies_depend_on_the_key(private: Front, target: Site) -> None:
    for reply in (private.ask(target.url, BY_ANN), private.ask(target.url)):
        assert "x-cors-anywhere-key" in (reply.get("vary") or "")


def test_the_log_names_the_holder_and_never_the_key(target: Site, tmp_path: Path) -> None:
    (tmp_path / "keys").write_text(f"# ours\nann: {ANN}\nbob: {BOB}\n")
    options = ("--api-key", f"@{tmp_path}/keys", "--allow-network", "127.0.0.0/8")
    log = ("--access-log", "json", "--log-file", f"{tmp_path}/log")
    with started(*options, *log) as running:
        proxy = Front("command", running.port)
        for key in (ANN, BOB, "0123456789abcdeX"):
            proxy.ask(target.url, f"x-cors-anywhere-key: {key}")
        running.process.terminate()
        assert running.process.wait(60) == 0
    text = (tmp_path / "log").read_text()
    entries = [json.loads(line) for line in text.splitlines()]
    told = [(e["status"], e.get("user_id"), e.get("rule")) for e in entries if "status" in e]
    assert told == [(200, "ann", None), (200, "bob", None), (401, None, "api-key")]
    assert not [key for key in (ANN, BOB, "0123456789abcdeX") if key in text]


def test_a_file_of_keys_is_read_again_on_sighup(target: Site, tmp_path: Path) -> None:
    keys, log = tmp_path / "keys", tmp_path / "log"
    keys.write_text(f"ann: {ANN}\n")
    options = ("--api-key", f"@{keys}", "--allow-network", "127.0.0.0/8", "--log-file", str(log))
    with started(*options) as running:
        proxy = Front("command", running.port)
        asking = (BY_ANN, f"x-cors-anywhere-key: {BOB}")
        assert [proxy.ask(target.url, field).status for field in asking] == [200, 401]
        keys.write_text(f"bob: {BOB}\n")
        running.process.send_signal(signal.SIGHUP)
        assert eventually(has(log, "Reloaded"))
        assert [proxy.ask(target.url, field).status for field in asking] == [401, 200]
