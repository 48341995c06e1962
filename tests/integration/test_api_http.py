"""The gateway as an HTTP server: problems, caching, readiness, its document, and how it stops."""

import asyncio
import contextlib
from typing import Any

import asyncpg
import httpx
import pytest
from jsonschema import Draft202012Validator

from bet_intel.api import openapi
from bet_intel.api.server import PortError, listen
from bet_intel.compose.embedded_postgres import EmbeddedPostgres
from fixtures.api_gateway import Gateway, gateway, served
from fixtures.api_messages import Market, Offer, odds_changed, opportunities_updated
from fixtures.closing_messages import closing_line_fixed
from fixtures.no_tls import NO_TLS
from fixtures.postgres import MakeDatabase
from fixtures.sse import streaming
from fixtures.waiting import until

__all__ = ["served"]

pytestmark = pytest.mark.integration


class BrokenCache:
    """A cache whose server is gone."""

    async def get(self, key: str) -> bytes | None:
        raise ConnectionError("gone")

    async def set(self, key: str, value: bytes, ttl: float) -> None:
        raise ConnectionError("gone")


async def test_what_is_not_there_is_a_problem(served: Gateway) -> None:
    for path in (
        "/v1/opportunities/unknown",
        "/v1/events/unknown/odds",
        "/v1/events/unknown/history",
        "/v1/nothing",
        "/v1/events/",
        "/v1/events/%00/odds",
    ):
        response = await served.client.get(path)
        assert response.status_code == 404
        assert response.headers["content-type"] == "application/problem+json"
        assert response.json()["type"] == "/problems/not-found"


async def test_methods(served: Gateway) -> None:
    refused = await served.client.post("/v1/opportunities", json={})
    assert (refused.status_code, set(refused.headers["allow"].split(", "))) == (405, {"GET", "HEAD"})
    assert refused.headers["content-type"] == "application/problem+json"
    options = await served.client.options("/v1/opportunities")
    assert (options.status_code, options.headers["allow"]) == (204, "GET, HEAD, OPTIONS")
    head = await served.client.head("/v1/opportunities")
    whole = await served.client.get("/v1/opportunities")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == whole.headers["content-length"]


async def test_request_id_is_kept_or_given(served: Gateway) -> None:
    response = await served.client.get("/livez", headers={"X-Request-Id": "mine-1"})
    assert response.headers["x-request-id"] == "mine-1"
    first, second = [await served.client.get("/livez", headers={"X-Request-Id": "a b"}) for _ in range(2)]
    assert first.headers["x-request-id"] != second.headers["x-request-id"]
    assert " " not in first.headers["x-request-id"]


