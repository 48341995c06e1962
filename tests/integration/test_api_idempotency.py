"""Idempotency-Key at every address that creates, as the contract names them: the same answer to the same account,
nothing of it to another."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

import asyncpg
import httpx
import msgspec
import pytest
from pydantic import SecretStr

from bet_intel.api.app import contract
from fixtures.api_accounts import ACCOUNTS, KEYS, OPERATOR, Holder, account, ask, holder, key
from fixtures.api_gateway import MIGRATIONS, Gateway, gateway_on
from fixtures.api_world import BET, SECRETS_KEY, SUBSCRIPTION, World, furnish
from fixtures.postgres import MakeDatabase

pytestmark = pytest.mark.integration

_EVERY_SCOPE = ["read", "bets", "subscriptions", "refresh", "admin"]
_NAMED = {"Idempotency-Key": "the-same-name"}
_REPLAYED = "idempotency-replayed"


def creating() -> dict[str, dict[str, Any]]:
    """The operations that answer 201 or 202, by path."""
    paths = msgspec.json.decode(contract())["paths"]
    return {
        path: operations["post"]
        for path, operations in paths.items()
        if "post" in operations and {"201", "202"} & operations["post"]["responses"].keys()
    }


@dataclass(frozen=True, slots=True)
class Side:
    """An administrator with a world of his own; `subject` is an account with a key, the same for everybody."""

    gateway: Gateway
    holder: Holder
    world: World
    subject: Holder

    def address(self, path: str) -> str:
        ids = {"id": self.world.subscription, "delivery": self.world.delivery}
        if path.startswith(ACCOUNTS):
            ids = {"id": self.subject.account, "key": self.subject.key_id}
        return path.format(**ids)

    async def post(self, path: str, body: Mapping[str, Any] | None) -> httpx.Response:
        sent: dict[str, Any] = {} if body is None else {"json": body}
        return await ask(self.gateway, "POST", self.address(path), self.holder.headers | _NAMED, **sent)


@pytest.fixture
async def sides(make_database: MakeDatabase) -> AsyncIterator[tuple[Side, Side]]:
    dsn = await make_database(MIGRATIONS)
    database = await asyncpg.connect(dsn)
    await database.execute("update tier set requests_per_minute = null")
    await database.close()
    settings = KEYS | {"secrets_key": SecretStr(SECRETS_KEY), "refresh_burst": 1000}
    async with gateway_on(dsn, **settings) as gateway:
        subject = await key(gateway, await account(gateway, "basic"))
        made = []
        for name in ("one", "another"):
            one = await holder(gateway, "admin", name, scopes=_EVERY_SCOPE)
            gateway.client.headers.update(one.headers)
            made.append(Side(gateway, one, await furnish(gateway, settings=False), subject))
        yield made[0], made[1]


def bodies(path: str, who: str) -> list[Mapping[str, Any] | None]:
    """What is sent there, and something else, where there is anything to say."""
    if path == "/v1/bets":
        return [BET | {"reference": f"of {who}"}, BET | {"reference": f"of {who}", "stake": "1"}]
    if path == "/v1/subscriptions":
        return [SUBSCRIPTION, SUBSCRIPTION | {"min_ev": 0.5}]
    if path == ACCOUNTS:
        return [{"name": f"made by {who}", "tier": "free"}, {"name": f"made by {who}", "tier": "basic"}]
    if path.endswith("/keys"):
        return [{"name": "laptop"}, {"name": "telephone"}]
    if path.endswith("/rotate"):
        return [{"overlap_seconds": 3600}, {"overlap_seconds": 60}]
    if path.endswith("/refresh"):
        return [{"leagues": ["a"]}, {"leagues": ["b"]}]
    return [None]


def test_whatever_creates_takes_a_key() -> None:
    assert len(creating()) >= 9
    for path, operation in creating().items():
        headers = {parameter["name"] for parameter in operation["parameters"] if parameter["in"] == "header"}
        assert "Idempotency-Key" in headers, path


@pytest.mark.parametrize("path", sorted(creating()))
async def test_two_accounts_with_one_key_are_apart(sides: tuple[Side, Side], path: str) -> None:
    one, another = sides
    (said, *others), theirs = bodies(path, "one"), bodies(path, "another")[0]
    first, others_first = await one.post(path, said), await another.post(path, theirs)
    for answer in (first, others_first):
        assert answer.status_code in (201, 202), answer.text
        assert _REPLAYED not in answer.headers
    assert first.content != others_first.content
    for side, body, before in ((one, said, first), (another, theirs, others_first)):
        again = await side.post(path, body)
        assert (again.status_code, again.headers[_REPLAYED]) == (before.status_code, "true")
        # Also what is shown once alone: the secret of a webhook, a key.
        assert again.content == before.content
        assert again.headers["location"] == before.headers["location"]
    for other in others:
        refused = await one.post(path, other)
        assert (refused.status_code, refused.json()["type"]) == (422, "/problems/idempotency-key-reused")
        assert first.text not in refused.text


async def test_a_key_is_of_one_address(sides: tuple[Side, Side]) -> None:
    one, _ = sides
    made = await one.post("/v1/subscriptions", SUBSCRIPTION)
    assert made.status_code == 201
    elsewhere = await one.post("/v1/bets", SUBSCRIPTION)
    assert elsewhere.status_code in (400, 422)
    assert made.json()["id"] not in elsewhere.text
    nobody = await ask(one.gateway, "POST", "/v1/subscriptions", _NAMED | {"Authorization": "Bearer none"})
    assert nobody.status_code == 401
    operators = await ask(one.gateway, "POST", "/v1/subscriptions", OPERATOR | _NAMED, json=SUBSCRIPTION)
    assert (operators.status_code, _REPLAYED in operators.headers) == (201, False)
