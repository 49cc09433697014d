"""Request fields that the operator sets for one target: an API key that no page ever sees.

Owns: how such a field is written, and that its value is shown to nobody: not in a representation,
not in the text of a mistake. Must not know: when it is sent (injections.py), or who may ask.
"""

from __future__ import annotations

from typing import NamedTuple, Self

from cors_anywhere.errors import ProxyError
from cors_anywhere.messages import DEFAULT_PORTS
from cors_anywhere.rules.authority import site_of
from cors_anywhere.rules.headers import check_settable
from cors_anywhere.tokens import bracketed


class Secret(NamedTuple):
    """One field for one target: a scheme, host and port, as in Target."""

    scheme: str
    host: str
    port: int
    name: str
    value: str

    @classmethod
    def parse(cls, target: str, name: str, value: str) -> Self:
        """`target` is an origin, or a host, by which `https` is meant. Raises ValueError with the
        mistake and its fix, which never repeats the value."""
        scheme, separator, authority = target.partition("://")
        if not separator:
            scheme, authority = "https", target
        if scheme not in DEFAULT_PORTS:
            raise ValueError(f'"{target}": {scheme} is no scheme of targets: write https or http')
        for mark in "/?#":
            if mark in authority:
                site = authority.partition(mark)[0]
                raise ValueError(
                    f'"{target}" has a path, and the header is sent whatever the path is: write'
                    f' "{scheme}://{site}"'
                )
        if "*" in authority:
            raise ValueError(f'"{target}" is a family, and a secret is for one host: name it')
        try:
            written = authority.encode().decode("latin-1")  # as in a request
            _, host, port, _ = site_of(scheme, written)
        except ProxyError as error:
            raise ValueError(f'"{target}" holds no valid host: {error.detail}') from error
        return cls(scheme, host, port, *check_settable(name, value))

    @property
    def place(self) -> tuple[str, str, int]:
        """Where it is sent: scheme, host and port."""
        return self.scheme, self.host, self.port

    @property
    def origin(self) -> str:
        """Where it is sent, as text."""
        return f"{self.scheme}://{bracketed(self.host)}:{self.port}"

    def __repr__(self) -> str:
        return f"<Secret {self.name} for {self.origin}>"
