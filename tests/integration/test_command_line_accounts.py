"""`bet-intel accounts` and `bet-intel keys` against a gateway."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from fixtures.api_accounts import KEYS, TOKEN
from fixtures.api_gateway import MIGRATIONS, Gateway, gateway_on
from fixtures.command import Ran, bet_intel
from fixtures.postgres import MakeDatabase

pytestmark = pytest.mark.integration


@pytest.fixture
async def keyed(make_database: MakeDatabase) -> AsyncIterator[Gateway]:
    async with gateway_on(await make_database(MIGRATIONS), **KEYS) as opened:
        yield opened


async def command(gateway: Gateway, environment: Mapping[str, str], *arguments: str) -> Ran:
    ran = await asyncio.to_thread(bet_intel, *arguments, "--url", str(gateway.client.base_url), env=environment)
    await gateway.api.keys.look()
    return ran


async def status(gateway: Gateway, key: str) -> int:
    return (await gateway.client.get("/v1/me", headers={"X-API-Key": key})).status_code


async def test_from_the_operators_token_to_a_revoked_key(keyed: Gateway, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text(TOKEN)
    bootstrap = {"BET_INTEL_API_OPERATOR_TOKEN_FILE": str(token)}
    first = await command(keyed, bootstrap, "accounts", "create", "me", "--tier", "admin", "--json")
    assert first.code == 0, first.err
    assert "admin" in first.answer["key"]["scopes"]
    # From here on by an administrator's own key.
    own = {"BET_INTEL_KEY": first.answer["key"]["key"]}

    made = await command(keyed, own, "accounts", "create", "Example Ltd", "--no-key")
    assert (made.code, "Example Ltd, free" in made.out) == (0, True)
    changed = await command(keyed, own, "accounts", "change", "Example Ltd", "--tier", "premium", "--json")
    assert (changed.answer["name"], changed.answer["tier"]) == ("Example Ltd", "premium")
    listed = await command(keyed, own, "accounts", "list", "--tier", "premium", "--json")
    assert [one["id"] for one in listed.answer["data"]] == [changed.answer["id"]]

    shown = await command(
        keyed, own, "keys", "create", "Example Ltd", "--name", "laptop", "--scope", "read", "--days", "9"
    )
    key = shown.out.splitlines()[-1]
    assert (shown.code, await status(keyed, key)) == (0, 200)
    (one,) = (await command(keyed, own, "keys", "list", changed.answer["id"], "--json")).answer["data"]
    assert (one["name"], one["scopes"], one["state"]) == ("laptop", ["read"], "active")
    assert key[-10:-6] in (await command(keyed, own, "keys", "list", "Example Ltd")).out
    again = await command(keyed, own, "keys", "rotate", "Example Ltd", one["id"], "--overlap-hours", "0", "--json")
    assert (await status(keyed, key), await status(keyed, again.answer["key"])) == (401, 200)
    gone = await command(keyed, own, "keys", "revoke", "Example Ltd", again.answer["id"])
    assert (gone.code, await status(keyed, again.answer["key"])) == (0, 401)

    assert (await command(keyed, own, "accounts", "delete", "Example Ltd")).code == 0
    unknown = await command(keyed, own, "accounts", "delete", "Example Ltd")
    assert (unknown.code, "there is no account 'Example Ltd'" in unknown.err) == (1, True)
    audit = (await command(keyed, own, "accounts", "audit", "--json")).answer["data"]
    assert [one["act"] for one in audit] == [
        "account.deleted",
        "key.revoked",
        "key.rotated",
        "key.created",
        "account.changed",
        "account.created",
        "key.created",
        "account.created",
    ]
    assert [one["seq"] for one in audit] == list(range(8, 0, -1))
    assert {one["actor"] for one in audit[2:6]} == {first.answer["account"]["id"]}
    assert (audit[-1]["actor"], audit[-1]["actor_key"]) == ("operator", None)
    assert key not in str(audit)


async def test_without_a_key_it_is_said_where_one_is_taken_from(keyed: Gateway) -> None:
    refused = await command(keyed, {}, "accounts", "list")
    assert refused.code == 1
    assert "BET_INTEL_KEY_FILE" in refused.err
