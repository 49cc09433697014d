"""Keys: by one of them may ask who has no listed origin, as a tool, a server, a private instance.

Owns: how a key is written, and who is taken for its holder. A key itself is kept nowhere: neither a
representation nor the text of a mistake can show it. Must not know: what else a request needs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from hashlib import sha256
from typing import Final, NamedTuple, Self

from cors_anywhere.errors import Unauthorized
from cors_anywhere.rules.headers import API_KEY

LEAST: Final = 16
"""Characters of a key: 64 bits where they are random hexadecimal digits."""

_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")  # it stands in logs and counts
_KEY: Final = re.compile(r"[!-~]+")


class Key(NamedTuple):
    """A key's holder, and what is kept of it."""

    name: str
    digest: bytes  # SHA-256

    @classmethod
    def parse(cls, name: str, key: str) -> Self:
        """Raises ValueError with the mistake and its fix, which never repeats the key."""
        if not _NAME.fullmatch(name):
            raise ValueError(
                f'"{name[:64]}" is no name of a key\'s holder: write up to 64 letters, digits,'
                " dots, hyphens and underscores before the colon"
            )
        if not _KEY.fullmatch(key):
            raise ValueError(
                f'the key of "{name}" has characters that are no visible ASCII, or none at all'
            )
        if len(key) < LEAST:
            raise ValueError(
                f'the key of "{name}" can be guessed: give it at least {LEAST} characters, as'
                " those of: openssl rand -hex 16"
            )
        return cls(name, sha256(key.encode()).digest())


class Keys:
    """The keys of one proxy. `needed` says that nobody is served without one."""

    def __init__(self, keys: Iterable[Key], *, needed: bool) -> None:
        self._names = {key.digest: key.name for key in keys}
        self._needed = needed

    def admit(self, sent: str | None) -> str | None:
        """The name of who holds the key that was sent; None without one where none is needed.
        Raises Unauthorized."""
        if sent is None and not self._needed:
            return None
        name = self.holder(sent)
        if name is not None:
            return name
        if sent is None:
            raise Unauthorized(
                "This proxy serves only who has a key.",
                hint=f"Send it in the header {API_KEY}. The operator of this proxy gives it out.",
                rule="api-key",
            )
        raise Unauthorized(f"The key in {API_KEY} is none of this proxy's.", rule="api-key")

    def holder(self, sent: str | None) -> str | None:
        """The name of who holds this key.

        It is looked up by its digest: how long that takes tells nothing of how near a guess came.
        """
        if sent is None:
            return None
        return self._names.get(sha256(sent.encode("latin-1")).digest())
