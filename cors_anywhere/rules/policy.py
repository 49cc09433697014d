"""What is allowed, and what becomes of it: choices compiled once, then two questions.

Owns: the order of the checks and the replies that the proxy makes itself. `admit` asks whether and
how a request goes out, `after` asks what a target's reply leads to. Must not know: sockets,
clocks, counting, or how anything is sent: every answer is a value.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from cors_anywhere.errors import (
    BodyTooLarge,
    HeaderRequired,
    LoopDetected,
    MethodNotAllowed,
    NoTarget,
    ProhibitedTarget,
    ProxyAuthenticationDemanded,
    ProxyError,
    Refused,
    ResponseBodyTooLarge,
    TooManyRequests,
    UpgradeFailed,
)
from cors_anywhere.messages import (
    Answer,
    Deliver,
    Exceeded,
    Fields,
    Follow,
    Hop,
    Length,
    Metered,
    Plan,
    ReplyHead,
    RequestHead,
    Target,
)
from cors_anywhere.rules import cors
from cors_anywhere.rules import headers as rewrite
from cors_anywhere.rules.authority import host_rule
from cors_anywhere.rules.doors import parse_path
from cors_anywhere.rules.origins import OriginPattern, OriginSet
from cors_anywhere.rules.redirects import resolve_location
from cors_anywhere.rules.target_pattern import TargetPattern

_TEXT = ("content-type", "text/plain; charset=utf-8")
_HANDSHAKE = (("connection", "Upgrade"), ("upgrade", "websocket"))  # RFC 6455 section 4
_REDIRECTS = frozenset((301, 302, 303, 307, 308))
_KEEPS_METHOD = frozenset((307, 308))
_ADVICE = (
    "Pages send one of these by themselves when they use fetch() or XMLHttpRequest across origins. "
    "Opening the URL in a tab, or with a tool, does not: add a header of that name, or call the"
    " proxy from a page."
)
_HOST_RULES = {
    "single-label": "names without a dot are not in the public DNS",
    "special-name": "names of this kind are not in the public DNS",
    "bad-port": "browsers do not connect to this port",
}


class Choices(NamedTuple):
    """What the operator chose, compiled."""

    base_path: str
    allow_origins: tuple[OriginPattern, ...]
    deny_origins: tuple[OriginPattern, ...]
    require_headers: tuple[str, ...]
    allow_targets: tuple[TargetPattern, ...]
    deny_targets: tuple[TargetPattern, ...]
    some_network_is_allowed: bool
    remove_headers: tuple[str, ...]
    set_headers: tuple[tuple[str, str], ...]
    forwarded_headers: bool
    cors_max_age: int  # seconds; 0: not sent
    redirect_same_origin: bool
    max_redirects: int
    max_body_bytes: int | None
    max_response_bytes: int | None


class Policy:
    """The decisions of one proxy. `help_page` is its type and text; `loop_token` names the
    instance in `CDN-Loop`. `metered` says that requests count even without a rate limit."""

    def __init__(
        self,
        choices: Choices,
        *,
        help_page: tuple[str, str],
        loop_token: str,
        metered: bool = False,
    ) -> None:
        self._choices = choices
        self._token = loop_token
        self._help = Answer(
            200,
            "OK",
            _own([("content-type", f"{help_page[0]}; charset=utf-8")]),
            help_page[1].encode(),
        )
        self._allow = OriginSet(choices.allow_origins)
        self._deny = OriginSet(choices.deny_origins)
        self._by_origin = bool(self._allow or self._deny)
        self._required = tuple(name.lower() for name in choices.require_headers)
        self._allow_targets = choices.allow_targets
        self._deny_targets = choices.deny_targets
        self._metered = metered
        self._outbound = rewrite.Outbound(
            remove=choices.remove_headers,
            set_fields=choices.set_headers,
            forwarded=choices.forwarded_headers,
            loop_token=loop_token,
        )

    # --- the first question -------------------------------------------------------------------

    def admit(self, head: RequestHead) -> Plan | Answer | Metered:
        """Whether and how a request goes out. Raises ProxyError, which `failed` answers."""
        path = self._under_base(head)
        index = head.by_name()
        origin = index.get("origin")
        if head.method == "OPTIONS" and not _is_real_options(index, path):
            return self._preflight(index)
        if head.method in ("CONNECT", "TRACE"):
            raise MethodNotAllowed
        if path.startswith("/iscorsneeded") and path[13:14] in ("", "/", "?"):
            return Answer(200, "OK", [("content-type", "text/plain")], b"no")
        upgrade = "upgrade" in index and _asks_for_websocket(head, index)
        if upgrade and path[:5].lower().startswith(("/ws:", "/wss:")):
            path = f"/http{path[3:]}"
        try:
            target = parse_path(path)
        except NoTarget:
            return self._help
        if "cdn-loop" in index and rewrite.passed_through(head, self._token):
            raise LoopDetected
        self._check_asker(index, origin or "")
        if not self._metered:
            return self._plan_first(head, target, origin, upgrade)
        try:
            return Metered(origin, self._plan_first(head, target, origin, upgrade))
        except ProxyError as error:
            return Metered(origin, error)

    def _under_base(self, head: RequestHead) -> str:
        base = head.base or self._choices.base_path
        if (
            base
            and head.path.startswith(base)
            and head.path[len(base) : len(base) + 1] in ("", "/")
        ):
            return head.path[len(base) :] or "/"
        return head.path

    def _preflight(self, index: Mapping[str, str]) -> Answer:
        fields = cors.preflight_fields(
            index.get("access-control-request-method"),
            index.get("access-control-request-headers"),
            max_age=self._choices.cors_max_age,
            allow=index.get("origin", "") not in self._deny,
        )
        return Answer(200, "OK", self._varying(fields), b"")

    def _check_asker(self, index: Mapping[str, str], origin: str) -> None:
        if self._required and not any(name in index for name in self._required):
            names = ",".join(self._required)
            raise HeaderRequired(
                f"Missing required request header. Must specify one of: {names}", hint=_ADVICE
            )
        if self._by_origin:
            if origin in self._deny:
                raise Refused(
                    f'The origin "{origin}" was blacklisted by the operator of this proxy.'
                )
            if self._allow and origin not in self._allow:
                raise Refused(
                    f'The origin "{origin}" was not whitelisted by the operator of this proxy.'
                )

    def _plan_first(
        self, head: RequestHead, target: Target, origin: str | None, upgrade: bool
    ) -> Plan | Answer:
        if self._choices.redirect_same_origin and origin == target.origin:
            return _same_origin(target)
        limit = self._choices.max_body_bytes
        if limit is not None and _exceeds(head.length, limit):
            raise BodyTooLarge
        exception_only = self._check_target(target)
        fields = self._outbound.first(head, target)
        with_body = head.length != 0
        if upgrade:
            fields += _HANDSHAKE
        return Plan(target, head.method, fields, with_body, target, (), exception_only, upgrade)

    def _check_target(self, target: Target) -> str | None:
        """The host rules, and the operator's. A verdict means that only an explicitly allowed
        network will do; None means that any public address will."""
        for pattern in self._deny_targets:
            if pattern.matches(target):
                raise Refused("The operator of this proxy does not allow this target.")
        rule = host_rule(target)
        if not self._allow_targets and not rule:
            return None
        matching = [pattern for pattern in self._allow_targets if pattern.matches(target)]
        if self._allow_targets and not matching:
            raise Refused("The operator of this proxy allows other targets only.")
        if rule == "bad-port":
            matching = [pattern for pattern in matching if pattern.port is not None]
        if not rule or matching:
            return None
        if not self._choices.some_network_is_allowed:
            raise refused_by_host_rule(target, rule)
        return rule

    def outbound(self, head: RequestHead, plan: Plan) -> Fields:
        """The head that is sent to the plan's target, complete but for the framing."""
        return plan.fields

    # --- the second question ------------------------------------------------------------------

    def after(
        self, head: RequestHead, plan: Plan, reply: ReplyHead, *, replayable: bool
    ) -> Deliver | Follow:
        """What a target's reply leads to. `replayable` says whether the client's body could be
        sent once more. Raises ProxyError."""
        if reply.status == 407:
            raise ProxyAuthenticationDemanded
        limit = self._choices.max_response_bytes
        if limit is not None and head.method != "HEAD" and _exceeds(reply.length, limit):
            raise ResponseBodyTooLarge
        location = None
        if reply.status in _REDIRECTS:
            new = self._redirect_target(plan, reply)
            if new is not None:
                if self._may_follow(plan, reply, replayable):
                    return Follow(self._plan_next(plan, reply, new))
                location = f"{self._base_url(head)}/{new.url}"
        fields = rewrite.inbound(
            reply,
            first_url=plan.first.url,
            final_url=plan.target.url,
            hops=plan.hops,
            location=location,
            keep_length=head.method == "HEAD" or reply.status == 304,
        )
        if self._by_origin:
            fields = list(cors.vary_on_origin(fields))
        if reply.status == 101:
            _check_switch(reply)
            fields += _HANDSHAKE
        return Deliver(reply.status, rewrite.clean_reason(reply.reason), fields)

    def _redirect_target(self, plan: Plan, reply: ReplyHead) -> Target | None:
        for name, value in reply.fields:
            if name.lower() == "location":
                return resolve_location(plan.target, value)
        return None

    def _may_follow(self, plan: Plan, reply: ReplyHead, replayable: bool) -> bool:
        if len(plan.hops) >= self._choices.max_redirects:
            return False
        return reply.status not in _KEEPS_METHOD or not plan.with_body or replayable

    def _plan_next(self, plan: Plan, reply: ReplyHead, new: Target) -> Plan:
        """The next hop, through the same checks as the first."""
        exception_only = self._check_target(new)
        keep_body = reply.status in _KEEPS_METHOD
        method = plan.method if keep_body or plan.method == "HEAD" else "GET"
        fields = self._outbound.redirected(plan.fields, plan.target, new, keep_body=keep_body)
        hops = (*plan.hops, Hop(reply.status, new.url))
        with_body = keep_body and plan.with_body
        return Plan(new, method, fields, with_body, plan.first, hops, exception_only, plan.upgrade)

    def _base_url(self, head: RequestHead) -> str:
        base = head.base or self._choices.base_path
        return f"{head.scheme}://{head.get('host') or ''}{base}"

    # --- the proxy's own replies --------------------------------------------------------------

    def target_of(self, head: RequestHead) -> Target | None:
        """What the path names, whoever asks: for the log."""
        try:
            return parse_path(self._under_base(head))
        except ProxyError:
            return None

    def failed(self, error: ProxyError, plan: Plan | None = None) -> Answer:
        """The reply that a failure causes. `plan` is what was being carried out."""
        fields = [_TEXT]
        if error.error:
            fields.append(("proxy-status", _proxy_status(error)))
        body = f"{error.detail}\n{error.hint}" if error.hint else error.detail
        return Answer(error.status, error.reason, self._varying(_own(fields)), body.encode())

    def limited(self, exceeded: Exceeded) -> Answer:
        """The 429."""
        answer = self.failed(TooManyRequests(exceeded.text))
        plain = [field for field in answer.fields if not field[0].startswith("access-control-")]
        return answer._replace(fields=self._varying(_own([*plain, *exceeded.fields])))

    def _varying(self, fields: Fields) -> Fields:
        return cors.vary_on_origin(fields) if self._by_origin else fields


