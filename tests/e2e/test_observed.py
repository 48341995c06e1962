"""A cluster as its traces and metrics show it. What the services do, by their traces, is what
docs/architecture/dependencies.toml says: no more, no less; Prometheus has data for every panel of the dashboards."""

import asyncio
import gzip
import itertools
import json
import math
import tomllib
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
import yaml

from bet_intel.compose.cluster.services import KINDS, SCHEDULER
from bet_intel.compose.observability.catalogue import Catalogue
from bet_intel.compose.observability.panels import DASHBOARDS, OF_CONTAINERS
from bet_intel.compose.servers.ports import free_port
from bet_intel.compose.servers.programs import CLUSTER
from fixtures.backup import Backup
from fixtures.cluster import Cluster, started
from fixtures.command import BOOKS, response
from fixtures.exporters import EXPORTERS
from fixtures.fake_odds_api import Stand, fake_odds_api
from fixtures.no_tls import NO_TLS
from fixtures.prometheus import PROMETHEUS, Prometheus, scraping
from fixtures.servers import need
from fixtures.traces import CLIENT, CONSUMER, PRODUCER, SERVER, Collector, Span, collecting
from fixtures.waiting import until
from fixtures.webhooks import Receiver, receiving

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("observed"), pytest.mark.asyncio(loop_scope="module")]

_ROOT = Path(__file__).parents[2]
_PARTS: Mapping[str, Any] = tomllib.loads((_ROOT / "docs/architecture/dependencies.toml").read_text("utf-8"))["parts"]
_ODDS_API = "api.the-odds-api.com:443"
_KEY = "0123456789abcdef0123456789abcdef"
_LEAGUE = "soccer_made_up_league"
_SECONDS = 240.0
_APART = 0.5
_LOST_EVERY = 50
_LISTED = Catalogue.read(_ROOT / "docs/operations/metrics.md").foreign

Edge = tuple[str, str, str]
"""Who, does what, with what."""


class World:
    """A cluster that is traced as a whole, the provider it asks, and who is told."""

    def __init__(self, cluster: Cluster, collector: Collector, provider: Stand, receiver: Receiver) -> None:
        self.cluster = cluster
        self.collector = collector
        self.provider = provider
        self.receiver = receiver

    def edges(self) -> set[Edge]:
        hosts = {
            self.provider.url.removeprefix("http://"): _ODDS_API,
            self.receiver.url.removeprefix("http://").partition("/")[0]: "*",
        }
        return {edge for span in list(self.collector.spans.values()) for edge in self._of(span, hosts)}

    def _of(self, span: Span, hosts: Mapping[str, str]) -> Iterable[Edge]:
        at = span.attributes
        if span.kind == PRODUCER:
            yield (span.service, at["messaging.operation.name"], span.destination)
        elif span.kind == CONSUMER:
            yield (span.service, "process", span.destination)
            for cause in (self.collector.spans.get(id) for id in span.causes):
                if cause is not None:
                    yield (cause.service, f"reaches {span.service} by", cause.destination)
        elif span.kind == SERVER:
            yield (span.service, "answers", "HTTP")
        elif span.kind == CLIENT and "url.full" in at:
            host = f"{at['server.address']}:{at['server.port']}"
            yield (span.service, "asks", hosts.get(host, host))
        elif span.kind == CLIENT:
            system = at.get("db.system.name") or at.get("db.system")
            yield (span.service, f"uses {system}", at["db.namespace"] if system == "postgresql" else "")


def declared() -> set[Edge]:
    consumers = {(told, part) for part, one in _PARTS.items() for told in one["queues"].values()}
    edges: set[Edge] = {("api", "answers", "HTTP")}
    for part, one in _PARTS.items():
        told = {*one["publishes"], *one["announces"]}
        edges |= {(part, "publish", kind) for kind in one["publishes"]}
        edges |= {(part, "announce", kind) for kind in one["announces"]}
        edges |= {(part, "process", queue) for queue in (*one["queues"], *one["task_queues"])}
        edges |= {(part, "enqueue", queue) for queue in one["task_queues"]}
        edges |= {(part, f"reaches {part} by", queue) for queue in one["task_queues"]}
        edges |= {(part, f"reaches {consumer} by", kind) for kind, consumer in consumers if kind in told}
        edges |= {(part, "asks", host) for host in one["hosts"]}
        edges.add((part, "uses postgresql", one["database"]))
        if one["cache"]:
            edges.add((part, "uses redis", ""))
    return edges


