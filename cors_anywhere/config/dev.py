"""`--dev`: what is allowed on a developer's own machine, beside the operator's other choices.

Owns: which targets, origins and addresses are local. Must not know: who logs what.
"""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import Final

from cors_anywhere.rules.addresses import Network
from cors_anywhere.rules.origins import OriginPattern
from cors_anywhere.rules.targets import TargetPattern

# A proxy that is open to every origin would let any page that the developer visits read what is
# served on this machine.
ORIGINS: Final = (
    OriginPattern.parse("self"),
    *(
        OriginPattern.parse(f"{scheme}://{host}:*")
        for scheme in ("http", "https")
        for host in ("localhost", "127.0.0.1", "[::1]")
    ),
)
TARGETS: Final = (TargetPattern.parse("localhost"),)
NETWORKS: Final[tuple[Network, ...]] = (ip_network("127.0.0.0/8"), ip_network("::1/128"))


def is_local(host: str) -> bool:
    """Whether an address to listen on is reached from this machine only. A name is judged by
    itself: only "localhost" is sure to stay what it is."""
    if host == "localhost":
        return True
    try:
        return ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return False
