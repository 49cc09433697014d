"""Which names anybody can register a name under: the public suffix list.

Owns: loading the list, once, and not before somebody asks. Must not know: what follows from an
answer. The rules import nothing of this room: whoever builds them hands them a function of it.
"""

from __future__ import annotations

from functools import cache

from publicsuffixlist import PublicSuffixList


@cache
def _suffixes() -> PublicSuffixList:
    # An unknown last label must not count as a public suffix: "favicon.ico" is no host.
    return PublicSuffixList(accept_unknown=False)


def is_public_suffix(name: str) -> bool:
    """Whether `name` is one itself: "com", "co.uk", "github.io". Lower-case ASCII, no dot at its
    end."""
    return _suffixes().publicsuffix(name) == name


def has_public_suffix(name: str) -> bool:
    """Whether `name` is one, or stands under one: "api.example.com", but not "favicon.ico"."""
    return _suffixes().publicsuffix(name) is not None
