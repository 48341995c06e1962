"""What is on the dashboards: panels as values, without Grafana's form."""

from collections.abc import Sequence
from dataclasses import dataclass

_NO_STREAM = 'route!="/v1/stream"'
_ON_DISK = 'fstype!~"tmpfs|ramfs|overlay|squashfs|iso9660"'
_COMPOSED = 'name=~".+", pod=""'
_IN_A_POD = 'namespace="bet-intel", container!="", container!="POD"'
"""Containers as cAdvisor names them: by a name under Docker, by pod and container on Kubernetes, where their names say
nothing, and what is of a pod as a whole has no container."""


@dataclass(frozen=True, slots=True)
class Query:
    """An expression, and what its series are called."""

    expression: str
    legend: str


@dataclass(frozen=True, slots=True)
class Panel:
    """A graph over time. `unit` is one of Grafana's."""

    title: str
    unit: str
    queries: Sequence[Query]


@dataclass(frozen=True, slots=True)
class Dashboard:
    """`name` is its file's and its address in Grafana."""

    name: str
    title: str
    panels: Sequence[Panel]


def _one(title: str, unit: str, expression: str, legend: str) -> Panel:
    return Panel(title, unit, (Query(expression, legend),))


def _quantiles(title: str, histogram: str, by: str, matchers: str = "") -> Panel:
    """The 95th and 99th percentile of a histogram for each value of a label."""
    rate = f"sum by (le, {by}) (rate({histogram}_bucket{{{matchers}}}[5m]))"
    return Panel(
        title,
        "s",
        tuple(Query(f"histogram_quantile({q}, {rate})", f"p{q * 100:.0f} {{{{{by}}}}}") for q in (0.95, 0.99)),
    )


def _mean(title: str, histogram: str, by: str) -> Panel:
    total, count = (f"sum by ({by}) (rate({histogram}_{part}[5m]))" for part in ("sum", "count"))
    return _one(title, "s", f"{total} / {count}", " ".join(f"{{{{{label}}}}}" for label in by.split(", ")))


GATEWAY = Dashboard(
    "gateway",
    "Gateway",
    (
        Panel(
            "Requests",
            "reqps",
            (
                Query("sum(rate(bet_intel_http_requests_total[1m]))", "all"),
                Query("sum by (instance) (rate(bet_intel_http_requests_total[1m]))", "{{instance}}"),
            ),
        ),
        _one("Mean of a request", "s", "bet_intel:http_request_seconds:mean_5m", "mean"),
        _quantiles("Time by endpoint", "bet_intel_http_request_seconds", "route", _NO_STREAM),
        _one(
            "4xx and 5xx by instance",
            "reqps",
            'sum by (instance, status) (rate(bet_intel_http_requests_total{status=~"[45].."}[1m])) '
            "or sum by (instance) (rate(bet_intel_http_requests_total[1m])) * 0",
            "{{instance}} {{status}}",
        ),
        _one("Connections", "short", "sum by (instance) (bet_intel_http_active_connections)", "{{instance}}"),
        _one("Streams", "short", "sum by (instance) (bet_intel_api_stream_followers)", "{{instance}}"),
    ),
)

DATABASE = Dashboard(
    "database",
    "Database",
    (
        _mean("Mean of a transaction", "bet_intel_postgres_transaction_seconds", "database, operation"),
        _quantiles("Waiting for a connection", "bet_intel_postgres_acquire_seconds", "database"),
        _one("Connections in use", "short", "sum by (host) (bet_intel_postgres_busy_connections)", "{{host}}"),
        _one("Connections at rest", "short", "sum by (host) (bet_intel_postgres_idle_connections)", "{{host}}"),
        _one("Behind the primary", "bytes", "max by (host) (bet_intel_postgres_lag_bytes)", "{{host}}"),
        _one(
            "Where transactions go, and why",
            "ops",
            "sum by (to, reason) (rate(bet_intel_postgres_routed_total[1m]))",
            "{{to}}: {{reason}}",
        ),
    ),
)

CACHE = Dashboard(
    "cache",
    "Cache",
    (
        Panel(
            "Hit rate",
            "percentunit",
            (
                Query("bet_intel:cache_hits:ratio_5m", "answers that nobody had to make"),
                Query("bet_intel:redis_hits:ratio_5m", "of what Redis was asked for"),
            ),
        ),
        _one("Answers", "reqps", "sum by (result) (rate(bet_intel_cache_requests_total[1m]))", "{{result}}"),
        _one("Memory", "bytes", "max by (node) (bet_intel_redis_memory_bytes)", "{{node}}"),
        _one("Evicted in five minutes", "short", "max by (node) (delta(bet_intel_redis_evicted_keys[5m]))", "{{node}}"),
        _one("Slots served", "short", "max(bet_intel_redis_cluster_slots_ok)", "slots"),
        _one("Nodes that answer", "short", "sum(max by (node) (bet_intel_redis_node_up))", "nodes"),
    ),
)

