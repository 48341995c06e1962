"""How much a caller may ask for: quotas over all gateways, their headers, lengths, and too much at once."""

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from uuid import uuid4

import httpx
import pytest
from prometheus_client import CollectorRegistry

from bet_intel.compose.servers.redis import RedisCluster
from bet_intel.shared.rediscluster.leases import RedisRateLimits
from fixtures.api_accounts import ACCOUNTS, KEYS, OPERATOR, Holder, ask, holder
from fixtures.api_gateway import MIGRATIONS, Gateway, gateway_on
from fixtures.postgres import MakeDatabase
from fixtures.waiting import until

pytestmark = pytest.mark.integration

SPORTS = "/v1/sports"


@pytest.fixture
async def keyed(make_database: MakeDatabase) -> AsyncIterator[Gateway]:
    async with gateway_on(await make_database(MIGRATIONS), **KEYS) as opened:
        yield opened


def left(answer: httpx.Response) -> tuple[int, int]:
    """What is left of the quota, and after how many seconds some comes back."""
    found = re.fullmatch(r'"minute";r=(\d+);t=(\d+)', answer.headers["ratelimit"])
    assert found is not None, answer.headers["ratelimit"]
    return int(found[1]), int(found[2])


async def test_every_answer_tells_what_is_left(keyed: Gateway) -> None:
    for number in range(30):
        answer = await keyed.client.get(SPORTS if number % 2 else "/v1/opportunities/unknown")
        assert answer.status_code == (200 if number % 2 else 404)
        assert answer.headers["ratelimit-policy"] == '"minute";q=30;w=60'
        remaining, seconds = left(answer)
        assert remaining == 29 - number
        assert 0 < seconds <= 60
    refused = await keyed.client.get(SPORTS)
    assert (refused.status_code, refused.headers["content-type"]) == (429, "application/problem+json")
    problem = refused.json()
    assert (problem["type"], problem["violated-policies"]) == ("/problems/quota-exceeded", ["minute"])
    assert left(refused)[0] == 0
    assert 0 < int(refused.headers["retry-after"]) <= 60
    # What is for everybody is not counted, and nobody else is concerned.
    for path in ("/livez", "/readyz", "/openapi.json", "/"):
        answer = await keyed.client.get(path)
        assert (answer.status_code, "ratelimit" in answer.headers) == (200, False)
    owner = await holder(keyed, "basic")
    answer = await keyed.client.get(SPORTS, headers=owner.headers)
    assert (answer.headers["ratelimit-policy"], left(answer)[0]) == ('"minute";q=120;w=60', 119)
    unlimited = await keyed.client.get(SPORTS, headers=OPERATOR)
    assert "ratelimit" not in unlimited.headers


async def test_the_quota_of_each_tier_is_that_of_its_row(keyed: Gateway) -> None:
    """From the data to the header, and of premium to its last request."""
    rows = await keyed.database.fetch("select name, requests_per_minute from tier order by position")
    quotas = {row["name"]: row["requests_per_minute"] for row in rows}
    assert quotas == {"anonymous": 30, "free": 60, "basic": 120, "premium": 300, "admin": None}
    told = (await ask(keyed, "GET", "/v1/tiers", OPERATOR)).json()["data"]
    assert {one["name"]: one["requests_per_minute"] for one in told} == quotas
    headers: dict[str, dict[str, str]] = {"anonymous": {}}
    headers |= {name: (await holder(keyed, name)).headers for name in quotas if name != "anonymous"}
    for name, quota in quotas.items():
        answer = await keyed.client.get(SPORTS, headers=headers[name])
        if quota is None:
            assert not {"ratelimit", "ratelimit-policy"} & {*answer.headers}
        else:
            assert answer.headers["ratelimit-policy"] == f'"minute";q={quota};w=60'
            assert left(answer)[0] == quota - 1
    lefts = []
    for _ in range(299):
        answer = await keyed.client.get(SPORTS, headers=headers["premium"])
        assert answer.status_code == 200
        lefts.append(left(answer)[0])
    assert lefts == [*range(298, -1, -1)]
    refused = await keyed.client.get(SPORTS, headers=headers["premium"])
    assert (refused.status_code, refused.json()["violated-policies"], left(refused)[0]) == (429, ["minute"], 0)


