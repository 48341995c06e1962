"""Subscriptions over HTTP: what others are told of them, and the log of their deliveries."""

import base64
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from jsonschema import Draft202012Validator
from pydantic import SecretStr

from bet_intel.events.v1.delivery_requested_pb2 import DeliveryRequested
from bet_intel.events.v1.delivery_updated_pb2 import DeliveryKind, DeliveryState, DeliveryUpdated
from bet_intel.events.v1.subscription_changed_pb2 import SubscriptionChanged, SubscriptionStatus
from bet_intel.shared.messaging import Message, Queue
from bet_intel.shared.secret_box import SecretBox
from bet_intel.shared.times import to_us
from fixtures.api_gateway import MIGRATIONS, NOW, Gateway, gateway_on, served
from fixtures.postgres import MakeDatabase
from fixtures.waiting import until

__all__ = ["served"]

pytestmark = pytest.mark.integration

KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
HOOK = {"webhook": {"url": "https://hooks.example.com/x"}}
PATH = "/v1/subscriptions"


@dataclass
class Heard:
    changes: list[SubscriptionChanged] = field(default_factory=list)
    requests: list[DeliveryRequested] = field(default_factory=list)

    async def changed(self, messages: Sequence[Message]) -> None:
        self.changes += [SubscriptionChanged.FromString(message.data) for message in messages]

    async def requested(self, messages: Sequence[Message]) -> None:
        self.requests += [DeliveryRequested.FromString(message.data) for message in messages]


@dataclass
class World:
    gateway: Gateway
    heard: Heard

    async def create(self, status: int = 201, key: str | None = None, **body: object) -> httpx.Response:
        headers = {} if key is None else {"Idempotency-Key": key}
        answer = await self.gateway.client.post(PATH, json=HOOK | body, headers=headers)
        assert answer.status_code == status, answer.text
        return answer

    async def matches_the_document(self, path: str, described: str) -> None:
        document = await self.gateway.get("/openapi.json")
        schema = document["paths"][described]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
        Draft202012Validator(schema | {"components": document["components"]}).validate(await self.gateway.get(path))

    async def report(self, subscription: str, id: str, revision: int, **fields: Any) -> None:
        """What the notifier tells of a delivery."""
        usual: dict[str, Any] = {
            "id": id,
            "revision": revision,
            "subscription_id": subscription,
            "kind": DeliveryKind.DELIVERY_KIND_ALERT,
            "opportunity_id": "o",
            "event_id": "e",
            "opening": 1,
            "level": 1,
            "state": DeliveryState.DELIVERY_STATE_PENDING,
            "created_at_us": to_us(NOW),
        }
        body = DeliveryUpdated(**usual | fields)
        message = Message(str(uuid4()), "delivery.updated.v1", "notifier", id, NOW, revision, body.SerializeToString())
        await self.gateway.bus.publish(message)


@pytest.fixture
async def world(make_database: MakeDatabase) -> AsyncIterator[World]:
    heard = Heard()
    listen_on = {
        Queue("tests.subscriptions", "subscription.changed.v1"): heard.changed,
        Queue("tests.requests", "delivery.requested.v1"): heard.requested,
    }
    dsn = await make_database(MIGRATIONS)
    async with gateway_on(dsn, listen_on=listen_on, secrets_key=SecretStr(KEY), subscriptions=3) as gateway:
        yield World(gateway, heard)


async def test_a_subscription_is_made_shown_changed_and_deleted(world: World) -> None:
    client = world.gateway.client
    answer = await world.create(name="mine", sports=["baseball"], min_ev=0.06)
    made = answer.json()
    secret = made.pop("secret")
    assert answer.headers["location"] == f"{PATH}/{made['id']}"
    assert (made["status"], made["sports"], made["min_ev"], made["classes"]) == ("active", ["baseball"], 0.06, ["take"])
    shown = await client.get(f"{PATH}/{made['id']}", headers={"Read-After": answer.headers["read-after"]})
    assert (shown.json(), shown.headers["etag"]) == (made, answer.headers["etag"])
    assert (await client.get(PATH)).json() == {"data": [made], "next_cursor": None}
    await until(lambda: len(world.heard.changes) == 1)
    (told,) = world.heard.changes
    assert (told.id, told.revision, told.account) == (made["id"], made["revision"], "local")
    assert (list(told.sports), told.min_ev, told.webhook.url) == (["baseball"], 0.06, "https://hooks.example.com/x")
    assert SecretBox(KEY).open(told.webhook.encrypted_secret).decode() == secret
    assert len(base64.b64decode(secret.removeprefix("whsec_"))) == 32

    changed = await client.put(f"{PATH}/{made['id']}", json=HOOK | {"status": "paused", "markets": ["h2h"]})
    assert changed.json() == made | {
        "status": "paused",
        "markets": ["h2h"],
        "sports": [],
        "name": "",
        "min_ev": 0.045,
        "revision": changed.json()["revision"],
        "updated_at": changed.json()["updated_at"],
    }
    assert changed.json()["revision"] > made["revision"]
    await until(lambda: len(world.heard.changes) == 2)
    assert world.heard.changes[1].status == SubscriptionStatus.SUBSCRIPTION_STATUS_PAUSED
    assert world.heard.changes[1].webhook.encrypted_secret == told.webhook.encrypted_secret
    stale = {"If-Match": answer.headers["etag"]}
    assert (await client.put(f"{PATH}/{made['id']}", json=HOOK, headers=stale)).status_code == 412
    assert (await client.delete(f"{PATH}/{made['id']}", headers=stale)).status_code == 412

    gone = await client.delete(f"{PATH}/{made['id']}")
    assert (gone.status_code, gone.content) == (204, b"")
    await until(lambda: len(world.heard.changes) == 3)
    last = world.heard.changes[2]
    assert (last.status, last.webhook.url, last.webhook.encrypted_secret) == (
        SubscriptionStatus.SUBSCRIPTION_STATUS_DELETED,
        "",
        b"",
    )
    assert last.revision > changed.json()["revision"]
    for method in ("GET", "DELETE"):
        assert (await client.request(method, f"{PATH}/{made['id']}")).status_code == 404


