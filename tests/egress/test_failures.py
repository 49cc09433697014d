"""What failures are called, and whom they are about."""

from __future__ import annotations

import errno

import pytest

from cors_anywhere.egress.failures import about_proxy, about_target, os_failure
from cors_anywhere.errors import (
    ConnectionRefused,
    ConnectionTerminated,
    DnsError,
    GatewayError,
    GatewayTimeout,
    ProxyError,
    ReadTimeout,
    TlsProtocolError,
    Unavailable,
    Unroutable,
)
from cors_anywhere.messages import Target
from cors_anywhere.rules.outbound import OutboundProxy

TARGET = Target("http", "api.example", 8080, "api.example:8080", "/secret?key=1")
PROXY = OutboundProxy("proxy.corp", 3128, "Basic c2VjcmV0")

NAMED = [
    (ConnectionRefused(), "The target api.example:8080 refused the connection."),
    (DnsError(), "The target api.example:8080's name could not be resolved."),
    (Unroutable(), "There is no route to the target api.example:8080."),
    (TlsProtocolError(), "The TLS handshake with the target api.example:8080 failed."),
    (ReadTimeout(), "The target api.example:8080 stopped sending in the middle of its reply."),
    (GatewayError("What happened is told to nobody."), "What happened is told to nobody."),
]


@pytest.mark.parametrize(("error", "said"), NAMED)
def test_the_sentence_names_the_target_once(error: ProxyError, said: str) -> None:
    for _ in range(2):
        about_target(error, TARGET)
        assert (error.detail, str(error)) == (said, said)


def test_a_host_that_is_called_target_is_named_too() -> None:
    error = ConnectionRefused()
    about_target(error, TARGET._replace(authority=r"target\1"))
    assert error.detail == r"The target target\1 refused the connection."


def test_a_sentence_on_the_outbound_proxy_tells_only_the_log_where_that_is() -> None:
    error = DnsError(log_detail="c-ares: no answer")
    about_proxy(error, PROXY)
    assert error.detail == "The outbound proxy's name could not be resolved."
    assert error.log_detail == "outbound proxy proxy.corp:3128: c-ares: no answer"


SEVERAL = [
    ([errno.ECONNREFUSED, errno.EHOSTUNREACH], ConnectionRefused),
    ([errno.ENETUNREACH, errno.ETIMEDOUT], GatewayTimeout),
    ([errno.ENETUNREACH, errno.ECONNRESET], ConnectionTerminated),
    ([errno.EHOSTUNREACH, errno.ENETUNREACH], Unroutable),
    ([errno.ECONNREFUSED, errno.EMFILE], Unavailable),
]


@pytest.mark.parametrize(("numbers", "kind"), SEVERAL)
def test_several_failures_are_called_by_the_most_telling(
    numbers: list[int], kind: type[ProxyError]
) -> None:
    for order in (numbers, numbers[::-1]):
        # A text that holds another number must not mislead.
        errors = [OSError(number, "port 111 of 24") for number in order]
        assert type(os_failure(errors)) is kind
