"""The words by which logs speak of an outcome.

Owns: what went wrong, in a few words, and that nothing which a stranger sent steers a terminal or
begins a line. Must not know: which log they are for.
"""

from __future__ import annotations

from cors_anywhere.outcome import Outcome


def cause(outcome: Outcome) -> str:
    """What went wrong, for the operator's eyes."""
    count = len(outcome.hops)
    hops = f" after {count} redirect{'s' if count > 1 else ''}, at {outcome.final}" if count else ""
    rule = f" by {outcome.rule}" if outcome.rule else ""
    detail = f" ({outcome.detail})" if outcome.detail else ""
    return printable(f"{outcome.error}{rule}{detail}{hops}")


def printable(text: str, most: int = 320) -> str:
    """A text in printable ASCII, cut where it is longer than `most` characters."""
    if len(text) > most:
        text = cut(text, most)
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if " " <= c <= "~" else "?" for c in text)


def cut(text: str, most: int) -> str:
    """At most so many characters of a text, and a sign that it went on."""
    return text if len(text) <= most else text[: most - 3] + "..."
