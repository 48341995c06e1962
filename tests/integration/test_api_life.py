"""The life of opportunities and boards: from messages to what a client is answered."""

from collections.abc import AsyncIterator

import pytest

from fixtures.api_gateway import Gateway, gateway
from fixtures.api_messages import odds_changed, opportunities_updated, Market, Offer
from fixtures.postgres import MakeDatabase

pytestmark = pytest.mark.integration


@pytest.fixture
async def served(make_database: MakeDatabase) -> AsyncIterator[Gateway]:
    async with gateway(make_database) as opened:
        yield opened


async def test_opportunity_is_listed(served: Gateway) -> None:
    await served.tell(odds_changed(Market()), opportunities_updated(Offer()))
    answer = await served.get("/v1/opportunities")
    print(answer)
    print(await served.get("/v1/opportunities/opportunity-1"))
    print(await served.get("/v1/events/made_up:1/odds"))
    print(await served.get("/v1/status"))
    print(await served.get("/v1/sports"))
    print(await served.get("/v1/events"))
    print(await served.client.get("/readyz"), (await served.client.get("/metrics")).text)
    print(await served.problem("/v1/opportunities?foo=1", 400))
    print((await served.client.get("/openapi.json")).text)
    assert [item["id"] for item in answer["data"]] == ["opportunity-1"]
