"""A Deployment with its disruption budget for each type of process, and a migration Job for each service."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bet_intel.compose.cluster.services import GATEWAY, KINDS, ProcessKind
from deploy import plan

_SECRETS, _OWNER = "/run/secrets/bet-intel", "/run/secrets/bet-intel-owner"
_ANYBODY = 10001
"""The user of the images."""
_REPLICAS = 2
"""Where no autoscaler says how many; of those who plan polls one stands by."""
_MIGRATE = "migrate"
_MIGRATIONS = plan.Size(64, 0.05, 256, 0.5)
_MIGRATIONS_POOL = 4
_READ: Mapping[str, Mapping[str, str]] = {
    "api": {
        "BET_INTEL_REDIS_URL": "redis_url",
        "BET_INTEL_API_OPERATOR_TOKEN": "operator_token",
        "BET_INTEL_API_SECRETS_KEY": "secrets_key",
    },
    "ev-engine": {},
    "odds-ingest": {"BET_INTEL_ODDS_API_KEY": "odds_api_key"},
    "notifier": {"BET_INTEL_NOTIFIER_SECRETS_KEY": "secrets_key"},
}
"""What each service reads from its Secret besides the two addresses that all of them do: setting and key."""


def processes() -> Iterator[tuple[str, Sequence[Mapping[str, Any]]]]:
    """The objects of each, by its name."""
    for kind in KINDS.values():
        yield kind.name.replace(".", "-"), [_deployment(kind), _budget(kind)]
    for service in _READ:
        yield f"{service}-{_MIGRATE}", [_job(service)]


def _deployment(kind: ProcessKind) -> dict[str, Any]:
    gateway = kind == GATEWAY
    # Its autoscaler says how many there are.
    replicas = {} if gateway else {"replicas": _REPLICAS}
    container = _container(
        kind.service, kind.type, kind.pool_size, plan.GATEWAY if gateway else plan.WORKER, _ports(gateway=gateway)
    )
    probed = _probed("/livez", "/readyz", "http") if gateway else _probed("/health", "/ready", "metrics")
    # Requests still come until everybody has heard that it goes.
    last = {"lifecycle": {"preStop": {"exec": {"command": ["sleep", "10"]}}}} if gateway else {}
    mounts = {"volumeMounts": container.pop("volumeMounts")}
    pod = {
        **_pod(60 if gateway else 45),
        "topologySpreadConstraints": [
            {
                "maxSkew": 1,
                "topologyKey": key,
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": _labels(kind.service, kind.type)},
            }
            for key in ("topology.kubernetes.io/zone", "kubernetes.io/hostname")
        ],
        "containers": [{**container, **probed, **mounts, **last}],
        "volumes": _volumes(kind.service),
    }
    spec = {
        **replicas,
        "selector": {"matchLabels": _labels(kind.service, kind.type)},
        "revisionHistoryLimit": 3,
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
        "template": {"metadata": {"labels": _labels(kind.service, kind.type)}, "spec": pod},
    }
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": _metadata(kind.service, kind.type), "spec": spec}


def _budget(kind: ProcessKind) -> dict[str, Any]:
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": f"{kind.service}-{kind.type}"},
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": _labels(kind.service, kind.type)}},
    }


def _job(service: str) -> dict[str, Any]:
    """Before a rollout: docs/operations/runbooks/upgrade.md."""
    container = _container(service, _MIGRATE, _MIGRATIONS_POOL, _MIGRATIONS)
    pod = {
        **_pod(45),
        "containers": [container],
        "volumes": _volumes(service, owner=True),
        "restartPolicy": "OnFailure",
    }
    spec = {
        "backoffLimit": 6,
        "ttlSecondsAfterFinished": 600,
        "template": {"metadata": {"labels": _labels(service, _MIGRATE)}, "spec": pod},
    }
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": _metadata(service, _MIGRATE), "spec": spec}


def _metadata(service: str, type_: str) -> dict[str, Any]:
    return {"name": f"{service}-{type_}", "labels": _labels(service, type_)}


def _labels(service: str, type_: str) -> dict[str, str]:
    return {"app.kubernetes.io/name": service, "app.kubernetes.io/component": type_}


def _pod(grace_seconds: int) -> dict[str, Any]:
    return {
        "serviceAccountName": "bet-intel",
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": grace_seconds,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _ANYBODY,
            "runAsGroup": _ANYBODY,
            "fsGroup": _ANYBODY,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }


def _container(
    service: str, type_: str, pool_size: int, size: plan.Size, ports: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    mounts = {"secrets": _SECRETS} | ({"owner": _OWNER} if type_ == _MIGRATE else {})
    return {
        "name": type_,
        "image": f"bet-intel/{service}",
        "imagePullPolicy": "Always",
        "args": [type_],
        "envFrom": [{"configMapRef": {"name": f"{service}-settings"}}],
        "env": _environment(service, type_, pool_size),
        **(ports or {}),
        "resources": {
            "requests": {"memory": _memory(size.memory), "cpu": _cpus(size.cpus)},
            "limits": {"memory": _memory(size.most_memory), "cpu": _cpus(size.most_cpus)},
        },
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "runAsNonRoot": True,
            "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "volumeMounts": [
            *({"name": name, "mountPath": path, "readOnly": True} for name, path in mounts.items()),
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - the container's own, on a root that is read-only
        ],
    }


def _environment(service: str, type_: str, pool_size: int) -> list[dict[str, str]]:
    prefix = f"BET_INTEL_{service.replace('-', '_').upper()}_"
    read = {f"{prefix}DSN": "dsn", "BET_INTEL_BROKER_URL": "broker_url", **_READ[service]}
    told = {f"{name}_FILE": f"{_SECRETS}/{key}" for name, key in read.items()}
    told[f"{prefix}POOL_SIZE"] = str(pool_size)
    if type_ == _MIGRATE:
        told[f"{prefix}OWNER_DSN_FILE"] = f"{_OWNER}/owner_dsn"
    return [{"name": name, "value": value} for name, value in told.items()]


def _ports(*, gateway: bool) -> dict[str, Any]:
    http = [{"name": "http", "containerPort": 8000}] if gateway else []
    return {"ports": [*http, {"name": "metrics", "containerPort": 9100}]}


def _probed(alive: str, ready: str, port: str) -> dict[str, Any]:
    def asked(path: str, every: int, within: int, failures: int) -> dict[str, Any]:
        return {
            "httpGet": {"path": path, "port": port},
            "periodSeconds": every,
            "timeoutSeconds": within,
            "failureThreshold": failures,
        }

    return {
        "startupProbe": asked(alive, 5, 5, 60),
        "readinessProbe": asked(ready, 10, 5, 3),
        "livenessProbe": asked(alive, 30, 10, 3),
    }


def _volumes(service: str, *, owner: bool = False) -> list[dict[str, Any]]:
    secrets = {"secrets": f"bet-intel-{service}"} | ({"owner": f"bet-intel-{service}-owner"} if owner else {})
    return [
        *({"name": name, "secret": {"secretName": secret, "defaultMode": 0o440}} for name, secret in secrets.items()),
        {"name": "tmp", "emptyDir": {"sizeLimit": "64Mi"}},
    ]


def _memory(mebibytes: float) -> str:
    return f"{mebibytes / 1024:g}Gi" if mebibytes % 1024 == 0 else f"{mebibytes:g}Mi"


def _cpus(cpus: float) -> str:
    return f"{cpus * 1000:g}m"