async def test_unchanged_list_is_not_sent_again(served: Gateway) -> None:
    await served.tell(opportunities_updated(Offer()))
    first = await served.client.get("/v1/opportunities")
    again = await served.client.get("/v1/opportunities", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    await served.tell(opportunities_updated(Offer(ev=0.06), revision=2))
    changed = await served.client.get("/v1/opportunities", headers={"If-None-Match": first.headers["etag"]})
    assert changed.status_code == 200
    assert changed.json()["data"][0]["ev"] == 0.06


async def test_lost_cache_fails_no_request(make_database: MakeDatabase) -> None:
    async with gateway(make_database, BrokenCache()) as served:
        await served.tell(odds_changed(Market()), opportunities_updated(Offer()))
        assert await served.ids() == ["opportunity-1"]
        assert len((await served.get("/v1/events"))["data"]) == 1


async def test_unexpected_error_is_a_problem_without_its_cause(served: Gateway) -> None:
    await served.database.execute("alter table sporting_event rename to elsewhere")
    problem = await served.problem("/v1/events", 500)
    assert problem["type"] == "/problems/internal"
    assert "sporting_event" not in str(problem)
    metrics = (await served.client.get("/metrics")).text
    assert 'bet_intel_http_requests_total{method="GET",route="/v1/events",status="500"} 1.0' in metrics


async def test_gateway_without_its_database(served: Gateway, postgres: EmbeddedPostgres) -> None:
    async def ready() -> bool:
        return bool((await served.client.get("/readyz")).json() == {"status": "ready"})

    await until(ready)
    name = await served.database.fetchval("select current_database()")
    admin = await asyncpg.connect(postgres.dsn("postgres"))
    try:
        await admin.execute(f'alter database "{name}" with allow_connections false')
        await admin.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = $1", name)

        async def not_ready() -> bool:
            response = await served.client.get("/readyz")
            return response.status_code == 503 and response.json() == {"status": "database does not answer"}

        await until(not_ready)
        unavailable = await served.client.get("/v1/opportunities", params={"sport": "never asked"})
        assert unavailable.status_code == 503
        assert unavailable.json()["type"] == "/problems/unavailable"
        assert unavailable.headers["retry-after"] == "1"
        assert (await served.client.get("/livez")).status_code == 200
        await admin.execute(f'alter database "{name}" with allow_connections true')

        async def ready() -> bool:
            return (await served.client.get("/health")).status_code == 200

        await until(ready)
    finally:
        await admin.close()


async def test_draining_gateway_is_alive_but_not_ready(served: Gateway) -> None:
    served.api.draining = True
    response = await served.client.get("/readyz")
    assert (response.status_code, response.json()) == (503, {"status": "draining"})
    assert (await served.client.get("/livez")).status_code == 200


async def test_metrics_count_requests_and_messages(served: Gateway) -> None:
    await served.tell(odds_changed(Market()), opportunities_updated(Offer()))
    await served.get("/v1/opportunities")
    await served.client.get("/v1/no/such/address")
    metrics = (await served.client.get("/metrics")).text
    assert 'bet_intel_http_requests_total{method="GET",route="/v1/opportunities",status="200"} 1.0' in metrics
    assert 'route="(none)",status="404"} 1.0' in metrics
    assert "/v1/no/such" not in metrics
    assert 'bet_intel_api_projected_messages_total{type="odds.changed.v1"} 1.0' in metrics
    assert "bet_intel_api_feed_seq 2.0" in metrics


async def test_what_is_old_and_what_confirms_a_market_that_was_never_told_is_counted(served: Gateway) -> None:
    totals = Market("totals", 8.5, revision=1)
    await served.tell(odds_changed(Market(), totals, revision=2))  # the message with the totals was lost
    await served.tell(odds_changed(Market(), revision=1))
    assert await served.ignored("odds.changed.v1", "unknown_market") == 1
    assert await served.ignored("odds.changed.v1", "old_revision") == 1
    # As soon as they are told again they are known.
    await served.tell(odds_changed(Market(revision=2, restated=True), Market("totals", 8.5, restated=True), revision=3))
    await served.tell(odds_changed(Market(revision=2), Market("totals", 8.5, revision=3), revision=4))
    assert await served.ignored("odds.changed.v1", "unknown_market") == 1


async def test_stops_within_seconds_with_open_connections(make_database: MakeDatabase) -> None:
    loop = asyncio.get_running_loop()
    async with contextlib.AsyncExitStack() as idle:
        async with gateway(make_database) as served:
            client = await idle.enter_async_context(
                httpx.AsyncClient(base_url=served.client.base_url, trust_env=False, verify=NO_TLS, timeout=5)
            )
            assert (await client.get("/livez")).status_code == 200
            stopping = loop.time()
        assert loop.time() - stopping < 3
        with pytest.raises(httpx.TransportError):
            await client.get("/livez")


def test_port_in_use_is_said_with_the_remedy() -> None:
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortError, match=f"port {port} is in use: choose another with --port"):
            listen("127.0.0.1", port)


