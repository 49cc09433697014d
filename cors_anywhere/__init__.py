"""A CORS proxy: `https://proxy/https://api.example/x` answers like the target, with CORS headers.

The names below are the public interface. Each is loaded when it is asked for, so that `--help` and
`--version` load no server, and a Python that is too old gets as far as the check in `__main__`.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cors_anywhere.config.problems import Problem, SettingsError
    from cors_anywhere.config.settings import Settings
    from cors_anywhere.egress.resolver import Resolver
    from cors_anywhere.errors import (
        BadRequest,
        BodyLengthWrong,
        BodyTooLarge,
        ConnectionRefused,
        ConnectionTerminated,
        ContentCodingError,
        ContentTypeRefused,
        DnsError,
        DnsTimeout,
        ExpectationFailed,
        GatewayError,
        GatewayTimeout,
        HeaderRequired,
        HeadTooLarge,
        InvalidHost,
        InvalidPort,
        InvalidTarget,
        LoopDetected,
        MethodNotAllowed,
        MissingSlash,
        NoTarget,
        NotMounted,
        OnlyRead,
        OutboundProxyError,
        ProhibitedTarget,
        ProxyAuthenticationDemanded,
        ProxyError,
        ReadTimeout,
        Refused,
        RequestTimeout,
        ResponseBodyTooLarge,
        ResponseHeadTooLarge,
        ResponseIncomplete,
        ResponseTimeout,
        TargetError,
        TlsCertificateError,
        TlsProtocolError,
        TooManyRequests,
        TransferCodingError,
        Unavailable,
        Unroutable,
        UpgradeFailed,
        UrlTooLong,
        VersionNotSupported,
        WriteTimeout,
    )
    from cors_anywhere.fronts.delegate import CorsProxy
    from cors_anywhere.fronts.handler import CorsProxyHandler
    from cors_anywhere.hooks import CheckRate, ChooseProxy, FirstLook, OnOutcome, RateVerdict
    from cors_anywhere.messages import Answer, Hop, RequestHead, Target
    from cors_anywhere.outcome import End, Outcome, Times
    from cors_anywhere.process.serving import ProxyServer, serve
    from cors_anywhere.rules.outbound import OutboundProxy

    __version__: str

_HOMES = {
    "Answer": "messages",
    "BadRequest": "errors",
    "BodyLengthWrong": "errors",
    "BodyTooLarge": "errors",
    "CheckRate": "hooks",
    "ChooseProxy": "hooks",
    "ConnectionRefused": "errors",
    "ConnectionTerminated": "errors",
    "ContentTypeRefused": "errors",
    "ContentCodingError": "errors",
    "CorsProxy": "fronts.delegate",
    "CorsProxyHandler": "fronts.handler",
    "DnsError": "errors",
    "DnsTimeout": "errors",
    "End": "outcome",
    "ExpectationFailed": "errors",
    "FirstLook": "hooks",
    "GatewayError": "errors",
    "GatewayTimeout": "errors",
    "HeadTooLarge": "errors",
    "HeaderRequired": "errors",
    "Hop": "messages",
    "InvalidHost": "errors",
    "InvalidPort": "errors",
    "InvalidTarget": "errors",
    "LoopDetected": "errors",
    "MethodNotAllowed": "errors",
    "MissingSlash": "errors",
    "NoTarget": "errors",
    "NotMounted": "errors",
    "OnlyRead": "errors",
    "OnOutcome": "hooks",
    "OutboundProxy": "rules.outbound",
    "OutboundProxyError": "errors",
    "Outcome": "outcome",
    "Problem": "config.problems",
    "ProhibitedTarget": "errors",
    "ProxyAuthenticationDemanded": "errors",
    "ProxyError": "errors",
    "ProxyServer": "process.serving",
    "RateVerdict": "hooks",
    "ReadTimeout": "errors",
    "Refused": "errors",
    "RequestHead": "messages",
    "RequestTimeout": "errors",
    "Resolver": "egress.resolver",
    "ResponseBodyTooLarge": "errors",
    "ResponseHeadTooLarge": "errors",
    "ResponseIncomplete": "errors",
    "ResponseTimeout": "errors",
    "Settings": "config.settings",
    "SettingsError": "config.problems",
    "Target": "messages",
    "TargetError": "errors",
    "Times": "outcome",
    "TlsCertificateError": "errors",
    "TlsProtocolError": "errors",
    "TooManyRequests": "errors",
    "TransferCodingError": "errors",
    "Unavailable": "errors",
    "Unroutable": "errors",
    "UpgradeFailed": "errors",
    "UrlTooLong": "errors",
    "VersionNotSupported": "errors",
    "WriteTimeout": "errors",
    "serve": "process.serving",
}

__all__ = [
    "Answer",
    "BadRequest",
    "BodyLengthWrong",
    "BodyTooLarge",
    "CheckRate",
    "ChooseProxy",
    "ConnectionRefused",
    "ConnectionTerminated",
    "ContentCodingError",
    "ContentTypeRefused",
    "CorsProxy",
    "CorsProxyHandler",
    "DnsError",
    "DnsTimeout",
    "End",
    "ExpectationFailed",
    "FirstLook",
    "GatewayError",
    "GatewayTimeout",
    "HeadTooLarge",
    "HeaderRequired",
    "Hop",
    "InvalidHost",
    "InvalidPort",
    "InvalidTarget",
    "LoopDetected",
    "MethodNotAllowed",
    "MissingSlash",
    "NoTarget",
    "NotMounted",
    "OnOutcome",
    "OnlyRead",
    "OutboundProxy",
    "OutboundProxyError",
    "Outcome",
    "Problem",
    "ProhibitedTarget",
    "ProxyAuthenticationDemanded",
    "ProxyError",
    "ProxyServer",
    "RateVerdict",
    "ReadTimeout",
    "Refused",
    "RequestHead",
    "RequestTimeout",
    "Resolver",
    "ResponseBodyTooLarge",
    "ResponseHeadTooLarge",
    "ResponseIncomplete",
    "ResponseTimeout",
    "Settings",
    "SettingsError",
    "Target",
    "TargetError",
    "Times",
    "TlsCertificateError",
    "TlsProtocolError",
    "TooManyRequests",
    "TransferCodingError",
    "Unavailable",
    "Unroutable",
    "UpgradeFailed",
    "UrlTooLong",
    "VersionNotSupported",
    "WriteTimeout",
    "__version__",
    "serve",
]


if not TYPE_CHECKING:  # a checker that saw this would take any name for a known one

    def __getattr__(name: str) -> object:
        if name == "__version__":
            return import_module("importlib.metadata").version("cors-anywhere")
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