async def test_a_request_that_waits_too_long_for_another_is_told_to_ask_again(world: World) -> None:
    other = world.gateway.database
    async with other.transaction():
        await other.execute("select pg_advisory_xact_lock(hashtextextended('subscriptions of local', 0))")
        refused = await world.create(409, key="mine")
        assert (refused.json()["type"].rpartition("/")[2], refused.headers["Retry-After"]) == ("conflict", "1")
    # Nothing is left of it: sent again it is done.
    made = await world.create(key="mine")
    assert "idempotency-replayed" not in made.headers


async def test_the_secret_is_nowhere_in_the_clear(world: World) -> None:
    answer = await world.create(key="one")
    secret = answer.json()["secret"]
    assert (await world.create(key="one")).json() == answer.json()
    await until(lambda: len(world.heard.changes) == 1)
    assert await world.gateway.database.fetchval("select count(*) from subscription") == 1
    for table in ("subscription", "idempotency", "outbox"):
        stored = await world.gateway.database.fetch(f"select t::text from {table} as t")  # noqa: S608 - a name of ours
        assert secret not in str(stored)
        assert secret.encode().hex() not in str(stored)
    assert secret not in (await world.gateway.client.get(PATH)).text


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"webhook": {}},
        {"webhook": {"url": ""}},
        {"webhook": {"url": "ftp://example.com/"}},
        {"webhook": {"url": "http://example.com/"}},
        {"webhook": {"url": "https://"}},
        {"webhook": {"url": "https://user:password@example.com/"}},
        {"webhook": {"url": "https://example.com/#part"}},
        {"webhook": {"url": "https://example.com:99999/"}},
        {"webhook": {"url": "https://example.com/a b"}},
        {"webhook": {"url": "https://[::1/"}},
        {"webhook": {"url": "https://example.com/" + "x" * 2000}},
        HOOK | {"min_ev": -1},
        HOOK | {"min_ev": 2},
        HOOK | {"realert_step": 0},
        HOOK | {"classes": []},
        HOOK | {"classes": ["gold"]},
        HOOK | {"profile": "nope"},
        HOOK | {"sports": [""]},
        HOOK | {"sports": ["\u0000"]},
        HOOK | {"sports": ["x"] * 51},
        HOOK | {"status": "disabled"},
        HOOK | {"secret": "mine"},
        [],
    ],
)
async def test_what_cannot_be_subscribed_to(world: World, body: object) -> None:
    answer = await world.gateway.client.post(PATH, json=body)
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")
    assert await world.gateway.database.fetchval("select count(*) from subscription") == 0


async def test_only_json_is_taken_and_only_so_many(world: World) -> None:
    plain = await world.gateway.client.post(PATH, content=b'{"webhook": {"url": "https://e.com"}}')
    assert plain.status_code == 415
    for _ in range(3):
        await world.create()
    assert "3 subscriptions, which is the most" in (await world.create(403)).json()["detail"]
    pages = []
    cursor = ""
    while True:
        page = (await world.gateway.client.get(f"{PATH}?limit=2{cursor}")).json()
        pages.append([one["id"] for one in page["data"]])
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert [len(page) for page in pages] == [2, 1]
    assert len({id for page in pages for id in page}) == 3


async def test_without_a_key_it_is_said_what_to_set(served: Gateway) -> None:
    answer = await served.client.post(PATH, json=HOOK)
    assert answer.status_code == 503
    assert "BET_INTEL_API_SECRETS_KEY_FILE" in answer.json()["detail"]


