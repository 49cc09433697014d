"""What an embedding program may decide for itself: the hooks, and their adapters for the relay.

Owns: the hooks' types, that plain and async functions are alike, and that what a hook returns can
be used: a mistake in it is one line of the log that names the hook, and a 500. Must not know:
Tornado, or what becomes of a verdict.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, NoReturn

from cors_anywhere.errors import ProxyError
from cors_anywhere.limits.rates import RateLimit
from cors_anywhere.messages import (
    Answer,
    Counted,
    Exceeded,
    Metered,
    RequestHead,
    Target,
    Transfer,
)
from cors_anywhere.outcome import Outcome
from cors_anywhere.rules.outbound import OutboundProxy
from cors_anywhere.sides import Meter
from cors_anywhere.tokens import HOP_BY_HOP, is_field_value, is_token

LOG = logging.getLogger("cors_anywhere")

FirstLook = Callable[[RequestHead], Answer | Awaitable[Answer | None] | None]
"""Sees every request but a preflight before anything is checked; may answer it."""

ChooseProxy = Callable[
    [Target, RequestHead], OutboundProxy | Awaitable[OutboundProxy | None] | None
]
"""Which HTTP proxy carries a request to a target; None for none."""

RateVerdict = bool | str | None
"""None or True allows a request; False answers it with 429, a text with that text added."""

CheckRate = Callable[[str, RequestHead], RateVerdict | Awaitable[RateVerdict]]
"""Judges one more request of an origin ("" for none), instead of the counting of a rate limit."""

OnOutcome = Callable[[Outcome], Awaitable[None] | None]
"""Is told what became of every request, when that is known; changes nothing."""

_is_host: Final = re.compile(r"[0-9A-Za-z._-]+|[0-9A-Fa-f:.]+").fullmatch

_SERVERS_OWN: Final = HOP_BY_HOP | {"content-length"}
"""Fields that are the connection's to write."""


# --- the adapters ---------------------------------------------------------------------------------


def first_look_of(hook: FirstLook) -> Callable[[RequestHead], Awaitable[Answer | None]]:
    """The hook as the relay asks it. What is returned raises ProxyError for an unusable answer."""
    _check_parameters("first_look", hook, "head")

    async def look(head: RequestHead) -> Answer | None:
        answer: Any = await _result(hook(head))
        if answer is None:
            return None
        if mistake := _mistake_in_answer(answer):
            _refuse("first_look", mistake)
        checked: Answer = answer
        return checked._replace(fields=[(name, value) for name, value in checked.fields])

    return look


def choose_proxy_of(
    hook: ChooseProxy,
) -> Callable[[Target, RequestHead], Awaitable[OutboundProxy | None]]:
    """The hook as egress asks it. What is returned raises ProxyError for an unusable proxy."""
    _check_parameters("choose_proxy", hook, "target", "head")

    async def choose(target: Target, head: RequestHead) -> OutboundProxy | None:
        proxy: Any = await _result(hook(target, head))
        if proxy is not None and (mistake := _mistake_in_proxy(proxy)):
            _refuse("choose_proxy", mistake)
        checked: OutboundProxy | None = proxy
        return checked

    return choose


def on_outcome_of(hook: OnOutcome) -> Callable[[Outcome], None]:
    """The hook as whoever tells outcomes calls it: an async one runs on by itself, and a failure is
    logged."""
    _check_parameters("on_outcome", hook, "outcome")
    running: set[asyncio.Task[None]] = set()  # the loop itself holds tasks weakly

    async def run_on(rest: Awaitable[None]) -> None:
        try:
            await rest
        except Exception:
            LOG.exception("The hook on_outcome failed")

    def tell(outcome: Outcome) -> None:
        try:
            rest = hook(outcome)
        except Exception:
            LOG.exception("The hook on_outcome failed")
            return
        if rest is not None and inspect.isawaitable(rest):
            task = asyncio.get_running_loop().create_task(run_on(rest))
            running.add(task)
            task.add_done_callback(running.discard)

    return tell


