"""The ways a request can fail, each with the reply it causes.

Owns: which status, reason phrase, RFC 9209 error type and public sentence belong to a failure.
Must not know: sockets, parsers, or how a reply is written. Other modules translate foreign
exceptions into these once, at their boundary, and keep the cause.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final


class ProxyError(Exception):
    """A failure that has a reply of its own.

    ``detail`` is the public sentence, the body of that reply; it must never hold an address that a
    name resolved to. ``log_detail`` is for the operator's log only. ``hint`` names the option
    that would change the outcome; it is shown to both. ``rule`` names the rule that refused,
    for the log and the metrics. ``redirected_to`` is the URL to which a target redirected, when it
    is there that the request fails.
    """

    status: ClassVar[int] = 500
    reason: ClassVar[str] = "Internal Server Error"
    error: ClassVar[str | None] = "proxy_internal_error"  # RFC 9209 section 2.3
    sentence: ClassVar[str] = "The proxy failed."
    fields: ClassVar[tuple[tuple[str, str], ...]] = ()  # of the reply, besides those of every one

    def __init__(
        self, detail: str = "", *, hint: str = "", log_detail: str = "", rule: str | None = None
    ) -> None:
        self.detail = detail or self.sentence
        self.hint = hint
        self.log_detail = log_detail
        self.rule = rule
        self.redirected_to = ""
        super().__init__(self.detail)


class IllegalStep(RuntimeError):
    """Something was done to a connection that its state does not allow: a mistake of the caller's,
    never of the peer's."""


# --- the URL after the first slash -----------------------------------------------------------


class NoTarget(ProxyError):
    """The path names no URL at all: the help page answers it."""

    status, reason, error = 200, "OK", None
    sentence = "No target URL was given."


class TargetError(ProxyError):
    """The path names something that cannot be a target."""

    status, reason, error = 400, "Bad Request", "http_request_error"
    sentence = "The target URL is invalid."


class InvalidHost(TargetError):
    status, reason = 404, "Invalid host"


class NotMounted(TargetError):
    """A URL was asked for, and the proxy serves its mounts alone."""

    status, reason = 404, "Not Found"
    sentence = "This proxy fetches no URL that a path names: it serves the operator's mounts only."

    def __init__(self) -> None:
        super().__init__(
            hint="The operator of this proxy can allow it beside the mounts with --open-proxy.",
            rule="open-proxy",
        )


class InvalidPort(TargetError):
    reason = "Invalid port"


class MissingSlash(TargetError):
    reason = "Missing slash"
    sentence = "The URL is invalid: two slashes are needed after the http(s):."


class InvalidTarget(TargetError):
    """Userinfo, a backslash, an ambiguous numeric host and the like (promises, part A)."""

    reason = "Invalid target"


# --- refusals --------------------------------------------------------------------------------


class Refused(ProxyError):
    """The operator's rules forbid this request."""

    status, reason, error = 403, "Forbidden", "http_request_denied"
    sentence = "The operator of this proxy does not allow this request."


class ProhibitedTarget(Refused):
    """The host, port or address of the target is one the proxy may not connect to."""

    error = "destination_ip_prohibited"
    sentence = "The proxy does not connect to this target."


class NavigationRefused(Refused):
    """A browser would have shown the reply as a page of the proxy's own origin. `url` is what it
    asked for."""

    sentence = (
        "This is a CORS proxy: scripts of web pages read other sites through it, but it cannot be"
        " browsed with."
    )

    def __init__(self, url: str) -> None:
        super().__init__(
            hint="The operator of this proxy can allow it with --allow-navigation.",
            rule="navigation",
        )
        self.url = url


class ServiceWorkerRefused(Refused):
    """A target's script would have answered all requests for the proxy's own pages."""

    sentence = "No service worker may come through this proxy: it would take over its whole origin."


class Unauthorized(ProxyError):
    """A key is needed, or the one that was sent is none."""

    status, reason, error = 401, "Unauthorized", "http_request_denied"
    sentence = "This proxy serves only who has a key."
    # RFC 9110 section 15.5.2 wants a challenge. No browser asks a person for this scheme's.
    fields = (("www-authenticate", 'X-Cors-Anywhere-Key realm="cors-anywhere"'),)


class HeaderRequired(ProxyError):
    status, reason, error = 400, "Header required", "http_request_error"


class TooManyRequests(ProxyError):
    """A limit is exceeded; `when` are the fields that say when something may be sent again."""

    status, reason, error = 429, "Too Many Requests", "http_request_denied"
    sentence = "There were too many requests."

    def __init__(
        self,
        detail: str = "",
        when: Sequence[tuple[str, str]] = (),
        rule: str | None = "rate-limit",
    ) -> None:
        super().__init__(detail, rule=rule)
        self.when = when


class OnlyRead(ProxyError):
    """The JSON of /get is asked for by another method than GET and HEAD."""

    status, reason, error = 405, "Method Not Allowed", "http_request_error"
    sentence = "JSON is made of replies to GET only; /raw?url=… serves every method."
    fields = (("allow", "GET, HEAD"),)


