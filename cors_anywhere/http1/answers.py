"""Replies that the proxy makes itself: what each of them says besides its own fields.

Owns: `Date` (RFC 9110 section 6.6.1) and `Content-Length` (section 8.6) of an `Answer`. Must not
know: what it answers. A target's reply brings its own.
"""

from __future__ import annotations

import time
from functools import lru_cache

from cors_anywhere.messages import Answer, Fields

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = (
    *("Jan", "Feb", "Mar", "Apr", "May", "Jun"),
    *("Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
)

NO_CONTENT = frozenset((204, 304))
"""Statuses whose replies have no body, whatever their fields say (RFC 9112 section 6.3)."""


def answer_fields(answer: Answer) -> Fields:
    """The fields of an answer, with those that every reply of the proxy's own has."""
    fields = list(answer.fields)
    if not any(name.lower() == "date" for name, _ in fields):
        fields.append(("date", _imf_fixdate(int(time.time()))))
    if answer.status >= 200 and answer.status not in NO_CONTENT:
        fields.append(("content-length", str(len(answer.body))))
    return fields


@lru_cache(1)
def _imf_fixdate(second: int) -> str:
    """A second of Unix time as RFC 9110 section 5.6.7 writes it, in whatever language the process
    speaks."""
    then = time.gmtime(second)
    day, month = _DAYS[then.tm_wday], _MONTHS[then.tm_mon - 1]
    return time.strftime(f"{day}, %d {month} %Y %H:%M:%S GMT", then)
