"""deploy/kubernetes: what `make check` cannot see in it, since no schema knows this proxy."""

from __future__ import annotations

import subprocess
import sys
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from cors_anywhere import Settings
from tests.support.rows import ROWS, Row, refusing, samples

FILES = sorted((Path(__file__).parents[2] / "deploy" / "kubernetes").glob("*.yaml"))
OBJECTS: list[Any] = [
    found
    for file in FILES
    for found in YAML(typ="safe", pure=True).load_all(file.read_text("utf-8"))
]
NAME = "app.kubernetes.io/name"


def one(kind: str, name: str = "cors-anywhere") -> Any:
    (found,) = [o for o in OBJECTS if (o["kind"], o["metadata"]["name"]) == (kind, name)]
    return found


def pod(name: str = "cors-anywhere") -> Any:
    return one("Deployment", name)["spec"]["template"]["spec"]


def container(name: str = "cors-anywhere") -> Any:
    (found,) = pod(name)["containers"]
    return found


# --- the network policy ---------------------------------------------------------------------------


def passes(address: str) -> bool:
    """Whether the policy lets the proxy out to this address of no pod."""
    ip = ip_address(address)
    blocks = [
        to["ipBlock"]
        for rule in one("NetworkPolicy")["spec"]["egress"]
        for to in rule["to"]
        if "ipBlock" in to
    ]
    return any(
        ip in ip_network(block["cidr"]) and not any(ip in ip_network(e) for e in block["except"])
        for block in blocks
        if ip_network(block["cidr"]).version == ip.version
    )


# The two of ISATAP are told by the lower half of an address, which no network can say.
NETWORKS = [row for row in ROWS if "5efe" not in row.cidr]


@pytest.mark.parametrize("row", NETWORKS, ids=lambda row: row.cidr)
def test_the_proxy_reaches_the_addresses_that_it_would_connect_to(row: Row) -> None:
    found = {address: passes(address) for address in samples(row)}
    assert found == {address: refusing(address) is None for address in samples(row)}


def test_every_way_out_names_its_ends() -> None:
    """A rule without `to`, or without ports, would let everything through."""
    for policy in (o for o in OBJECTS if o["kind"] == "NetworkPolicy"):
        assert policy["spec"]["policyTypes"] == ["Ingress", "Egress"]
        for rule in policy["spec"].get("egress", ()):
            assert rule["to"] and rule["ports"]
        for rule in policy["spec"]["ingress"]:
            assert rule["from"] and rule["ports"]


def test_names_are_asked_of_the_cluster_s_server_alone() -> None:
    (to,) = [
        rule["to"]
        for rule in one("NetworkPolicy")["spec"]["egress"]
        if {"protocol": "UDP", "port": 53} in rule["ports"]
    ]
    (server,) = to
    assert server["namespaceSelector"]["matchLabels"] == {
        "kubernetes.io/metadata.name": "kube-system"
    }
    assert server["podSelector"]["matchLabels"] == {"k8s-app": "kube-dns"}


# --- the pods -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["cors-anywhere", "cors-anywhere-redis"])
def test_labels_ports_and_selectors_fit(name: str) -> None:
    deployment, service = one("Deployment", name)["spec"], one("Service", name)["spec"]
    labels = deployment["template"]["metadata"]["labels"]
    assert deployment["selector"]["matchLabels"] == service["selector"] == labels == {NAME: name}
    assert one("NetworkPolicy", name)["spec"]["podSelector"]["matchLabels"] == labels
    ports = {port["name"] for port in container(name)["ports"]}
    assert {port["targetPort"] for port in service["ports"]} <= ports
    probes = [value for key, value in container(name).items() if key.endswith("Probe")]
    actions = [action for probe in probes for action in probe.values() if isinstance(action, dict)]
    assert {action["port"] for action in actions if "port" in action} <= ports


@pytest.mark.parametrize("name", ["cors-anywhere", "cors-anywhere-redis"])
def test_a_pod_has_no_right_that_it_does_not_need(name: str) -> None:
    assert pod(name)["securityContext"]["runAsNonRoot"]
    assert not pod(name)["automountServiceAccountToken"]
    rights = container(name)["securityContext"]
    assert rights["readOnlyRootFilesystem"] and not rights["allowPrivilegeEscalation"]
    assert rights["capabilities"] == {"drop": ["ALL"]}


def test_a_pod_is_killed_after_it_was_left_out_and_has_drained() -> None:
    before = int(container()["lifecycle"]["preStop"]["exec"]["command"][1])
    settings = Settings()
    stop = before + settings.shutdown_delay + settings.drain_timeout
    assert pod()["terminationGracePeriodSeconds"] > stop


def test_the_proxy_takes_the_variables() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "cors_anywhere", "--check"],
        env={"PORT": "0", **one("ConfigMap")["data"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
