"""A CORS proxy: `https://proxy/https://api.example/x` answers like the target, with CORS headers.

The names below are the public interface.
"""

from cors_anywhere.errors import ProxyError
from cors_anywhere.handler import CorsProxyHandler
from cors_anywhere.messages import Answer, RequestHead
from cors_anywhere.outbound import OutboundProxy
from cors_anywhere.settings import Settings, SettingsError
from cors_anywhere.target import Target
from cors_anywhere.web import CorsProxy

__version__ = "0.1.0"

__all__ = [
    "Answer",
    "CorsProxy",
    "CorsProxyHandler",
    "OutboundProxy",
    "ProxyError",
    "RequestHead",
    "Settings",
    "SettingsError",
    "Target",
    "__version__",
]
