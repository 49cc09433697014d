"""The home page and the client helper in a real browser, served by the real command."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.doctor.world import PATHS, Origins, origins
from tests.support.browser import CHROMIUM
from tests.support.devtools import Page, page
from tests.support.needs import needs
from tests.support.process import started

TRIED = """
new Promise((done) => {
  document.getElementById("url").value = URL_TO_TRY;
  const status = document.getElementById("status");
  new MutationObserver(() => status.textContent === "Done." && done({
    direct: document.getElementById("direct").textContent,
    proxied: document.getElementById("proxied").textContent,
    verdict: document.getElementById("verdict").textContent,
    steps: document.getElementById("steps").children.length,
    snippet: document.getElementById("snippet").textContent,
    hash: location.hash,
  })).observe(status, { childList: true, characterData: true, subtree: true });
  document.getElementById("form").requestSubmit();
})
"""

HELPED = """
(async () => {
  const { corsFetch, createCorsFetch } = await import(PROXY + "/cors-anywhere.js");
  const told = {};
  const asked = [];
  const mine = createCorsFetch({
    fetch: (...args) => { asked.push(args[0].url ?? args[0]); return fetch(...args); },
  });
  const tell = async (name, promise) => {
    told[name] = await promise.then(async (r) => [r.status, r.headers.get("x-request-url")],
      (error) => [error.name, error.corsAnywhere?.type ?? null]);
  };
  await tell("allowed", corsFetch(A + "/" + ALLOWED));
  await tell("refused", mine(A + "/" + REFUSED));
  asked.length = 0;
  await tell("refused again", mine(A + "/" + REFUSED));
  told.asked = asked.length;
  const fresh = () => createCorsFetch();
  await tell("post", fresh()(A + "/" + REFUSED, { method: "POST", body: "x" }));
  await tell("credentials", fresh()(A + "/" + REFUSED, { credentials: "include" }));
  await tell("authorization", fresh()(A + "/" + REFUSED, { headers: { Authorization: "x" } }));
  await tell("nobody", fresh()(NOBODY + "/"));
  const stop = new AbortController();
  stop.abort();
  await tell("aborted", fresh()(A + "/" + REFUSED, { signal: stop.signal }));
  await tell("cut", fresh()(A + "/" + CUT));
  await tell("a request", fresh()(new Request(A + "/" + REFUSED, { headers: { "X-A": "1" } })));
  await tell("head", fresh()(A + "/" + REFUSED, { method: "HEAD" }));
  await tell("of the own origin", fresh()("/"));
  const sending = createCorsFetch({ sendCredentials: true });
  await tell("sent", sending(A + "/" + REFUSED, { headers: { Authorization: "x" } }));
  await tell("no proxy", createCorsFetch({ proxy: NOBODY })(A + "/" + REFUSED));
  const elsewhere = createCorsFetch({ proxy: PROXY + "///" });
  await tell("slashes", elsewhere(A + "/" + REFUSED));
  return told;
})()
"""


class Seen(NamedTuple):
    tried: dict[str, Any]
    helped: dict[str, Any]
    linked: dict[str, Any]
    refused: dict[str, Any]
    explained: str
    complaints: list[str]
    wide: bool
    where: Origins


@asynccontextmanager
async def _browsing(profile: Path) -> AsyncIterator[tuple[Page, str, Origins]]:
    async with origins() as where:
        with started("--allow-network", "127.0.0.0/8") as proxy:
            base = f"http://localhost:{proxy.port}"
            async with page(f"{base}/", profile) as chromium:
                await chromium.call("Log.enable")
                yield chromium, base, where


async def _see(profile: Path) -> Seen:
    async with _browsing(profile) as (chromium, base, where):
        url = f"{where.a}/{PATHS['no field']}"
        tried = await chromium.evaluate(TRIED.replace("URL_TO_TRY", json.dumps(url)))
        refused = await chromium.evaluate(TRIED.replace("URL_TO_TRY", '"http://10.0.0.1/"'))
        explained = await chromium.evaluate(_explaining())
        await chromium.call(
            "Emulation.setDeviceMetricsOverride",
            width=360, height=700, deviceScaleFactor=1, mobile=True,
        )  # fmt: skip
        wide = await chromium.evaluate("document.documentElement.scrollWidth > innerWidth")
        complaints = [
            params["entry"]["text"]
            for name, params in chromium.events
            if name == "Log.entryAdded" and "Content Security Policy" in params["entry"]["text"]
        ]
        link = f"{base}/#url={where.a}/home&method=POST"
        await chromium.open("about:blank")
        await chromium.open(link)
        linked = await chromium.evaluate(
            "({status: document.getElementById('status').textContent,"
            " url: document.getElementById('url').value})"
        )
        await chromium.open(f"{where.page}/")
        helped = await chromium.evaluate(_helping(base, where))
        return Seen(tried, helped, linked, refused, explained, complaints, wide, where)


def _explaining() -> str:
    message = (
        "Access to fetch at 'https://api.example/' from origin 'https://app.example' has been"
        " blocked by CORS policy: No 'Access-Control-Allow-Origin' header is present on the"
        " requested resource."
    )
    return f"""
    new Promise((done) => {{
      const place = document.getElementById("explained");
      new MutationObserver(() => done(place.textContent)).observe(place, {{ childList: true }});
      document.getElementById("message").value = {json.dumps(message)};
      document.getElementById("explain").requestSubmit();
    }})
    """


def _helping(base: str, where: Origins) -> str:
    script = HELPED
    for name, value in (
        ("PROXY", base),
        ("NOBODY", where.nobody),
        ("ALLOWED", PATHS["any origin"]),
        ("REFUSED", PATHS["no field"]),
        ("CUT", PATHS["a reset"]),
        ("A ", f"{where.a} "),
    ):
        script = script.replace(name, json.dumps(value.strip()) + (" " if name[-1] == " " else ""))
    return script


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    needs(CHROMIUM, "chromium")
    yield asyncio.run(_see(tmp_path_factory.mktemp("home")))


def test_the_page_shows_what_a_script_sees_directly_and_through_the_proxy(seen: Seen) -> None:
    assert "gets an error" in seen.tried["direct"]
    assert seen.tried["proxied"].startswith("200")
    assert "x-request-url" in seen.tried["proxied"]


def test_the_page_shows_the_doctors_steps_and_the_line_to_paste(seen: Seen) -> None:
    assert "No 'Access-Control-Allow-Origin' header" in seen.tried["verdict"]
    assert seen.tried["steps"] >= 3
    assert f"/{seen.where.a}/" in seen.tried["snippet"]


def test_a_refusal_is_told_as_a_person_would_say_it(seen: Seen) -> None:
    told = seen.refused["proxied"]
    assert told.startswith("This proxy did not fetch it: ")
    assert "destination_ip_prohibited" in told
    assert "--allow-network" in told or "private" in told


def test_what_was_tried_has_an_address_of_its_own(seen: Seen) -> None:
    assert seen.tried["hash"].startswith("#url=http")


def test_a_link_that_would_change_something_waits_for_a_click(seen: Seen) -> None:
    assert seen.linked["url"] == f"{seen.where.a}/home"
    assert "press Try" in seen.linked["status"]


def test_a_pasted_message_is_explained_on_the_page(seen: Seen) -> None:
    assert seen.explained.startswith("Chromium: ")


def test_the_page_keeps_to_its_policy(seen: Seen) -> None:
    assert seen.complaints == []


def test_the_page_fits_a_phone(seen: Seen) -> None:
    assert not seen.wide


def test_the_helper_asks_directly_where_that_is_allowed(seen: Seen) -> None:
    assert seen.helped["allowed"] == [200, None]


def test_the_helper_falls_back_to_the_proxy_and_remembers_it(seen: Seen) -> None:
    assert seen.helped["refused"][0] == 200
    assert seen.helped["refused"][1].startswith(seen.where.a)
    assert seen.helped["refused again"][0] == 200
    assert seen.helped["asked"] == 1


@pytest.mark.parametrize("request_", ["a request", "head", "sent", "slashes"])
def test_the_helper_asks_the_proxy_for_what_may_be_repeated(seen: Seen, request_: str) -> None:
    status, url = seen.helped[request_]
    assert status == 200
    assert url.startswith(seen.where.a)


def test_the_helper_leaves_the_pages_own_origin_alone(seen: Seen) -> None:
    assert seen.helped["of the own origin"][1] is None


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        ("post", ["CorsAnywhereError", "not-repeatable"]),
        ("credentials", ["CorsAnywhereError", "credentials"]),
        ("authorization", ["CorsAnywhereError", "credentials"]),
        ("nobody", ["CorsAnywhereError", "network"]),
        ("aborted", ["AbortError", None]),
        ("cut", ["CorsAnywhereError", "network"]),
        ("no proxy", ["CorsAnywhereError", "network"]),
    ],
)
def test_the_helper_says_why_it_does_not(seen: Seen, request_: str, error: list[str]) -> None:
    assert seen.helped[request_] == error