class LoopDetected(ProxyError):
    status, reason, error = 508, "Loop Detected", "proxy_loop_detected"
    sentence = "The request has passed through this proxy before."


USUAL_METHODS: Final = (
    *("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "REPORT"),
)
"""What pages use. All other tokens are methods too; no list can say so."""


class MethodNotAllowed(ProxyError):
    """`allow` are methods that are served (RFC 9110 section 15.5.6)."""

    status, reason, error = 405, "Method Not Allowed", "http_request_error"
    sentence = "The proxy does not serve this method."

    def __init__(
        self, detail: str = "", *, allow: Sequence[str] = USUAL_METHODS, hint: str = ""
    ) -> None:
        super().__init__(detail, hint=hint, rule="method")
        self.allow = allow


# --- the client's message --------------------------------------------------------------------


class BadRequest(ProxyError):
    status, reason, error = 400, "Bad Request", "http_request_error"
    sentence = "The request is not valid HTTP/1.1."


class RequestTimeout(BadRequest):
    status, reason = 408, "Request Timeout"
    sentence = "The request did not arrive in time."


class BodyTooLarge(BadRequest):
    status, reason = 413, "Content Too Large"
    sentence = "The request's body is larger than this proxy accepts."


class BodyLengthWrong(BadRequest):
    """It would be the target's next request, or never complete (RFC 9112 section 6.2)."""

    sentence = "The request's body is not as long as its head announced."


class UrlTooLong(BadRequest):
    status, reason = 414, "URI Too Long"
    sentence = "The request's URL is longer than this proxy accepts."


class HeadTooLarge(BadRequest):
    status, reason = 431, "Request Header Fields Too Large"
    sentence = "The request's header fields are larger than this proxy accepts."


class ExpectationFailed(BadRequest):
    status, reason = 417, "Expectation Failed"
    sentence = "The only expectation this proxy meets is 100-continue."


class VersionNotSupported(BadRequest):
    status, reason = 505, "HTTP Version Not Supported"
    sentence = "This proxy speaks HTTP/1.0 and HTTP/1.1."


# --- the target ------------------------------------------------------------------------------


class GatewayError(ProxyError):
    """The target, or the way to it, failed."""

    status, reason, error = 502, "Bad Gateway", "http_protocol_error"
    sentence = "The target sent a reply that is not valid HTTP."


class DnsError(GatewayError):
    error = "dns_error"
    sentence = "The target's name could not be resolved."


class ConnectionRefused(GatewayError):
    error = "connection_refused"
    sentence = "The target refused the connection."


class ConnectionTerminated(GatewayError):
    error = "connection_terminated"
    sentence = "The target closed the connection before its reply was complete."


class Unroutable(GatewayError):
    error = "destination_ip_unroutable"
    sentence = "There is no route to the target."


class TlsProtocolError(GatewayError):
    error = "tls_protocol_error"
    sentence = "The TLS handshake with the target failed."


class TlsCertificateError(GatewayError):
    error = "tls_certificate_error"
    sentence = "The target's TLS certificate could not be verified."


class ResponseHeadTooLarge(GatewayError):
    error = "http_response_header_section_size"
    sentence = "The header section of the target's reply is too large."


class ResponseBodyTooLarge(GatewayError):
    error = "http_response_body_size"
    sentence = "The target's reply is larger than this proxy passes on."


class ContentTypeRefused(Refused):
    """The target was asked, and the operator's rules forbid to pass its reply on."""

    sentence = "The operator of this proxy does not let this reply through."


class ContentCodingError(GatewayError):
    error = "http_response_content_coding"
    sentence = "The content coding of the target's reply cannot be undone."


class ResponseIncomplete(GatewayError):
    error = "http_response_incomplete"
    sentence = "The target's reply was cut off."


class TransferCodingError(GatewayError):
    error = "http_response_transfer_coding"
    sentence = "The framing of the target's reply is broken."


class UpgradeFailed(GatewayError):
    error = "http_upgrade_failed"
    sentence = "The target switched protocols without being asked to."


class ProxyAuthenticationDemanded(GatewayError):
    error = "http_protocol_error"
    sentence = "The target asked this proxy to authenticate itself."


class OutboundProxyError(GatewayError):
    error = "destination_unavailable"
    sentence = "The outbound proxy could not reach the target."


class Unavailable(ProxyError):
    status, reason, error = 503, "Service Unavailable", "connection_limit_reached"
    sentence = "The proxy has reached its limit of connections."
    fields = (("retry-after", "5"),)  # seconds: about as long as a request takes


class GatewayTimeout(ProxyError):
    status, reason, error = 504, "Gateway Timeout", "connection_timeout"
    sentence = "The connection to the target was not made in time."


class DnsTimeout(GatewayTimeout):
    error = "dns_timeout"
    sentence = "The target's name was not resolved in time."


class ResponseTimeout(GatewayTimeout):
    error = "http_response_timeout"
    sentence = "The target did not answer in time."


class ReadTimeout(GatewayTimeout):
    error = "connection_read_timeout"
    sentence = "The target stopped sending in the middle of its reply."


class WriteTimeout(GatewayTimeout):
    error = "connection_write_timeout"
    sentence = "The target stopped reading in the middle of the request."
