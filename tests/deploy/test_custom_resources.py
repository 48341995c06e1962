"""A fault in an object of each kind that only an operator knows makes `make check-deploy` fail, on any machine."""

from pathlib import Path

import pytest
import yaml

from deploy.custom_resources import DERIVED, OURS, SCHEMAS, derive, derived, schema_of
from deploy.faults import PROJECT
from deploy.kubernetes import built, departures
from fixtures.deploy_copy import OVERLAYS, Fault

_K8S = "compose/k8s"
_KEDA = f"{_K8S}/components/keda/scaled-objects.yaml"
_MONITORS = f"{_K8S}/components/monitoring/service-monitors.yaml"
_POSTGRES = f"{_K8S}/components/postgres/cluster.yaml"
_RABBITMQ = f"{_K8S}/components/rabbitmq/cluster.yaml"
_STORE = f"{_K8S}/prerequisites/object-store.yaml"
# Kind, file, what is put in whose place, what is said. A name that nobody knows, and a value that is none.
_FAULTS = [
    ("ScaledObject", _KEDA, r"maxReplicaCount: 8", "maxReplicas: 8", "ScaledObject api-consume: spec: Addit"),
    ("ScaledObject", _KEDA, r"failureThreshold: 3", "failureThreshold: three", "fallback/failureThreshold: 'three'"),
    ("TriggerAuthentication", _KEDA, r"parameter: host", "parameters: host", "rabbitmq: spec/secretTargetRef/0: "),
    ("Cluster", _POSTGRES, r"instances: 3", "instances: three", "Cluster postgres: spec/instances: 'three'"),
    ("Cluster", _POSTGRES, r"method: any", "method: some", "synchronous/method: 'some' is not one of"),
    ("Cluster", _POSTGRES, r"walStorage:", "logStorage:", "Cluster postgres: spec: Additional properties"),
    ("ScheduledBackup", f"{_K8S}/components/backup/backup.yaml", r"  schedule:", "  when:", "'schedule' is a required"),
    ("ObjectStore", _STORE, r"destinationPath:", "destination:", "prerequisites: ObjectStore postgres: spec/conf"),
    ("ObjectStore", _STORE, r"retentionPolicy: 30d", "retentionPolicy: 30 days", "spec/retentionPolicy: '30 days'"),
    ("RabbitmqCluster", _RABBITMQ, r"persistence:", "persistent:", "RabbitmqCluster rabbitmq: spec: Additional"),
    ("RabbitmqCluster", _RABBITMQ, r"runAsUser: 999", "runAsUser: rabbit", "template/spec/securityContext/runAsUser"),
    ("ServiceMonitor", _MONITORS, r"honorLabels: true", "honourLabels: true", "ServiceMonitor bet-intel: spec/endpoi"),
    ("PodMonitor", _MONITORS, r"podMetricsEndpoints:", "endpoints:", "PodMonitor postgres: spec: Additional"),
    (
        "PrometheusRule",
        f"{_K8S}/components/monitoring/rules.yaml",
        r"for: 2m",
        "for: 2 minutes",
        "PrometheusRule bet-intel: spec/groups/0/rules/2/for: '2 minutes'",
    ),
    (
        "PodMonitor",
        _MONITORS,
        r"v1\nkind: PodMonitor",
        "v9\nkind: PodMonitor",
        "no schema monitoring.coreos.com/podmon",
    ),
]


@pytest.mark.parametrize(("kind", "fault"), [(kind, Fault(departures, *seed)) for kind, *seed in _FAULTS], ids=str)
def test_a_fault_is_found(copy: Path, capsys: pytest.CaptureFixture[str], kind: str, fault: Fault) -> None:
    said = fault.assert_found(copy, capsys)

    assert [line for line in said.splitlines() if fault.said in line and kind in line]


def test_every_kind_that_is_used_has_a_schema_and_a_fault_that_is_found(tools: Path) -> None:
    assert tools.is_dir()
    texts = [built(overlay) for overlay in (PROJECT / OVERLAYS).iterdir()]
    texts += [file.read_text("utf-8") for file in (PROJECT / _K8S / "prerequisites").iterdir()]
    used = [one for text in texts for one in yaml.safe_load_all(text) if "." in one["apiVersion"].partition("/")[0]]
    custom = [one for one in used if not one["apiVersion"].partition("/")[0].endswith(".k8s.io")]

    assert {schema_of(one) for one in custom} == {*DERIVED, *OURS}
    assert {str(file.relative_to(SCHEMAS)) for file in SCHEMAS.rglob("*.json")} == {*DERIVED, *OURS}
    assert {one["kind"] for one in custom} == {kind for kind, *_ in _FAULTS}


def test_a_schema_that_is_derived_refuses_what_it_does_not_know_and_keeps_what_is_named_as_a_text_is() -> None:
    published = {
        "type": "object",
        "description": "A text.",
        "properties": {
            "spec": {
                "type": "object",
                "properties": {
                    "description": {"type": "string", "description": "Another text.", "default": "none"},
                    "anything": {"type": "object", "x-kubernetes-preserve-unknown-fields": True, "properties": {}},
                },
            },
            "status": {"type": "object", "properties": {"phase": {"type": "string"}}},
        },
    }

    assert derived(published) == {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "spec": {
                "type": "object",
                "additionalProperties": False,
                "properties": {"description": {"type": "string"}, "anything": {"type": "object", "properties": {}}},
            },
        },
    }


def test_what_is_derived_was_changed_by_nobody_since(tmp_path: Path) -> None:
    """Derived again it is the same: what somebody mended by hand would be gone with the next derivation."""
    derive(SCHEMAS, tmp_path)

    for name in DERIVED:
        assert (tmp_path / name).read_text("utf-8") == (SCHEMAS / name).read_text("utf-8"), name
