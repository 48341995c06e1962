"""Pods that Kubernetes would take and that could not live: `make check-deploy` names each before it is applied."""

from pathlib import Path

import pytest

from deploy.kubernetes import departures
from fixtures.deploy_copy import OVERLAYS, Fault, seeded

_BASE = "compose/k8s/base"
_COMPONENTS = "compose/k8s/components"
_AUTOSCALER = f"{_BASE}/api-autoscaler.yaml"
_CREATE = f"{_COMPONENTS}/redis/create.yaml"
_CONSUME = f"{_BASE}/api-consume.yaml"
_KEDA = f"{_COMPONENTS}/keda/scaled-objects.yaml"
_MIGRATE = f"{_BASE}/api-migrate.yaml"
_NODES = f"{_COMPONENTS}/redis/nodes.yaml"
_NOTIFIER = f"{_BASE}/notifier-worker.yaml"
_POSTGRES = f"{_COMPONENTS}/postgres/cluster.yaml"
_PROD = f"{OVERLAYS}/prod/kustomization.yaml"
_RABBITMQ = f"{_COMPONENTS}/rabbitmq/cluster.yaml"
_SERVE = f"{_BASE}/api-serve.yaml"
_LIFECYCLE = r"        lifecycle:\n(?: {10}.*\n)+"
_FAULTS = [
    (_SERVE, r"- serve\n", "- consume\n", "api-serve: runs ['consume'], and is called serve"),
    (_MIGRATE, r"- migrate\n", "- migrations\n", "api-migrate: runs ['migrations'], and is called migrate"),
    (_NOTIFIER, r"worker", "workers", "notifier-workers: is called notifier.workers, which there is not"),
    (
        _SERVE,
        r"bet-intel/redis_url",
        "bet-intel/redis_ur",
        "api-serve: is told of /run/secrets/bet-intel/redis_ur, and",
    ),
    (
        _NOTIFIER,
        r"/secrets_key",
        "/redis_url",
        "notifier-worker: is told of /run/secrets/bet-intel/redis_url, and what",
    ),
    (
        _MIGRATE,
        r"bet-intel-owner/owner_dsn",
        "bet-intel-owner/dsn",
        "told of /run/secrets/bet-intel-owner/dsn, and what",
    ),
    (
        f"{_COMPONENTS}/redis/start.sh",
        r"secrets/redis_password",
        "secrets/redis_pass",
        "redis: is told of /run/secrets/",
    ),
    (_NODES, r"secrets/redis_password", "secrets/redis_pass", "redis: is told of /run/secrets/redis_pass, and what"),
    (_KEDA, r"key: host", "key: hosts", "rabbitmq asks keda-rabbitmq for hosts, which it has not"),
    (_RABBITMQ, r"key: definitions.json", "key: definition.json", "asks rabbitmq-login for definition.json, which it"),
    (
        _MIGRATE,
        r"bet-intel-api-owner",
        "bet-intel-notifier-owner",
        "api-migrate: is given bet-intel-api, bet-intel-not",
    ),
    (
        _CONSUME,
        r"secretName: bet-intel-api",
        "secretName: bet-intel-api-owner",
        "api-consume: is given bet-intel-api-ow",
    ),
    (_CONSUME, r"name: api-settings", "name: notifier-settings", "api-consume: has the settings of notifier"),
    (_POSTGRES, r"postgres-api-owner", "postgres-api", "the role api_owner has the password of postgres-api, not of"),
    (_SERVE, r"- '10'", "- '55'", "api-serve: waits 55 s before it stops, of 60 s, and then takes up to 30 s"),
    (_SERVE, _LIFECYCLE, "", "api-serve: waits 0 s before it stops, and requests come for 5 s"),
    (_CONSUME, r"(GracePeriodSeconds: )45", r"\g<1>30", "api-consume: waits 0 s before it stops, of 30 s, and then"),
    (
        _CREATE,
        r"/scripts/create.sh",
        "/scripts/creates.sh",
        "redis-create: is told of /scripts/creates.sh, and what is",
    ),
    (_NODES, r"/scripts/start.sh", "/scripts/starts.sh", "redis: is told of /scripts/starts.sh, and what is mounted"),
    (_NOTIFIER, r"bet-intel/notifier\n", "bet-intel/notifyer\n", "is made of bet-intel/notifyer, not of notifier's"),
    (_NOTIFIER, r"bet-intel/notifier\n", "bet-intel/api\n", "bet-intel/api:0.1.0, not of notifier's image"),
    (_PROD, r"newName: (.*)/notifier", r"newName: \1/notifyer", "bet-intel/notifyer:0.1.0, not of notifier's image"),
    (_PROD, r"- name: bet-intel/notifier", "- name: bet-intel/notifyer", "is made of bet-intel/notifier, of whatever"),
    (
        _SERVE,
        r"topology.kubernetes.io/zone",
        "topology.kubernetes.io/zones",
        "is spread by topology.kubernetes.io/zones",
    ),
    (_POSTGRES, r"kubernetes.io/hostname", "kubernetes.io/host", "postgres is spread by kubernetes.io/host, which no"),
    (_AUTOSCALER, r"value: 20\n        periodSeconds: 60", "value: 90\n        periodSeconds: 15", "'value': 90"),
]


@seeded({departures: _FAULTS})
def test_a_pod_that_could_not_live_is_found(copy: Path, capsys: pytest.CaptureFixture[str], fault: Fault) -> None:
    fault.assert_found(copy, capsys)
