"""What comes in from outside on Kubernetes: only who stands before the gateways reaches them and is believed, and each
path has the time that nginx.conf gives it."""

from pathlib import Path

import pytest

from deploy.kubernetes import departures
from fixtures.deploy_copy import OVERLAYS, Fault, seeded

_BASE = "compose/k8s/base"
_INGRESS = f"{_BASE}/api-service.yaml"
_POLICIES = f"{_BASE}/network-policies.yaml"
_PROD = f"{OVERLAYS}/prod/kustomization.yaml"
_OPEN = r"  - from:\n    - namespaceSelector:\n.*\n.*\n    ports:\n(.*\n      port: 8000\n---)"
_BALANCED = "- ../../components/loadbalancer\n- ../../components/keda"
_FAULTS = [
    (_POLICIES, _OPEN, r"  - ports:\n\1", "the gateways are reached from everywhere, not from ingress-nginx alone"),
    (_POLICIES, r"ingress-nginx", "default", "not from ingress-nginx alone"),
    (_POLICIES, r"port: 8000\n---", "port: 8001\n---", "nobody reaches the gateways"),
    (_PROD, r"192\.0\.2\.0/24", "0.0.0.0/0", "the gateways believe 0.0.0.0/0, in which clients are"),
    (_PROD, r"192\.0\.2\.0/24", "10.0.0.0/8,::/0", "the gateways believe ::/0, in which clients are"),
    (_PROD, r"192\.0\.2\.0/24", "'*'", "TRUSTED_PROXIES: '*' does not appear to be an IPv4 or IPv6 network"),
    (_PROD, r"192\.0\.2\.0/24", "10.42.0.1/16", "TRUSTED_PROXIES: 10.42.0.1/16 has host bits set"),
    (_PROD, r"- ../../components/keda", _BALANCED, "anybody reaches the gateways, and BET_INTEL_API_TRUSTED_PROXIES"),
    (_INGRESS, r"type: ClusterIP", "type: LoadBalancer", "an address of their own, at which nobody reaches them"),
    (_INGRESS, r"read-timeout: '2'", "read-timeout: '3600'", "the Ingress api-reads has proxy-read-timeout 3600"),
    (_INGRESS, r"send-timeout: '2'", "send-timeout: '60'", "the Ingress api-reads has proxy-send-timeout 60"),
    (_INGRESS, r"read-timeout: '3600'", "read-timeout: '60'", "the Ingress api-stream has proxy-read-timeout 60"),
    (_INGRESS, r"read-timeout: '60'", "read-timeout: '3600'", "the Ingress api has proxy-read-timeout 3600; the plan"),
    (_INGRESS, r"name: api-reads", "name: api-read", "the Ingress api-read is not in the plan"),
    (_INGRESS, r"path: /v1/stream", "path: /v1/streams", "/v1/stream belongs to the Ingress api-stream, and api takes"),
    (_INGRESS, r"path: /v1/events", "path: /v1/event", "/v1/events belongs to the Ingress api-reads, and api takes it"),
    (_INGRESS, r"path: /v1/clv", "path: /v1/bets", "/v1/bets belongs to the Ingress api, and api-reads takes it"),
    (_INGRESS, r"path: /v1/clv", "path: /v1/exports", "/v1/exports/history belongs to the Ingress api, and api-reads"),
    (_INGRESS, r"path: /\n", "path: /v1\n", "/livez belongs to the Ingress api, and None takes it"),
    (_INGRESS, r"(name: api-stream(?s:.)*- host: )\S+", r"\1other.example", "are of different hosts or certificates"),
    (_INGRESS, r"(name: api-stream(?s:.)*secretName: )\S+", r"\1bet-intel-api", "of different hosts or certificates"),
]


@seeded({departures: _FAULTS})
def test_what_lets_in_too_much_or_holds_too_long_is_found(
    copy: Path, capsys: pytest.CaptureFixture[str], fault: Fault
) -> None:
    fault.assert_found(copy, capsys)
