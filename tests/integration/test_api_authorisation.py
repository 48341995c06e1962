"""Who may do what: every route × every kind of caller, and every object × its owner and everybody else.

What is expected is written down here, apart from the routes; a route that is not in the tables fails.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from pydantic import SecretStr

from fixtures.api_accounts import ACCOUNTS, KEYS, OPERATOR, account, ask, holder, key
from fixtures.api_gateway import MIGRATIONS, NOW, Gateway, gateway_on
from fixtures.api_world import delivered
from fixtures.postgres import MakeDatabase

pytestmark = pytest.mark.integration

BOX_KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
EVERYBODY = {"anonymous", "free", "basic", "premium", "admin", "reader", "operator"}
NOT_READING = {"better"}
ACCOUNT_HOLDERS = EVERYBODY - {"anonymous"}
BY_NEED: Mapping[str, set[str]] = {
    # Not even a key that is not in force keeps anybody out.
    "nothing": EVERYBODY | NOT_READING | {"revoked"},
    "anybody": EVERYBODY | NOT_READING,
    "read": EVERYBODY,
    "whole": {"premium", "admin", "operator"},
    "bets": (ACCOUNT_HOLDERS | NOT_READING) - {"reader"},
    "subscriptions": ACCOUNT_HOLDERS - {"reader"},
    "refresh": {"premium", "admin", "operator"},
    "metrics": {"admin", "operator"},
    "admin": {"admin", "operator"},
}
CALLERS = sorted(EVERYBODY | NOT_READING | {"revoked"})
NEEDS: Mapping[tuple[str, str], str] = {
    ("GET", "/"): "nothing",
    ("GET", "/livez"): "nothing",
    ("GET", "/readyz"): "nothing",
    ("GET", "/health"): "nothing",
    ("GET", "/openapi.json"): "nothing",
    ("GET", "/problems"): "nothing",
    ("GET", "/problems/{type}"): "nothing",
    ("GET", "/docs"): "nothing",
    ("GET", "/docs/{name}"): "nothing",
    ("GET", "/metrics"): "metrics",
    ("GET", "/v1/me"): "anybody",
    ("GET", "/v1/tiers"): "read",
    ("GET", "/v1/status"): "read",
    ("GET", "/v1/sports"): "read",
    ("GET", "/v1/bookmakers"): "read",
    ("GET", "/v1/markets"): "read",
    ("POST", "/v1/devig"): "read",
    ("POST", "/v1/price"): "read",
    ("GET", "/v1/exports/opportunities"): "whole",
    ("GET", "/v1/exports/history"): "whole",
    ("GET", "/v1/events"): "read",
    ("GET", "/v1/events/{id}/odds"): "read",
    ("GET", "/v1/events/{id}/explain"): "read",
    ("GET", "/v1/events/{id}/closing"): "read",
    ("GET", "/v1/events/{id}/history"): "whole",
    ("GET", "/v1/opportunities"): "read",
    ("GET", "/v1/opportunities/{id}"): "read",
    ("GET", "/api/opportunities"): "read",
    ("POST", "/api/opportunities/refresh"): "refresh",
    ("GET", "/v1/arbitrage"): "read",
    ("GET", "/v1/low-holds"): "read",
    ("GET", "/v1/middles"): "read",
    ("GET", "/v1/stream"): "whole",
    ("POST", "/v1/refresh"): "refresh",
    ("GET", "/v1/refreshes/{id}"): "refresh",
    ("GET", "/v1/bets"): "bets",
    ("POST", "/v1/bets"): "bets",
    ("GET", "/v1/bets/{id}"): "bets",
    ("DELETE", "/v1/bets/{id}"): "bets",
    ("GET", "/v1/clv"): "bets",
    ("GET", "/v1/subscriptions"): "subscriptions",
    ("POST", "/v1/subscriptions"): "subscriptions",
    ("GET", "/v1/subscriptions/{id}"): "subscriptions",
    ("PUT", "/v1/subscriptions/{id}"): "subscriptions",
    ("DELETE", "/v1/subscriptions/{id}"): "subscriptions",
    ("POST", "/v1/subscriptions/{id}/test"): "subscriptions",
    ("GET", "/v1/subscriptions/{id}/deliveries"): "subscriptions",
    ("GET", "/v1/subscriptions/{id}/deliveries/{delivery}"): "subscriptions",
    ("POST", "/v1/subscriptions/{id}/deliveries/{delivery}/redeliver"): "subscriptions",
    ("GET", "/v1/admin/pricing/{profile}"): "admin",
    ("PUT", "/v1/admin/pricing/{profile}"): "admin",
    ("PUT", "/v1/admin/tiers/{tier}"): "admin",
    ("GET", "/v1/admin/audit"): "admin",
    ("GET", "/v1/admin/accounts"): "admin",
    ("POST", "/v1/admin/accounts"): "admin",
    ("GET", "/v1/admin/accounts/{id}"): "admin",
    ("PUT", "/v1/admin/accounts/{id}"): "admin",
    ("DELETE", "/v1/admin/accounts/{id}"): "admin",
    ("GET", "/v1/admin/accounts/{id}/keys"): "admin",
    ("POST", "/v1/admin/accounts/{id}/keys"): "admin",
    ("DELETE", "/v1/admin/accounts/{id}/keys/{key}"): "admin",
    ("POST", "/v1/admin/accounts/{id}/keys/{key}/rotate"): "admin",
}
OWNED = ("/v1/bets/{id}", "/v1/subscriptions/{id}")
"""Addresses of what belongs to an account."""
SHARED = (
    "/problems/{type}",
    "/docs/{name}",
    "/v1/events/{id}",
    "/v1/opportunities/{id}",
    "/v1/refreshes/{id}",
    "/v1/admin/",
)
"""Addresses of what belongs to nobody, or to administrators."""
OWN: Mapping[tuple[str, str], int] = {
    ("GET", "/v1/bets/{id}"): 200,
    ("GET", "/v1/subscriptions/{id}"): 200,
    ("PUT", "/v1/subscriptions/{id}"): 200,
    ("POST", "/v1/subscriptions/{id}/test"): 202,
    ("GET", "/v1/subscriptions/{id}/deliveries"): 200,
    ("GET", "/v1/subscriptions/{id}/deliveries/{delivery}"): 200,
    ("POST", "/v1/subscriptions/{id}/deliveries/{delivery}/redeliver"): 202,
    ("DELETE", "/v1/bets/{id}"): 204,
    ("DELETE", "/v1/subscriptions/{id}"): 204,
}
"""What its owner is answered, in an order in which there is something left to ask for."""
OWNERS = ("free", "basic", "premium", "admin", "operator")
ACCOUNT_OF = {"reader": "basic", "better": "basic", "revoked": "basic"}
"""Keys that are not the only one of their account."""


@dataclass(frozen=True, slots=True)
class World:
    gateway: Gateway
    headers: Mapping[str, Mapping[str, str]]

    async def status(self, caller: str, method: str, path: str, **body: Any) -> int:
        # Streams are looked at, not read to their end.
        async with self.gateway.client.stream(method, path, headers=dict(self.headers[caller]), **body) as answer:
            return answer.status_code


@pytest.fixture
async def world(make_database: MakeDatabase) -> AsyncIterator[World]:
    dsn = await make_database(MIGRATIONS)
    # Here it is asked whether they may, not how often. Before the gateway starts: it hears of changes by the audit log.
    database = await asyncpg.connect(dsn)
    await database.execute("update tier set requests_per_minute = null")
    await database.close()
    async with gateway_on(dsn, secrets_key=SecretStr(BOX_KEY), refresh_burst=1000, **KEYS) as gateway:
        holders = {tier: await holder(gateway, tier) for tier in ("free", "basic", "premium")}
        administrator = await holder(gateway, "admin", scopes=["read", "bets", "subscriptions", "refresh", "admin"])
        of_basic = holders["basic"].account
        holders |= {
            "admin": administrator,
            "reader": await key(gateway, of_basic, scopes=["read"]),
            "better": await key(gateway, of_basic, scopes=["bets"]),
            "revoked": await key(gateway, of_basic),
        }
        revoked = holders["revoked"]
        await ask(gateway, "DELETE", f"{ACCOUNTS}/{of_basic}/keys/{revoked.key_id}", OPERATOR)
        await gateway.api.keys.look()
        headers = {name: one.headers for name, one in holders.items()}
        yield World(gateway, headers | {"anonymous": {}, "operator": OPERATOR})


async def test_the_tables_have_every_route(world: World) -> None:
    routes = [(method, one.path) for one in world.gateway.api.routes for method in one.methods or ()]
    # Whoever may GET may HEAD, which is asked for below.
    assert {place for place in routes if place[0] != "HEAD"} == set(NEEDS)
    assert {path for method, path in routes if method == "HEAD"} == {path for method, path in NEEDS if method == "GET"}
    assert {place for place in NEEDS if place[1].startswith(OWNED)} == set(OWN)
    for _, path in routes:
        if "{" in path:
            assert path.startswith(OWNED) != path.startswith(SHARED), f"whose is what is at {path}?"


async def test_every_route_for_every_caller(world: World) -> None:
    wrong = []
    for (method, path), need in NEEDS.items():
        if (method, path) == ("DELETE", "/v1/admin/accounts/{id}"):
            continue  # below: there would be nobody left
        made_up = path.replace("{profile}", "consensus").replace("{tier}", "none").replace("{type}", "overloaded")
        made_up = made_up.replace("{name}", "start.js")
        for name in ("{id}", "{key}", "{delivery}"):
            made_up = made_up.replace(name, str(uuid4()))
        for asked in (method, "HEAD") if method == "GET" else (method,):
            statuses = await asyncio.gather(*(world.status(caller, asked, made_up) for caller in CALLERS))
            for caller, status in zip(CALLERS, statuses, strict=True):
                may = caller in BY_NEED[need]
                if (status == refused(caller)) == may or (may and status in (401, 403)) or status >= 500:
                    wrong.append((asked, path, caller, may, status))
    assert not wrong


def refused(caller: str) -> int:
    """The status that a caller gets where he may not."""
    return 401 if caller in ("anonymous", "revoked") else 403


async def test_an_account_is_deleted_by_administrators_alone(world: World) -> None:
    gateway = world.gateway
    for caller in CALLERS:
        path = f"{ACCOUNTS}/{await account(gateway, 'free', f'to be deleted by {caller}')}"
        status = await world.status(caller, "DELETE", path)
        left = (await ask(gateway, "GET", path, OPERATOR)).status_code
        if caller in BY_NEED["admin"]:
            assert (status, left) == (204, 404), caller
        else:
            assert (status, left) == (refused(caller), 200), caller
    # Nobody gets rid of his own account, but for administrators.
    for caller in ("free", "basic", "premium"):
        own = (await ask(gateway, "GET", "/v1/me", dict(world.headers[caller]))).json()["account"]
        assert await world.status(caller, "DELETE", f"{ACCOUNTS}/{own}") == 403
        assert (await ask(gateway, "GET", "/v1/me", dict(world.headers[caller]))).json()["account"] == own


async def test_a_refresh_is_shown_to_whoever_may_ask_for_one(world: World) -> None:
    gateway = world.gateway
    asked = await ask(gateway, "POST", "/v1/refresh", dict(world.headers["premium"]), json={"leagues": ["a"]})
    assert asked.status_code == 202, asked.text
    path, asker = asked.headers["location"], world.headers["premium"]
    another = await holder(gateway, "premium", "another of premium", scopes=["read", "refresh"])
    own = (await ask(gateway, "GET", path, dict(asker))).json()
    theirs = await ask(gateway, "GET", path, another.headers)
    # It belongs to nobody, and does not say who asked.
    assert (theirs.status_code, theirs.json()) == (200, own)
    assert own == asked.json()
    for caller in CALLERS:
        expected = 200 if caller in BY_NEED["refresh"] else refused(caller)
        assert await world.status(caller, "GET", path) == expected, caller
    assert (await ask(gateway, "GET", f"/v1/refreshes/{uuid4()}", another.headers)).status_code == 404


BET: dict[str, Any] = {
    "league": "x",
    "home": "a",
    "away": "b",
    "commence_time": NOW.isoformat(),
    "bookmaker": "alpha",
    "market": "h2h",
    "outcome": "home",
    "price": 2.0,
    "stake": "1",
}
HOOK = {"webhook": {"url": "https://hooks.example.com/x"}}
MADE_BY = {"/v1/bets": BET, "/v1/subscriptions": HOOK}


async def belongings(world: World, owner: str) -> dict[str, dict[str, str]]:
    """A bet, and a subscription with a delivery: what stands for the names in their addresses."""
    headers, made = dict(world.headers[owner]), {}
    for path, body in MADE_BY.items():
        answer = await world.gateway.client.post(path, headers=headers, json=body)
        assert answer.status_code == 201, answer.text
        made[path] = {"id": str(answer.json()["id"])}
    subscription = made["/v1/subscriptions"]
    subscription["delivery"] = await delivered(world.gateway, subscription["id"], headers)
    return made


def addressed(path: str, made: Mapping[str, Mapping[str, str]]) -> str:
    base = next(base for base in made if path.startswith(base))
    return path.format(**made[base])


@pytest.mark.parametrize("owner", OWNERS)
async def test_what_belongs_to_an_account_is_nobody_elses(world: World, owner: str) -> None:
    client, made = world.gateway.client, await belongings(world, owner)
    nobodys = {path: {name: str(uuid4()) for name in names} for path, names in made.items()}
    others = [caller for caller in CALLERS if ACCOUNT_OF.get(caller, caller) != owner]
    for path in made:
        for other in OWNERS:
            listed = await client.get(path, headers=dict(world.headers[other]))
            assert [one["id"] for one in listed.json()["data"]] == ([made[path]["id"]] if other == owner else [])
    for (method, path), expected in OWN.items():
        body: dict[str, Any] = {"json": HOOK} if method == "PUT" else {}
        real = addressed(path, made)
        for other in others:
            may = other in BY_NEED[NEEDS[method, path]]
            theirs = await client.request(method, real, headers=dict(world.headers[other]), **body)
            assert theirs.status_code == (404 if may else refused(other)), (other, method, path)
            # Not to have it, and not to see it, is told alike.
            none = await client.request(method, addressed(path, nobodys), headers=dict(world.headers[other]), **body)
            told = [{**one.json(), "instance": "", "detail": ""} for one in (theirs, none)]
            assert told[0] == told[1]
        own = await world.status(owner, method, real, **body)
        assert own == expected, (owner, method, path)
        if method == "DELETE":
            assert await world.status(owner, "GET", real) == 404


async def test_a_delivery_of_another_subscription_is_none_of_ones_own(world: World) -> None:
    made, foreign = [await belongings(world, owner) for owner in ("basic", "premium")]
    names = made["/v1/subscriptions"] | {"delivery": foreign["/v1/subscriptions"]["delivery"]}
    for method, path in OWN:
        if "{delivery}" in path:
            assert await world.status("basic", method, path.format(**names)) == 404, (method, path)


@pytest.mark.parametrize("caller", sorted(BY_NEED["admin"]))
async def test_a_key_is_not_reached_by_way_of_another_account(world: World, caller: str) -> None:
    gateway = world.gateway
    one, other = [await holder(gateway, "basic", name) for name in ("one with a key", "another with a key")]
    places = [place for place in NEEDS if "{key}" in place[1]]
    assert {method for method, _ in places} == {"DELETE", "POST"}
    for method, path in places:
        crossed = path.format(id=one.account, key=other.key_id)
        assert await world.status(caller, method, crossed) == 404, (method, path)
    await gateway.api.keys.look()
    for still in (one, other):
        assert (await ask(gateway, "GET", "/v1/me", still.headers)).status_code == 200
    # By way of its own account it is reached: it was the account that was wrong.
    for method, path in sorted(places, reverse=True):
        reached = await world.status(caller, method, path.format(id=other.account, key=other.key_id))
        assert reached == (201 if method == "POST" else 204), (method, path)
