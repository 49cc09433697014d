"""The options of the processes that serve."""

from __future__ import annotations

from typing import Final

from cors_anywhere.config.option import Option, integer


def _workers(text: str) -> int:
    if text == "auto":
        return 0
    if (count := integer(text)) < 1:
        raise ValueError(f"{count} workers serve nobody: give 1 or more, or auto")
    return count


OPTIONS: Final = (
    Option(
        "event-loop",
        "event_loop",
        "What the processes run on: asyncio, or uvloop, which takes a seventh to a quarter less"
        " processor time a request (pip install 'cors-anywhere[uvloop]'; the image has it).",
        "LOOP",
    ),
    Option(
        "workers",
        "workers",
        "Processes that serve; auto is one for each processor that may be used.",
        "N",
        _workers,
    ),
    Option(
        "admin",
        "admin",
        "Listen at HOST:PORT or unix:PATH for the operator: /metrics, /readyz, /healthz, /status.",
        "ADDRESS",
    ),
)
