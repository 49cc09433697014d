"""What the operator chose, as policy needs it.

Owns: the shape of it. Must not know: what he wrote (config/), or what is made of it (policy.py).
"""

from __future__ import annotations

from typing import NamedTuple

from cors_anywhere.messages import Mount
from cors_anywhere.rules.keys import Key
from cors_anywhere.rules.origins import OriginPattern
from cors_anywhere.rules.secrets import Secret
from cors_anywhere.rules.targets import TargetPattern


class Choices(NamedTuple):
    """What the operator chose, compiled."""

    base_path: str
    default_scheme: str
    mounts: tuple[Mount, ...]
    open_proxy: bool  # whether a path may name any URL
    allow_origins: tuple[OriginPattern, ...]
    deny_origins: tuple[OriginPattern, ...]
    require_headers: tuple[str, ...]
    api_keys: tuple[Key, ...]
    allow_credentials: bool
    expose_set_cookie: bool
    allow_targets: tuple[TargetPattern, ...]
    deny_targets: tuple[TargetPattern, ...]
    allow_private: tuple[TargetPattern, ...]
    some_network_is_allowed: bool
    remove_headers: tuple[str, ...]
    set_headers: tuple[tuple[str, str], ...]
    allow_header_overrides: tuple[str, ...]
    target_headers: tuple[Secret, ...]
    set_response_headers: tuple[tuple[str, str], ...]
    remove_response_headers: tuple[str, ...]
    forwarded_headers: bool
    cors_max_age: int  # seconds; 0: not sent
    redirect_same_origin: bool
    allow_navigation: bool
    max_redirects: int
    allow_methods: tuple[str, ...]
    deny_methods: tuple[str, ...]
    allow_content_types: tuple[str, ...]
    max_body_bytes: int | None
    max_response_bytes: int | None
    max_get_bytes: int
