"""A fault of each kind makes `make check-deploy` fail, and says where it is."""

import shutil
from pathlib import Path

import pytest

from deploy.__main__ import CHECKS
from deploy.faults import PROJECT
from fixtures.deploy_copy import OVERLAYS, checked, spoil

_NGINX = "compose/bet_intel/compose/servers/nginx.conf"
_FAULTS = [
    ("images", "services/api/Dockerfile", r"USER 10001:10001\n", "", "runs as root"),
    ("images", "services/notifier/Dockerfile", r":3\.11-slim-bookworm", "", "DL3006"),
    ("images", "services/ev-engine/Dockerfile", r"9100/health", "9100/metrics", "health is not asked at :9100/health"),
    ("images", "services/api/Dockerfile", r"8000/livez", "9100/metrics", "health is not asked at :8000/livez"),
    ("images", "services/notifier/Dockerfile", r"\$\{REVISION\}", "unknown", "no label of its revision"),
    ("compose", "compose/compose.yaml", r"  REVISION: .*\n", "", "without its version and revision"),
    ("compose", "compose/compose.yaml", r"9100/health", "9100/metrics", "api-consume is asked for its health where"),
    ("compose", "compose/compose.yaml", r"command: \[serve\]", "commandd: [serve]", "commandd"),
    ("compose", "compose/compose.yaml", r"replicas: 3", "replicas: 2", "api.serve runs 2 times"),
    ("compose", "compose/compose.yaml", r"memory: 256M, cpus: \"0.2\"", 'memory: 128M, cpus: "0.2"', "the plan gives"),
    ("compose", "compose/compose.yaml", r"API_DSN_FILE: ", "API_DSN: x", "in its environment"),
    ("compose", "compose/compose.yaml", r"  read_only: true\n  tmpfs", "  tmpfs", "may write to its image"),
    ("compose", "compose/compose.yaml", r"NOTIFIER_POOL_SIZE", "NOTIFIER_POOLSIZE", "which it does not read"),
    (
        "compose",
        "compose/compose.yaml",
        r"path: ev-engine.env",
        "path: notifier.env",
        "ev-engine is given bet-intel.env",
    ),
    ("compose", "compose/compose.yaml", r"PROXIES: 172.31.250.2", "PROXIES: 172.31.0.0/16", "api trusts 172.31.0.0/16"),
    ("compose", "compose/compose.yaml", r"    networks: .*250.35.*\n", "", "redis-5 has the address of redis-1"),
    (
        "compose",
        "compose/compose.yaml",
        r"inside: \{ipv4_address: 172.31.250.34\}",
        "inside: {}",
        "redis-4 has no address",
    ),
    ("compose", "compose/prometheus/prometheus.yaml", r"          - notifier-worker\n", "", "notifier-worker is not"),
    ("compose", "compose/prometheus/prometheus.yaml", r", postgres-3:5432", "", "postgres-3 is not asked by its"),
    ("compose", "compose/prometheus/prometheus.yaml", r"redis-6:6379", "redis-7:6379", "there is no redis-7 for an"),
    ("compose", "compose/compose.observability.yaml", r".*9093/-/ready.*\n", "", "the health of alertmanager"),
    ("hosts", "compose/hosts/2.env", r"host-2", "host-3", "postgres-2 runs on no host"),
    ("hosts", "compose/hosts/2.env", r"HOST=2", "HOST=1", "172.31.250.11 is given to 2 containers"),
    (
        "hosts",
        "compose/compose.three-hosts.yaml",
        r"redis-5: \{profiles: \[host-2",
        "redis-5: {profiles: [host-1",
        "redis-5 is on the host of redis-1",
    ),
    (
        "hosts",
        "compose/compose.three-hosts.yaml",
        r"250.22:8000 max_fails=3",
        "250.24:8000 max_fails=3",
        "GATEWAYS of nginx",
    ),
    ("hosts", "compose/compose.three-hosts.yaml", r",172.31.250.13", "", "and not nginx of each host"),
    (
        "hosts",
        "compose/compose.three-hosts.yaml",
        r"ENGINE_PROCESSES: \"6\"",
        'ENGINE_PROCESSES: "4"',
        "is told of 4 processes",
    ),
    (
        "hosts",
        "compose/compose.three-hosts.yaml",
        r"healthy, required: false",
        "healthy",
        "depends on undefined service",
    ),
    ("hosts", "compose/compose.three-hosts.yaml", r"name: bet-intel,", "name: bet-intels,", "is not on the network"),
    ("hosts", "docs/operations/three-hosts.md", r"hosts/3.env", "hosts/1.env", "no command for host 3"),
    ("nginx", _NGINX, r"least_conn", "least_con", "least_con"),
    (
        "nginx",
        _NGINX,
        r"server_tokens off",
        "server_tokens on",
        "version_disclosure",
    ),
    ("nginx", _NGINX, r"proxy_send_timeout 60s", "proxy_send_timeout 6s", "location /: proxy_send_timeout is 6s"),
    ("nginx", _NGINX, r"proxy_send_timeout 2s;", "", "location /v1/: proxy_send_timeout is 60s, not 2s"),
    ("nginx", _NGINX, r"proxy_read_timeout 60s", "proxy_read_timeout 2s", "exports?(?:/|$): proxy_read_timeout is 2s"),
    ("nginx", _NGINX, r"proxy_read_timeout 1h", "proxy_read_timeout 1m", "/v1/stream: proxy_read_timeout is 1m"),
    ("nginx", _NGINX, r"location @stream_from_all", "location @streams", "there is no location @stream_from_all"),
    ("nginx", "compose/nginx/tls.conf", r"TLSv1.2", "TLSv1.0 TLSv1.2", "TLS"),
    ("nginx", "compose/compose.yaml", r"      RATE: 200r/s\n", "", "given by nobody"),
    ("scripts", "compose/postgres/host.sh", r"done\n", "don\n", "syntax error"),
    (
        "scripts",
        "compose/redis/create.sh",
        r"REDISCLI_AUTH=(.*)\nexport REDISCLI_AUTH",
        r'export REDISCLI_AUTH="\1"',
        "SC2155",
    ),
    ("rabbitmq", "compose/rabbitmq/rabbitmq.conf", r"consumer_timeout", "consumer_time_out", "consumer_time_out"),
    ("rabbitmq", "compose/rabbitmq/rabbitmq.conf", r"pause_minority", "pause_majority", "pause_majority"),
    (
        "rabbitmq",
        "compose/rabbitmq/rabbitmq.conf",
        r"load_definitions = .*",
        "default_vhost = bet-intel",
        "loaded from nowhere",
    ),
    ("rabbitmq", "compose/rabbitmq/enabled_plugins", r"_prometheus", "_prometheos", "there is no rabbitmq_prometheos"),
    ("rabbitmq", "compose/rabbitmq/enabled_plugins", r"\]\.", "]", "is no list of plugins"),
    ("rabbitmq", "compose/secrets.sh", r"quorum", "classic", "bet-intel are not quorum queues"),
    ("rabbitmq", "compose/secrets.sh", r'vhost\\": \\"bet-intel', r'vhost\\": \\"/', "may do nothing in bet-intel"),
    (
        "rabbitmq",
        "compose/k8s/components/rabbitmq/cluster.yaml",
        r"path: definitions.json",
        "path: others.json",
        "cluster.yaml: definitions are loaded from",
    ),
    (
        "rabbitmq",
        "compose/k8s/components/rabbitmq/cluster.yaml",
        r"_watermark.relative",
        "_watermarks.relative",
        "vm_memory_high_watermarks",
    ),
    ("redis", "compose/redis/start.sh", r"allkeys-lru", "allkeys-lr", "maxmemory-policy"),
    ("redis", "compose/redis/start.sh", r"requirepass", "# requirepass", "lets in who has no password"),
    ("redis", "compose/redis/start.sh", r"--maxmemory-policy allkeys-lru", "", "a node that is full drops nothing"),
    ("redis", "compose/redis/create.sh", r"cluster create", "cluster creates", "create.sh: "),
    (
        "redis",
        "compose/redis/create.sh",
        r"cluster meet ([\s\S]*)left=60",
        r"cluster meets \1left=3",
        "at other addresses do not find each other",
    ),
    ("redis", "compose/k8s/components/redis/start.sh", r"appendonly no", "appendonly yes", "is not that of"),
    ("files", "docs/architecture/dependencies.toml", r"cache = true", "cache = false", "network-policies.yaml is not"),
    ("files", "compose/k8s/components/keda/scaled-objects.yaml", r"value: '50'", "value: '51'", "scaled-objects.yaml"),
    ("kubernetes", "compose/k8s/base/kustomization.yaml", r"- namespace.yaml", "- namespaces.yaml", "namespaces.yaml"),
    ("kubernetes", "compose/k8s/base/api-serve.yaml", r"periodSeconds: 30", "periodSecond: 30", "periodSecond"),
    ("kubernetes", "compose/k8s/base/ev-engine-worker.yaml", r"path: /ready", "path: /metrics", "readinessProbe asks"),
    ("kubernetes", "compose/k8s/components/keda/kustomization.yaml", r"\$patch: delete", "", "two autoscalers"),
    ("kubernetes", "compose/k8s/base/api-migrate.yaml", r"OWNER_DSN_FILE", "OWNERS_DSN_FILE", "which nobody reads"),
    ("kubernetes", "compose/k8s/base/api-autoscaler.yaml", r"Utilization: 70", "Utilization: 75", "the plan {"),
    ("kubernetes", "compose/k8s/base/notifier-worker.yaml", r"memory: 512Mi", "memory: 256Mi", "the plan gives it"),
    ("kubernetes", "compose/k8s/base/kustomization.yaml", r"API_PROCESSES=28", "API_PROCESSES=22", "may have 28"),
    ("kubernetes", "compose/k8s/components/postgres/cluster.yaml", r"'800'", "'400'", "PostgreSQL takes 400"),
    (
        "kubernetes",
        "compose/k8s/components/backup/kustomization.yaml",
        r"Name: postgres\}",
        "Name: other}",
        "no ObjectStore",
    ),
    ("policy", "compose/k8s/base/notifier-worker.yaml", r"Escalation: false", "Escalation: true", "CKV_K8S_20"),
    ("prometheus", "compose/prometheus/prometheus.yaml", "scrape_configs", "scrape_config", "scrape_config"),
    ("prometheus", "compose/prometheus/rules/alerts.yaml", r"humanizeDuration", "humanizeDuratio", "humanizeDuratio"),
    ("prometheus", "compose/prometheus/rules/recording.yaml", r"mean_5m\n", "mean_1m\n", "FAILED"),
    ("prometheus", "compose/prometheus/rules/alerts.yaml", r"seconds\) > 60", "seconds) > 600", "OutboxStuck"),
    ("prometheus", "compose/prometheus/rules/alerts.yaml", r"runbooks/no-primary", "runbooks/none", "its runbook"),
    ("prometheus", "compose/prometheus/rules/alerts.yaml", r"\"schedule\"", '"scheduler"', "miss odds-ingest.schedule"),
    ("prometheus", "compose/prometheus/rules/alerts.yaml", r"86400\)", "8640)", "CreditsRunningOut"),
    (
        "prometheus",
        "compose/prometheus/tests/gateway.yaml",
        r"      - eval_time: 40m\n        alertname: KeysStale\n",
        "",
        "KeysStale: no test in compose/prometheus/tests sees it end",
    ),
    ("alertmanager", "compose/alertmanager/alertmanager.yaml", r"receiver: operators", "receiver: nobody", "nobody"),
    ("alertmanager", "compose/alertmanager/alertmanager.yaml", r"NoPrimary", "NoPrimaries", "no alert NoPrimaries"),
    ("dashboards", "compose/grafana/dashboards/cache.json", r"sum by", "sum bye", "could not parse"),
    ("dashboards", "compose/grafana/dashboards/cache.json", r"Hit rate", "Hits", "is not what the code makes"),
    (
        "provisioning",
        "compose/grafana/provisioning/datasources/prometheus.yaml",
        r"uid: prometheus",
        "uid: other",
        "which is no source",
    ),
    (
        "provisioning",
        "compose/grafana/provisioning/datasources/prometheus.yaml",
        r":9090",
        ":9091",
        "prometheus does not listen on 9091",
    ),
    (
        "provisioning",
        "compose/grafana/provisioning/datasources/prometheus.yaml",
        r"apiVersion: 1",
        "apiVersion: 2",
        "a source has no name",
    ),
    (
        "provisioning",
        "compose/grafana/provisioning/dashboards/bet-intel.yaml",
        r"grafana/dashboards",
        "grafana/boards",
        "there are no dashboards in",
    ),
    (
        "provisioning",
        "compose/compose.observability.yaml",
        r":/etc/grafana/provisioning",
        ":/etc/provisioning",
        "is not where Grafana looks",
    ),
    (
        "metrics",
        "compose/grafana/dashboards/tasks.json",
        r"bet_intel_tasks_at_work",
        "bet_intel_tasks_idle",
        "tasks_idle",
    ),
    ("metrics", "compose/prometheus/rules/alerts.yaml", r"bet_intel_dead_letters", "bet_intel_dead", "bet_intel_dead:"),
    ("labels", "compose/grafana/dashboards/tasks.json", r"sum by \(queue\)", "sum by (name)", "no label name"),
    ("labels", "compose/grafana/dashboards/cache.json", r"\{\{node\}\}", "{{nodes}}", "its legend has no label nodes"),
    (
        "labels",
        "compose/grafana/dashboards/database.json",
        r"database, operation\) \(rate\(bet_intel_postgres_transaction_seconds_count",
        "operation) (rate(bet_intel_postgres_transaction_seconds_count",
        "one side has no database",
    ),
    ("labels", "compose/prometheus/rules/alerts.yaml", r"hop=", "hops=", "NoOpportunityUpdated: "),
    (
        "labels",
        "compose/prometheus/rules/alerts.yaml",
        r"labels.provider",
        "labels.source",
        "its text has no label source",
    ),
    (
        "labels",
        "compose/prometheus/rules/recording.yaml",
        r"by \(node\)",
        "by (instance)",
        "RedisMemory: its text has no",
    ),
    (
        "labels",
        "compose/k8s/components/monitoring/service-monitors.yaml",
        r"honorLabels: true",
        "honorLabels: false",
        "is the operator's",
    ),
    (
        "collector",
        "compose/otel/collector.yaml",
        r"exporters: \[otlphttp/traces\]",
        "exporters: [none]",
        "no exporters",
    ),
    ("collector", "compose/otel/collector.yaml", "0.0.0.0:4318", "0.0.0.0:4317", "listens at 0.0.0.0:4317"),
    ("collector", "compose/otel/collector.yaml", "env:TRACES_ENDPOINT", "env:TRACES_END", "TRACES_END is given by"),
]


