"""What a browser would make of a reply: data, or a page or worker of the proxy's own origin.

Owns: how a request tells (Fetch Metadata and what is sent in its absence), and which of it is
refused before a target is asked. Must not know: what the person is shown (pages/), or what other
checks there are.

Any site can have its visitors' browsers navigate here, by a link, a frame or a form; what came back
would run with the cookies and the storage of whatever else has the proxy's host name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from cors_anywhere.errors import NavigationRefused, ServiceWorkerRefused
from cors_anywhere.messages import Target, Use

# Fetch, "request destination"; all others are data. (A navigation is told by its mode too.)
_DESTINATIONS: Final = {
    "document": Use.DOCUMENT,
    "embed": Use.DOCUMENT,
    "fencedframe": Use.DOCUMENT,
    "frame": Use.DOCUMENT,
    "iframe": Use.DOCUMENT,
    "object": Use.DOCUMENT,
    "serviceworker": Use.SERVICE_WORKER,
    "sharedworker": Use.WORKER,
    "worker": Use.WORKER,
}


def use_of(index: Mapping[str, str]) -> Use:
    """What the browser that sends these fields would make of the reply."""
    mode, destination = index.get("sec-fetch-mode"), index.get("sec-fetch-dest")
    if mode == "cors" and destination == "empty":  # fetch() and XMLHttpRequest
        return Use.DATA
    if "service-worker" in index:
        return Use.SERVICE_WORKER
    use = _DESTINATIONS.get(destination or "", Use.DATA)
    if mode == "navigate" and use is Use.DATA:
        return Use.DOCUMENT
    if mode is None and destination is None and _looks_like_navigation(index):
        return Use.DOCUMENT
    return use


def _looks_like_navigation(index: Mapping[str, str]) -> bool:
    """To a plain HTTP host that is not localhost browsers send no Fetch Metadata; but what they
    navigate with asks for HTML and says that it could do with HTTPS."""
    if "upgrade-insecure-requests" not in index:
        return False
    return index.get("accept", "").lower().startswith("text/html")


def check(use: Use, target: Target, *, documents: bool) -> None:
    """Whether this may become of the target's reply. `documents` says whether pages may; a service
    worker never may: no sandbox keeps it from being registered.

    Raises NavigationRefused or ServiceWorkerRefused.
    """
    if use is Use.SERVICE_WORKER:
        raise ServiceWorkerRefused(rule="service-worker")
    if use is Use.DOCUMENT and not documents:
        raise NavigationRefused(target.url)
