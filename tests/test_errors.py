"""Every failure has a reply of its own, and the words for it."""

from __future__ import annotations

import re

import pytest

from cors_anywhere import errors
from cors_anywhere.errors import GatewayError, GatewayTimeout, ProxyError

FAILURES = [
    found
    for found in vars(errors).values()
    if isinstance(found, type) and issubclass(found, ProxyError)
]

REGISTERED = {
    *("dns_timeout", "dns_error", "destination_not_found", "destination_unavailable"),
    *("destination_ip_prohibited", "destination_ip_unroutable", "connection_refused"),
    *("connection_terminated", "connection_timeout", "connection_read_timeout"),
    *("connection_write_timeout", "connection_limit_reached", "tls_protocol_error"),
    *("tls_certificate_error", "tls_alert_received", "http_request_error"),
    *("http_request_denied", "http_response_incomplete", "http_response_header_section_size"),
    *("http_response_header_size", "http_response_body_size", "http_response_trailer_section_size"),
    *("http_response_trailer_size", "http_response_transfer_coding"),
    *("http_response_content_coding", "http_response_timeout", "http_upgrade_failed"),
    *("http_protocol_error", "proxy_internal_response", "proxy_internal_error"),
    *("proxy_configuration_error", "proxy_loop_detected"),
}
"""Of RFC 9209 section 2.3."""


@pytest.mark.parametrize("failure", FAILURES)
def test_a_failure_has_a_status_a_reason_a_registered_type_and_a_sentence(
    failure: type[ProxyError],
) -> None:
    assert failure.status == 200 or 400 <= failure.status < 600
    assert re.fullmatch("[A-Z][A-Za-z /]+", failure.reason)
    assert failure.error is None or failure.error in REGISTERED
    assert re.fullmatch(r"[A-Z].+[.:]", failure.sentence)


@pytest.mark.parametrize("failure", FAILURES)
def test_what_went_wrong_on_the_targets_side_is_never_called_the_clients_fault(
    failure: type[ProxyError],
) -> None:
    if issubclass(failure, GatewayTimeout):
        assert failure.status == 504
    elif issubclass(failure, GatewayError):
        assert failure.status == 502


def test_the_sentence_is_told_unless_there_is_a_better_one() -> None:
    assert (ProxyError().detail, str(ProxyError())) == (ProxyError.sentence, ProxyError.sentence)
    told = ProxyError("More.", hint="Do this.", log_detail="10.0.0.1", rule="deny-target")
    assert (told.detail, str(told), told.hint) == ("More.", "More.", "Do this.")
    assert (told.log_detail, told.rule) == ("10.0.0.1", "deny-target")