async def test_keys_of_one_account_share_its_quota(keyed: Gateway) -> None:
    one = await holder(keyed, "free")
    made = await ask(keyed, "POST", f"{ACCOUNTS}/{one.account}/keys", OPERATOR, json={})
    await keyed.api.keys.look()
    other = Holder(one.account, made.json()["id"], made.json()["key"])
    for owner in (one, other, one):
        answer = await keyed.client.get(SPORTS, headers=owner.headers)
    assert left(answer)[0] == 57


async def test_another_tier_is_another_quota_at_once(keyed: Gateway) -> None:
    owner = await holder(keyed, "free")
    for _ in range(60):
        assert (await keyed.client.get("/v1/me", headers=owner.headers)).status_code == 200
    assert (await keyed.client.get("/v1/me", headers=owner.headers)).status_code == 429
    await ask(keyed, "PUT", f"{ACCOUNTS}/{owner.account}", OPERATOR, json={"name": "x", "tier": "basic"})
    await keyed.api.keys.look()
    me = await keyed.client.get("/v1/me", headers=owner.headers)
    assert (me.status_code, me.json()["tier"]["name"]) == (200, "basic")


async def test_me_tells_tier_scopes_and_usage(keyed: Gateway) -> None:
    nobody = (await keyed.client.get("/v1/me")).json()
    assert (nobody["account"], nobody["tier"]["name"], nobody["usage"]) == (None, "anonymous", [])
    owner = await holder(keyed, "free", "Example Ltd", scopes=["read"])
    for _ in range(61):
        await keyed.client.get(SPORTS, headers=owner.headers)
    await keyed.api.usage.tell()
    await ask(keyed, "PUT", f"{ACCOUNTS}/{owner.account}", OPERATOR, json={"name": "Example", "tier": "basic"})
    await keyed.api.keys.look()
    me = (await keyed.client.get("/v1/me", headers=owner.headers)).json()
    assert (me["account"], me["name"], me["key"], me["scopes"]) == (owner.account, "Example", owner.key_id, ["read"])
    assert me["usage"] == [{"day": "2026-04-16", "requests": 60, "refused": 1}]
    (told,) = (await ask(keyed, "GET", f"{ACCOUNTS}/{owner.account}/keys", OPERATOR)).json()["data"]
    assert told["last_used_at"] is not None


async def test_what_is_too_long_is_refused(keyed: Gateway) -> None:
    query = await keyed.client.get(f"{SPORTS}?sport={'x' * 9000}")
    path = await keyed.client.get(f"/v1/{'x' * 3000}")
    headers = await keyed.client.get(SPORTS, headers={"X-Long": "x" * 17_000})
    body = await ask(keyed, "POST", ACCOUNTS, OPERATOR, json={"name": "x" * 20_000})
    assert [one.status_code for one in (query, path, headers, body)] == [414, 414, 431, 413]
    for one in (query, path, headers, body):
        assert one.headers["content-type"] == "application/problem+json"
        assert len(one.content) < 1000


async def test_what_is_too_long_is_refused_of_answers_that_are_ready_too(keyed: Gateway) -> None:
    """By who shows a key and who does not, of which the ways are two."""
    owner = await holder(keyed, "premium")
    long = {"X-Long": "x" * 17_000}
    for headers in ({}, owner.headers):
        statuses = [(await keyed.client.get(SPORTS, headers=headers | more)).status_code for more in ({}, {}, long, {})]
        assert statuses == [200, 200, 431, 200]


_WRITES_WAIT = """
    select count(*) = 2 from pg_locks
    where not granted and relation = 'account'::regclass and mode = 'RowExclusiveLock'
"""


