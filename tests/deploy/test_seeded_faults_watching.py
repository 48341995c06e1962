"""A fault in how the system is watched makes `make check-deploy` fail, and it says where it is."""

from pathlib import Path

import pytest

from fixtures.deploy_copy import checked, spoil

_ALERTS = "compose/prometheus/rules/alerts.yaml"
_PROMETHEUS = "compose/prometheus/prometheus.yaml"
_ALERTMANAGER = "compose/alertmanager/alertmanager.yaml"
_MONITORS = "compose/k8s/components/monitoring/service-monitors.yaml"
_WATCHERS = "compose/compose.observability.yaml"
_COMPOSE = "compose/compose.yaml"
_SECRETS = "compose/secrets.sh"
_BOARDS = "compose/grafana/dashboards"
_FAULTS = [
    ("prometheus", _PROMETHEUS, r"/metrics/per-object", "/metrics", "rabbitmq asks for /metrics, not for /metrics/per"),
    ("prometheus", _PROMETHEUS, r"metrics_path: /probe", "metrics_path: /metrics", "postgres asks for /metrics, not"),
    (
        "prometheus",
        _PROMETHEUS,
        r"metrics_path: /scrape",
        "metrics_path: /metrics",
        "redis asks for /metrics, not for /scrape",
    ),
    ("prometheus", _PROMETHEUS, r"job_name: bet-intel", "job_name: services", "there is no job bet-intel, which is"),
    ("prometheus", _MONITORS, r"replacement: bet-intel", "replacement: bi", "prometheus.yaml knows no job bi"),
    (
        "prometheus",
        _PROMETHEUS,
        r"__param_target\}\n      - \{source_labels: \[__param_target\], target_label",
        "__param_targets}\n      - {source_labels: [__param_targets], target_label",
        "postgres does not tell postgres-exporter:9187 about postgres-1:5432",
    ),
    ("prometheus", _PROMETHEUS, r'regex: "redis://\(.\+\)", ', 'regex: "r(.+)", ', "calls redis://redis-1:6379 edis:"),
    ("prometheus", _PROMETHEUS, r"auth_module: \[bet-intel\]", "auth_module: [bet]", "no password for postgres-1:5432"),
    (
        "prometheus",
        _SECRETS,
        r"auth_modules:\n  bet-intel",
        "auth_modules:\n  bet",
        "no password for postgres-3:5432 in",
    ),
    ("prometheus", _SECRETS, r"redis://redis-\$node", "redis://redi-$node", "no password for redis://redis-6:6379"),
    ("prometheus", _PROMETHEUS, r"scrape_interval: 15s", "scrape_interval: 10m", "bet-intel: every 10m is too seldom"),
    (
        "prometheus",
        _PROMETHEUS,
        r"evaluation_interval: 15s",
        "evaluation_interval: 1m",
        "rules: every 1m is too seldom",
    ),
    ("prometheus", _ALERTS, r"> 16777216", "> 33554431", 'alertname=\\"ReplicationLag\\"'),
    ("prometheus", _ALERTS, r"set_aside\) > 0", "set_aside) > 1", 'alertname=\\"DeadLetters\\"'),
    ("prometheus", _ALERTS, r"left\) < 200", "left) < 151", 'alertname=\\"CreditsRunningOut\\"'),
    ("prometheus", _ALERTS, r"> 900", "> 1799", 'alertname=\\"ProviderSilent\\"'),
    ("prometheus", _ALERTS, r"> 0\.01", "> 0.049", 'alertname=\\"ServerErrors\\"'),
    ("prometheus", _ALERTS, r"seconds\) > 60", "seconds) > 299", 'alertname=\\"OutboxStuck\\"'),
    (
        "alertmanager",
        _ALERTMANAGER,
        r"    email_configs:\n      - to: operators@example.com\n        send_resolved: true",
        "",
        "operators has no address",
    ),
    (
        "alertmanager",
        _ALERTMANAGER,
        r"target_matchers: \['alertname=\"CacheMisses\"'\]",
        "target_matchers: ['severity=\"critical\"']",
        'severity="critical" as a target names no alert',
    ),
    (
        "compose",
        _WATCHERS,
        r"networks: \[inside, outside\]\n    ports",
        "networks: [inside]\n    ports",
        "grafana is not on outside",
    ),
    (
        "compose",
        _WATCHERS,
        r"networks: \[inside, outside\]\n    secrets",
        "networks: [inside]\n    secrets",
        "alertmanager is not on outside: between it and the mail server",
    ),
    (
        "compose",
        _WATCHERS,
        r"networks: \[inside, outside\]\n    environment: \{TR",
        "networks: [inside]\n    environment: {TR",
        "otel-collector is not on outside",
    ),
    (
        "compose",
        _WATCHERS,
        r"127\.0\.0\.1:3000:3000",
        "3000:3000",
        "grafana is at *:3000 of the host, not at 127.0.0.1",
    ),
    (
        "compose",
        _WATCHERS,
        r"  networks: \[inside\]\n  deploy",
        "  networks: [outside]\n  deploy",
        "has no business there",
    ),
    ("compose", _WATCHERS, r"      - /sys:/sys:ro\n", "", "cadvisor is not given /sys of the host"),
    ("compose", _WATCHERS, r"      - --storage.tsdb.path=/prometheus\n", "", "prometheus keeps nothing in a volume"),
    ("compose", _COMPOSE, r"inside: \{internal: true, ", "inside: {", "the network inside leads outside"),
    (
        "compose",
        _COMPOSE,
        r"networks: \[inside, outside\]\n    environment:\n      BET_INTEL_ODDS",
        "networks: [inside]\n    environment:\n      BET_INTEL_ODDS",
        "odds-ingest-worker is not on outside",
    ),
    (
        "dashboards",
        f"{_BOARDS}/cache.json",
        r"bet_intel_redis_evicted_keys",
        "bet_intel_redis_memory_bytes",
        "cache.json: no panel of bet_intel_redis_evicted_keys by node",
    ),
    (
        "dashboards",
        f"{_BOARDS}/gateway.json",
        r"histogram_quantile\(0\.99",
        "histogram_quantile(0.9",
        "no panel of bet_i",
    ),
    ("dashboards", f"{_BOARDS}/odds.json", r"by \(le, hop\)", "by (le)", "bet_intel_odds_age_seconds_bucket by hop"),
]


@pytest.mark.parametrize(("name", "file", "pattern", "fault", "said"), _FAULTS)
def test_a_fault_in_what_watches_is_found(
    copy: Path, capsys: pytest.CaptureFixture[str], name: str, file: str, pattern: str, fault: str, said: str
) -> None:
    spoil(copy, file, pattern, fault)

    code, printed = checked(name, copy, capsys)

    assert said in printed
    assert code == 1
