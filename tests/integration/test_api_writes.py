"""What callers write: pricing settings by operators, requests sent twice, reads after writes."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from bet_intel.events.v1.pricing_settings_changed_pb2 import PricingSettingsChanged
from bet_intel.shared.messaging import Message, Queue
from fixtures.api_gateway import MIGRATIONS, Gateway, gateway_on, served
from fixtures.postgres import MakeDatabase
from fixtures.waiting import until

__all__ = ["served"]

pytestmark = pytest.mark.integration

PRICING = "/v1/admin/pricing/consensus"
TOKEN = {"Authorization": "Bearer of the keys"}


@dataclass
class Heard:
    changes: list[PricingSettingsChanged] = field(default_factory=list)

    async def changed(self, messages: Sequence[Message]) -> None:
        self.changes += [PricingSettingsChanged.FromString(message.data) for message in messages]


@pytest.fixture
async def guarded(make_database: MakeDatabase) -> AsyncIterator[Gateway]:
    dsn = await make_database(MIGRATIONS)
    async with gateway_on(dsn, operator_token=SecretStr("of the keys"), access="local") as opened:
        yield opened


@pytest.fixture
async def local(make_database: MakeDatabase) -> AsyncIterator[Gateway]:
    async with gateway_on(await make_database(MIGRATIONS), access="local") as opened:
        yield opened


async def put(gateway: Gateway, settings: dict[str, Any], **headers: str) -> httpx.Response:
    return await gateway.client.put(PRICING, json=settings, headers=headers)


async def test_pricing_settings_are_a_document_with_a_revision(make_database: MakeDatabase) -> None:
    heard = Heard()
    dsn = await make_database(MIGRATIONS)
    async with gateway_on(
        dsn,
        access="local",
        listen_on={Queue("tests.pricing", "pricing.settings.changed.v1"): heard.changed},
    ) as local:
        before = await local.client.get(PRICING)
        assert before.json() == {"profile": "consensus", "revision": 0, "updated_at": None, "settings": {}}
        wanted = {
            "method": "shin",
            "take_ev": 0.06,
            "bookmakers": {"circa*": {"weight": 3.0, "sharp": True}},
            "bounds": {"prop": {"divergence": 0.2}},
            "reopen_seconds": 0.0,
        }
        answer = await put(local, wanted)
        assert answer.status_code == 200, answer.text
        document = answer.json()
        assert document["settings"] == wanted
        assert answer.headers["etag"] == f'"{document["revision"]}"'
        shown = await local.client.get(PRICING, headers={"Read-After": answer.headers["read-after"]})
        assert (shown.json(), shown.headers["etag"]) == (document, answer.headers["etag"])
        await until(lambda: len(heard.changes) == 1)
        (change,) = heard.changes
        assert (change.profile, change.revision, change.method) == ("consensus", document["revision"], "shin")
        assert (change.take_ev, change.HasField("dispersion"), change.HasField("reopen_seconds")) == (0.06, False, True)
        (book,) = change.bookmaker_settings
        assert (book.key, book.weight, book.sharp, book.HasField("exchange")) == ("circa*", 3.0, True, False)
        assert [(one.category, one.HasField("stale_seconds")) for one in change.bounds] == [("prop", False)]
        # The same again is no change.
        assert (await put(local, wanted)).json() == document
        newer = (await put(local, {"take_ev": 0.05}, **{"If-Match": answer.headers["etag"]})).json()
        assert newer["revision"] > document["revision"]
        assert newer["settings"] == {"take_ev": 0.05}
        refused = await put(local, {}, **{"If-Match": answer.headers["etag"]})
        assert (refused.status_code, refused.json()["type"]) == (412, "/problems/precondition-failed")
        await until(lambda: len(heard.changes) == 2)


@pytest.mark.parametrize(
    ("content", "media_type", "status"),
    [
        ("{", "application/json", 400),
        ("[]", "application/json", 400),
        ('{"take_ev": 0}', "application/json", 400),
        ('{"take_ev": "a"}', "application/json", 400),
        ('{"unheard_of": 1}', "application/json", 400),
        ('{"method": "astrology"}', "application/json", 400),
        ('{"bounds": {"moon": {}}}', "application/json", 400),
        ('{"bookmakers": {"": {}}}', "application/json", 400),
        ('{"bookmakers": {"a\\u0000": {}}}', "application/json", 400),
        ('{"dispersion": 1e999}', "application/json", 400),
        ('{"lowest_probability": 0.9, "highest_probability": 0.1}', "application/json", 400),
        ('{"stake": 0.5}', "application/json", 400),
        ('{"lowest_probability": 0.99}', "application/json", 400),
        ('{"overrides": [{"highest_probability": 0.01}]}', "application/json", 400),
        ("{}", "text/plain", 415),
        ("{" + " " * 300_000 + "}", "application/json", 413),
        ("[" * 10_000, "application/json", 400),
    ],
)
async def test_settings_that_cannot_be_used(local: Gateway, content: str, media_type: str, status: int) -> None:
    answer = await local.client.put(PRICING, content=content, headers={"Content-Type": media_type})
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert (await local.client.get(PRICING)).json()["revision"] == 0


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"bookmakers": {"low": {"stake_step": 0}}}, "bookmakers.low.stake_step is 0: give an amount above 0"),
        ({"bookmakers": {"lo*": {"stake_step": "-0.5"}}}, "bookmakers.lo*.stake_step is -0.5: give an amount above 0"),
        ({"bookmakers": {"low": {"stake_step": "0.00001"}}}, "with up to four decimals"),
        ({"bookmakers": {"low": {"stake_step": "a lot"}}}, "stake_step"),
        ({"overrides": [{"stake_steps": {"low": 0}}]}, "overrides[0].stake_steps.low is 0: give an amount above 0"),
        ({"stake": 3, "bookmakers": {"low": {"stake_step": 5}}}, "less than one bookmakers.low.stake_step 5"),
    ],
)
async def test_a_step_that_no_stake_can_be_is_refused_where_it_is(
    local: Gateway, settings: dict[str, Any], said: str
) -> None:
    answer = await put(local, settings)
    assert answer.status_code == 400
    assert said in answer.json()["detail"]


async def test_a_profile_that_is_not_there(local: Gateway) -> None:
    await local.problem("/v1/admin/pricing/made-up", 404)
    assert (await local.client.put("/v1/admin/pricing/made-up", json={})).status_code == 404


@pytest.mark.parametrize(
    "headers", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "of the keys"}, {"Authorization": "Bearer é"}]
)
async def test_operators_are_let_in_by_their_token_alone(guarded: Gateway, headers: dict[str, str]) -> None:
    sent = {name.encode(): value.encode() for name, value in headers.items()}
    for method in ("GET", "PUT"):
        refused = await guarded.client.request(method, PRICING, headers=sent, json={})
        assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")
        assert refused.json()["type"] == "/problems/unauthorized"
    assert (await guarded.client.get(PRICING, headers=TOKEN)).status_code == 200
    assert (await guarded.client.put(PRICING, headers=TOKEN, json={})).status_code == 200


async def test_without_a_token_only_this_machine_may_and_only_where_it_is_said(local: Gateway, served: Gateway) -> None:
    assert (await local.client.get(PRICING)).status_code == 200
    # A page of another site, whose name was made to lead here.
    rebound = await local.client.get(PRICING, headers={"Host": "evil.example"})
    assert rebound.status_code == 403
    closed = await served.client.get(PRICING)
    assert closed.status_code == 403
    assert "BET_INTEL_API_OPERATOR_TOKEN" in closed.json()["detail"]


async def ask(gateway: Gateway, key: str | None, content: bytes = b"") -> httpx.Response:
    headers = {} if key is None else {"Idempotency-Key": key}
    return await gateway.client.post("/v1/refresh", content=content, headers=headers)


async def test_a_request_that_is_sent_twice_is_done_once(served: Gateway) -> None:
    first = await ask(served, "one", b'{"sports": ["tennis"]}')
    again = await ask(served, "one", b'{"sports": ["tennis"]}')
    assert (first.status_code, again.status_code) == (202, 202)
    assert again.json() == first.json()
    assert again.headers["location"] == first.headers["location"]
    assert ("idempotency-replayed" in first.headers, again.headers["idempotency-replayed"]) == (False, "true")
    other = await ask(served, "one", b'{"sports": ["darts"]}')
    assert (other.status_code, other.json()["type"]) == (422, "/problems/idempotency-key-reused")
    assert await served.database.fetchval("select count(*) from refresh") == 1
    # What was answered from memory cost the caller nothing.
    for key in (None, "two"):
        assert (await ask(served, key)).status_code == 202
    refused = await ask(served, "three")
    assert refused.status_code == 429
    assert await served.database.fetchval("select count(*) from idempotency") == 2


async def test_requests_with_one_key_at_the_same_time_are_done_once(make_database: MakeDatabase) -> None:
    dsn = await make_database(MIGRATIONS)
    async with gateway_on(dsn) as first, gateway_on(dsn) as second:
        answers = await asyncio.gather(*(ask(gateway, "key") for gateway in (first, second) * 8))
        assert {answer.status_code for answer in answers} == {202}
        assert len({answer.json()["id"] for answer in answers}) == 1
        assert await first.database.fetchval("select count(*) from refresh") == 1


async def test_a_request_that_fails_keeps_no_key(served: Gateway) -> None:
    assert (await ask(served, "one", b"not JSON")).status_code == 400
    assert (await ask(served, "one", b"")).status_code == 202


async def test_a_key_is_forgotten_after_a_day(served: Gateway) -> None:
    first = await ask(served, "one")
    await served.database.execute("update idempotency set created_at = created_at - interval '25 hours'")
    again = await ask(served, "one")
    assert again.json()["id"] != first.json()["id"]
    await served.database.execute("update idempotency set created_at = created_at - interval '25 hours'")
    await ask(served, "two")
    assert await served.database.fetchval("select count(*) from idempotency") == 1


@pytest.mark.parametrize("key", ["", "two words", "x" * 256, "é"])
async def test_a_key_that_cannot_be_used(served: Gateway, key: str) -> None:
    answer = await served.client.post("/v1/refresh", headers={b"Idempotency-Key": key.encode()})
    assert (answer.status_code, answer.json()["parameter"]) == (400, "Idempotency-Key")


async def test_a_position_that_is_none_is_a_problem(served: Gateway) -> None:
    answer = await served.client.get("/v1/events", headers={"Read-After": "yesterday"})
    assert (answer.status_code, answer.json()["parameter"]) == (400, "Read-After")


async def test_an_address_says_all_its_methods(local: Gateway) -> None:
    refused = await local.client.delete(PRICING)
    assert refused.status_code == 405
    assert {part.strip() for part in refused.headers["allow"].split(",")} == {"GET", "HEAD", "PUT"}
