"""A CORS proxy: `https://proxy/https://api.example/x` answers like the target, with CORS headers.

The names below are the public interface. Each is loaded when it is asked for, so that `--help` and
`--version` load no server, and a Python that is too old gets as far as the check in `__main__`.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cors_anywhere.config.settings import Problem, Settings, SettingsError
    from cors_anywhere.errors import ProxyError
    from cors_anywhere.fronts.delegate import CorsProxy
    from cors_anywhere.fronts.handler import CorsProxyHandler
    from cors_anywhere.messages import Answer, RequestHead, Target
    from cors_anywhere.rules.outbound import OutboundProxy

_HOMES = {
    "Answer": "messages",
    "CorsProxy": "fronts.delegate",
    "CorsProxyHandler": "fronts.handler",
    "OutboundProxy": "rules.outbound",
    "Problem": "config.settings",
    "ProxyError": "errors",
    "RequestHead": "messages",
    "Settings": "config.settings",
    "SettingsError": "config.settings",
    "Target": "messages",
}

__all__ = [
    "Answer",
    "CorsProxy",
    "CorsProxyHandler",
    "OutboundProxy",
    "Problem",
    "ProxyError",
    "RequestHead",
    "Settings",
    "SettingsError",
    "Target",
    "__version__",
]


def __getattr__(name: str) -> object:
    if name == "__version__":
        return import_module("importlib.metadata").version("cors-anywhere")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