async def test_document_is_what_the_gateway_answers(served: Gateway) -> None:
    await served.tell(odds_changed(Market()), opportunities_updated(Offer(), Offer("o", market="totals", line=8.5)))
    await served.tell(closing_line_fixed())
    document = await served.get("/openapi.json")
    assert document["openapi"] == "3.1.0"
    for schema in document["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
    for reference in _references(document):
        assert reference.removeprefix("#/components/schemas/") in document["components"]["schemas"]
    named = {
        "/v1/opportunities/{id}": "opportunity-1",
        "/v1/events/{id}/odds": "made_up:1",
        "/v1/events/{id}/history": "made_up:1",
        "/v1/events/{id}/closing": "made_up:1",
        "/v1/events/{id}/explain": "made_up:1",
    }
    asked = {"/v1/events/{id}/explain": {"bookmaker": "alpha", "outcome": "Harbour City"}}
    assert len(document["paths"]) == 50
    refresh = await served.client.post("/v1/refresh")
    assert refresh.status_code == 202
    named["/v1/refreshes/{id}"] = refresh.json()["id"]
    accepted = document["paths"].pop("/v1/refresh")["post"]
    _check(refresh.json(), accepted["responses"]["202"]["content"]["application/json"]["schema"], document)
    del document["paths"]["/v1/stream"]
    async with streaming(served.client) as stream:
        snapshot = await stream.event()
    _check(snapshot.data, {"$ref": "#/components/schemas/OpportunitySnapshot"}, document)
    for path, operations in document["paths"].items():
        # Of what somebody has made, for administrators, and files: shown elsewhere.
        if path.startswith(("/v1/subscriptions/", "/v1/bets/", "/v1/admin/", "/v1/exports/", "/problems/")):
            continue
        if "get" not in operations:
            continue
        operation = operations["get"]
        names = [parameter["name"] for parameter in operation["parameters"] if parameter["in"] == "path"]
        assert names == (["id"] if "{id}" in path else [])
        response = await served.client.get(path.replace("{id}", named.get(path, "")), params=asked.get(path))
        assert response.status_code == 200, path
        (media_type, content), *others = operation["responses"]["200"]["content"].items()
        assert not others
        assert response.headers["content-type"].startswith(media_type)
        if media_type == "application/json":
            _check(response.json(), content["schema"], document)
        problem = await served.client.get(path.replace("{id}", "unknown"), params={"unheard_of": 1})
        if "400" in operation["responses"]:
            (problem_type,) = operation["responses"]["400"]["content"]
            assert problem.headers["content-type"] == problem_type == "application/problem+json"
            _check(problem.json(), operation["responses"]["400"]["content"][problem_type]["schema"], document)


async def test_the_document_is_made_once(served: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes as long as hundreds of other answers, and anybody may ask for it as often as they like."""
    made: list[object] = []

    def document(operations: object) -> bytes:
        made.append(operations)
        return b"{}"

    monkeypatch.setattr(openapi, "document", document)
    answers = [(await served.client.get("/openapi.json")).content for _ in range(3)]
    assert (answers, len(made)) == ([b"{}"] * 3, 1)


async def test_document_names_every_parameter(served: Gateway) -> None:
    document = await served.get("/openapi.json")
    for path, operations in document["paths"].items():
        if "get" not in operations:
            continue
        if path.startswith("/v1/admin"):
            continue
        documented = {p["name"] for p in operations["get"]["parameters"] if p["in"] == "query"}
        if path == "/metrics":
            continue
        problem = (await served.client.get(path.replace("{id}", "x"), params={"unheard_of": 1})).json()
        assert documented == set(problem.get("known_parameters", [])), path
    listed = {p["name"]: p for p in document["paths"]["/v1/opportunities"]["get"]["parameters"]}
    assert listed["class"]["schema"]["default"] == ["take", "marginal"]
    assert (listed["class"]["style"], listed["class"]["explode"]) == ("form", False)
    assert listed["profile"]["schema"]["enum"] == ["consensus", "conservative", "sharp"]
    assert (listed["limit"]["schema"]["default"], listed["limit"]["schema"]["maximum"]) == (50, 200)
    assert all(parameter["description"] for parameter in listed.values())


def _references(part: Any) -> list[str]:
    if isinstance(part, dict):
        own = [part["$ref"]] if isinstance(part.get("$ref"), str) else []
        return own + [reference for value in part.values() for reference in _references(value)]
    if isinstance(part, list):
        return [reference for value in part for reference in _references(value)]
    return []


def _check(answer: Any, schema: dict[str, Any], document: dict[str, Any]) -> None:
    Draft202012Validator({**schema, "components": document["components"]}).validate(answer)