def _exceeds(length: Length, limit: int) -> bool:
    return isinstance(length, int) and length > limit


def refused_by_host_rule(target: Target, rule: str) -> ProhibitedTarget:
    """The refusal of a host or port whatever its address is."""
    return ProhibitedTarget(
        f"The proxy does not connect to {target.authority}: {_HOST_RULES[rule]} ({rule}).",
        rule=rule,
        hint="The operator of this proxy can allow it with --allow-network (the target's network)"
        f" or --allow-target {target.host}:{target.port}.",
    )


def _same_origin(target: Target) -> Answer:
    """Sends a page that needs no proxy for its own origin straight to the target."""
    location = ("location", target.url)
    fields = _own([("vary", "origin"), ("cache-control", "private"), location])
    return Answer(301, "Please use a direct request", fields, b"")


def _asks_for_websocket(head: RequestHead, index: Mapping[str, str]) -> bool:
    """Whether this is an opening handshake (RFC 6455 section 4.2.1)."""
    options = index.get("connection", "").lower().replace(" ", "").split(",")
    websocket = index["upgrade"].lower() == "websocket" and "upgrade" in options
    return websocket and head.method == "GET" and head.length == 0


def _check_switch(reply: ReplyHead) -> None:
    """A target may switch to the protocol that it was asked for only (RFC 9110 section 7.8)."""
    protocols = [value.lower() for name, value in reply.fields if name.lower() == "upgrade"]
    if protocols != ["websocket"]:
        raise UpgradeFailed


def _is_real_options(index: Mapping[str, str], path: str) -> bool:
    """Whether an OPTIONS is for the target (WebDAV, CalDAV) instead of a preflight."""
    if "origin" not in index or "access-control-request-method" in index:
        return False
    try:
        parse_path(path)
    except ProxyError:
        return False
    return True


def _own(fields: Fields) -> list[tuple[str, str]]:
    return [*fields, *cors.own_reply_fields(name for name, _ in fields)]


def _proxy_status(error: ProxyError) -> str:
    """RFC 9209: a list of one, the details an RFC 8941 string of printable ASCII."""
    details = "".join(c if " " <= c <= "~" else "?" for c in error.detail.partition("\n")[0])
    details = details.replace("\\", "\\\\").replace('"', '\\"')
    return f'cors-anywhere; error={error.error}; details="{details}"'
