"""Environment variables: which are the operator's, and which only look like ours."""

from __future__ import annotations

import pytest

from cors_anywhere.config.environment import set_variables, unknown_variables


@pytest.mark.parametrize(
    ("name", "sentences"),
    [
        ("CORSANYWHERE_ALOW_ORIGIN", ["is CORSANYWHERE_ALLOW_ORIGIN meant?"]),
        ("CORSANYWHERE_NO_NAT64", ["is CORSANYWHERE_NAT64 meant?"]),
        ("CORSANYWHERE_QQQQQQQQQQQQQQQQQQQQQQQQQQQQ", ["is not known"]),
        ("CORSANYWHERE_WHITELIST", []),
        ("CORSANYWHERE_PORT", []),
        ("CORSANYWHERE_COMPILE", []),
        ("ALOW_ORIGIN", []),
        ("CORS_ANYWHERE_ALLOW_ORIGIN", ["it is spelt CORSANYWHERE_ALLOW_ORIGIN"]),
        ("CORS_ANYWHERE_ALOW_ORIGIN", ["it is spelt CORSANYWHERE_ALLOW_ORIGIN"]),
        ("CORS_ANYWHERE_QQQQ", ["it is spelt CORSANYWHERE_…"]),
    ],
)
def test_a_variable_that_looks_like_ours_is_pointed_out(name: str, sentences: list[str]) -> None:
    said = list(unknown_variables({name: "x"}))
    assert len(said) == len(sentences)
    assert all(part in sentence for part, sentence in zip(sentences, said, strict=True))
    assert list(unknown_variables({name: ""})) == []


def test_the_prefix_alone_is_no_likeness() -> None:
    assert list(unknown_variables({"CORSANYWHERE_FOO": "x"})) == ["CORSANYWHERE_FOO is not known"]


def injected(prefix: str) -> dict[str, str]:
    """What Kubernetes gives the containers beside a service of that name."""
    return {
        f"{prefix}_SERVICE_HOST": "10.0.0.11",
        f"{prefix}_SERVICE_PORT": "8080",
        f"{prefix}_SERVICE_PORT_HTTP_MAIN": "8080",
        f"{prefix}_PORT": "tcp://10.0.0.11:8080",
        f"{prefix}_PORT_8080_TCP": "tcp://10.0.0.11:8080",
        f"{prefix}_PORT_8080_TCP_PROTO": "tcp",
        f"{prefix}_PORT_8080_TCP_PORT": "8080",
        f"{prefix}_PORT_8080_TCP_ADDR": "10.0.0.11",
        f"{prefix}_PORT_53_UDP": "udp://10.0.0.11:53",
    }


@pytest.mark.parametrize("prefix", ["CORSANYWHERE", "CORS_ANYWHERE"])
def test_what_kubernetes_puts_there_counts_as_unset_and_is_not_warned_about(prefix: str) -> None:
    variables = injected(prefix)
    assert set_variables(variables) == {}
    assert list(unknown_variables(variables)) == []


def test_a_port_that_the_operator_gave_is_kept_beside_it() -> None:
    assert set_variables({"CORSANYWHERE_PORT": "80", "PORT": "81"}) == {
        "CORSANYWHERE_PORT": "80",
        "PORT": "81",
    }
