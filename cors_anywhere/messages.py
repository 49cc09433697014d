"""The values that pass between the parts: heads, and the decisions about them.

Owns: their shape. They are immutable; nobody hangs anything on another part's value.
Must not know: how they are parsed, decided, or put on a wire.

Field values are text decoded as ISO-8859-1, so that every octet survives (RFC 9110 section 5.5).
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from functools import lru_cache
from typing import Final, NamedTuple, Protocol

from cors_anywhere.errors import ProxyError
from cors_anywhere.tokens import bracketed, split_port

UNIX: Final = "unix"
"""The name of whoever comes over a Unix socket, in place of an address: they are one client."""

Fields = Sequence[tuple[str, str]]
"""Header fields in order, repeated names repeated, names in the case in which they came."""


class Unannounced(Enum):
    """How a body ends whose length its head does not tell (RFC 9112 section 6.3)."""

    CHUNKED = "its framing marks the end"
    UNTIL_CLOSE = "the connection ends with it"


CHUNKED: Final = Unannounced.CHUNKED
UNTIL_CLOSE: Final = Unannounced.UNTIL_CLOSE

Length = int | Unannounced
"""Of a body: octets, 0 for none, or how its end is known."""


DEFAULT_PORTS = {"http": 80, "https": 443}


class Target(NamedTuple):
    """One URL that may be asked for, in the parts that its users need."""

    scheme: str  # "http" or "https"
    host: str  # lower-case ASCII name without a final dot, or an IP literal without brackets
    port: int  # the effective one
    authority: str  # as in Host: a final dot and a written port are kept, IPv6 is bracketed
    path: str  # path and query, octet for octet; begins with "/"

    @property
    def url(self) -> str:
        """The absolute URL, without fragment."""
        return f"{self.scheme}://{self.authority}{self.path}"

    @property
    def host_and_port(self) -> str:
        """As in CONNECT, and as a pattern that names this target alone; IPv6 is bracketed."""
        return f"{bracketed(self.host)}:{self.port}"

    @property
    def origin(self) -> str:
        """The origin as a browser serialises it: a default port is left out (RFC 6454 6.2)."""
        if ":" not in self.authority:
            return f"{self.scheme}://{self.authority}"
        return _origin_of(self.scheme, self.authority, self.port)


@lru_cache(2048)
def _origin_of(scheme: str, authority: str, port: int) -> str:
    host, _ = split_port(authority)
    suffix = "" if port == DEFAULT_PORTS[scheme] else f":{port}"
    return f"{scheme}://{host}{suffix}"


class Mount(NamedTuple):
    """Paths of the proxy that are one target's, as the operator chose."""

    prefix: str  # "/api"; "" where every path is the target's
    target: Target  # its path is the one under which the mount's lie
    base: str  # that path without a slash at its end: "" for all of the target
    private: bool  # written as an address or localhost: whatever its address is, it may be


class Use(Enum):
    """What a browser makes of a reply."""

    DATA = "what a page reads, shows or runs as its own"
    WORKER = "the script of a worker, which has the proxy's origin"
    DOCUMENT = "a page, in a tab or within another"
    SERVICE_WORKER = "what would answer all later requests for the proxy's pages"


class RequestHead(NamedTuple):
    """What a client asked."""

    method: str
    path: str  # the request target as received: "/https://api.example/x?y"
    fields: Fields
    length: Length
    peer: str  # the client's address, after trusted proxies were believed
    scheme: str  # "http" or "https": how the client reached the proxy
    secure_port: int  # the port the client reached, for X-Forwarded-Port
    base: str = ""  # the path under which a Tornado application mounts the proxy: "/proxy"
    mounted: bool = False  # whether an application mounts it: which hosts it has is its affair
    front: str | None = None  # the address of a trusted front server that connected for the client

    def get(self, name: str) -> str | None:
        """The first value of a field, by its lower-case name."""
        for known, value in self.fields:
            if len(known) == len(name) and known.lower() == name:
                return value
        return None

    def by_name(self) -> dict[str, str]:
        """The first value of every field, by lower-case name."""
        return {name.lower(): value for name, value in reversed(self.fields)}


class ReplyHead(NamedTuple):
    """What a target answered."""

    status: int
    reason: str
    fields: Fields
    length: Length


class Hop(NamedTuple):
    """A redirect that the proxy followed."""

    status: int
    url: str


class Plan(NamedTuple):
    """One fetch that policy allowed."""

    target: Target
    method: str
    fields: Fields  # the client's; what the proxy itself sends is added for each hop
    with_body: bool  # whether the client's body goes along
    first: Target
    hops: tuple[Hop, ...]
    exception_only: str | None  # a host rule's verdict: only explicitly allowed addresses will do
    upgrade: bool = False  # the request asks for a WebSocket
    private: bool = False  # named by the operator: whatever its name and address are, it may be
    continued: Fields = ()  # the client's of which the proxy sends a continuation: CDN-Loop
    mount: Mount | None = None  # what it was asked for by; None for the open proxy
    use: Use = Use.DATA
    authorized: bool = False  # the client sent an Authorization or an override, or we a secret
    as_json: bool = False  # its reply is asked for in a JSON text
    set_cookies: tuple[str, ...] = ()  # of the redirects before, where pages may read them


class Answer(NamedTuple):
    """A complete reply made by the proxy itself."""

    status: int
    reason: str
    fields: Fields
    body: bytes


class Metered(NamedTuple):
    """A request that counts against limits before `then` is carried out."""

    origin: str | None
    then: Plan | Answer | Consult | ProxyError
    target: Target  # what is asked for, whether it may be or not
    key: str | None = None  # the name of the API key's holder, if one was shown


class Transfer(Protocol):
    """The octets of bodies that a request has moved so far."""

    received: int
    sent: int


class Exceeded(NamedTuple):
    """Why a request that counts is not carried out."""

    text: str  # the body of the 429
    fields: Fields = ()  # what it says besides: Retry-After and the like
    rule: str = "rate-limit"  # for the log and the metrics


class Counted(NamedTuple):
    """What counting a request came to."""

    fields: Fields = ()  # what its reply says of the limits, whichever reply that is
    exceeded: Exceeded | None = None


class Fetch(NamedTuple):
    """A plan about to be carried out for a client."""

    plan: Plan
    fields: Fields  # the outbound head, complete but for the framing
    length: Length  # of the body that goes along
    head: RequestHead  # whom it is for


class Deliver(NamedTuple):
    """The target's reply goes to the client under this head."""

    status: int
    reason: str
    fields: Fields


class Gather(NamedTuple):
    """The target's whole reply becomes part of an answer."""

    most: int  # octets, on the wire and decoded


class Consult(NamedTuple):
    """The doctor is asked."""

    query: str  # as it came, without the question mark
    own_url: str  # of the proxy, without a slash at the end
    credited: str | None  # the asking page's origin, if it may send credentials
    continued: Fields = ()  # as in Plan: its requests to targets are part of the same loop


class Follow(NamedTuple):
    """The target's reply was a redirect: fetch this instead."""

    plan: Plan
