"""The one place that builds the parts: settings become rules, egress and relay.

Owns: which part gets which setting, and the end of them all. Must not know: Tornado, or where
connections come from.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from functools import cache
from typing import Any, Final, NamedTuple

from cors_anywhere.config import described
from cors_anywhere.config.settings import Settings
from cors_anywhere.config.suffixes import has_public_suffix
from cors_anywhere.egress import DirectEgress, OwnAddresses, target_tls
from cors_anywhere.egress.crowds import CappedEgress
from cors_anywhere.egress.pool import TOTAL
from cors_anywhere.egress.resolver import Resolver
from cors_anywhere.held import Held
from cors_anywhere.hooks import (
    AskingMeter,
    CheckRate,
    ChooseProxy,
    FirstLook,
    OnOutcome,
    choose_proxy_of,
    first_look_of,
    on_outcome_of,
)
from cors_anywhere.http1.target_life import TargetLimits
from cors_anywhere.limits.meters import LimitMeter
from cors_anywhere.limits.rates import RateLimit
from cors_anywhere.limits.stores import MEMORY, Store, open_store
from cors_anywhere.messages import Answer, Consult
from cors_anywhere.observe.budget import LineBudget
from cors_anywhere.observe.requests import RequestLog
from cors_anywhere.observe.sink import Sink
from cors_anywhere.pages import home as pages
from cors_anywhere.relay import Observer, Relay
from cors_anywhere.rules.addresses import Guard
from cors_anywhere.rules.choices import Choices
from cors_anywhere.rules.forwarded import TrustedProxies
from cors_anywhere.rules.own import Documents
from cors_anywhere.rules.policy import Policy
from cors_anywhere.sharing import SharedRelay
from cors_anywhere.sides import Client, Egress, Meter

LOG = logging.getLogger("cors_anywhere")


class Watchers(NamedTuple):
    """Who is told of each request, and who of each that was refused or failed."""

    on_outcome: Observer | None = None
    on_failure: Observer | None = None


NOBODY: Final = Watchers()


class Proxy:
    """One proxy, ready to serve whatever front hands it requests.

    The hooks may be plain or async functions. `max_idle` bounds the connections to targets that
    wait for their next request; `client_share` the requests at a time of a client that a trusted
    proxy names, unless the settings say. `loop_token` and the budget of `lines` in the log are
    common to proxies that are one to the outside, and so may be the `store` of counts, which is
    the proxy's to close; `former` is the one that is renewed. `log` takes the lines of requests
    where the settings ask for them, in place of a log of its own; `watch` is for what counts them.
    Raises OSError for a CA file and a log file, and TypeError for a hook that cannot be called.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        first_look: FirstLook | None = None,
        choose_proxy: ChooseProxy | None = None,
        check_rate: CheckRate | None = None,
        on_outcome: OnOutcome | None = None,
        resolver: Resolver | None = None,
        max_idle: int = TOTAL,
        client_share: int | None = None,
        loop_token: str | None = None,
        lines: LineBudget | None = None,
        store: Store | None = None,
        former: Proxy | None = None,
        log: Sink | None = None,
        watch: Watchers = NOBODY,
    ) -> None:
        self.store = store or _kept_store(settings, former) or store_of(settings)
        meter = _meter(settings, self.store, check_rate)
        self.settings = settings
        self.loop_token = loop_token or _new_token()
        self.own: OwnAddresses = former.own if former else OwnAddresses()
        self.trusted = TrustedProxies(
            settings.compiled.trusted_proxies,
            unix=settings.compiled.trusted_unix,
            hops=settings.trusted_hops,
        )
        self.policy = _policy(settings, self.loop_token, metered=meter is not None)
        if former is not None:
            resolver = former.egress.resolver
        self.egress: DirectEgress = _egress(settings, self.own, resolver, choose_proxy, max_idle)
        form = settings.compiled.access_log
        self.log: RequestLog = (
            former.log if former else RequestLog(form, settings.log_file, sink=log, lines=lines)
        )
        most = settings.max_requests_per_target
        self.crowds: Held = former.crowds if former else Held()
        egress: Egress = self.egress
        if most is not None:
            egress = CappedEgress(egress, most, self.crowds)
        self.relay = Relay(
            self.policy,
            egress,
            meter,
            first_look=None if first_look is None else first_look_of(first_look),
            on_failure=_present(self.log.on_failure, watch.on_failure),
            on_outcome=_present(
                self.log.on_outcome,
                watch.on_outcome,
                None if on_outcome is None else on_outcome_of(on_outcome),
            ),
            consult=_doctor(egress, self.policy) if settings.page else None,
            tunnel_idle=settings.tunnel_timeout,
            replay_bytes=settings.replay_bytes,
            max_body_bytes=settings.max_body_bytes,
            max_response_bytes=settings.max_response_bytes,
        )
        share = settings.max_connections_per_client or client_share
        self.serve: Callable[[Client], Coroutine[Any, Any, None]] = self.relay.serve
        self.begin: Callable[[Client], Coroutine[Any, Any, None] | None] = self.relay.begin
        if self.trusted and share:
            self.begin = self.serve = SharedRelay(self.relay, share).serve

        def renewed(settings: Settings) -> Proxy:
            return Proxy(
                settings,
                first_look=first_look,
                choose_proxy=choose_proxy,
                check_rate=check_rate,
                on_outcome=on_outcome,
                max_idle=max_idle,
                client_share=client_share,
                loop_token=self.loop_token,
                former=self,
                watch=watch,
            )

        self._renewed = renewed

    def renewed(self, settings: Settings) -> Proxy:
        """A proxy with other settings that takes this one's place for new requests: the same
        instance to the outside, with the same hooks and counts. `retire` this one then."""
        return self._renewed(settings)

    def retire(self) -> None:
        """Serves no new request any more: what waits for one ends."""
        self.egress.retire()

    async def close(self) -> None:
        """Ends idle connections to targets and that to a store, and has the rest of its log
        written."""
        await self.egress.close()
        if self.store is not None:
            await self.store.close()
        await self.log.close()


