"""A target's reply as the client gets it.

Owns: which of its fields pass, and what becomes of those that name places, ask for a password, set
cookies or switch protocols. Must not know: whether it is delivered at all (policy.py), or what the
proxy adds to every reply (replies.py).
"""

from __future__ import annotations

from cors_anywhere.errors import UpgradeFailed
from cors_anywhere.messages import Deliver, Plan, ReplyHead, RequestHead, Target, Use
from cors_anywhere.rules import headers, redirects
from cors_anywhere.rules.asker import is_cross_site, may_be_own_page, own_origin
from cors_anywhere.rules.challenges import silent
from cors_anywhere.rules.choices import Choices
from cors_anywhere.rules.cookies import Cookies, Way
from cors_anywhere.rules.doors import Doors
from cors_anywhere.rules.injections import HANDSHAKE
from cors_anywhere.rules.mounts import Mounts
from cors_anywhere.rules.replies import Replies, clean_reason


class Delivery:
    """The heads of one proxy's replies."""

    def __init__(self, choices: Choices, doors: Doors, mounts: Mounts, replies: Replies) -> None:
        self._doors = doors
        self._mounts = mounts
        self._replies = replies
        self._open_proxy = choices.open_proxy
        self._cookies = Cookies(pass_on=choices.allow_credentials, expose=choices.expose_set_cookie)
        self._table = headers.reply_table(
            remove=choices.remove_response_headers,
            replace=dict(choices.set_response_headers),
            cookies=choices.allow_credentials or choices.expose_set_cookie,
        )

    def deliver(
        self, head: RequestHead, plan: Plan, reply: ReplyHead, credited: str | None
    ) -> Deliver:
        """The client's head for a target's reply. `credited` is the origin of the asking page if
        that may send credentials. Raises UpgradeFailed."""
        received = self._table.sort(reply.fields)
        gathered = received.gathered
        places: dict[str, str | None] = {}
        if "location" in gathered or "content-location" in gathered:
            places = redirects.relocated(
                plan, reply, gathered, lambda place: self._lead_to(place, head, plan)
            )
        if "www-authenticate" in gathered and _is_for_own_page(head):
            places["www-authenticate"] = silent(gathered["www-authenticate"])
        if "set-cookie" in gathered or plan.set_cookies:  # only where some pass or are shown
            received = self._cookies.restated(received, plan, self._way(head))
        fields = self._replies.proxied(
            received,
            plan=plan,
            places=places,
            keep_length=reply.status == 304 or (head.method == "HEAD" and reply.status != 204),
            credited=credited,
        )
        if reply.status == 101:
            _check_switch(reply)
            fields = [*fields, *HANDSHAKE]
        return Deliver(reply.status, clean_reason(reply.reason), fields)

    def _lead_to(self, place: Target, head: RequestHead, plan: Plan) -> str:
        """The URL by which the client gets at what a target names: through the proxy if possible.
        Only mounts lead into mounts."""
        own_url = self._doors.own_url(head.scheme, head.get("host"), head.base)
        if plan.mount is None:
            return f"{own_url}/{place.url}"
        path = self._mounts.path_to(place)
        if path is not None:
            return own_url + path
        through = self._open_proxy and plan.use is not Use.DOCUMENT
        return f"{own_url}/{place.url}" if through else place.url

    def _way(self, head: RequestHead) -> Way:
        index = head.by_name()
        cross_site = is_cross_site(index, own_origin(head.scheme, index.get("host")))
        base = self._doors.own_url(head.scheme, None, head.base)
        return Way(base, head.scheme == "https", cross_site)


def _is_for_own_page(head: RequestHead) -> bool:
    index = head.by_name()
    return may_be_own_page(index, own_origin(head.scheme, index.get("host")))


def _check_switch(reply: ReplyHead) -> None:
    """A target may switch to the protocol that it was asked for only (RFC 9110 section 7.8)."""
    protocols = [value.lower() for name, value in reply.fields if name.lower() == "upgrade"]
    if protocols != ["websocket"]:
        raise UpgradeFailed
