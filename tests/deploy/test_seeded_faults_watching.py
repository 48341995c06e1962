"""A fault in how the system is watched makes `make check-deploy` fail, and it says where it is."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from deploy import observability, telling
from fixtures.deploy_copy import Fault, Look, Seed, seeded

_ALERTS = "compose/prometheus/rules/alerts.yaml"
_PROMETHEUS = "compose/prometheus/prometheus.yaml"
_FRONT_DOOR = "compose/prometheus/front-door.yaml"
_ALERTMANAGER = "compose/alertmanager/alertmanager.yaml"
_MONITORS = "compose/k8s/components/monitoring/service-monitors.yaml"
_WATCHERS = "compose/compose.observability.yaml"
_COMPOSE = "compose/compose.yaml"
_SECRETS = "compose/secrets.sh"
_BOARDS = "compose/grafana/dashboards"
_FAULTS: Mapping[str | Look, Sequence[Seed]] = {
    observability.promises: [
        (_PROMETHEUS, r"/metrics/per-object", "/metrics", "rabbitmq asks for /metrics, not for /metrics/per"),
        (_PROMETHEUS, r"metrics_path: /probe", "metrics_path: /metrics", "postgres asks for /metrics, not"),
        (_PROMETHEUS, r"metrics_path: /scrape", "metrics_path: /metrics", "redis asks for /metrics, not for /scrape"),
        (_PROMETHEUS, r"job_name: bet-intel", "job_name: services", "there is no job bet-intel, which is"),
        (_MONITORS, r"replacement: bet-intel", "replacement: bi", "prometheus.yaml knows no job bi"),
        (
            _PROMETHEUS,
            r"__param_target\}\n      - \{source_labels: \[__param_target\], target_label",
            "__param_targets}\n      - {source_labels: [__param_targets], target_label",
            "postgres does not tell postgres-exporter:9187 about postgres-1:5432",
        ),
        (_PROMETHEUS, r'regex: "redis://\(.\+\)", ', 'regex: "r(.+)", ', "calls redis://redis-1:6379 edis:"),
        (_FRONT_DOOR, r"\n  labels: .*", "", "front-door calls http://nginx:8080/health blackbox-exporter:9115"),
        (_PROMETHEUS, r"auth_module: \[bet-intel\]", "auth_module: [bet]", "no password for postgres-1:5432"),
        (_SECRETS, r"auth_modules:\n  bet-intel", "auth_modules:\n  bet", "no password for postgres-3:5432 in"),
        (_SECRETS, r"redis://redis-\$node", "redis://redi-$node", "no password for redis://redis-6:6379"),
        (_PROMETHEUS, r"scrape_interval: 15s", "scrape_interval: 10m", "bet-intel: every 10m is too seldom"),
        (_PROMETHEUS, r"evaluation_interval: 15s", "evaluation_interval: 1m", "rules: every 1m is too seldom"),
    ],
    "prometheus": [
        (_ALERTS, r"> 16777216", "> 33554431", 'alertname=\\"ReplicationLag\\"'),
        (_ALERTS, r"set_aside\) > 0", "set_aside) > 1", 'alertname=\\"DeadLetters\\"'),
        (_ALERTS, r"left < 200", "left < 151", 'alertname=\\"CreditsRunningOut\\"'),
        (_ALERTS, r"> 900", "> 1799", 'alertname=\\"ProviderSilent\\"'),
        (_ALERTS, r"> 0\.01", "> 0.049", 'alertname=\\"ServerErrors\\"'),
        (_ALERTS, r"seconds\) > 60", "seconds) > 299", 'alertname=\\"OutboxStuck\\"'),
    ],
    telling.told: [
        (
            _ALERTMANAGER,
            r"    email_configs:\n      - to: operators@example.com\n        send_resolved: true",
            "",
            "operators has no address",
        ),
        (
            _ALERTMANAGER,
            r"""target_matchers: \['alertname=\"CacheMisses\"'\]""",
            "target_matchers: ['severity=\"critical\"']",
            'severity="critical" as a target names no alert',
        ),
    ],
    "compose": [
        (
            _WATCHERS,
            r"networks: \[inside, outside\]\n    ports",
            "networks: [inside]\n    ports",
            "grafana is not on outside",
        ),
        (
            _WATCHERS,
            r"(alertmanager.env.*\n    networks: \[inside), outside",
            r"\1",
            "alertmanager is not on outside: between it and the mail server",
        ),
        (
            _WATCHERS,
            r"networks: \[inside, outside\]\n    environment: \{TR",
            "networks: [inside]\n    environment: {TR",
            "otel-collector is not on outside",
        ),
        (_WATCHERS, r"127\.0\.0\.1:3000:3000", "3000:3000", "grafana is at *:3000 of the host, not at 127.0.0.1"),
        (_WATCHERS, r"  networks: \[inside\]\n  deploy", "  networks: [outside]\n  deploy", "has no business there"),
        (_WATCHERS, r"      - /sys:/sys:ro\n", "", "cadvisor is not given /sys of the host"),
        (_WATCHERS, r"      - --storage.tsdb.path=/prometheus\n", "", "prometheus keeps nothing in a volume"),
        (_COMPOSE, r"inside: \{internal: true, ", "inside: {", "the network inside leads outside"),
        (
            _COMPOSE,
            r"networks: \[inside, outside\]\n    environment:\n      BET_INTEL_ODDS",
            "networks: [inside]\n    environment:\n      BET_INTEL_ODDS",
            "odds-ingest-worker is not on outside",
        ),
    ],
    "dashboards": [
        (
            f"{_BOARDS}/cache.json",
            r"bet_intel_redis_evicted_keys",
            "bet_intel_redis_memory_bytes",
            "cache.json: no panel of bet_intel_redis_evicted_keys by node",
        ),
        (f"{_BOARDS}/gateway.json", r"histogram_quantile\(0\.99", "histogram_quantile(0.9", "no panel of bet_i"),
        (f"{_BOARDS}/odds.json", r"by \(le, hop\)", "by (le)", "bet_intel_odds_age_seconds_bucket by hop"),
    ],
}


@seeded(_FAULTS)
def test_a_fault_in_what_watches_is_found(copy: Path, capsys: pytest.CaptureFixture[str], fault: Fault) -> None:
    fault.assert_found(copy, capsys)