async def test_too_much_at_once_is_shed_with_429(make_database: MakeDatabase) -> None:
    dsn = await make_database(MIGRATIONS)
    async with gateway_on(dsn, requests_at_once=2, pool_size=6, **KEYS) as gateway:
        other = gateway.database
        async with other.transaction():
            # What writes accounts waits for this.
            await other.execute("lock table account in access exclusive mode")
            waiting = [
                asyncio.create_task(ask(gateway, "POST", ACCOUNTS, OPERATOR, json={"name": f"{number}"}))
                for number in range(2)
            ]

            # Not before both wait may anybody else come in, or he would have the place of one of them.
            async def both_wait() -> bool:
                return bool(await other.fetchval(_WRITES_WAIT))

            await until(both_wait)
            shed = await ask(gateway, "GET", SPORTS, OPERATOR)
            assert (shed.status_code, shed.json()["type"]) == (429, "/problems/overloaded")
            assert shed.headers["retry-after"] == "1"
            # Whether it lives is still told.
            assert (await gateway.client.get("/livez")).status_code == 200
        assert {one.status_code for one in await asyncio.gather(*waiting)} == {201}
        assert (await gateway.client.get(SPORTS)).status_code == 200


async def test_who_finds_no_connection_of_the_pool_is_shed_with_429(make_database: MakeDatabase) -> None:
    """Long before a proxy takes the gateway for dead."""
    dsn = await make_database(MIGRATIONS)
    async with gateway_on(dsn, pool_size=2, **KEYS) as gateway:
        async with AsyncExitStack() as lent:
            for _ in range(2):
                await lent.enter_async_context(gateway.api.database.snapshot())
            begin = time.monotonic()
            shed = await gateway.client.get("/v1/opportunities/any")
            assert time.monotonic() - begin < 10
            assert (shed.status_code, shed.json()["type"]) == (429, "/problems/overloaded")
            assert shed.headers["retry-after"] == "1"
        assert (await gateway.client.get("/v1/opportunities/any")).status_code == 404


async def test_a_gateway_whose_connections_are_all_lent_is_ready(make_database: MakeDatabase) -> None:
    """It sheds; taken out of service, it would leave what it has to do to the others, until none is left."""
    dsn = await make_database(MIGRATIONS)
    async with gateway_on(dsn, pool_size=2, **KEYS) as gateway, AsyncExitStack() as lent:
        for _ in range(2):
            await lent.enter_async_context(gateway.api.database.snapshot())
        looks = await asyncio.gather(*(gateway.client.get("/readyz") for _ in range(20)))
        assert {(one.status_code, one.json()["status"]) for one in looks} == {(200, "ready")}


async def test_who_waits_too_long_for_others_is_shed_with_429(make_database: MakeDatabase) -> None:
    dsn = await make_database(MIGRATIONS)
    async with (
        gateway_on(dsn, requests_at_once=1, request_seconds=0.2, **KEYS) as gateway,
        gateway.database.transaction(),
    ):
        await gateway.database.execute("lock table opportunity in access exclusive mode")
        shed = await gateway.client.get("/v1/opportunities/any")
        assert (shed.status_code, shed.json()["type"]) == (429, "/problems/overloaded")


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_what_takes_longer_than_a_request_may_is_answered_503(make_database: MakeDatabase, method: str) -> None:
    """Where there is room for others: it is this one that waits."""
    dsn = await make_database(MIGRATIONS)
    async with gateway_on(dsn, request_seconds=0.2, **KEYS) as gateway:
        path = f"/v1/bets/{uuid4()}"
        owner = await holder(gateway, "free")
        async with gateway.database.transaction():
            await gateway.database.execute("lock table bet in access exclusive mode")
            late = await ask(gateway, method, path, owner.headers)
            assert (late.status_code, late.headers["content-type"]) == (503, "application/problem+json")
            assert (late.json()["type"], late.json()["instance"]) == ("/problems/unavailable", path)
            assert "took too long" in late.json()["detail"]
            assert late.headers["retry-after"] == "1"
            # It is counted, named and safe as every answer is.
            assert {"ratelimit", "x-request-id", "x-content-type-options"} <= {*late.headers}
            # Nobody else has to wait, and what was waited for is let go.
            assert (await gateway.client.get("/v1/sports")).status_code == 200
        assert (await ask(gateway, method, path, owner.headers)).status_code == 404


