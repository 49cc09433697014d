"""What a browser would make of a reply, and which of it is refused."""

from __future__ import annotations

import pytest

from cors_anywhere.errors import NavigationRefused, ServiceWorkerRefused
from cors_anywhere.messages import Use
from cors_anywhere.rules.navigation import check, use_of
from tests.support.urls import parse_path

TARGET = parse_path("/https://a.example/x")
HTML = "text/html,application/xhtml+xml,*/*;q=0.8"

Fields = dict[str, str]
NAVIGATIONS: dict[str, Fields] = {
    "link": {"sec-fetch-mode": "navigate", "sec-fetch-dest": "document"},
    "prefetch": {"sec-fetch-mode": "navigate", "sec-fetch-dest": "empty"},
    "mode-alone": {"sec-fetch-mode": "navigate"},
    "form-of-another-site": {
        "sec-fetch-mode": "navigate",
        "sec-fetch-dest": "document",
        "origin": "https://evil.test",
    },
    **{
        name: {"sec-fetch-mode": "no-cors", "sec-fetch-dest": name}
        for name in ("document", "iframe", "frame", "embed", "object", "fencedframe")
    },
    "dest-alone": {"sec-fetch-dest": "iframe"},
    "dest-against-mode": {"sec-fetch-mode": "cors", "sec-fetch-dest": "iframe"},
    "plain-http": {"accept": HTML, "upgrade-insecure-requests": "1"},
    "plain-http-capitals": {"accept": "Text/HTML", "upgrade-insecure-requests": "1"},
}
DATA: dict[str, Fields] = {
    "fetch": {"sec-fetch-mode": "cors", "sec-fetch-dest": "empty", "accept": "*/*"},
    "fetch-no-cors": {"sec-fetch-mode": "no-cors", "sec-fetch-dest": "empty"},
    "fetch-html": {"sec-fetch-mode": "cors", "sec-fetch-dest": "empty", "accept": HTML},
    "marked-as-well": {
        "sec-fetch-mode": "cors",
        "sec-fetch-dest": "empty",
        "accept": HTML,
        "upgrade-insecure-requests": "1",
    },
    "websocket": {"sec-fetch-mode": "websocket", "sec-fetch-dest": "websocket"},
    **{
        name: {"sec-fetch-mode": "no-cors", "sec-fetch-dest": name}
        for name in ("script", "style", "image", "font", "video", "audio", "track", "manifest")
    },
    "tool": {},
    "tool-for-html": {"accept": HTML},
    "upgrade-alone": {"accept": "*/*", "upgrade-insecure-requests": "1"},
    "html-not-first": {"accept": "*/*,text/html", "upgrade-insecure-requests": "1"},
}
WORKERS: dict[str, Fields] = {
    name: {"sec-fetch-mode": "same-origin", "sec-fetch-dest": name}
    for name in ("worker", "sharedworker")
}
SERVICE_WORKERS: dict[str, Fields] = {
    "browser": {
        "sec-fetch-mode": "same-origin",
        "sec-fetch-dest": "serviceworker",
        "service-worker": "script",
    },
    "dest": {"sec-fetch-dest": "serviceworker"},
    "field": {"service-worker": "script"},
}


@pytest.mark.parametrize(
    ("fields", "use"),
    [
        *((fields, Use.DOCUMENT) for fields in NAVIGATIONS.values()),
        *((fields, Use.DATA) for fields in DATA.values()),
        *((fields, Use.WORKER) for fields in WORKERS.values()),
        *((fields, Use.SERVICE_WORKER) for fields in SERVICE_WORKERS.values()),
    ],
    ids=[*NAVIGATIONS, *DATA, *WORKERS, *SERVICE_WORKERS],
)
def test_what_becomes_of_a_reply_is_told_by_the_request(fields: Fields, use: Use) -> None:
    assert use_of(fields) is use


def test_a_page_is_refused_with_its_own_url_unless_pages_are_allowed() -> None:
    with pytest.raises(NavigationRefused) as refused:
        check(Use.DOCUMENT, TARGET, documents=False)
    assert refused.value.url == "https://a.example/x"
    check(Use.DOCUMENT, TARGET, documents=True)


@pytest.mark.parametrize("documents", [False, True])
def test_a_service_worker_is_always_refused_and_other_workers_never(documents: bool) -> None:
    with pytest.raises(ServiceWorkerRefused):
        check(Use.SERVICE_WORKER, TARGET, documents=documents)
    check(Use.WORKER, TARGET, documents=documents)
    check(Use.DATA, TARGET, documents=documents)
