"""TLS sessions of targets: another connection costs no whole handshake (RFC 8446 section 2.2).

Owns: how many are kept, and for how long a certificate that was verified once is trusted without
being shown again. Must not know: how a connection is made.
"""

from __future__ import annotations

import ssl
from collections import OrderedDict
from time import monotonic
from typing import Final, NamedTuple

Place = tuple[str, int]
"""A host, whose name was verified, and a port."""

MOST: Final = 512
"""Of some kilobytes each."""

VERIFIED_SECONDS: Final = 3600.0
"""A resumed session shows no certificate: an hour after it was seen it is asked for again, however
often the session was renewed meanwhile."""


class Kept(NamedTuple):
    """A session, and when a whole handshake verified the target."""

    session: ssl.SSLSession
    verified: float


class Sessions:
    """The latest session of each target, those asked for least recently forgotten first."""

    def __init__(self, most: int = MOST) -> None:
        self._kept: OrderedDict[Place, Kept] = OrderedDict()
        self._most = most

    def __len__(self) -> int:
        return len(self._kept)

    def find(self, place: Place) -> ssl.SSLSession | None:
        """The session to resume there."""
        kept = self._kept.get(place)
        if kept is None:
            return None
        if monotonic() - kept.verified > VERIFIED_SECONDS:
            del self._kept[place]
            return None
        self._kept.move_to_end(place)
        return kept.session

    def keep(self, place: Place, tls: ssl.SSLObject) -> None:
        """Notes the session of a connection, once its tickets have come: with the reply."""
        session = tls.session
        if session is None:
            return
        verified = monotonic()
        if tls.session_reused:
            former = self._kept.get(place)
            if former is None:  # nobody knows any more when that one was verified
                return
            verified = former.verified
        self._kept[place] = Kept(session, verified)
        self._kept.move_to_end(place)
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)