@pytest.mark.parametrize(("name", "file", "pattern", "fault", "said"), _FAULTS)
def test_a_fault_is_found(
    copy: Path, capsys: pytest.CaptureFixture[str], name: str, file: str, pattern: str, fault: str, said: str
) -> None:
    spoil(copy, file, pattern, fault)

    code, printed = checked(name, copy, capsys)

    assert said in printed
    assert code == 1


def test_a_restored_cluster_that_archives_over_what_it_recovers_from_is_found(
    copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(PROJECT / OVERLAYS / "restored", copy / OVERLAYS / "restored")
    component = copy / "compose/k8s/components/restore/kustomization.yaml"
    component.write_text(component.read_text("utf-8").replace("postgres-restored-1", "postgres"), "utf-8")

    code, printed = checked("kubernetes", copy, capsys)

    assert printed.splitlines()[1:] == ["restored: postgres archives under the name that it recovers from"]
    assert code == 1


@pytest.mark.parametrize("name", [check.name for check in CHECKS])
def test_a_copy_without_a_fault_passes(copy: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    assert checked(name, copy, capsys) == (0, f"== {name}: ok\n")


def test_every_check_has_a_fault_that_it_finds() -> None:
    assert {check.name for check in CHECKS} == {name for name, *_ in _FAULTS}