TASKS = Dashboard(
    "tasks",
    "Tasks and queues",
    (
        _one("Messages in queues", "short", "sum by (queue) (rabbitmq_queue_messages)", "{{queue}}"),
        _one("Consumers", "short", "sum by (queue) (rabbitmq_queue_consumers)", "{{queue}}"),
        _mean("Mean of a task", "bet_intel_task_seconds", "actor"),
        _one(
            "Tasks that ended",
            "ops",
            "sum by (actor, outcome) (rate(bet_intel_tasks_total[1m]))",
            "{{actor}} {{outcome}}",
        ),
        _one("Tasks at work", "short", "sum by (queue) (bet_intel_tasks_at_work)", "{{queue}}"),
        _one("Processes", "short", "count by (service, process) (bet_intel_build_info)", "{{service}} {{process}}"),
        _one(
            "Starts in half an hour",
            "short",
            "sum by (service, process) (changes(bet_intel_process_start_time_seconds[30m]))",
            "{{service}} {{process}}",
        ),
        _one("Outboxes", "short", "max by (service) (bet_intel_outbox_rows)", "{{service}}"),
        _one("Dead letters", "short", "max by (service) (bet_intel_dead_letters)", "{{service}}"),
    ),
)

ODDS = Dashboard(
    "odds",
    "Way of an odds change",
    (
        _quantiles("Age at each hop", "bet_intel_odds_age_seconds", "hop"),
        _one("Arrivals at each hop", "ops", "sum by (hop) (rate(bet_intel_odds_age_seconds_count[1m]))", "{{hop}}"),
        _one("Oldest message not told yet", "s", "max by (service) (bet_intel_outbox_age_seconds)", "{{service}}"),
        _one("Open opportunities", "short", "max by (class) (bet_intel_api_open_opportunities)", "{{class}}"),
        _one("Deliveries of the last hour", "short", "max by (state) (bet_intel_notifier_deliveries)", "{{state}}"),
        _one(
            "Opportunity sets in the notifier",
            "ops",
            "sum by (outcome) (rate(bet_intel_notifier_sets_total[1m]))",
            "{{outcome}}",
        ),
    ),
)

PROVIDERS = Dashboard(
    "providers",
    "Providers",
    (
        _one(
            "Calls",
            "ops",
            "sum by (provider, outcome, error_kind) (rate(bet_intel_provider_calls_total[5m]))",
            "{{provider}} {{outcome}} {{error_kind}}",
        ),
        _quantiles("Time of a call", "bet_intel_provider_call_seconds", "provider"),
        _one("Credits left", "short", "bet_intel:provider_credits:left", "{{provider}}"),
        _one(
            "Credits spent in an hour",
            "short",
            "sum by (provider) (increase(bet_intel_provider_credits_spent_total[1h]))",
            "{{provider}}",
        ),
        _one(
            "Time since an answer",
            "s",
            "min by (provider) (bet_intel_provider_last_answer_age_seconds)",
            "{{provider}}",
        ),
    ),
)

SERVERS = Dashboard(
    "servers",
    "Servers by their exporters",
    (
        _one("Hosts of PostgreSQL that answer", "short", "max by (instance) (pg_up)", "{{instance}}"),
        _one("Nodes of Redis that answer", "short", "max by (instance) (redis_up)", "{{instance}}"),
        _one("Connections of PostgreSQL", "short", "sum by (instance) (pg_stat_activity_count)", "{{instance}}"),
        _one("Clients of Redis", "short", "max by (instance) (redis_connected_clients)", "{{instance}}"),
        _one("Replay behind the primary", "s", "max by (instance) (pg_replication_lag_seconds)", "{{instance}}"),
        _one("Memory of Redis", "bytes", "max by (instance) (redis_memory_used_bytes)", "{{instance}}"),
        _one(
            "Transactions of PostgreSQL",
            "ops",
            "sum by (instance) (rate(pg_stat_database_xact_commit[1m]))",
            "{{instance}}",
        ),
        _one(
            "Commands of Redis",
            "ops",
            "sum by (instance) (rate(redis_commands_processed_total[1m]))",
            "{{instance}}",
        ),
        _one(
            "Nodes of RabbitMQ that answer",
            "short",
            "max by (rabbitmq_node) (rabbitmq_identity_info)",
            "{{rabbitmq_node}}",
        ),
        _one(
            "Disk that is free",
            "percentunit",
            f"min by (instance, device) (node_filesystem_avail_bytes{{{_ON_DISK}}} / node_filesystem_size_bytes)",
            "{{instance}} {{device}}",
        ),
    ),
)


def _of_containers(title: str, unit: str, series: str, *, rate: bool = True) -> Panel:
    asked = f"rate({series}{{{{{{}}}}}}[1m])" if rate else f"{series}{{{{{{}}}}}}"
    return Panel(
        title,
        unit,
        (
            Query(f"sum by (name) ({asked.format(_COMPOSED)})", "{{name}}"),
            Query(f"sum by (pod, container) ({asked.format(_IN_A_POD)})", "{{pod}} {{container}}"),
        ),
    )


CONTAINERS = Dashboard(
    "containers",
    "Containers",
    (
        _of_containers("CPU", "short", "container_cpu_usage_seconds_total"),
        _of_containers("Memory", "bytes", "container_memory_working_set_bytes", rate=False),
        _of_containers("Read from disk", "Bps", "container_fs_reads_bytes_total"),
        _of_containers("Written to disk", "Bps", "container_fs_writes_bytes_total"),
    ),
)

DASHBOARDS = (GATEWAY, DATABASE, CACHE, TASKS, ODDS, PROVIDERS, SERVERS, CONTAINERS)
OF_CONTAINERS = (CONTAINERS,)
"""Those that ask who runs containers, of which `bet-intel cluster` has none."""