class AskingMeter:
    """The operator's own function, as the relay's `Meter`. It takes the place of the counting of
    `rates`, whose exemptions and first sentence stay; `counting` holds what else is limited."""

    def __init__(self, hook: CheckRate, rates: Sequence[RateLimit], counting: Meter | None) -> None:
        _check_parameters("check_rate", hook, "origin", "head")
        self._hook = hook
        self._rates = rates
        self._counting = counting

    async def count(self, head: RequestHead, metered: Metered, transfer: Transfer) -> Counted:
        """See Meter.count. Raises ProxyError for a verdict that is none."""
        exceeded = await self._judge(head, metered)
        if exceeded is not None or self._counting is None:
            return Counted((), exceeded)
        return await self._counting.count(head, metered, transfer)

    def ended(self, transfer: Transfer) -> None:
        """See Meter.ended."""
        if self._counting is not None:
            self._counting.ended(transfer)

    async def _judge(self, head: RequestHead, metered: Metered) -> Exceeded | None:
        name = metered.origin or ""
        if self._rates and all(
            rate.exempts(name, head.peer, metered.target) for rate in self._rates
        ):
            return None
        verdict: Any = await _result(self._hook(name, head))
        if verdict is None or verdict is True:
            return None
        if verdict is not False and not isinstance(verdict, str):
            _refuse("check_rate", f"it returned {_kind(verdict)}, not a bool, a text or None")
        if verdict == "":
            _refuse("check_rate", "it returned an empty text: None allows, and False refuses")
        by_origin = next((rate for rate in self._rates if rate.by == "origin"), None)
        if not verdict and by_origin is not None:
            return Exceeded(by_origin.sentence(name))
        text = f'The origin "{name}" has sent too many requests.'
        return Exceeded(f"{text}\n{verdict}" if verdict else text)


async def _result(returned: Any) -> Any:
    return await returned if inspect.isawaitable(returned) else returned


# --- what hooks get wrong -------------------------------------------------------------------------


def _check_parameters(hook: str, function: Callable[..., object], *names: str) -> None:
    """Raises TypeError for a function that cannot be called with these."""
    try:
        signature = inspect.signature(function)
    except (ValueError, TypeError):  # it does not tell; a call will
        return
    try:
        signature.bind(*names)
    except TypeError as error:
        raise TypeError(
            f"the hook {hook} is called as {hook}({', '.join(names)}): {error}"
        ) from None


def _refuse(hook: str, mistake: str) -> NoReturn:
    LOG.error("The hook %s cannot be used: %s", hook, mistake)
    raise ProxyError(log_detail=f"the hook {hook}: {mistake}")


def _mistake_in_answer(answer: object) -> str | None:
    """Why this is no reply that can be sent as it is; None if it is one."""
    if not isinstance(answer, Answer):
        return f"it returned {_kind(answer)}, not an Answer or None"
    parts: Any = answer  # typed as they should be, and that is the question
    status, reason, fields, body = parts
    if not isinstance(status, int) or not 200 <= status <= 599:
        return f"the status {status!r} of its Answer is no number from 200 to 599"
    if not isinstance(reason, str) or not is_field_value(reason):
        return f"the reason {reason!r} of its Answer is no single line of ISO-8859-1 text"
    if not isinstance(body, bytes):
        return f"the body of its Answer is {_kind(body)}, not bytes"
    if body and status in (204, 205, 304):  # RFC 9110 sections 15.3.5, 15.3.6, 15.4.5
        return f"its Answer has a body, which the status {status} does not allow"
    return _mistake_in_fields(fields)


def _mistake_in_fields(fields: object) -> str | None:
    if not isinstance(fields, list | tuple):
        return f"the fields of its Answer are {_kind(fields)}, not a list of (name, value) pairs"
    for field in fields:
        if not isinstance(field, list | tuple) or len(field) != 2:
            return f"its Answer has {_kind(field)} among its fields, not a pair (name, value)"
        name, value = field
        if not isinstance(name, str) or not is_token(name):
            return f"the field name {name!r} of its Answer is no token"
        if name.lower() in _SERVERS_OWN:
            return f"its Answer has a field {name}, which the server itself writes: leave it out"
        if not isinstance(value, str) or not is_field_value(value):
            return f"the field {name} of its Answer has no single line of ISO-8859-1 text as value"
    return None


def _mistake_in_proxy(proxy: object) -> str | None:
    """Why no request can be handed to this; None if one can."""
    if not isinstance(proxy, OutboundProxy):
        return f"it returned {_kind(proxy)}, not an OutboundProxy or None"
    parts: Any = proxy
    host, port, authorization = parts
    if not isinstance(host, str) or not _is_host(host):
        return f"the host {host!r} of its OutboundProxy is no host name or address"
    if not isinstance(port, int) or not 1 <= port <= 65535:
        return f"the port {port!r} of its OutboundProxy is no number from 1 to 65535"
    if authorization is not None and not (
        isinstance(authorization, str) and is_field_value(authorization)
    ):
        return "the authorization of its OutboundProxy is no single line of ISO-8859-1 text"
    return None


def _kind(value: object) -> str:
    """What a value is, for a log: never the value, which may hold a secret."""
    return f"a value of type {type(value).__name__}"
