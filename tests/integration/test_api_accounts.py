"""Accounts and keys over HTTP: made, used, rotated, revoked, on any gateway."""

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from datetime import timedelta

import pytest
from jsonschema import Draft202012Validator

from bet_intel.api.domain.keys import digest_of, is_key
from fixtures.api_accounts import ACCOUNTS, KEYS, OPERATOR, Holder, account, ask, holder, key
from fixtures.api_gateway import MIGRATIONS, NOW, Gateway, gateway_on
from fixtures.postgres import MakeDatabase
from fixtures.waiting import until

pytestmark = pytest.mark.integration

SPORTS = "/v1/sports"


@pytest.fixture
async def keyed(make_database: MakeDatabase) -> AsyncIterator[Gateway]:
    async with gateway_on(await make_database(MIGRATIONS), **KEYS) as opened:
        yield opened


async def status(gateway: Gateway, headers: dict[str, str], path: str = SPORTS) -> int:
    return (await gateway.client.get(path, headers=headers)).status_code


async def test_an_account_is_made_shown_changed_and_deleted(keyed: Gateway) -> None:
    made = await ask(keyed, "POST", ACCOUNTS, OPERATOR, json={"name": "Example Ltd", "tier": "basic"})
    assert made.status_code == 201, made.text
    shown = made.json()
    where = f"{ACCOUNTS}/{shown['id']}"
    assert (made.headers["location"], shown["name"], shown["tier"]) == (where, "Example Ltd", "basic")
    assert (await ask(keyed, "GET", where, OPERATOR)).json() == shown
    assert (await ask(keyed, "GET", ACCOUNTS, OPERATOR)).json() == {"data": [shown], "next_cursor": None}
    again = await ask(keyed, "POST", ACCOUNTS, OPERATOR, json={"name": "Example Ltd"})
    assert (again.status_code, again.json()["type"]) == (409, "/problems/taken")
    assert where in again.json()["detail"]
    changed = await ask(keyed, "PUT", where, OPERATOR, json={"name": "Example", "tier": "premium"})
    assert changed.json() == shown | {"name": "Example", "tier": "premium", "updated_at": changed.json()["updated_at"]}
    assert (await ask(keyed, "DELETE", where, OPERATOR)).status_code == 204
    for method in ("GET", "DELETE"):
        assert (await ask(keyed, method, where, OPERATOR)).status_code == 404


async def test_a_key_is_shown_once_and_stored_nowhere(keyed: Gateway) -> None:
    owner = await holder(keyed, "basic", name="a")
    assert is_key(owner.key)
    listed = await ask(keyed, "GET", f"{ACCOUNTS}/{owner.account}/keys", OPERATOR)
    (one,) = listed.json()["data"]
    assert (one["id"], one["state"], one["scopes"]) == (
        owner.key_id,
        "active",
        ["read", "bets", "subscriptions", "refresh"],
    )
    assert one["hint"] == owner.key[-10:-6]
    for table in ("api_key", "audit_entry", "account", "outbox", "idempotency"):
        stored = str(await keyed.database.fetch(f"select t::text from {table} as t"))  # noqa: S608 - a name of ours
        assert owner.key not in stored
    assert await keyed.database.fetchval("select digest from api_key") == digest_of(owner.key)
    assert await status(keyed, owner.headers) == 200
    assert await status(keyed, {"X-API-Key": owner.key}) == 200


async def test_a_revoked_key_is_refused_by_every_gateway_within_a_second(make_database: MakeDatabase) -> None:
    dsn = await make_database(MIGRATIONS)
    async with AsyncExitStack() as stack:
        gateways = [await stack.enter_async_context(gateway_on(dsn, **KEYS)) for _ in range(3)]
        owner = await holder(gateways[0], "premium")
        spare = [await key(gateways[0], owner.account) for _ in range(4)]
        took = [await _revoked(gateways, one) for one in (owner, *spare)]
        assert max(took) < 1.0, took