@pytest.mark.parametrize("sent", [b"", b"{"], ids=["nothing", "a beginning"])
@pytest.mark.parametrize("at_once", [1, 200], ids=["full", "with room"])
async def test_a_body_that_does_not_come_is_answered_408(
    make_database: MakeDatabase, sent: bytes, at_once: int
) -> None:
    """However full it is: only the client was waited for."""
    dsn = await make_database(MIGRATIONS)
    async with gateway_on(dsn, requests_at_once=at_once, request_seconds=0.2, **KEYS) as gateway:
        reader, writer = await asyncio.open_connection(gateway.client.base_url.host, gateway.client.base_url.port)
        head = "POST /v1/devig HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 10\r\n\r\n"
        writer.write(head.encode() + sent)
        async with asyncio.timeout(10):
            told = await reader.readuntil(b"\r\n\r\n")
            [length] = [line for line in told.lower().split(b"\r\n") if line.startswith(b"content-length:")]
            problem = json.loads(await reader.readexactly(int(length.partition(b":")[2])))
        writer.close()
        assert told.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
        assert b"content-type: application/problem+json\r\n" in told
        assert (problem["type"], problem["status"], problem["instance"]) == ("/problems/too-slow", 408, "/v1/devig")
        assert "did not arrive within 0.2 s" in problem["detail"]
        assert "Content-Length" in problem["detail"]


async def test_a_body_that_came_is_not_what_a_late_answer_waited_for(make_database: MakeDatabase) -> None:
    dsn = await make_database(MIGRATIONS)
    async with gateway_on(dsn, request_seconds=1.0, **KEYS) as gateway:
        owner = await holder(gateway, "free")
        bet = {"event_id": "any", "bookmaker": "any", "market": "h2h", "outcome": "home", "price": 2.1, "stake": "10"}
        async with gateway.database.transaction():
            await gateway.database.execute("lock table sporting_event in access exclusive mode")
            late = await gateway.client.post("/v1/bets", json=bet, headers=owner.headers)
        assert (late.status_code, late.json()["type"]) == (503, "/problems/unavailable")


async def test_a_quota_holds_over_three_gateways(make_database: MakeDatabase, redis_masters: RedisCluster) -> None:
    dsn = await make_database(MIGRATIONS)
    url = f"redis://:{redis_masters.password}@" + ",".join(f"127.0.0.1:{node.port}" for node in redis_masters.nodes)
    async with AsyncExitStack() as stack:
        gateways = []
        for _ in range(3):
            # With all the time that a slow machine needs: who is not answered in time lets in.
            limits = RedisRateLimits(url, time.monotonic, CollectorRegistry(), 20.0)
            stack.push_async_callback(limits.aclose)
            await limits.connect()
            gateways.append(await stack.enter_async_context(gateway_on(dsn, limits=limits, **KEYS)))
        owner = await holder(gateways[0], "basic")
        for gateway in gateways:
            await gateway.api.keys.look()
        # 300 calls at once, where 120 are allowed in a minute.
        answers = await asyncio.gather(
            *(gateways[number % 3].client.get(SPORTS, headers=owner.headers) for number in range(300))
        )
        statuses = [one.status_code for one in answers]
        taken = statuses.count(200)
        assert set(statuses) == {200, 429}
        # Each gateway may hold a lease of five that it does not use up.
        assert 105 <= taken <= 120
        assert all(0 < int(one.headers["retry-after"]) <= 61 for one in answers if one.status_code == 429)


async def test_without_redis_nobody_is_refused(make_database: MakeDatabase) -> None:
    registry = CollectorRegistry()
    limits = RedisRateLimits("redis://127.0.0.1:1", time.monotonic, registry, 0.05)
    try:
        async with gateway_on(await make_database(MIGRATIONS), limits=limits, **KEYS) as gateway:
            answers = [await gateway.client.get(SPORTS) for _ in range(40)]
            assert {one.status_code for one in answers} == {200}
            assert answers[0].headers["ratelimit-policy"] == '"minute";q=30;w=60'
            assert "ratelimit" not in answers[0].headers
            assert registry.get_sample_value("bet_intel_rate_limit_uncounted_total", {"limit": "requests"}) == 40
    finally:
        await limits.aclose()