def recording(path: Path) -> Path:
    """Two matches from now on, one of which begins within the test."""
    now = datetime.now(UTC)
    events = [
        {
            **response()[0],
            "id": str(number) * 32,
            "commence_time": (now + timedelta(seconds=seconds)).isoformat(timespec="seconds").replace("+00:00", "Z"),
        }
        for number, seconds in ((1, 60), (2, 7200))
    ]
    for one in events:
        for bookmaker in one["bookmakers"]:
            bookmaker["last_update"] = now.isoformat(timespec="seconds").replace("+00:00", "Z")
    lines = [{"captured_at": now.isoformat(), "response": events}]
    path.write_bytes(gzip.compress("\n".join(map(json.dumps, lines)).encode()))
    return path


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    need(*CLUSTER)
    port = free_port()
    with collecting() as collector:
        async with receiving() as receiver:
            env = {
                "BET_INTEL_TRACES_ENDPOINT": collector.url,
                "BET_INTEL_TRACES_RATIO": "1",
                "BET_INTEL_ODDS_API_URL": f"http://127.0.0.1:{port}",
                "BET_INTEL_ODDS_API_KEY": _KEY,
                "BET_INTEL_ODDS_API_LEAGUES": _LEAGUE,
                "BET_INTEL_ODDS_API_BOOKMAKERS": ",".join(BOOKS),
                "BET_INTEL_ODDS_API_MARKETS": "h2h",
                "BET_INTEL_NOTIFIER_WEBHOOK_ALLOW_LOOPBACK": "true",
                "PYTHONPATH": str(Path(__file__).parents[1] / "fixtures/odds_api_here"),
            }
            arguments = ("--small", "--postgres-replicas", "1", "--source", "the_odds_api")
            stack = started("observed", *arguments, "--process", f"{SCHEDULER.name}=0", env=env)
            cluster = await asyncio.to_thread(stack.__enter__)
            try:
                # The clock of what is recorded begins to run when somebody is there to look at it.
                recorded = recording(tmp_path_factory.mktemp("observed") / "recording.jsonl.gz")
                async with fake_odds_api([recorded], quota=20_000, speed=1.0, port=port) as provider:
                    made = World(cluster, collector, provider, receiver)
                    await _begin(made)
                    yield made
            finally:
                await asyncio.to_thread(stack.__exit__, None, None, None)


async def _begin(world: World) -> None:
    """Have somebody use it, then odds come: each test finds what it looks for, whichever of them run."""
    await asyncio.to_thread(_use, world)
    assert (await asyncio.to_thread(world.cluster, "scale", f"{SCHEDULER.name}=1")).code == 0
    # What somebody wants refreshed the scheduler asks for itself: had it been told of that before its first plan, there
    # might be nothing left to ask for that is a task, for longer than anybody waits here.
    await until(lambda: ("odds-ingest", "process", "data_refresh") in world.edges(), _SECONDS, every=_APART)
    await asyncio.to_thread(_refresh, world)


async def test_every_edge_that_is_declared_is_seen_and_no_other(world: World) -> None:
    turns = itertools.count()

    async def seen() -> bool:
        # Somebody looks at odds all the while; what happens every half minute need not be looked for more often.
        await asyncio.to_thread(world.cluster.request, "/v1/opportunities")
        if next(turns) % _LOST_EVERY == 0:
            await asyncio.to_thread(_lose, world)
        return world.edges() >= declared()

    with suppress(pytest.fail.Exception):
        await until(seen, _SECONDS, every=_APART)

    seen_edges = world.edges()
    missing, surplus = sorted(declared() - seen_edges), sorted(seen_edges - declared())
    assert (missing, surplus) == ([], []), f"not seen: {missing}; seen, and not declared: {surplus}"


async def test_a_notification_leads_back_to_the_call_of_the_provider(world: World) -> None:
    collector = world.collector
    await until(lambda: bool(_notifications(world)), _SECONDS)
    [sent, *_] = _notifications(world)

    causes = [one for one in collector.causes(sent) if one.kind == CONSUMER]

    way = {"data_refresh", "ev-engine.odds-changed", "notifier.opportunities-updated", "notifications"}
    assert {one.destination for one in causes} >= way
    fetching = [one for one in causes if one.destination == "data_refresh"]
    asked = {call.attributes.get("url.full") for one in fetching for call in collector.below(one)} - {None}
    assert asked == {f"{world.provider.url}/"}


