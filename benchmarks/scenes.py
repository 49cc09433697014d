"""What is asked of the proxies: the table of scenes.

Owns: the scenes and which proxy can play each. Must not know: how anything is measured.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from peers import PEERS, Way
from servers import Scheme

Ask = Literal["get", "preflight", "refuse"]
Kind = Literal["load", "idle", "start"]
STATUSES: dict[Ask, tuple[int, ...]] = {"get": (200,), "preflight": (200, 204), "refuse": (400,)}
"""What a proxy answers; anything else is an error. It is refused to ask without an Origin."""


class Scene(NamedTuple):
    """One line of the comparison."""

    title: str
    kind: Kind = "load"
    target: Scheme = "http"
    size: str = "1 KiB"
    clients: int = 32
    ask: Ask = "get"
    front: Scheme = "http"
    closes: bool = False  # each request comes on a connection of its own

    @property
    def way(self) -> Way:
        return Way(self.front, self.target)

    def played_by(self, name: str) -> bool:
        """Whether a proxy can do what is asked."""
        peer = PEERS[name]
        needs = {self.ask, "idle"} if self.kind == "idle" else {self.ask}
        return needs <= peer.can and self.front in peer.fronts


SCENES = {
    "1k-http": Scene("1 KiB, HTTP target"),
    "1k-https": Scene("1 KiB, HTTPS target", target="https"),
    "64k-http": Scene("64 KiB, HTTP target", size="64 KiB"),
    "64k-https": Scene("64 KiB, HTTPS target", target="https", size="64 KiB"),
    "preflight": Scene("A preflight", ask="preflight"),
    "refused": Scene("A refused request", ask="refuse"),
    "100m-http": Scene("100 MiB to 4 clients, HTTP target", size="100 MiB", clients=4),
    "100m-https": Scene(
        "100 MiB to 4 clients, HTTPS target", target="https", size="100 MiB", clients=4
    ),
    "new": Scene("1 KiB, a new client connection for each request", closes=True),
    "tls": Scene("1 KiB, clients over TLS", front="https"),
    "10": Scene("1 KiB, 10 clients", clients=10),
    "100": Scene("1 KiB, 100 clients", clients=100),
    "1000": Scene("1 KiB, 1 000 clients", clients=1000),
    "idle": Scene("5 000 idle clients", "idle", clients=5000),
    "start": Scene("Start to first reply", "start", clients=1),
}