async def _revoked(gateways: Sequence[Gateway], owner: Holder) -> float:
    """Revoke a key at one gateway, none of which can wake the others; after how many seconds all of them refuse it."""

    async def all_say(expected: int) -> bool:
        return {await status(gateway, owner.headers) for gateway in gateways} == {expected}

    await until(lambda: all_say(200))
    gone = await ask(gateways[1], "DELETE", f"{ACCOUNTS}/{owner.account}/keys/{owner.key_id}", OPERATOR)
    assert gone.status_code == 204
    revoked_at = time.monotonic()
    await until(lambda: all_say(401))
    return time.monotonic() - revoked_at


async def test_answers_are_as_the_document_says(keyed: Gateway) -> None:
    owner = await holder(keyed, "basic")
    document = await keyed.get("/openapi.json")
    one = f"{ACCOUNTS}/{owner.account}"
    for described, path in (
        (ACCOUNTS, ACCOUNTS),
        (f"{ACCOUNTS}/{{id}}", one),
        (f"{ACCOUNTS}/{{id}}/keys", f"{one}/keys"),
        ("/v1/admin/audit", "/v1/admin/audit"),
        ("/v1/tiers", "/v1/tiers"),
        ("/v1/me", "/v1/me"),
    ):
        told = document["paths"][described]["get"]
        schema = told["responses"]["200"]["content"]["application/json"]["schema"]
        answer = await ask(keyed, "GET", path, OPERATOR)
        Draft202012Validator(schema | {"components": document["components"]}).validate(answer.json())
        assert {"401", "429"} <= set(told["responses"])
        assert {"bearer": []} in told["security"]
    assert document["paths"]["/livez"]["get"]["security"] == []
    assert {} in document["paths"]["/v1/opportunities"]["get"]["security"]


async def test_a_deleted_account_takes_its_keys_with_it(keyed: Gateway) -> None:
    owner, other = await holder(keyed, "basic"), await holder(keyed, "free")
    await ask(keyed, "DELETE", f"{ACCOUNTS}/{owner.account}", OPERATOR)
    await keyed.api.keys.look()
    assert (await status(keyed, owner.headers), await status(keyed, other.headers)) == (401, 200)


async def test_a_rotated_key_works_until_its_overlap_ends(keyed: Gateway) -> None:
    id = await account(keyed, "basic")
    old = await key(keyed, id, name="laptop", scopes=["read"])
    where = f"{ACCOUNTS}/{id}/keys/{old.key_id}/rotate"
    made = await ask(keyed, "POST", where, OPERATOR, json={"overlap_seconds": 3600})
    assert made.status_code == 201, made.text
    new = made.json()
    assert (new["name"], new["scopes"], new["expires_at"]) == ("laptop", ["read"], None)
    await keyed.api.keys.look()
    assert await status(keyed, old.headers) == 200
    assert await status(keyed, {"X-API-Key": new["key"]}) == 200
    listed = (await ask(keyed, "GET", f"{ACCOUNTS}/{id}/keys", OPERATOR)).json()["data"]
    (replaced,) = (one for one in listed if one["id"] == old.key_id)
    assert replaced["expires_at"] == NOW.replace(hour=NOW.hour + 1).isoformat().replace("+00:00", "Z")
    at_once = await ask(keyed, "POST", where, OPERATOR, json={"overlap_seconds": 0})
    assert at_once.status_code == 201
    await keyed.api.keys.look()
    assert await status(keyed, old.headers) == 401
    assert (await ask(keyed, "POST", where, OPERATOR)).status_code == 409