async def test_nothing_secret_is_in_a_trace(world: World) -> None:
    await asyncio.to_thread(world.cluster.request, "/v1/bookmakers?api_key=very-secret")
    await until(lambda: any(one.name == "GET /v1/bookmakers" for one in world.collector.spans.values()), _SECONDS)

    sent = b"".join(world.collector.bodies)

    secret = world.receiver.secret.encode()
    assert [word for word in (_KEY.encode(), b"very-secret", b"/hook", secret) if word in sent] == []


async def test_logs_are_json_and_name_the_trace(world: World) -> None:
    logs = world.cluster.folder.glob("log/*.*.*.log")
    lines = [json.loads(line) for log in logs for line in log.read_text("utf-8").splitlines()]
    named = {line["trace_id"] for line in lines if "trace_id" in line}
    assert named
    # A line may be there before its span has been sent.
    await until(lambda: named <= {span.trace for span in list(world.collector.spans.values())}, _SECONDS)


async def test_prometheus_has_data_for_every_panel_but_those_of_containers(world: World) -> None:
    need(PROMETHEUS, *EXPORTERS)
    with scraping(world.cluster.folder) as prometheus:
        await until(prometheus.is_ready)
        expressions = {
            (dashboard.name, panel.title, query.expression)
            for dashboard in DASHBOARDS
            if dashboard not in OF_CONTAINERS
            for panel in dashboard.panels
            for query in panel.queries
        }
        expressions |= {("rules", rule["record"], rule["record"]) for rule in _rules() if "record" in rule}
        empty = set(expressions)
        # As they were when all had data: a scrape that is late afterwards says nothing of that.
        targets: dict[str, str] = {}

        turns = itertools.count()

        async def all_have() -> bool:
            await asyncio.to_thread(_keep_busy, world, next(turns))
            for one in sorted(empty):
                if await asyncio.to_thread(_has_numbers, prometheus, one[2]):
                    empty.discard(one)
            targets.clear()
            targets.update(await asyncio.to_thread(prometheus.targets))
            return not empty and set(targets.values()) == {"up"}

        with suppress(pytest.fail.Exception):
            await until(all_have, _SECONDS, every=_APART)

        assert sorted(empty) == []
        assert targets
        assert {address: why for address, why in targets.items() if why != "up"} == {}
        rules = prometheus.rules()
        assert {(rule["health"], rule.get("lastError", "")) for rule in rules} == {("ok", "")}
        assert {rule["name"] for rule in rules} == {rule.get("alert") or rule["record"] for rule in _rules()}
        firing = {rule["name"] for rule in rules if rule["type"] == "alerting" and rule["state"] == "firing"}
        assert firing == set()
        for name, labels in _LISTED.items():
            # Who runs containers is not here, nor Alertmanager (tests/deploy/test_alerts_are_told.py).
            if not name.startswith(("container_", "alertmanager_")):
                assert [one for one in prometheus.ask(name) if labels <= one["metric"].keys()], (name, labels)


async def test_a_backup_brings_back_what_was_destroyed(world: World, tmp_path: Path) -> None:
    cluster = world.cluster
    shown = await asyncio.to_thread(_shown, world)
    assert None not in shown
    assert (await asyncio.to_thread(cluster, "scale", *(f"{name}=0" for name in KINDS))).code == 0

    async def stopped() -> bool:
        processes = await asyncio.to_thread(cluster.processes)
        return not any(name.startswith(tuple(KINDS)) for name in processes)

    await until(stopped, _SECONDS)
    backup = Backup(cluster.folder, tmp_path)
    before, shape = await asyncio.to_thread(backup.rows), await asyncio.to_thread(backup.shape)
    await asyncio.to_thread(backup.make)
    await asyncio.to_thread(backup.damage)
    assert await asyncio.to_thread(backup.rows) != before

    await asyncio.to_thread(backup.restore)

    assert await asyncio.to_thread(backup.rows) == before
    assert await asyncio.to_thread(backup.shape) == shape

    await asyncio.to_thread(backup.destroy)
    assert await asyncio.to_thread(backup.rows) == {}

    await asyncio.to_thread(backup.restore)

    assert await asyncio.to_thread(backup.rows) == before
    assert await asyncio.to_thread(backup.shape) == shape
    await asyncio.to_thread(backup.number_anew)
    held = {f"{service}.{table}" for (service, table), rows in before.items() if not rows.startswith("0|")}
    assert held >= {"api.subscription", "api.pricing_settings", "api.feed", "notifier.delivery", "ev_engine.event"}, (
        held
    )
    assert (await asyncio.to_thread(cluster, "scale", *(f"{name}=1" for name in KINDS))).code == 0

    async def as_before() -> bool:
        answer = await asyncio.to_thread(cluster.try_get, "/v1/status")
        return answer is not None and await asyncio.to_thread(_shown, world) == shown

    await until(as_before, _SECONDS)