async def test_deliveries_are_logged_the_newest_first_by_their_revision(world: World) -> None:
    id = (await world.create()).json()["id"]
    for number in range(5):
        created = to_us(NOW + timedelta(seconds=number))
        await world.report(id, f"d{number}", 10, created_at_us=created)
    failed = DeliveryState.DELIVERY_STATE_FAILED
    await world.report(id, "d3", 12, state=failed, attempts=2, reason="answered 500", response_status=500)
    await world.report(id, "d3", 11, attempts=1)
    # Of a subscription that is not there, nothing is kept.
    await world.report(str(uuid4()), "other", 1)
    assert await world.gateway.ignored("delivery.updated.v1", "old_revision") == 1
    first = (await world.gateway.client.get(f"{PATH}/{id}/deliveries?limit=3")).json()
    assert [one["id"] for one in first["data"]] == ["d4", "d3", "d2"]
    rest = await world.gateway.client.get(f"{PATH}/{id}/deliveries?limit=3&cursor={first['next_cursor']}")
    assert [one["id"] for one in rest.json()["data"]] == ["d1", "d0"]
    shown = await world.gateway.get(f"{PATH}/{id}/deliveries/d3")
    assert shown == first["data"][1]
    assert (shown["state"], shown["attempts"], shown["reason"], shown["response_status"]) == (
        "failed",
        2,
        "answered 500",
        500,
    )
    await world.matches_the_document(f"{PATH}/{id}", "/v1/subscriptions/{id}")
    await world.matches_the_document(f"{PATH}/{id}/deliveries", "/v1/subscriptions/{id}/deliveries")
    await world.matches_the_document(f"{PATH}/{id}/deliveries/d3", "/v1/subscriptions/{id}/deliveries/{delivery}")
    await world.gateway.problem(f"{PATH}/{id}/deliveries/other", 404)
    await world.gateway.problem(f"{PATH}/{uuid4()}/deliveries", 404)
    await world.gateway.problem(f"{PATH}/made-up/deliveries", 404)


async def test_a_receiver_that_is_gone_disables_its_subscription(world: World) -> None:
    made = (await world.create()).json()
    id = made["id"]
    await world.report(id, "d", 1, receiver_gone=True, subscription_revision=made["revision"] - 1)
    assert (await world.gateway.get(f"{PATH}/{id}"))["status"] == "active"
    await world.report(id, "d", 2, receiver_gone=True, subscription_revision=made["revision"])
    disabled = await world.gateway.get(f"{PATH}/{id}")
    assert (disabled["status"], disabled["disabled_reason"]) == ("disabled", "its receiver answered 410 Gone")
    await until(lambda: len(world.heard.changes) == 2)
    assert world.heard.changes[1].status == SubscriptionStatus.SUBSCRIPTION_STATUS_DISABLED
    again = await world.gateway.client.put(f"{PATH}/{id}", json=HOOK)
    assert (again.json()["status"], again.json()["disabled_reason"]) == ("active", None)


async def test_a_test_and_a_redelivery_are_asked_for(world: World) -> None:
    id = (await world.create()).json()["id"]
    await world.report(id, "d", 1)
    client = world.gateway.client
    test = await client.post(f"{PATH}/{id}/test", headers={"Idempotency-Key": "k"})
    assert (test.status_code, test.headers["location"]) == (
        202,
        f"{PATH}/{id}/deliveries/{test.json()['delivery_id']}",
    )
    assert (await client.post(f"{PATH}/{id}/test", headers={"Idempotency-Key": "k"})).json() == test.json()
    again = await client.post(f"{PATH}/{id}/deliveries/d/redeliver")
    assert (again.status_code, again.json()) == (202, {"delivery_id": "d"})
    await until(lambda: len(world.heard.requests) == 2)
    told = {(one.subscription_id, one.delivery_id) for one in world.heard.requests}
    assert told == {(id, ""), (id, "d")}
    assert [one.id for one in world.heard.requests if not one.delivery_id] == [test.json()["delivery_id"]]
    assert (await client.post(f"{PATH}/{id}/deliveries/other/redeliver")).status_code == 404
    assert (await client.post(f"{PATH}/{uuid4()}/test")).status_code == 404
    assert (await client.post(f"{PATH}/{id}/test", content=b"{1}")).status_code == 400
    statuses = [(await client.post(f"{PATH}/{id}/test")).status_code for _ in range(8)]
    assert 429 in statuses


async def test_a_report_that_cannot_be_read_is_set_aside(world: World) -> None:
    await world.report("no uuid", "d", 1)
    await world.report(str(uuid4()), "d", 1, state=DeliveryState.DELIVERY_STATE_UNSPECIFIED)
    assert await world.gateway.database.fetchval("select count(*) from dead_letter") == 2
