"""Asking for newer odds over HTTP, what the gateway tells of demand, and how its status shows credits and ages."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from bet_intel.events.v1.demand_observed_pb2 import DemandObserved
from bet_intel.events.v1.provider_status_pb2 import CreditState, ProviderState, ProviderStatus
from bet_intel.shared.columns import Strings, fill
from bet_intel.shared.messaging import Message, Queue
from bet_intel.shared.times import to_us
from fixtures.api_gateway import NOW, Gateway, served
from fixtures.api_messages import AS_OF, Market, Offer, envelope, odds_changed, opportunities_updated
from fixtures.engines import KeptInMemory
from fixtures.waiting import until

__all__ = ["served"]

pytestmark = pytest.mark.integration


@dataclass
class Heard:
    """What others hear of demand."""

    demand: list[DemandObserved] = field(default_factory=list)

    async def demanded(self, messages: Sequence[Message]) -> None:
        self.demand += [DemandObserved.FromString(message.data) for message in messages]


def status(refresh_id: str = "", *, error_kind: str = "", message: str = "", credits_: int = 0) -> Message:
    strings = Strings()
    body = ProviderStatus(
        provider="the_odds_api",
        at_us=to_us(NOW),
        as_of_us=to_us(AS_OF),
        state=ProviderState.PROVIDER_STATE_FAILING if error_kind else ProviderState.PROVIDER_STATE_POLLING,
        error_kind=error_kind,
        message=message,
        refresh_id=refresh_id,
        credits=credits_,
        polled_at_us=to_us(NOW - timedelta(seconds=3)),
        due_at_us=to_us(NOW + timedelta(seconds=57)),
        credit_state=CreditState(spent_day=0, spent_month=130, left_month=370, provider_remaining=0),
    )
    fill(
        body.bookmaker_ages,
        key_s=strings.rows(["pinnacle"]),
        title_s=strings.rows(["Pinnacle"]),
        age=[212.0],
        norm=[38.0],
    )
    body.strings.extend(strings.table())
    return envelope("provider.status.v1", "the_odds_api", 0, body)


async def ask(served: Gateway, content: bytes = b"") -> dict[str, Any]:
    response = await served.client.post("/v1/refresh", content=content)
    assert response.status_code == 202, response.text
    answer: dict[str, Any] = response.json()
    assert response.headers["location"] == f"/v1/refreshes/{answer['id']}"
    return answer


async def test_a_refresh_is_asked_for_and_completes_with_the_status_that_has_its_id(served: Gateway) -> None:
    asked = await ask(served, b'{"leagues": ["baseball_mlb"]}')
    assert (asked["state"], asked["leagues"], asked["sports"]) == ("pending", ["baseball_mlb"], [])
    (row,) = await served.database.fetch("select name, subject from outbox where name = 'refresh.requested.v1'")
    assert row["subject"] == asked["id"]
    assert await served.get(f"/v1/refreshes/{asked['id']}") == asked
    await served.bus.publish(status())
    assert (await served.get(f"/v1/refreshes/{asked['id']}"))["state"] == "pending"
    await served.bus.publish(status(asked["id"], credits_=6))
    done = await served.get(f"/v1/refreshes/{asked['id']}")
    assert (done["state"], done["credits"], done["provider"]) == ("done", 6, "the_odds_api")
    assert (done["as_of"], done["error_kind"]) == ("2026-04-16T18:00:00Z", None)
    # The first answer stays, and an answer to what nobody asked for harms nothing.
    await served.bus.publish(status(asked["id"], error_kind="transient"))
    await served.bus.publish(status("0b9f6c1e-6a57-4a52-8d3e-6f2f3f1f5a10"))
    assert await served.get(f"/v1/refreshes/{asked['id']}") == done


async def test_a_refresh_that_failed_says_why(served: Gateway) -> None:
    asked = await ask(served)
    await served.bus.publish(status(asked["id"], error_kind="quota", message="no credits are left today"))
    failed = await served.get(f"/v1/refreshes/{asked['id']}")
    assert (failed["state"], failed["error_kind"], failed["message"]) == (
        "failed",
        "quota",
        "no credits are left today",
    )


async def test_a_caller_who_asks_too_often_is_told_to_wait(served: Gateway) -> None:
    for _ in range(3):
        await ask(served)
    refused = await served.client.post("/v1/refresh")
    assert refused.status_code == 429
    assert 1 <= int(refused.headers["retry-after"]) <= 20
    problem = refused.json()
    assert (problem["type"], problem["status"]) == ("/problems/quota-exceeded", 429)
    assert await served.database.fetchval("select count(*) from refresh") == 3


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"not JSON", 400),
        (b"[]", 400),
        (b'{"league": ["baseball_mlb"]}', 400),
        (b'{"leagues": "baseball_mlb"}', 400),
        (b'{"leagues": [""]}', 400),
        (b'{"leagues": ["\\u0000"]}', 400),
        (b'{"leagues": ["' + b"x" * 20_000 + b'"]}', 413),
        (b"\xff\xfe", 400),
    ],
)
async def test_a_body_that_cannot_be_used_is_a_problem(served: Gateway, content: bytes, code: int) -> None:
    response = await served.client.post("/v1/refresh", content=content)
    assert (response.status_code, response.headers["content-type"]) == (code, "application/problem+json")
    assert response.json()["detail"]
    assert await served.database.fetchval("select count(*) from refresh") == 0
    # What was refused cost the caller nothing.
    for _ in range(3):
        await ask(served)


async def test_refreshes_that_are_not_there(served: Gateway) -> None:
    await served.problem("/v1/refreshes/unknown", 404)
    await served.problem("/v1/refreshes/0b9f6c1e-6a57-4a52-8d3e-6f2f3f1f5a10", 404)
    get = await served.client.get("/v1/refresh")
    assert (get.status_code, get.headers["allow"]) == (405, "POST")


async def test_refreshes_are_forgotten_after_a_day(served: Gateway) -> None:
    old = await ask(served)
    await served.database.execute("update refresh set requested_at = requested_at - interval '25 hours'")
    await ask(served)
    await served.problem(f"/v1/refreshes/{old['id']}", 404)


async def test_status_shows_credits_the_last_poll_and_ages_against_their_norm(served: Gateway) -> None:
    await served.bus.publish(status(error_kind="rate", message="asked too often"))
    (provider,) = (await served.get("/v1/status"))["providers"]
    assert provider["credits"] == {
        "spent_day": 0,
        "spent_month": 130,
        "left_day": None,
        "left_month": 370,
        "provider_remaining": 0,
        "provider_used": None,
    }
    assert provider["bookmakers"] == [
        {"bookmaker": {"key": "pinnacle", "title": "Pinnacle"}, "age_seconds": 212.0, "norm_seconds": 38.0}
    ]
    assert (provider["last_poll"], provider["error_kind"]) == ("2026-04-16T18:09:57Z", "rate")
    assert provider["next_poll"] == "2026-04-16T18:10:57Z"


async def test_what_is_asked_for_is_told_once(served: Gateway) -> None:
    heard = Heard()
    served.bus.subscribe(Queue("tests.demand", "demand.observed.v1"), heard.demanded, KeptInMemory())
    await served.tell(odds_changed(Market()), opportunities_updated(Offer()))
    await served.get("/v1/status")
    await served.get("/v1/sports")
    async with asyncio.TaskGroup() as group:
        working = group.create_task(served.bus.run())
        await served.api.demand.tell()
        assert heard.demand == []
        await served.get("/v1/opportunities", sport="tennis")
        await served.get("/v1/events", league="icehockey_nhl", sport="icehockey")
        await served.get("/v1/events/made_up:1/odds")
        await served.api.demand.tell()
        await until(lambda: len(heard.demand) == 1)
        (told,) = heard.demand
        assert (told.everything, list(told.sports)) == (False, ["tennis"])
        assert set(told.leagues) == {"icehockey_nhl", "baseball_mlb"}
        await served.get("/v1/opportunities", min_ev=0.02)
        await served.api.demand.tell()
        await until(lambda: len(heard.demand) == 2)
        assert (heard.demand[1].everything, list(heard.demand[1].sports)) == (True, [])
        working.cancel()
