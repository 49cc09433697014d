"""What is allowed, and what becomes of it: choices compiled once, then two questions.

Owns: the order of the checks. `admit` asks whether and how a request goes out, `after` asks what
a target's reply leads to. Must not know: how any of the checks is made, sockets, clocks, counting,
or how anything is sent: every answer is a value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from cors_anywhere.errors import (
    BodyTooLarge,
    LoopDetected,
    MethodNotAllowed,
    ProxyAuthenticationDemanded,
    ProxyError,
    ResponseBodyTooLarge,
)
from cors_anywhere.messages import (
    Answer,
    Consult,
    Deliver,
    Fields,
    Follow,
    Gather,
    Length,
    Metered,
    Mount,
    Plan,
    ReplyHead,
    RequestHead,
    Target,
    Use,
)
from cors_anywhere.rules import headers, navigation, redirects, replies, wrapping
from cors_anywhere.rules.asker import Askers, own_origin
from cors_anywhere.rules.choices import Choices
from cors_anywhere.rules.cookies import remembering
from cors_anywhere.rules.delivery import Delivery
from cors_anywhere.rules.doors import Asked, Door, Doors, asks_for_websocket
from cors_anywhere.rules.filters import NEVER_SERVED, ContentTypes, Methods
from cors_anywhere.rules.injections import Injections
from cors_anywhere.rules.keys import Keys
from cors_anywhere.rules.mounts import Mounts, covers
from cors_anywhere.rules.navigation import use_of
from cors_anywhere.rules.overrides import Overrides
from cors_anywhere.rules.own import Documents, OwnPages
from cors_anywhere.rules.reading import Read, Reader
from cors_anywhere.rules.targets import Targets, refused_as_itself


class Policy:
    """The decisions of one proxy. `documents` are its own; `navigation_page` is shown to
    who followed a link, see Replies; `loop_token` names the instance in `CDN-Loop`; `is_known_name`
    tells whether a name is under a known public suffix. `metered` says that requests count even
    without a rate limit."""

    def __init__(
        self,
        choices: Choices,
        *,
        documents: Documents,
        navigation_page: str,
        loop_token: str,
        is_known_name: Callable[[str], bool],
        metered: bool = False,
    ) -> None:
        self._choices = choices
        self._own = OwnPages(documents)
        most = choices.max_response_bytes
        self._most_gathered = choices.max_get_bytes
        if most is not None and most < self._most_gathered:
            self._most_gathered = most
        self._metered = metered
        self._mounts = Mounts(choices.mounts)
        self._doors = Doors(
            is_known_name,
            base_path=choices.base_path,
            default_scheme=choices.default_scheme,
            mounts=self._mounts,
            open_proxy=choices.open_proxy,
        )
        self._askers = Askers(
            choices.allow_origins,
            choices.deny_origins,
            choices.require_headers,
            credentials=choices.allow_credentials,
        )
        self._keys: Keys | None = None
        if choices.api_keys:  # a list of origins is another way in, and without one there is none
            self._keys = Keys(choices.api_keys, needed=not choices.allow_origins)
        self._targets = Targets(
            choices.allow_targets,
            choices.deny_targets,
            choices.allow_private,
            some_network=choices.some_network_is_allowed,
        )
        self._injections = Injections(
            loop_token,
            set_fields=choices.set_headers,
            secrets=choices.target_headers,
            forwarded=choices.forwarded_headers,
        )
        self._overrides = Overrides(choices.allow_header_overrides, self._injections.names)
        self._reader = Reader(
            headers.request_table(remove=choices.remove_headers, replace=self._injections.names)
        )
        # Cookies pass to mounts alone, where the operator chose who gets them.
        self._mounts_reader = Reader(
            headers.request_table(
                remove=choices.remove_headers,
                replace=self._injections.names,
                cookies=choices.allow_credentials,
            )
        )
        # The doctor's requests are the proxy's own, whatever the question says a page would send.
        self._consulting = headers.request_table(remove=choices.remove_headers, preflights=True)
        self._methods = Methods.chosen(choices.allow_methods, choices.deny_methods)
        self._content_types = ContentTypes.chosen(choices.allow_content_types)
        self._replies = replies.Replies(
            navigation_page,
            by_origin=self._askers.by_origin,
            by_key=self._keys is not None,
            by_overrides=bool(choices.allow_header_overrides),
            max_age=choices.cors_max_age,
            added=choices.set_response_headers,
        )
        self._delivery = Delivery(choices, self._doors, self._mounts, self._replies)

    # --- the first question -------------------------------------------------------------------

    def is_preflight(self, head: RequestHead) -> bool:
        """Whether a request is answered as a preflight: no other OPTIONS stays here."""
        if head.method != "OPTIONS":
            return False
        path = self._doors.under_base(head.path, head.base)
        return self._doors.find(path, head.method, head.by_name()) is Door.PREFLIGHT

    def admit(self, head: RequestHead) -> Plan | Answer | Metered:
        """Whether and how a request goes out. Raises ProxyError, which `failed` answers."""
        read = self._reader.read(head)
        index = read.by_name
        if head.method in NEVER_SERVED:
            raise MethodNotAllowed
        upgrade = "upgrade" in index and asks_for_websocket(head.method, head.length != 0, index)
        path = self._doors.under_base(head.path, head.base)
        door = self._doors.find(path, head.method, index, upgrade=upgrade)
        if isinstance(door, Door):
            return self._at(door, head, read)
        use = use_of(index)
        if use is not Use.DATA:
            documents = self._choices.allow_navigation or door.mount is not None
            navigation.check(use, door.target, documents=documents)
        key = None if self._keys is None else self._keys.admit(index.get(headers.API_KEY))
        if self._methods is not None and not self._methods.serve(head.method):
            raise self._methods.refusal()
        self._check_loop(head, index)
        own = own_origin(head.scheme, index.get("host"))
        origin = self._askers.identify(index, own)
        self._askers.check(
            index,
            origin,
            own,
            mounted=head.mounted,
            document=use is Use.DOCUMENT,
            keyed=key is not None,
        )
        if not self._metered:
            return self._plan(head, read, door, origin, own, use, upgrade)
        try:
            plan = self._plan(head, read, door, origin, own, use, upgrade)
            return Metered(origin, plan, door.target, key)
        except ProxyError as error:
            return Metered(origin, error, door.target, key)

    def _check_loop(self, head: RequestHead, index: Mapping[str, str]) -> None:
        if "cdn-loop" in index and self._injections.passed_through(head):
            raise LoopDetected(rule="loop")

    def _at(self, door: Door, head: RequestHead, read: Read) -> Answer | Metered:
        """What is asked of the proxy itself; only the doctor reaches targets."""
        index = read.by_name
        if door is Door.NOT_NEEDED:
            return replies.NOT_NEEDED
        credited = self._credited(head)
        if door is Door.PREFLIGHT:
            return self._replies.preflight(index, credited)
        if door is not Door.DOCTOR:
            return self.varying(self._own.at(door, index, credited))
        self._check_loop(head, index)
        key = None if self._keys is None else self._keys.admit(index.get(headers.API_KEY))
        own = own_origin(head.scheme, index.get("host"))
        origin = self._askers.identify(index, own)
        self._askers.check(index, origin, own, mounted=head.mounted, keyed=key is not None)
        own_url = self._doors.own_url(head.scheme, index.get("host"), head.base)
        query = head.path.partition("?")[2]
        asked = Consult(query, own_url, credited, read.continued)
        return Metered(origin, asked, self._doors.asked_about(query), key)

    def judged(self, target: Target, method: str, preflight: bool) -> Plan:
        """The plan of a bodiless request that the proxy itself makes. Raises ProxyError.

        A preflight may be made whatever methods are served: it is no page's choice.
        """
        if not (preflight or self._methods is None or self._methods.serve(method)):
            raise self._methods.refusal()
        return self._judged(Plan(target, method, (), False, target, (), None))

    def consulting(self, asked: Consult, fields: Fields) -> Fields:
        """What of the fields that a page would send the doctor sends to a target, and in whose
        name: as little as any client may it say who asks, frame a body, or hide a loop."""
        sent = self._consulting.sort(fields).fields
        return [*sent, self._injections.loop_field(asked.continued)]

    def _plan(
        self,
        head: RequestHead,
        read: Read,
        asked: Asked,
        origin: str | None,
        own: str | None,
        use: Use,
        upgrade: bool,
    ) -> Plan | Answer:
        target, mount, as_json = asked
        there = target.origin
        if there == origin and self._choices.redirect_same_origin and not (mount or as_json):
            return replies.go_there(target, self._credited(head))
        limit = self._choices.max_body_bytes
        if limit is not None and _exceeds(head.length, limit):
            raise BodyTooLarge(rule="body-size")
        if there == own and self._doors.leads_here(target.path, head.base):
            raise refused_as_itself(target)
        exception_only, private = self._targets.judge(target, mount)
        if mount is not None:
            read = self._mounts_reader.read(head)
        index, passing, gathered, continued = read
        fields: Fields = passing
        authorized = "authorization" in index or (
            mount is not None and self._askers.credentials and "cookie" in index
        )
        if headers.OVERRIDES in gathered:
            fields = self._overrides.apply(fields, gathered[headers.OVERRIDES])
            authorized = True  # one may have been set so, and caches do not read the field
        plan = Plan(
            target,
            head.method,
            fields,
            head.length != 0,
            target,
            (),
            exception_only,
            upgrade,
            private,
            continued,
            mount,
            use,
            authorized or self._injections.has_secret(target),
        )
        return wrapping.asking(plan) if as_json else plan

    def outbound(self, head: RequestHead, plan: Plan) -> Fields:
        """The head that is sent to the plan's target, complete but for the framing."""
        return self._injections.add(head, plan)

    # --- the second question ------------------------------------------------------------------

    def after(
        self, head: RequestHead, plan: Plan, reply: ReplyHead, *, replayable: bool
    ) -> Deliver | Follow | Gather:
        """What a target's reply leads to. `replayable` says whether the client's body could be
        sent once more. Raises ProxyError."""
        if reply.status == 407:
            raise ProxyAuthenticationDemanded
        limit = self._choices.max_response_bytes
        if limit is not None and head.method != "HEAD" and _exceeds(reply.length, limit):
            raise ResponseBodyTooLarge(
                hint=f"The operator of this proxy set --max-response-bytes {limit}.",
                rule="response-size",
            )
        new = None
        if reply.status in redirects.REDIRECTS:
            new = redirects.destination(plan, reply)
            most = self._choices.max_redirects
            if (
                new
                and redirects.may_follow(plan, reply, most=most, replayable=replayable)
                and (plan.mount is None or self._follows_from(plan.mount, plan, new))
                and not self._injections.keeps_apart(plan.target, new)
            ):
                following = redirects.next_plan(plan, reply, new)
                if self._choices.expose_set_cookie:
                    following = remembering(following, reply)
                if self._methods is None or self._methods.serve(following.method):
                    return Follow(self._judged(following))
        if self._content_types is not None and (new is None or plan.as_json):
            self._content_types.check(reply)
        if plan.as_json:
            return wrapping.gathering(reply, self._most_gathered)
        return self._delivery.deliver(head, plan, reply, self._credited(head))

    def gathered(
        self, head: RequestHead, plan: Plan, reply: ReplyHead, octets: bytes, seconds: float
    ) -> Answer:
        """The answer that is made of a gathered reply, for which the client has waited so long.
        Raises ProxyError."""
        answer = wrapping.wrapped(
            plan, reply, octets, seconds, self._most_gathered, self._credited(head)
        )
        return self.varying(answer)

    def _follows_from(self, mount: Mount, plan: Plan, new: Target) -> bool:
        """Whether a redirect of a mount is followed here.

        Within the mount it is the browser's to follow: what it shows has the right base URL then,
        and it keeps the cookies of every step. It follows none in a handshake. Elsewhere only the
        open proxy may lead, and never a document, which would then be one of our origin.
        """
        if covers(mount, new):
            return plan.upgrade
        return self._choices.open_proxy and plan.use is not Use.DOCUMENT

    def _judged(self, plan: Plan) -> Plan:
        """The plan of a redirect, through the same rules as the first."""
        try:
            exception_only, private = self._targets.judge(plan.target, plan.mount)
        except ProxyError as error:
            error.redirected_to = plan.target.url
            raise
        authorized = plan.authorized or self._injections.has_secret(plan.target)
        return plan._replace(exception_only=exception_only, private=private, authorized=authorized)

    # --- the proxy's own replies --------------------------------------------------------------

    def target_of(self, head: RequestHead) -> Target | None:
        """What the path names, whoever asks: for the log."""
        try:
            return self._doors.asked(self._doors.under_base(head.path, head.base)).target
        except ProxyError:
            return None

    def holder_of(self, head: RequestHead) -> str | None:
        """Whose key was shown, whether or not it was needed: for the log."""
        return None if self._keys is None else self._keys.holder(head.get(headers.API_KEY))

    def varying(self, answer: Answer) -> Answer:
        """An answer of the proxy's own that says in `Vary` what it depends on."""
        return answer._replace(fields=self._replies.varying(answer.fields))

    def failed(
        self, error: ProxyError, plan: Plan | None = None, head: RequestHead | None = None
    ) -> Answer:
        """The reply that a failure causes. `plan` is what was being carried out, `head` what was
        asked; None where that never became known."""
        return self._replies.failed(error, plan, None if head is None else self._credited(head))

    def _credited(self, head: RequestHead) -> str | None:
        """The asking origin, if its pages may send credentials."""
        if not self._askers.credentials:
            return None
        return self._askers.credited(head.get("origin"))


def _exceeds(length: Length, limit: int) -> bool:
    return isinstance(length, int) and length > limit
