"""Where requests may go: hosts and ports that are forbidden, and the operator's patterns."""

from __future__ import annotations

import pytest
from hypothesis import given

from cors_anywhere.errors import ProhibitedTarget
from cors_anywhere.rules.targets import TargetPattern, Targets, host_rule
from tests.support.urls import HOSTILE, parse_path, raw


@pytest.mark.parametrize(
    ("authority", "rule"),
    [
        ("example.com", None),
        ("example.com.", None),
        ("localhost.com", None),
        ("notlocalhost.example", None),
        ("xlocal.mylocal", None),
        ("arpa.home.example", None),
        ("home.arpa.example", None),
        ("1.1.168.192.in-addr.arpa", None),
        ("127.0.0.1", None),
        ("[::1]", None),
        ("intranet", "single-label"),
        ("intranet.", "single-label"),
        ("com", "single-label"),
        (raw("bücher"), "single-label"),
        ("localhost", "special-name"),
        ("LOCALHOST.", "special-name"),
        (raw("lo\u00adcalhost"), "special-name"),
        ("a.b.localhost", "special-name"),
        ("printer.local", "special-name"),
        ("metadata.google.internal", "special-name"),
        ("metadata.google.internal.", "special-name"),
        ("router.home.arpa", "special-name"),
        ("home.arpa", "special-name"),
        ("x.onion", "special-name"),
        ("api.default.svc", "special-name"),
        ("api.default.svc.cluster.local", "special-name"),
        ("example.com:22", "bad-port"),
        ("example.com:6667", "bad-port"),
        ("example.com:0", "bad-port"),
        ("8.8.8.8:25", "bad-port"),
        ("[2606:4700::1]:25", "bad-port"),
        ("example.com:80", None),
        ("example.com:443", None),
        ("example.com:8080", None),
        ("example.com:24", None),
        ("example.com:6664", None),
        ("example.com:6670", None),
        ("example.com:65535", None),
    ],
)
def test_a_host_rule_names_what_is_forbidden(authority: str, rule: str | None) -> None:
    target = parse_path(f"/http://{authority}/")
    assert host_rule(target.host, target.port) == rule


HINTS = {
    "localhost": ("/localhost:3000", "with --dev, or with --allow-private localhost:3000."),
    "intranet": ("/http://intranet/", "with --allow-private intranet:80."),
    "port": ("/http://localhost:22/", "with --allow-private localhost:22."),
    "address": ("/http://[2606:4700::1]:25/", "with --allow-private [2606:4700::1]:25."),
}


@pytest.mark.parametrize(("path", "hint"), HINTS.values(), ids=HINTS)
def test_a_refusal_names_the_option_that_opens_this_target_and_closes_no_other(
    path: str, hint: str
) -> None:
    with pytest.raises(ProhibitedTarget) as caught:
        Targets().judge(parse_path(path))
    assert caught.value.hint.endswith(hint)


# --- patterns ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "authority", "expected"),
    [
        ("api.example", "api.example", True),
        ("api.example", "api.example.", True),
        ("API.Example.", "api.example", True),
        ("api.example", "api.example:8080", True),
        ("api.example", "x.api.example", False),
        ("api.example", "xapi.example", False),
        ("api.example", "api.example.attacker.example", False),
        ("api.example:80", "api.example", True),
        ("api.example:8080", "api.example:8080", True),
        ("api.example:8080", "api.example", False),
        ("*.api.example", "x.api.example", True),
        ("*.api.example", "x.y.api.example.", True),
        ("*.api.example", "api.example", False),
        ("*.api.example", "xapi.example", False),
        ("*.api.example:8080", "x.api.example:8080", True),
        ("*.api.example:8080", "x.api.example:8081", False),
        ("bücher.de", "xn--bcher-kva.de", True),
        ("localhost:3000", "localhost:3000", True),
        ("127.0.0.1", "127.0.0.1:9000", True),
        ("127.0.0.1", "127.0.0.2", False),
        ("[::1]", "[::1]", True),
        ("[0:0::1]:9000", "[::1]:9000", True),
        ("[::1]:9000", "[::1]:9001", False),
    ],
)
def test_a_pattern_matches_hosts_and_ports(pattern: str, authority: str, expected: bool) -> None:
    target = parse_path(f"/http://{authority}/")
    assert TargetPattern.parse(pattern).matches(target) is expected


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("", "empty"),
        ("api.example ", "blanks"),
        ("*", "every target"),
        ("https://api.example", "write 'api.example'"),
        ("api.example/", "write 'api.example'"),
        ("api.example/v1", "path"),
        ("user@api.example", "only a name"),
        ("api%2eexample", "only a name"),
        ("api.*.example", "leftmost"),
        ("*api.example", "leftmost"),
        ("*.*.example", "leftmost"),
        ("api.example:*", "leftmost"),
        ("*.", "no valid host"),
        (":80", "no valid host"),
        ("api..example", "empty label"),
        ("127.1", "IPv4"),
        ("*.127.0.0.1", "no subdomains"),
        ("*.[::1]", "no subdomains"),
        ("::1", "'[::1]'"),
        ("[::1", "brackets"),
        ("[::1]x", "brackets"),
        ("api.example:", "no port"),
        ("api.example:0", "no port"),
        ("api.example:x", "no port"),
        ("api.example:65536", "too large"),
        ("api.example?x", "no domain name"),
    ],
)
def test_a_mistaken_pattern_names_the_mistake(text: str, mistake: str) -> None:
    with pytest.raises(ValueError, match=r".+") as caught:
        TargetPattern.parse(text)
    assert mistake in str(caught.value)


@given(HOSTILE)
def test_any_text_is_a_pattern_or_a_value_error(text: str) -> None:
    try:
        pattern = TargetPattern.parse(text)
    except ValueError:
        return
    assert pattern.host
