"""What a failure to reach a target is called, and what is said of it.

Owns: the names of foreign exceptions, the refusal of an address, and whom a sentence is about. Must
not know: how a connection is made.
"""

from __future__ import annotations

import errno
import re
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from cors_anywhere.errors import (
    ConnectionRefused,
    ConnectionTerminated,
    GatewayTimeout,
    ProhibitedTarget,
    ProxyError,
    TlsCertificateError,
    TlsProtocolError,
    Unavailable,
    Unroutable,
)
from cors_anywhere.messages import Target
from cors_anywhere.rules.addresses import Verdict, is_literal
from cors_anywhere.rules.outbound import OutboundProxy
from cors_anywhere.rules.targets import refused_as_itself, refused_by_host_rule

OWN_ADDRESS = Verdict("own-address", "", False, False)

_OUT_OF_RESOURCES = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))
_NO_TLS = frozenset(("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG"))
"""OpenSSL's reasons for octets that are no TLS record: an HTTP reply, as a rule."""

_THE_TARGET = re.compile(r"\b([Tt])he target\b")

# --- whom it is about -----------------------------------------------------------------------------


def about_target(error: ProxyError, target: Target) -> None:
    """Names the target where the sentence speaks of it: "The target api.example refused"."""
    name = f"target {target.authority}"
    if name not in error.detail:
        _say(error, _THE_TARGET.sub(lambda found: f"{found[1]}he {name}", error.detail, 1))


def about_proxy(error: ProxyError, proxy: OutboundProxy) -> None:
    """Makes a sentence on the target one on the operator's own proxy. Where that is stands in the
    log only."""
    _say(error, _THE_TARGET.sub(lambda found: f"{found[1]}he outbound proxy", error.detail, 1))
    where = f"outbound proxy {proxy.host}:{proxy.port}"
    error.log_detail = f"{where}: {error.log_detail}" if error.log_detail else where


def add_skipped(error: ProxyError, target: Target, skipped: Sequence[Verdict]) -> None:
    """Says which addresses of the target were not tried: the one that is meant may be among them.
    The kind tells it; the address itself is not the client's to know."""
    names = ", ".join(dict.fromkeys(verdict.name for verdict in skipped))
    _say(error, f"{error.detail} It also has an address that is forbidden ({names}).")
    error.hint = error.hint or _hint(target, skipped[0])


def _say(error: ProxyError, detail: str) -> None:
    error.detail = detail
    error.args = (detail,)


# --- refusals -------------------------------------------------------------------------------------


def prohibited(target: Target, refused: Sequence[tuple[str, Verdict]]) -> ProhibitedTarget:
    """The refusal of a target all of whose addresses are. It shows an address and its network only
    when the client named them."""
    for address, verdict in refused:
        if verdict is OWN_ADDRESS:
            itself = refused_as_itself(target)
            itself.log_detail = f"{target.host} is {address}: {verdict.name}"
            return itself
    address, verdict = refused[0]
    where = address if is_literal(target.host) else f"{target.host} is {address}"
    points = "is" if is_literal(target.host) else "has"
    network_helps = verdict.network and verdict.name != "denied"
    log_hint = f"; --allow-network {verdict.network}" if network_helps else ""
    return ProhibitedTarget(
        f"The proxy does not connect to {target.host}: it {points} a forbidden address"
        f" ({verdict.name}).",
        rule=verdict.name,
        hint=_hint(target, verdict),
        log_detail=f"{where}: {verdict.name}{log_hint}",
    )


def unseen(target: Target, rule: str) -> ProhibitedTarget:
    """The refusal of a name that a host rule forbids, and that the outbound proxy would look up, or
    of a port."""
    if rule == "bad-port":
        return refused_by_host_rule(target, rule)
    return ProhibitedTarget(
        f"The proxy does not connect to {target.host}: the outbound proxy would look the name up,"
        f" and names of this kind are not in the public DNS ({rule}).",
        rule=rule,
        hint="The operator of this proxy can allow it with"
        f" --allow-private {target.host_and_port}.",
    )


def _hint(target: Target, verdict: Verdict) -> str:
    if verdict is OWN_ADDRESS:
        return "No option allows the proxy's own address."
    if verdict.name == "denied":
        return "The operator of this proxy denied this network (--deny-network)."
    ways = [f"--allow-private {target.host_and_port}"]
    if verdict.name == "loopback":
        ways.insert(0, "--dev")
    elif is_literal(target.host) and verdict.network:
        ways.append(f"--allow-network {verdict.network}")
    return f"The operator of this proxy can allow it with {' or '.join(ways)}."


# --- foreign exceptions ---------------------------------------------------------------------------


@contextmanager
def translated() -> Iterator[None]:
    """Foreign exceptions of connecting, named once."""
    try:
        yield
    except ssl.SSLCertVerificationError as error:
        detail = f"{TlsCertificateError.sentence} ({error.verify_message})"
        raise TlsCertificateError(
            detail, hint="The operator can trust it with --ca-file or --insecure-targets."
        ) from error
    except ssl.SSLError as error:
        raise _tls_failure(error.reason or "") from error
    except OSError as error:
        raise os_failure([error]) from error


def _tls_failure(reason: str) -> TlsProtocolError:
    if reason in _NO_TLS:
        return TlsProtocolError(
            f"{TlsProtocolError.sentence[:-1]}: its port speaks plain HTTP ({reason}).",
            hint="Ask for it with http:// instead of https://.",
        )
    return TlsProtocolError(f"{TlsProtocolError.sentence} ({reason})")


def os_failure(errors: Sequence[OSError]) -> ProxyError:
    """What it is called that connecting to one address after another ended so: by what is most
    telling of it. A target that refuses on one address is there, whatever the others lack."""
    numbers = {error.errno for error in errors}
    if numbers & _OUT_OF_RESOURCES:
        return Unavailable()
    if any(isinstance(error, ConnectionRefusedError) for error in errors):
        return ConnectionRefused()
    if any(isinstance(error, ConnectionError) for error in errors):
        return ConnectionTerminated("The target closed the connection before a request was sent.")
    if any(isinstance(error, TimeoutError) for error in errors):
        return GatewayTimeout()
    return Unroutable()
