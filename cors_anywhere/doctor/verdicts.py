"""What is to be done about a fault.

Owns: the choice between the target's owner and a proxy, and the sentence for it. Must not know: how
the fault was found, or the lines that mend it (fixes.py).
"""

from __future__ import annotations

from typing import Final

from cors_anywhere.doctor.vocabulary import Fault, Question, Verdict

_NETWORK: Final = "The target could not be reached, by a page or by a proxy."
_WORKS: Final = "A page of this origin may make this request: no proxy is needed."
_WORKS_THROUGH: Final = "A page of this origin may make this request through the proxy."
_OWNER: Final = "Only the target's owner can let this request through."


def judge(
    question: Question, fault: Fault | None, final: str, *, public: bool | None
) -> tuple[Verdict, str]:
    """The verdict and why. `final` is the URL at which it ended, `public` whether the target's
    address is a public one."""
    if fault is None:
        return Verdict.WORKS, _WORKS_THROUGH if question.via else _WORKS
    if question.via:
        return Verdict.IMPOSSIBLE, f"Not this way: {fault.reason}."
    if fault.parameter == "mixed-content":
        return Verdict.USE_PROXY, "A proxy that is reached by https gives the page a secure URL."
    if not fault.cause or fault.cause == "CorsDisabledScheme":
        return Verdict.IMPOSSIBLE, f"{fault.reason[:1].upper()}{fault.reason[1:]}."
    if not fault.cause[:1].isupper():
        return Verdict.IMPOSSIBLE, _NETWORK
    if question.credentials:
        return Verdict.FIX_TARGET, f"{_OWNER[:-1]}: a proxy passes no cookies on."
    if public is False:
        return Verdict.FIX_TARGET, "The target is a machine of your own: set its headers there."
    return Verdict.USE_PROXY, f"{_OWNER[:-1]}; if that is not you, a proxy helps."
