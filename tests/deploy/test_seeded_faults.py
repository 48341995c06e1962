"""A fault of each kind makes `make check-deploy` fail, and says where it is."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from deploy import cache, kubernetes, observability, proxy
from deploy.__main__ import CHECKS
from fixtures.deploy_copy import Fault, Look, Seed, checked, seeded, spoil

_NGINX = "compose/bet_intel/compose/servers/nginx.conf"
_ALERTS = "compose/prometheus/rules/alerts.yaml"
_PROMETHEUS = "compose/prometheus/prometheus.yaml"
_FRONT_DOOR = "compose/prometheus/front-door.yaml"
_FRONT_DOORS = "compose/prometheus/front-doors-of-three-hosts.yaml"
_COLLECTOR = "compose/otel/collector.yaml"
_WATCHERS = "compose/compose.observability.yaml"
_COMPOSE = "compose/compose.yaml"
_DEFINITIONS = "compose/rabbitmq/definitions.json"
_OF_NOTIFIER = r'("user": "notifier",\n *)'
_RABBITMQ = "compose/k8s/components/rabbitmq/cluster.yaml"
_FAULTS: Mapping[str | Look, Sequence[Seed]] = {
    "images": [
        ("services/api/Dockerfile", r"USER 10001:10001\n", "", "runs as root"),
        ("services/notifier/Dockerfile", r":3\.11-slim-bookworm", "", "DL3006"),
        ("services/ev-engine/Dockerfile", r"9100/health", "9100/metrics", "health is not asked at :9100/health"),
        ("services/api/Dockerfile", r"8000/livez", "9100/metrics", "health is not asked at :8000/livez"),
        ("services/notifier/Dockerfile", r"\$\{REVISION\}", "unknown", "no label of its revision"),
    ],
    "compose": [
        (_COMPOSE, r"  REVISION: .*\n", "", "without its version and revision"),
        (_COMPOSE, r"9100/health", "9100/metrics", "api-consume is asked for its health where"),
        (_COMPOSE, r"command: \[serve\]", "commandd: [serve]", "commandd"),
        (_COMPOSE, r"SCALE_API:-3", "SCALE_API:-2", "api.serve runs 2 times"),
        (_COMPOSE, r"memory: 256M, cpus: \"0.2\"", 'memory: 128M, cpus: "0.2"', "the plan gives"),
        (_COMPOSE, r"API_DSN_FILE: ", "API_DSN: x", "in its environment"),
        (_COMPOSE, r"  read_only: true\n  tmpfs", "  tmpfs", "may write to its image"),
        (_COMPOSE, r"NOTIFIER_POOL_SIZE", "NOTIFIER_POOLSIZE", "which it does not read"),
        (_COMPOSE, r"path: ev-engine.env", "path: notifier.env", "ev-engine is given bet-intel.env"),
        (_COMPOSE, r"PROXIES: 172.31.250.2", "PROXIES: 172.31.0.0/16", "api trusts 172.31.0.0/16"),
        (_COMPOSE, r"    networks: .*250.35.*\n", "", "redis-5 has the address of redis-1"),
        (_COMPOSE, r"inside: \{ipv4_address: 172.31.250.34\}", "inside: {}", "redis-4 has no address"),
        (_PROMETHEUS, r"          - notifier-worker\n", "", "notifier-worker is not"),
        (_PROMETHEUS, r", postgres-3:5432", "", "postgres-3 is not asked for its metrics"),
        (_PROMETHEUS, r"redis-6:6379", "redis-7:6379", "there is no redis-7 in the"),
        (_PROMETHEUS, r", rabbitmq-3:15692", "", "rabbitmq-3 is not asked for its metrics on 15692"),
        (_PROMETHEUS, r"rabbitmq-1:", "rabbitmq-9:", "there is no rabbitmq-9 in the compose files"),
        (_PROMETHEUS, r"cadvisor:8080", "cadvisors:8080", "there is no cadvisors in the compose files"),
        (_PROMETHEUS, r"alertmanager:9093", "alertmanagers:9093", "no alertmanagers in the compose files"),
        (_PROMETHEUS, r"alertmanager:9093", "alertmanager:9094", "does not listen on 9094 to be told of alerts"),
        (_FRONT_DOOR, r"nginx:8080", "nginx:8081", "nginx does not listen on 8081 to be asked for its metrics"),
        (_WATCHERS, r":/etc/front-doors", ":/etc/front-door", "nginx is not asked for its metrics on 8080"),
        (_PROMETHEUS, r"\[prometheus:9090\]", "[]", "prometheus is not asked for its metrics on 9090"),
        (_PROMETHEUS, r"blackbox-exporter:9115", "nginx:9115", "nginx does not listen on 9115"),
        (_PROMETHEUS, r"port: 9100", "port: 9101", "odds-ingest does not listen on 9101"),
        (_PROMETHEUS, r"port: 8888", "port: 8889", "otel-collector does not listen on 8889"),
        (_PROMETHEUS, r"redis-exporter:9121", "redis-exporter:9122", "redis-exporter does not listen on 9122"),
        (_PROMETHEUS, r"rules/\*", "rule/*", "there are no rules at rule/*.yaml"),
        (_PROMETHEUS, r"rules/\*", "rules/a*", "nobody reads the rules of recording.yaml"),
        (_WATCHERS, r"/prometheus.yaml", "/prom.yaml", "prometheus is told of /etc/prometheus/prom.yaml"),
        (_WATCHERS, r"exporter.yaml\]\n    secrets", "exporter.yml]\n    secrets", "postgres_exporter.yml, which"),
        (_WATCHERS, r"\./otel:", "./otels:", "otel-collector is given"),
        (_WATCHERS, r"    secrets: \[smtp_password\]\n", "", "alertmanager is not given /run/secrets/smtp_password"),
        ("compose/compose.tls.yaml", r"tls.conf.template", "tls.template", "nginx does not read what is made of"),
        ("compose/compose.tls.yaml", r"\[tls_certificate, tls_key\]", "[tls_key]", "nginx is not given /run/secr"),
        (_COMPOSE, r"secrets/api_dsn\n", "secrets/api_dns\n", "api is told of /run/secrets/api_dns, which"),
        (_COMPOSE, r"url, operator_token, secrets_key\]", "url, secrets_key]", "api-consume is told of /run/secrets"),
        (_COMPOSE, r"ev_engine_owner_password, odds", "odds", "not given /run/secrets/ev_engine_owner_password"),
        ("compose/hosts/full.env", r"POSTGRES_HOSTS=.*\n", "", "full.env: leaves POSTGRES_HOSTS as"),
        ("compose/hosts/full.env", r"(POSTGRES_HOSTS=postgres-1).*", r"\1", "postgres-1 knows postgres-1 alone"),
        (_COMPOSE, r"PROCESSES_API:-5", "PROCESSES_API:-1", "compose.yaml: api is told of 1 processes"),
        (_COMPOSE, r"notifier_dsn, notifier_b", "notifier_dsn, api_broker_url, notifier_b", "given api_broker_url, n"),
        (_COMPOSE, r"max_connections=400", "max_connections=40", "connections, and postgres-2 takes 40"),
        (_WATCHERS, r".*9093/-/ready.*\n", "", "the health of alertmanager"),
        (_WATCHERS, r"memory: 200M", "memory: 32M", "cadvisor has 32 MiB, and asks for 200"),
    ],
    "hosts": [
        ("compose/hosts/2.env", r"host-2", "host-3", "postgres-2 runs on no host"),
        ("compose/hosts/2.env", r"HOST=2", "HOST=1", "172.31.250.11 is given to 2 containers"),
        (
            "compose/compose.three-hosts.yaml",
            r"redis-5: \{profiles: \[host-2",
            "redis-5: {profiles: [host-1",
            "redis-5 is on the host of redis-1",
        ),
        (
            "compose/compose.three-hosts.yaml",
            r"250.22:8000 max_fails=3",
            "250.24:8000 max_fails=3",
            "GATEWAYS of nginx",
        ),
        ("compose/compose.three-hosts.yaml", r",172.31.250.13", "", "and not nginx of each host"),
        (
            "compose/compose.three-hosts.yaml",
            r"PROCESSES_EV_ENGINE:-6",
            "PROCESSES_EV_ENGINE:-4",
            "is told of 4 processes",
        ),
        ("compose/compose.three-hosts.yaml", r"healthy, required: false", "healthy", "depends on undefined service"),
        ("compose/compose.three-hosts.yaml", r"name: bet-intel,", "name: bet-intels,", "is not on the network"),
        (
            _FRONT_DOORS,
            r"250.12:",
            "250.13:",
            "does not ask http://172.31.250.12:8080/health by the name nginx of host 2",
        ),
        (
            _FRONT_DOORS,
            r"host 3",
            "host 2",
            "does not ask http://172.31.250.13:8080/health by the name nginx of host 3",
        ),
        (_WATCHERS, r":\+s-of-three-hosts", ":+", "does not ask http://172.31.250.11:8080/health"),
        ("docs/operations/three-hosts.md", r"hosts/3.env", "hosts/1.env", "no command for host 3"),
    ],
    "nginx": [
        (_NGINX, r"connect_timeout 5s", "connect_timeout 50s", "location @write: proxy_connect_timeout is 50s"),
        (_NGINX, r"least_conn", "least_con", "least_con"),
        (_NGINX, r"server_tokens off", "server_tokens on", "version_disclosure"),
        (_COMPOSE, r"RATE: 200r/s", "RATE: 2000r/s", "nginx has RATE 2000r/s"),
        (_COMPOSE, r'CONNECTIONS: "1100"', 'CONNECTIONS: "110"', "nginx has CONNECTIONS 110"),
        ("compose/nginx/tls.conf", r"TLSv1.2", "TLSv1.0 TLSv1.2", "TLS"),
        (_COMPOSE, r"      RATE: 200r/s\n", "", "given by nobody"),
    ],
    proxy.blocks: [
        (_NGINX, r"proxy_send_timeout 60s", "proxy_send_timeout 6s", "@write: proxy_send_timeout is 6s"),
        (_NGINX, r"proxy_send_timeout 2s;", "", "location /: proxy_send_timeout is 60s, not 2s"),
        (_NGINX, r"proxy_next_upstream off;", "", "location @write_once: proxy_next_upstream is error"),
        (_NGINX, r"proxy_read_timeout 60s", "proxy_read_timeout 2s", "exports?(?:/|$): proxy_read_timeout is 2s"),
        (_NGINX, r"proxy_read_timeout 1h", "proxy_read_timeout 1m", "/v1/stream: proxy_read_timeout is 1m"),
        (_NGINX, r"location @stream_from_all", "location @streams", "there is no location @stream_from_all"),
        (_NGINX, r"http_503;", ";", "location /: proxy_next_upstream is error timeout invalid_header http_500"),
        (_NGINX, r"\n.*proxy_next_upstream error.*503;", "", "location @write: proxy_next_upstream is None"),
        (_NGINX, r" non_idempotent;", ";", "location @write_to_all: proxy_next_upstream is"),
        (_NGINX, r"tries 2", "tries 3", "location /: proxy_next_upstream_tries is 3"),
        (_NGINX, r"limit_req zone.*", "", "location /: limit_req is None"),
        (_NGINX, r"limit_conn connections.*", "", "location /: limit_conn is None"),
        (_NGINX, r"location @write_unsent ", "location @any ", "location @any asks a gateway"),
    ],
    "scripts": [
        ("compose/postgres/host.sh", r"done\n", "don\n", "syntax error"),
        (
            "compose/redis/create.sh",
            r"REDISCLI_AUTH=(.*)\nexport REDISCLI_AUTH",
            r'export REDISCLI_AUTH="\1"',
            "SC2155",
        ),
    ],
    "rabbitmq": [
        ("compose/rabbitmq/rabbitmq.conf", r"consumer_timeout", "consumer_time_out", "consumer_time_out"),
        ("compose/rabbitmq/rabbitmq.conf", r"pause_minority", "pause_majority", "pause_majority"),
        (
            "compose/rabbitmq/rabbitmq.conf",
            r"load_definitions = .*",
            "default_vhost = bet-intel",
            "loaded from nowhere",
        ),
        ("compose/rabbitmq/rabbitmq.conf", r"(reconciliation.enabled =) true", r"\1 maybe", "maybe"),
        ("compose/rabbitmq/rabbitmq.conf", r"quorum_queue.*\n", "", "no member on a node that joins later"),
        (
            "compose/k8s/components/rabbitmq/cluster.yaml",
            r"(target_group_size =) 3",
            r"\1 1",
            "cluster.yaml: a queue gets no member on a node that joins later",
        ),
        ("compose/rabbitmq/enabled_plugins", r"_prometheus", "_prometheos", "there is no rabbitmq_prometheos"),
        ("compose/rabbitmq/enabled_plugins", r"\]\.", "]", "is no list of plugins"),
        ("compose/rabbitmq/rabbitmq.conf", r"absolute = 600MiB", "relative = 0.6", "no MiB are said to be too many"),
        ("compose/rabbitmq/rabbitmq.conf", r"600MiB", "900MiB", "publishers stop at 900 MiB, more than 70% of"),
        (_DEFINITIONS, r"quorum", "classic", "bet-intel are not quorum queues"),
        (_DEFINITIONS, _OF_NOTIFIER + r'"vhost": "bet-intel"', r'\1"vhost": "/"', "notifier has other rights than"),
        (_DEFINITIONS, _OF_NOTIFIER + r'"vhost": "bet-intel"', r'\1"vhost": "/"', "notifier has rights in /"),
        (_DEFINITIONS, _OF_NOTIFIER + r'((?s:.)*?)"read": ".*"', r'\1\2"read": ".*"', "notifier has other rights than"),
        (_DEFINITIONS, r'"tags": ""', '"tags": "administrator"', "the users and their tags are"),
        (
            "compose/secrets.sh",
            r"amqp://\$\{service//_/-\}:",
            "amqp://bet-intel:",
            "can log in by api_broker_url",
        ),
        ("compose/secrets.sh", r"rabbitmq keda", "rabbitmq", "users have no password of their own"),
        (_RABBITMQ, r"- rabbitmq_prometheus", "- rabbitmq_prometheos", "cluster.yaml: there is no rabbitmq_prometheos"),
        (
            _RABBITMQ,
            r"path: definitions.json",
            "path: others.json",
            "cluster.yaml: definitions are loaded from",
        ),
        (
            _RABBITMQ,
            r"_watermark.relative",
            "_watermarks.relative",
            "vm_memory_high_watermarks",
        ),
    ],
    "redis": [
        ("compose/redis/password.sh", r"setuser default >", "setuser other on >", "are let in"),
        ("compose/redis/password.sh", r"requirepass \$new", "maxclients 100", "are let in"),
        ("compose/redis/password.sh", r"    echo \"config set masterauth .*\n", "", "master with the old password"),
        ("compose/redis/start.sh", r"allkeys-lru", "allkeys-lr", "maxmemory-policy"),
        ("compose/redis/start.sh", r"requirepass", "# requirepass", "lets in who has no password"),
        ("compose/redis/start.sh", r"--maxmemory-policy allkeys-lru", "", "a node that is full drops nothing"),
        ("compose/redis/create.sh", r"cluster create", "cluster creates", "create.sh: "),
    ],
    "files": [
        (
            "compose/k8s/components/redis/start.sh",
            r"appendonly no",
            "appendonly yes",
            "redis/start.sh is not what the code makes",
        ),
        ("compose/redis/create.sh", r"left=60", "left=61", "components/redis/create.sh is not what the code makes"),
        ("docs/architecture/dependencies.toml", r"cache = true", "cache = false", "network-policies.yaml is not"),
        ("compose/k8s/components/keda/scaled-objects.yaml", r"value: '50'", "value: '51'", "scaled-objects.yaml"),
        ("compose/k8s/base/notifier-worker.yaml", r"cpu: 300m", "cpu: 400m", "base/notifier-worker.yaml is not what"),
    ],
    "kubernetes": [
        ("compose/k8s/base/kustomization.yaml", r"- namespace.yaml", "- namespaces.yaml", "namespaces.yaml"),
        ("compose/k8s/base/api-serve.yaml", r"periodSeconds: 30", "periodSecond: 30", "periodSecond"),
        ("compose/k8s/components/keda/kustomization.yaml", r"\$patch: delete", "", "two autoscalers"),
    ],
    kubernetes.departures: [
        ("compose/k8s/base/ev-engine-worker.yaml", r"path: /ready", "path: /metrics", "readinessProbe asks"),
        ("compose/k8s/base/api-migrate.yaml", r"OWNER_DSN_FILE", "OWNERS_DSN_FILE", "which nobody reads"),
        ("compose/k8s/base/api-autoscaler.yaml", r"Utilization: 70", "Utilization: 75", "the plan {"),
        ("compose/k8s/base/notifier-worker.yaml", r"memory: 512Mi", "memory: 256Mi", "the plan gives it"),
        ("compose/k8s/base/kustomization.yaml", r"API_PROCESSES=28", "API_PROCESSES=22", "may have 28"),
        ("compose/k8s/components/postgres/cluster.yaml", r"'800'", "'400'", "PostgreSQL takes 400"),
        ("compose/k8s/components/backup/kustomization.yaml", r"Name: postgres\}", "Name: other}", "no ObjectStore"),
        (
            "compose/k8s/components/restore/kustomization.yaml",
            r"postgres-restored-1",
            "postgres",
            "restored: postgres archives under the name that it recovers from",
        ),
        (
            "compose/k8s/overlays/prod/kustomization.yaml",
            r"# - .*restore\n",
            "",
            "restored: PostgreSQL does not come from its archive",
        ),
    ],
    "policy": [
        ("compose/k8s/base/notifier-worker.yaml", r"Escalation: false", "Escalation: true", "CKV_K8S_20"),
    ],
    "prometheus": [
        (_PROMETHEUS, "scrape_configs", "scrape_config", "scrape_config"),
        (_ALERTS, r"humanizeDuration", "humanizeDuratio", "humanizeDuratio"),
        ("compose/prometheus/rules/recording.yaml", r"mean_5m\n", "mean_1m\n", "FAILED"),
        (_ALERTS, r"seconds\) > 60", "seconds) > 600", "OutboxStuck"),
        (_ALERTS, r"mean_5m > 0\.2", "mean_5m > 0.29", "SlowAnswers: the plan says"),
        (_ALERTS, r"86400\)", "8640)", "CreditsRunningOut"),
    ],
    observability.promises: [
        (_ALERTS, r"seconds:5m > 30", "seconds:5m > 59", "QueueBehind: the plan says"),
        (_ALERTS, r"mean_5m > 0\.05", "mean_5m > 0.079", "ReplicaReadsSlow: the plan says"),
        (_ALERTS, r"ratio > 0\.8", "ratio > 0.89", "RedisMemory: the plan says"),
        (_ALERTS, r"ratio_5m < 0\.95", "ratio_5m < 0.6", "CacheMisses: the plan says"),
        (_ALERTS, r"\"schedule\"", '"scheduler"', "miss odds-ingest.schedule"),
        (_ALERTS, r"runbooks/no-primary", "runbooks/none", "its runbook"),
        (
            "compose/prometheus/tests/gateway.yaml",
            r"      - eval_time: 40m\n        alertname: KeysStale\n",
            "",
            "KeysStale: no test in compose/prometheus/tests sees it end",
        ),
    ],
    "alertmanager": [
        ("compose/alertmanager/alertmanager.yaml", r"receiver: operators", "receiver: nobody", "nobody"),
        ("compose/alertmanager/alertmanager.yaml", r"NoPrimary", "NoPrimaries", "no alert NoPrimaries"),
    ],
    "dashboards": [
        ("compose/grafana/dashboards/cache.json", r"sum by", "sum bye", "could not parse"),
        ("compose/grafana/dashboards/cache.json", r"Hit rate", "Hits", "is not what the code makes"),
    ],
    "provisioning": [
        (
            "compose/grafana/provisioning/datasources/prometheus.yaml",
            r"uid: prometheus",
            "uid: other",
            "which is no source",
        ),
        (
            "compose/grafana/provisioning/datasources/prometheus.yaml",
            r":9090",
            ":9091",
            "prometheus does not listen on 9091",
        ),
        (
            "compose/grafana/provisioning/datasources/prometheus.yaml",
            r"apiVersion: 1",
            "apiVersion: 2",
            "a source has no name",
        ),
        (
            "compose/grafana/provisioning/dashboards/bet-intel.yaml",
            r"grafana/dashboards",
            "grafana/boards",
            "there are no dashboards in",
        ),
        (_WATCHERS, r":/etc/grafana/provisioning", ":/etc/provisioning", "is not where Grafana looks"),
    ],
    "metrics": [
        ("compose/grafana/dashboards/tasks.json", r"bet_intel_tasks_at_work", "bet_intel_tasks_idle", "tasks_idle"),
        (_ALERTS, r"bet_intel_dead_letters", "bet_intel_dead", "bet_intel_dead:"),
    ],
    "labels": [
        ("compose/grafana/dashboards/tasks.json", r"sum by \(queue\)", "sum by (name)", "no label name"),
        ("compose/grafana/dashboards/cache.json", r"\{\{node\}\}", "{{nodes}}", "its legend has no label nodes"),
        (
            "compose/grafana/dashboards/database.json",
            r"database, operation\) \(rate\(bet_intel_postgres_transaction_seconds_count",
            "operation) (rate(bet_intel_postgres_transaction_seconds_count",
            "one side has no database",
        ),
        (_ALERTS, r"hop=", "hops=", "NoOpportunityUpdated: "),
        (_ALERTS, r"labels.provider", "labels.source", "its text has no label source"),
        ("compose/prometheus/rules/recording.yaml", r"by \(node\)", "by (instance)", "RedisMemory: its text has no"),
        (
            "compose/k8s/components/monitoring/service-monitors.yaml",
            r"honorLabels: true",
            "honorLabels: false",
            "is the operator's",
        ),
    ],
    "collector": [
        (_COLLECTOR, r"exporters: \[otlphttp/traces\]", "exporters: [none]", "no exporters"),
        (_COLLECTOR, "check_interval: 1s", "check_intervall: 1s", "processors/memory_limiter: Additional"),
        (_COLLECTOR, "timeout: 2s", "timeout: 2", "processors/batch/timeout: 2 is not of type"),
        (_COLLECTOR, "  batch:\n", "  batches:\n", "collector.yaml: processors: "),
        (_COLLECTOR, "limit_mib: 200", "limit_mib: 256", "its container's 256 MiB are full before the 256"),
        (_COLLECTOR, "0.0.0.0:4318", "0.0.0.0:4317", "listens at 0.0.0.0:4317"),
        (_COLLECTOR, "env:TRACES_ENDPOINT", "env:TRACES_END", "TRACES_END is given by"),
    ],
}


@seeded(_FAULTS)
def test_a_fault_is_found(copy: Path, capsys: pytest.CaptureFixture[str], fault: Fault) -> None:
    fault.assert_found(copy, capsys)


def test_nodes_that_do_not_find_each_other_at_other_addresses_are_found(
    copy: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # They never do: nobody is to wait as long for that as for nodes of a slow machine that do.
    monkeypatch.setattr(cache, "FOUND_SECONDS", 5.0)
    spoil(copy, "compose/redis/create.sh", r"cluster meet ([\s\S]*)left=60", r"cluster meets \1left=3")

    code, printed = checked("redis", copy, capsys)

    assert "at other addresses do not find each other" in printed
    assert code == 1


@pytest.mark.parametrize("name", [check.name for check in CHECKS])
def test_a_copy_without_a_fault_passes(copy: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    assert checked(name, copy, capsys) == (0, f"== {name}: ok\n")


def test_every_check_has_a_fault_that_it_finds() -> None:
    assert {check.name for check in CHECKS} == {by for by in _FAULTS if isinstance(by, str)}