async def test_a_key_ends_at_a_time_in_either_form(keyed: Gateway) -> None:
    id = await account(keyed, "basic")
    ends = NOW + timedelta(days=1)
    told = []
    for form in (ends.isoformat(), int(ends.timestamp())):
        made = await ask(keyed, "POST", f"{ACCOUNTS}/{id}/keys", OPERATOR, json={"expires_at": form})
        assert made.status_code == 201, made.text
        told.append(made.json()["expires_at"])
    assert told == [ends.isoformat().replace("+00:00", "Z")] * 2
    for wrong in (int(NOW.timestamp()), -1, 10**15, "tomorrow", 1.5):
        made = await ask(keyed, "POST", f"{ACCOUNTS}/{id}/keys", OPERATOR, json={"expires_at": wrong})
        assert (made.status_code, made.json()["type"]) == (400, "/problems/invalid-body")


async def test_keys_are_listed_in_pages(keyed: Gateway) -> None:
    id = await account(keyed, "basic")
    made = [(await key(keyed, id)).key_id for _ in range(5)]
    path, pages = f"{ACCOUNTS}/{id}/keys?limit=2", []
    while path:
        answer = await ask(keyed, "GET", path, OPERATOR)
        pages.append([one["id"] for one in answer.json()["data"]])
        path = answer.links.get("next", {}).get("url", "")
        assert bool(path) == (answer.json()["next_cursor"] is not None)
    # Made at one time of this clock, they are ordered by id.
    assert [len(page) for page in pages] == [2, 2, 1]
    assert sorted(one for page in pages for one in page) == sorted(made)
    wrong = await ask(keyed, "GET", f"{ACCOUNTS}/{id}/keys?cursor=x", OPERATOR)
    assert (wrong.status_code, wrong.json()["type"]) == (400, "/problems/invalid-cursor")


async def test_a_key_may_be_used_for_its_scopes_alone(keyed: Gateway) -> None:
    owner = await holder(keyed, "premium", scopes=["bets"])
    assert await status(keyed, owner.headers, "/v1/bets") == 200
    refused = await keyed.client.get(SPORTS, headers=owner.headers)
    assert (refused.status_code, refused.json()["type"]) == (403, "/problems/forbidden")
    assert "scope read" in refused.json()["detail"]
    id = await account(keyed, "basic")
    made = await ask(keyed, "POST", f"{ACCOUNTS}/{id}/keys", OPERATOR, json={"scopes": ["admin"]})
    assert made.status_code == 400


async def test_an_administrator_needs_no_operator(keyed: Gateway) -> None:
    admin = await holder(keyed, "admin", scopes=["admin"])
    made = await ask(keyed, "POST", ACCOUNTS, admin.headers, json={"name": "x"})
    assert made.status_code == 201, made.text
    # An administrator's key for reading does not administer.
    reader = await key(keyed, admin.account, scopes=["read"])
    assert (await ask(keyed, "GET", ACCOUNTS, reader.headers)).status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Basic dXNlcjpwYXNz"},
        {"Authorization": "Bearer é"},
        {"X-API-Key": ""},
        {"X-API-Key": "betintel_" + "0" * 49},
        {"X-API-Key": "one", "Authorization": "Bearer two"},
    ],
)
async def test_what_is_no_key_is_refused(keyed: Gateway, headers: dict[str, str]) -> None:
    sent = {name.encode(): value.encode() for name, value in headers.items()}
    refused = await keyed.client.get(SPORTS, headers=sent)
    assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")
    assert refused.json()["type"] == "/problems/unauthorized"
    assert "betintel_" not in refused.text


@pytest.mark.parametrize("place", ["?api_key={}", "?x-api-key={}", "?sport={}", "?token={}", "/{}", "?{}"])
async def test_a_key_in_the_address_is_refused_and_not_repeated(
    keyed: Gateway, place: str, capsys: pytest.CaptureFixture[str]
) -> None:
    owner = await holder(keyed, "basic")
    refused = await keyed.client.get(SPORTS + place.format(owner.key), headers=owner.headers)
    assert (refused.status_code, refused.json()["type"]) == (400, "/problems/key-in-url")
    assert owner.key[9:20] not in refused.text + str(refused.headers)
    said = capsys.readouterr()
    assert owner.key[9:20] not in said.out + said.err