def _shown(world: World) -> tuple[Any, ...]:
    """What the gateways own, as a client sees it."""
    address = f"{world.cluster.url}/v1/admin/pricing/consensus"
    settings = httpx.get(address, headers=_operator(world), trust_env=False, verify=NO_TLS, timeout=30)
    # Nothing, while what was stopped starts: nginx says so, and in no JSON.
    return world.cluster.try_get("/v1/subscriptions"), settings.json() if settings.status_code == 200 else None


def _lose(world: World) -> None:
    """Have each service ask for its state again: what it told at its start may have found no collector yet."""
    group = world.cluster.group()
    for service in ("api", "ev_engine", "notifier"):
        group.sql(group.primary, "delete from resync_asked", database=service)


def _keep_busy(world: World, turn: int) -> None:
    """Rates and times are of what happens: somebody asks, also for what is not there, and now and then everything is
    asked for and priced anew."""
    for path in ("/v1/opportunities", f"/v1/opportunities?min_ev={turn % 3 / 100}", "/v1/nothing"):
        world.cluster.request(path)
    if turn % 10 == 0:
        with httpx.Client(base_url=world.cluster.url, trust_env=False, verify=NO_TLS, timeout=30) as client:
            client.post("/v1/refresh", json={})
            fraction = 0.2 + turn % 20 / 100
            put = client.put("/v1/admin/pricing/consensus", json={"kelly_fraction": fraction}, headers=_operator(world))
            assert put.status_code == 200, put.text


def _operator(world: World) -> dict[str, str]:
    token = (world.cluster.folder / "secrets/operator_token").read_text("utf-8")
    return {"Authorization": f"Bearer {token}"}


def _has_numbers(prometheus: Prometheus, expression: str) -> bool:
    return any(not math.isnan(float(one["value"][1])) for one in prometheus.ask(expression))


def _rules() -> Iterable[Mapping[str, str]]:
    for file in sorted((_ROOT / "compose/prometheus/rules").glob("*.yaml")):
        for group in yaml.safe_load(file.read_text("utf-8"))["groups"]:
            yield from group["rules"]


def _notifications(world: World) -> list[Span]:
    """Calls of the webhook that are about an opportunity, of which the provider's call is known."""
    collector = world.collector
    return [
        one
        for one in list(collector.spans.values())
        if one.service == "notifier"
        and "url.full" in one.attributes
        and any(cause.destination == "data_refresh" for cause in collector.causes(one))
    ]


def _use(world: World) -> None:
    """Do what users and operators do, so that everything there is to say is said."""
    with httpx.Client(base_url=world.cluster.url, trust_env=False, verify=NO_TLS, timeout=30) as client:
        hook = {"webhook": {"url": world.receiver.url}, "classes": ["take", "marginal", "suspect"], "min_ev": 0.001}
        made = client.post("/v1/subscriptions", json=hook)
        assert made.status_code == 201, made.text
        world.receiver.secret = made.json()["secret"]
        tested = client.post(f"{made.headers['Location']}/test")
        assert tested.status_code in (200, 201, 202), tested.text
        operator = _operator(world)
        pricing = client.get("/v1/admin/pricing/consensus", headers=operator)
        assert pricing.status_code == 200, pricing.text
        put = client.put("/v1/admin/pricing/consensus", json={"kelly_fraction": 0.2}, headers=operator)
        assert put.status_code == 200, put.text


def _refresh(world: World) -> None:
    with httpx.Client(base_url=world.cluster.url, trust_env=False, verify=NO_TLS, timeout=30) as client:
        asked = client.post("/v1/refresh", json={})
        assert asked.status_code in (200, 202), asked.text
