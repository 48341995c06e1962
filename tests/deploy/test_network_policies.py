"""Whom the network policies of Kubernetes let a part reach outside: whatever its own rules let it reach, and no private
address."""

import ipaddress
from collections.abc import Mapping
from typing import Any

import pytest
import yaml

from bet_intel.api.domain.subscriptions import WebhookAddress
from bet_intel.compose.cluster.services import KINDS
from bet_intel.notifier.channels.guard import is_allowed
from deploy.faults import PROJECT

_POLICIES: Mapping[str, Any] = {
    one["metadata"]["name"]: one["spec"]
    for one in yaml.safe_load_all((PROJECT / "compose/k8s/base/network-policies.yaml").read_text("utf-8"))
}
_PARTS = sorted({kind.service for kind in KINDS.values()})
_PUBLIC = ["1.1.1.1", "2606:4700:4700::1111", "64:ff9b::101:101"]
_PRIVATE = [
    *("10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1"),
    *("fd00::1", "fe80::1", "ff02::1", "64:ff9b::a01:203", "64:ff9b::a9fe:a9fe"),
]


@pytest.mark.parametrize("address", _PUBLIC)
@pytest.mark.parametrize("port", [443, 8443])
def test_the_notifier_reaches_every_receiver_that_a_subscriber_may_name(address: str, port: int) -> None:
    host = f"[{address}]" if ":" in address else address
    assert WebhookAddress(url=f"https://{host}:{port}/hook").fault() is None
    assert is_allowed(address, allow_loopback=False)

    assert _reaches("notifier", address, port)


@pytest.mark.parametrize("address", _PRIVATE)
def test_no_part_reaches_a_private_address(address: str) -> None:
    assert not is_allowed(address, allow_loopback=False)

    assert not any(_reaches(name, address, 443) for name in _PARTS)


@pytest.mark.parametrize("address", _PUBLIC)
def test_the_others_reach_the_ports_of_their_hosts_alone(address: str) -> None:
    reaching = {name for name in _PARTS if _reaches(name, address, 443)}
    assert reaching == {"notifier", "odds-ingest"}
    assert not _reaches("odds-ingest", address, 8443)


def _reaches(name: str, address: str, port: int) -> bool:
    """By TCP, where the policy names addresses: not the servers, which it knows by their labels."""
    return any(
        _is_in(address, peer["ipBlock"]) and any(one.get("port", port) == port for one in rule["ports"])
        for rule in _POLICIES[name].get("egress", ())
        for peer in rule.get("to", ())
        if "ipBlock" in peer
    )


def _is_in(address: str, block: Mapping[str, Any]) -> bool:
    ip = ipaddress.ip_address(address)
    return ip in ipaddress.ip_network(block["cidr"]) and not any(
        ip in ipaddress.ip_network(one) for one in block.get("except", ())
    )
