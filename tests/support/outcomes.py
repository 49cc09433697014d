"""Outcomes as the relay tells them."""

from __future__ import annotations

from typing import Any

from cors_anywhere.errors import DnsError
from cors_anywhere.messages import Hop, RequestHead
from cors_anywhere.outcome import Outcome, Record
from tests.support.urls import parse_path


def outcome(status: int | None, origin: str | None = "https://page.test", **others: Any) -> Outcome:
    """Of a request of 250 ms; 502 is a failed look-up."""
    fields = [("Authorization", "hidden")]
    if origin is not None:
        fields.append(("Origin", origin))
    head = RequestHead("GET", "/http://a.test/x?secret=1", fields, 0, "192.0.2.7", "http", 80)
    record = Record(head, 1.0)
    record.status = status
    if status == 502:
        record.failure = DnsError()
    return record.outcome("id-1", parse_path(head.path), 1.25)._replace(**others)


HOPS = (Hop(302, "http://a.test/y"), Hop(301, "http://b.test/"))
