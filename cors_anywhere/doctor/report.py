"""A diagnosis as a person and as a program read it.

Owns: the JSON object and the rows at the terminal. Must not know: how anything was found.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from cors_anywhere.doctor.console import Recognised, browser_message
from cors_anywhere.doctor.fixes import fix
from cors_anywhere.doctor.vocabulary import Diagnosis, Step, Verdict

_WARNING: Final = "Warning: "
_RESET: Final = "\x1b[0m"
_GREEN, _YELLOW, _RED, _BOLD = "\x1b[32m", "\x1b[33m", "\x1b[31m", "\x1b[1m"
_TITLES: Final = {
    Verdict.WORKS: "It works.",
    Verdict.FIX_TARGET: "The target has to be mended.",
    Verdict.USE_PROXY: "Use a proxy.",
    Verdict.IMPOSSIBLE: "It cannot work.",
}


def as_json(diagnosis: Diagnosis, proxy: str) -> dict[str, Any]:
    """The object that programs read. `proxy` is the base URL of the proxy to advise."""
    question, fault = diagnosis.question, diagnosis.fault
    known = fault if fault is not None and fault.cause else None
    return {
        "url": question.url,
        "origin": question.origin,
        "method": question.method,
        "verdict": diagnosis.verdict.value,
        "cause": known.cause if known else None,
        "failedParameter": known.parameter or None if known else None,
        "browserMessage": browser_message(question, fault, diagnosis.final),
        "steps": [step._asdict() for step in diagnosis.steps],
        "fix": fix(diagnosis, proxy),
    }


def as_text(
    diagnosis: Diagnosis, proxy: str, *, colour: bool, server: str | None = None
) -> Iterator[str]:
    """The lines for a person; the configuration is that of `server`, or says how to see it."""
    paint = _Paint(colour)
    for step in diagnosis.steps:
        yield f"{paint.mark(step)} {step.step:<16} {printable(step.reason)}"
    yield ""
    yield paint.bold(_TITLES[diagnosis.verdict]) + f" {printable(diagnosis.why)}"
    message = browser_message(diagnosis.question, diagnosis.fault, diagnosis.final)
    if message is not None:
        yield f"Chromium says: {printable(message)}"
    found = fix(diagnosis, proxy)
    if "proxy" in found:
        yield f"Through a proxy: {printable(found['proxy']['line'])}"
    known = found.get("target", {})
    if server is None and known:
        yield f"For the target's owner: add --server {', '.join(known)}"
    elif server in known:
        yield f"For {server}:"
        yield from (f"    {printable(line)}" for line in known[server].splitlines())


def recognised_text(found: Recognised) -> Iterator[str]:
    """What a pasted message says."""
    yield f"{found.browser}: {found.meaning[:1].upper()}{found.meaning[1:]}."
    if found.parameter:
        yield f"It names: {printable(found.parameter)}"
    yield f"What helps: {found.advice}."
    if found.url:
        yield f"To see it step by step: cors-anywhere doctor {printable(found.url)}" + (
            f" --origin {printable(found.origin)}" if found.origin else ""
        )


def printable(text: str) -> str:
    """Nothing that a target sends may steer the terminal."""
    return "".join(c if c.isprintable() else "?" for c in text)


class _Paint:
    """Colours, or none."""

    def __init__(self, colour: bool) -> None:
        self._colour = colour

    def mark(self, step: Step) -> str:
        if not step.ok:
            return self._in(_RED, "no  ")
        if step.reason.startswith(_WARNING):
            return self._in(_YELLOW, "but ")
        return self._in(_GREEN, "ok  ")

    def bold(self, text: str) -> str:
        return self._in(_BOLD, text)

    def _in(self, code: str, text: str) -> str:
        return f"{code}{text}{_RESET}" if self._colour else text
