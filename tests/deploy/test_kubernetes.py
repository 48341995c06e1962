"""What a cluster of Kubernetes is told: a departure from the plan in what kustomize builds makes `make check-deploy`
fail, and a changed setting reaches whoever reads it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from bet_intel.compose.cluster.services import KINDS
from deploy.kubernetes import built, departures
from fixtures.deploy_copy import OVERLAYS, Fault, seeded, spoil

_K8S = "compose/k8s"
_BASE = f"{_K8S}/base"
_KEDA = f"{_K8S}/components/keda/scaled-objects.yaml"
_POSTGRES = f"{_K8S}/components/postgres/cluster.yaml"
_INSTANCES = f"{_K8S}/components/postgres/instances.yaml"
_PAGE = "docs/operations/kubernetes.md"
_RABBITMQ = f"{_K8S}/components/rabbitmq/cluster.yaml"
_MIGRATE = f"{_BASE}/api-migrate.yaml"
_MONITORS = f"{_K8S}/components/monitoring/service-monitors.yaml"
_SERVE = f"{_BASE}/api-serve.yaml"
_SERVICE = f"{_BASE}/api-service.yaml"
_REDIS = f"{_K8S}/components/redis/nodes.yaml"
_OF_NOTIFIER = r"(name: notifier-worker\nspec:(?s:.)*?)"
_FAULTS = [
    (_KEDA, _OF_NOTIFIER + r"minReplicaCount: 2", r"\1minReplicaCount: 1", "notifier-worker is scaled from (1, 8)"),
    (_KEDA, _OF_NOTIFIER + r"maxReplicaCount: 8", r"\1maxReplicaCount: 9", "the plan says (2, 8)"),
    (_KEDA, _OF_NOTIFIER + r"value: '50'", r"\1value: '51'", "notifier-worker is scaled by 51 of QueueLength"),
    (_KEDA, _OF_NOTIFIER + r"    replicas: 2", r"\1    replicas: 1", "notifier-worker falls back to"),
    (_KEDA, _OF_NOTIFIER + r"protocol: http", r"\1protocol: amqp", "asks for notifications over amqp"),
    (_KEDA, r"queueName: notifier.delivery-requested", "queueName: notifier.other", "which it is not fed from"),
    (_KEDA, r"queueName: api.odds-changed", "queueName: api.other", "api-consume is not scaled by api.odds-changed"),
    (_KEDA, r"    name: ev-engine-worker", "    name: odds-ingest-schedule", "odds-ingest-schedule has a ScaledObject"),
    (_KEDA, r"    name: ev-engine-worker", "    name: odds-ingest-schedule", "ev-engine-worker has no ScaledObject"),
    (_KEDA, r"maxReplicaCount: 20", "maxReplicaCount: 21", "api-serve is scaled from (3, 21)"),
    (_KEDA, r"threshold: '100'", "threshold: '200'", "api-serve is scaled by"),
    (_KEDA, r"periodSeconds: 60", "periodSeconds: 10", "becomes fewer by"),
    (f"{_BASE}/api-autoscaler.yaml", r"minReplicas: 3", "minReplicas: 2", "the plan {"),
    (f"{_BASE}/api-autoscaler.yaml", r"WindowSeconds: 300", "WindowSeconds: 30", "the plan {"),
    (_POSTGRES, r"instances: 3", "instances: 2", "PostgreSQL has 2 instances"),
    (_POSTGRES, r"    synchronous:\n.*\n.*\n", "", "PostgreSQL confirms by None"),
    (
        _PAGE,
        r"`postgres-2`, `postgres-3` \| `postgres-rw`",
        "`postgres-2` | `postgres-rw`",
        "does not name postgres-1",
    ),
    (_PAGE, r"`postgres-rw` \|", "`postgres-1`, `postgres-2`, `postgres-3` |", "and postgres-rw for migrations"),
    (_PAGE, r".*/metrics-server/.*\n", "", "no command for what HorizontalPodAutoscaler needs: metrics-server"),
    (_PAGE, r".*install ingress-nginx .*\n.*\n", "", "no command for what Ingress needs: ingress-nginx"),
    (
        _INSTANCES,
        r"(?s)(Name: postgres-2.*?)---.*",
        r"\1",
        "PostgreSQL has 3 instances, and the address",
    ),
    (_RABBITMQ, r"  replicas: 3", "  replicas: 1", "RabbitMQ has 1 nodes"),
    (_RABBITMQ, r"pause_minority", "autoheal", "RabbitMQ is not told cluster_partition_handling = pause_minority"),
    (_REDIS, r"replicas: 6", "replicas: 3", "Redis has 3 nodes"),
    (_REDIS, r"kind: StatefulSet", "kind: DaemonSet", "there is no StatefulSet"),
    (_SERVICE, r"tries: '2'", "tries: '3'", "the Ingress api has proxy-next-upstream-tries 3"),
    (_SERVICE, r".*proxy-connect-timeout.*\n", "", "the Ingress api has proxy-connect-timeout None"),
    (f"{_BASE}/ev-engine-consume.yaml", r"cpu: 800m", "cpu: 900m", "ev-engine-consume has"),
    (_REDIS, r"memory: 256Mi", "memory: 512Mi", "redis has 512 MiB"),
    (
        _SERVE,
        r"periodSeconds: 10",
        "periodSeconds: 20",
        "api-serve: readinessProbe is not every 10 s",
    ),
    (_SERVE, r"timeoutSeconds: 10", "timeoutSeconds: 1", "livenessProbe is not every 30 s with 10"),
    (_KEDA, r"WindowSeconds: 30\n", "WindowSeconds: 0\n", "api-serve becomes more by"),
    (_KEDA, _OF_NOTIFIER + r"WindowSeconds: 15", r"\1WindowSeconds: 0", "notifier-worker becomes more by"),
    (_KEDA, r"bet_intel_http_requests_total", "bet_intel_requests", "is scaled by bet_intel_requests, which is not"),
    (_KEDA, r"authenticationRef:\n      name: rabbitmq", "authenticationRef:\n      name: rabbit", "names the Trigger"),
    (f"{_BASE}/namespace.yaml", r"enforce: restricted", "enforce: privileged", "bet-intel enforces privileged, not"),
    (f"{_BASE}/namespace.yaml", r".*enforce.*\n", "", "the namespace bet-intel enforces None"),
    (_SERVE, r"runAsNonRoot: true", "runAsNonRoot: false", "api-serve: serve may run as root"),
    (_MIGRATE, r"allowPrivilegeEscalation: false", "privileged: false", "api-migrate: migrate may take more rights"),
    (_REDIS, r"- ALL", "- NET_RAW", "redis: redis keeps capabilities"),
    (
        _RABBITMQ,
        r"                  - ALL",
        "                  - NET_RAW",
        "rabbitmq: setup-container keeps capabilities",
    ),
    (_SERVE, r"RuntimeDefault", "Unconfined", "api-serve: serve may make any call of the system"),
    (_SERVICE, r"targetPort: http", "targetPort: metrics", "the Service api reaches api-serve at 9100"),
    (_SERVICE, r"  selector:\n(.*)\n.*serve", r"  selector:\n\1", "the Service api selects api-consume, api-serve"),
    (_SERVICE, r"  selector:\n(.*)name: api", r"  selector:\n\1name: apis", "the Service api selects nobody"),
    (_SERVICE, r"              name: http", "              name: web", "the Ingress sends to api, which has no port"),
    (
        _SERVICE,
        r"secretName: bet-intel-tls",
        "secretName: bet-tls",
        "Ingress api names the Secret bet-tls, which there",
    ),
    (_SERVE, r"port: http", "port: metrics", "api-serve: startupProbe asks at metrics, not at 8000"),
    (_SERVE, r"containerPort: 8000", "containerPort: 8001", "api-serve: livenessProbe asks at http, not at 8000"),
    (_SERVE, r"secretName: bet-intel-api", "secretName: api", "Deployment api-serve names the Secret api, which there"),
    (_SERVE, r"maxUnavailable: 1", "maxUnavailable: 3", "of api-serve 3 may be taken away"),
    (_SERVE, r"maxUnavailable: 0", "maxUnavailable: 3", "of api-serve 3 may be missing in a rollout"),
    (_SERVE, r"(kind: PodDis(?s:.)*)component: serve", r"\1component: consume", "Budget api-serve is of api-consume"),
    (
        _SERVE,
        r"value: /run/secrets/bet-intel/dsn",
        "value: /run/secrets/dsn",
        "is told of /run/secrets/dsn, where",
    ),
    (_SERVE, r"serviceAccountName: bet-intel", "serviceAccountName: nobody", "names the ServiceAccount nobody"),
    (
        _INSTANCES,
        r"Name: postgres-2",
        "Name: postgres-9",
        "postgres-2 selects nobody",
    ),
    (_POSTGRES, r"name: postgres-api\n", "name: postgres-apis\n", "Cluster postgres names the Secret postgres-apis"),
    (
        _RABBITMQ,
        r"secretName: rabbitmq-login",
        "secretName: rabbit",
        "RabbitmqCluster rabbitmq names the Secret rabbit",
    ),
    (_MONITORS, r"component: rabbitmq", "component: rabbit", "the ServiceMonitor rabbitmq selects nobody"),
    (_MONITORS, r"/metrics/per-object", "/metrics", "the ServiceMonitor rabbitmq asks for /metrics, not for"),
    (_MONITORS, r"port: prometheus", "port: metrics", "the ServiceMonitor rabbitmq asks at metrics, which is no port"),
    (_MONITORS, r"cnpg.io/cluster: postgres", "cnpg.io/cluster: other", "the PodMonitor postgres selects nobody"),
    (f"{_K8S}/components/redis/create.yaml", r" redis-5.redis", "", "than redis has: redis-5.redis"),
    (_SERVE, r"- '10'", "- '70'", "api-serve: waits 70 s before it stops, of 60 s"),
    (_SERVE, r"cpu: 200m", "cpu: [200m]", "api-serve: requests of cpu is ['200m'], not an amount such as"),
    (_SERVE, r"memory: 256Mi", "memory: 256MB", "api-serve: requests of memory is '256MB', not an amount"),
    (_SERVE, r"          limits:\n(?: {12}.*\n)+", "", "api-serve: limits of memory is None, not an amount"),
    (_SERVE, r"(?s)resources:.*?( +securityContext:)", r"resources: none\n\1", "api-serve: requests of memory is None"),
    (_SERVE, r"cpu: 200m", "cpu: 1", "api-serve has 256 MiB and 1 CPUs, up to 512 MiB"),
    (
        _SERVE,
        r"(_POOL_SIZE\n.*value: ).*",
        r"\1many",
        "nobody can count the connections: BET_INTEL_API_POOL_SIZE of api-s",
    ),
    (_SERVE, r"_POOL_SIZE", "_POOL_SIZES", "api-serve is told of 0 sizes of its pool, not of one"),
    (
        _KEDA,
        _OF_NOTIFIER + r"maxReplicaCount: 8",
        r"\1maxReplicaCount: eight",
        "of notifier-worker is 'eight', not a whole",
    ),
    (_POSTGRES, r"'800'", "plenty", "max_connections of PostgreSQL is 'plenty', not a whole number"),
    (_POSTGRES, r"    parameters:\n", "    parameter:\n", "max_connections of PostgreSQL is None, not a whole number"),
    (f"{_BASE}/kustomization.yaml", r"API_PROCESSES=28", "API_PROCESSES=", "API_PROCESSES is '', not a whole number"),
]


@seeded({departures: _FAULTS})
def test_a_departure_from_the_plan_is_found(copy: Path, capsys: pytest.CaptureFixture[str], fault: Fault) -> None:
    fault.assert_found(copy, capsys)


def test_without_its_autoscalers_every_pool_is_named(copy: Path) -> None:
    spoil(copy, f"{OVERLAYS}/prod/kustomization.yaml", r"- ../../components/keda\n", "")

    named = {line.split()[1] for line in departures(copy) if "has no ScaledObject" in line}
    assert named == {name.replace(".", "-") for name in KINDS} - {"odds-ingest-schedule"}


def test_a_changed_setting_rolls_out_to_the_pods_that_read_it_and_to_no_others(copy: Path) -> None:
    prod = copy / OVERLAYS / "prod"
    before = _pods(built(prod))
    spoil(copy, f"{_BASE}/kustomization.yaml", r"EV_ENGINE_PROCESSES=16", "EV_ENGINE_PROCESSES=17")
    after = _pods(built(prod))

    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"Deployment ev-engine-consume", "Deployment ev-engine-worker", "Job ev-engine-migrate"}


def _pods(rendered: str) -> Mapping[str, Any]:
    """The pods of each Deployment and Job, as they are described."""
    return {
        f"{one['kind']} {one['metadata']['name']}": one["spec"]["template"]
        for one in yaml.safe_load_all(rendered)
        if one["kind"] in ("Deployment", "Job")
    }
