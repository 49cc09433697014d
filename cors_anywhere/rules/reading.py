"""What the fields of a request say, worked out once for those that come again and again.

Owns: which of them are remembered. Must not know: what is decided by them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from cors_anywhere.messages import Fields, RequestHead
from cors_anywhere.recent import Recent
from cors_anywhere.rules.asker import refuse_two_origins
from cors_anywhere.rules.headers import FieldTable
from cors_anywhere.rules.injections import to_continue
from cors_anywhere.tokens import HARMLESS

_FIELDS = 32
"""Of one head; nothing that has more is remembered."""


class Read(NamedTuple):
    """The fields of one request."""

    by_name: Mapping[str, str]  # the first value of each, by lower-case name
    passing: tuple[tuple[str, str], ...]  # those that go to the target as they are
    gathered: Mapping[str, Sequence[str]]  # the values that decide something
    continued: Fields  # see Plan


class Reader:
    """Reads heads by one table. A browser's requests to one API differ by their paths alone: that
    is a twentieth of a request's instructions. No secret is remembered."""

    def __init__(self, table: FieldTable) -> None:
        self._table = table
        self._recent: Recent[object, Read] = Recent(128)

    def read(self, head: RequestHead) -> Read:
        """What the fields say; it is not to be changed. Raises BadRequest for two origins."""
        fields = head.fields
        if not isinstance(fields, tuple):  # whoever made it may change it
            return self._read(head)
        known = self._recent.get(fields)
        if known is None:
            known = self._read(head)
            if len(fields) <= _FIELDS and HARMLESS.issuperset(known.by_name):
                self._recent.put(fields, known)
        return known

    def _read(self, head: RequestHead) -> Read:
        refuse_two_origins(head.fields)
        passing, _, gathered = self._table.sort(head.fields)
        return Read(head.by_name(), tuple(passing), gathered, to_continue(gathered))
