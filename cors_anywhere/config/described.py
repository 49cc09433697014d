"""What the settings mean to whoever comes by: sentences for the home page.

Owns: their words. Must not know: where they are shown.
"""

from __future__ import annotations

from collections.abc import Iterator

from cors_anywhere.config.settings import Settings


def rules(settings: Settings) -> list[str]:
    """Who may use the proxy, and what is refused. No secret is among it."""
    return [*_who(settings), *_what(settings), *_how_much(settings)]


def tries(settings: Settings) -> bool:
    """Whether a page of the proxy's own origin may ask."""
    return not settings.compiled.allow_origins or "self" in settings.allow_origins


def _who(settings: Settings) -> Iterator[str]:
    if settings.dev:
        yield "Pages on this machine may use it: it was started for development."
    elif settings.allow_origins:
        yield f"Pages of {_listed(settings.allow_origins)} may use it, and no others."
    else:
        yield "Pages of every origin may use it."
    if settings.deny_origins:
        yield f"Pages of {_listed(settings.deny_origins)} may not."
    if settings.require_headers:
        yield (
            f"A request must have one of the headers {_listed(settings.require_headers)}: pages"
            " that use fetch() across origins send Origin by themselves."
        )


def _what(settings: Settings) -> Iterator[str]:
    for mount in settings.compiled.mounts:
        yield f"Paths under {mount.prefix or '/'} lead to {mount.target.url}."
    if settings.allow_targets:
        yield f"It fetches from {_listed(settings.allow_targets)} only."
    elif not settings.dev:
        yield "It fetches from public addresses only."
    if settings.deny_targets:
        yield f"It does not fetch from {_listed(settings.deny_targets)}."
    yield "It passes no cookies on, and shows no page of a target as one of its own."


def _how_much(settings: Settings) -> Iterator[str]:
    if settings.max_body_bytes is not None:
        yield f"A request may have a body of {settings.max_body_bytes:,} bytes."
    if settings.max_response_bytes is not None:
        yield f"A reply may have a body of {settings.max_response_bytes:,} bytes."


def _listed(items: tuple[str, ...]) -> str:
    shown = ", ".join(items[:8])
    return shown if len(items) <= 8 else f"{shown} and {len(items) - 8} more"