def _new_token() -> str:
    return f"cors-anywhere-{secrets.token_hex(8)}"


def _policy(settings: Settings, loop_token: str, *, metered: bool) -> Policy:
    return Policy(
        choices(settings),
        documents=_documents(settings),
        navigation_page=pages.read("navigation.html"),
        loop_token=loop_token,
        is_known_name=has_public_suffix,
        metered=metered,
    )


def _doctor(egress: Egress, policy: Policy) -> Callable[[Consult], Awaitable[Answer]]:
    """Loaded when somebody asks: few do, and every start would take a twentieth longer."""

    @cache
    def endpoint() -> Callable[[Consult], Awaitable[Answer]]:
        from cors_anywhere.doctor.endpoint import Endpoint  # noqa: PLC0415

        return Endpoint(egress, policy.judged, policy.consulting)

    async def consult(asked: Consult) -> Answer:
        return await endpoint()(asked)

    return consult


def _egress(
    settings: Settings,
    own: OwnAddresses,
    resolver: Resolver | None,
    choose_proxy: ChooseProxy | None,
    max_idle: int,
) -> DirectEgress:
    compiled = settings.compiled
    return DirectEgress(
        guard=Guard(compiled.allow_networks, compiled.deny_networks, settings.nat64),
        tls=target_tls(settings.ca_file, insecure=settings.insecure_targets),
        limits=TargetLimits(
            settings.max_header_bytes,
            settings.head_timeout,
            settings.idle_timeout,
            settings.max_headers,
        ),
        connect_timeout=settings.connect_timeout,
        proxies=compiled.outbound_proxies,
        own=own,
        resolver=resolver,
        choose_proxy=None if choose_proxy is None else choose_proxy_of(choose_proxy),
        max_idle=max_idle,
    )


def choices(settings: Settings) -> Choices:
    """What policy needs of the settings."""
    compiled = settings.compiled
    return Choices(
        base_path=settings.base_path,
        default_scheme=settings.default_scheme,
        mounts=compiled.mounts,
        open_proxy=settings.open_proxy or not compiled.mounts,
        allow_origins=compiled.allow_origins,
        deny_origins=compiled.deny_origins,
        require_headers=settings.require_headers,
        api_keys=compiled.api_keys,
        allow_credentials=settings.allow_credentials,
        expose_set_cookie=settings.expose_set_cookie,
        allow_targets=compiled.allow_targets,
        deny_targets=compiled.deny_targets,
        allow_private=compiled.allow_private,
        some_network_is_allowed=bool(compiled.allow_networks),
        remove_headers=settings.remove_headers,
        set_headers=settings.set_headers,
        allow_header_overrides=settings.allow_header_overrides,
        target_headers=compiled.target_headers,
        set_response_headers=settings.set_response_headers,
        remove_response_headers=settings.remove_response_headers,
        forwarded_headers=settings.forwarded_headers,
        cors_max_age=settings.cors_max_age,
        redirect_same_origin=settings.redirect_same_origin,
        allow_navigation=settings.allow_navigation,
        max_redirects=settings.max_redirects,
        allow_methods=settings.allow_methods,
        deny_methods=settings.deny_methods,
        allow_content_types=compiled.allow_content_types,
        max_body_bytes=settings.max_body_bytes,
        max_response_bytes=settings.max_response_bytes,
        max_get_bytes=settings.max_get_bytes,
    )


def store_of(settings: Settings, default: str = MEMORY) -> Store | None:
    """The store of these settings; None where nothing is limited.

    A `shared` one belongs to all processes that are forked afterwards: make it before, and give it
    to the `Proxy` of each.
    """
    compiled = settings.compiled
    if not (compiled.rate_limits or compiled.byte_limits):
        return None
    return open_store(settings.store or default)


def _kept_store(settings: Settings, former: Proxy | None) -> Store | None:
    """The store of the proxy that is renewed, which goes on counting, by whatever limits."""
    if former is None or former.settings.store != settings.store:
        return None
    return former.store


def _meter(settings: Settings, store: Store | None, check_rate: CheckRate | None) -> Meter | None:
    rates, octets = settings.compiled.rate_limits, settings.compiled.byte_limits
    if check_rate is not None:
        return AskingMeter(check_rate, rates, _counting(octets, store))
    return _counting((*rates, *octets), store)


def _counting(limits: Sequence[RateLimit], store: Store | None) -> Meter | None:
    return LimitMeter(limits, store) if limits and store is not None else None


def _present(*observers: Observer | None) -> list[Observer]:
    return [observer for observer in observers if observer is not None]


def _documents(settings: Settings) -> Documents:
    client, types = pages.read("cors-anywhere.js"), pages.read("cors-anywhere.d.ts")
    if settings.help_text is not None:
        documents = Documents(settings.help_text, settings.help_type)
    else:
        alone = settings.compiled.mounts and not settings.open_proxy
        documents = Documents(pages.read("mounts.txt" if alone else "help.txt"))
        if settings.page and not alone:
            home = pages.home(described.rules(settings), tries=described.tries(settings))
            documents = documents._replace(home=home.html, home_policy=home.policy)
    return documents._replace(client=client, client_types=types)
