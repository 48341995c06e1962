"""What is prepared of an opportunity shows what its row does, and what has changed without it."""

import re
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from bet_intel.api.answers import OpportunityList
from bet_intel.shared.messaging import Message
from fixtures.api_gateway import MIGRATIONS, Gateway, gateway_on
from fixtures.api_messages import AS_OF, Market, Match, Offer, odds_changed, opportunities_updated
from fixtures.postgres import MakeDatabase
from fixtures.waiting import until

pytestmark = pytest.mark.integration

LIST = "/v1/opportunities"
ODD = 'Żółw "\\ \x1e 100 %b\n'
"""A name of what may be taken for something else: quotes, a mark, a format, the end of a line."""


@pytest.fixture
async def served(make_database: MakeDatabase) -> AsyncIterator[Gateway]:
    async with gateway_on(await make_database(MIGRATIONS)) as opened:
        yield opened


async def listed(served: Gateway, **parameters: Any) -> bytes:
    answer = await served.client.get(LIST, params=parameters)
    assert answer.status_code == 200, answer.text
    return answer.content


def offers(*names: str, match: Match) -> Message:
    return opportunities_updated(
        *(
            Offer(f"{match.id} {place}", outcome=name, ev=0.02 + place / 100, line=place + 0.5, market="totals")
            for place, name in enumerate(names)
        ),
        match=match,
    )


async def test_it_is_byte_for_byte_what_the_row_is_encoded_to(served: Gateway) -> None:
    for number, name in enumerate(("Home", ODD, "")):
        match = Match(f"match:{number}", home=name, away=ODD)
        await served.tell(odds_changed(Market(), match=match), offers("over", ODD, match=match))
    await served.database.execute("update opportunity set last_update = null where id = 'match:0 1'")
    await served.database.execute("delete from bookmaker")
    for parameters in ({"limit": 4}, {"limit": 200}, {"min_ev": 1}, {"sort": "price_age"}):
        prepared = await listed(served, **parameters)
        assert msgspec.json.encode(msgspec.json.decode(prepared, type=OpportunityList)) == prepared
        kept = await served.database.fetch("select id, prepared from opportunity")
        await served.database.execute("update opportunity set prepared = null")
        # Another spelling of the same question, which is not ready.
        assert await listed(served, **parameters, odds_format="decimal") == prepared
        await served.database.executemany(
            "update opportunity set prepared = $2 where id = $1", [tuple(row) for row in kept]
        )


async def test_names_and_ages_are_those_of_now(served: Gateway) -> None:
    await served.tell(odds_changed(Market()), opportunities_updated(Offer()))
    before = (await served.get(LIST))["data"][0]
    await served.database.execute(
        "update sporting_event set home = 'Another', league_title = 'Other', as_of = as_of + interval '90 s'"
    )
    await served.database.execute("update bookmaker set title = upper(title)")
    after = (await served.get(LIST, limit=1))["data"][0]
    assert (after["event"]["home"], after["event"]["league_title"]) == ("Another", "Other")
    assert after["bookmaker"]["title"] == before["bookmaker"]["title"].upper()
    assert after["price_age_seconds"] == before["price_age_seconds"] + 90


async def test_what_a_projector_of_the_version_before_has_told_is_shown(served: Gateway) -> None:
    """It knows nothing of what is prepared."""
    await served.tell(odds_changed(Market()), opportunities_updated(Offer()))
    before = (await served.get(LIST))["data"][0]
    await served.database.execute("update opportunity set price = price + 1, revision = revision + 1")
    after = (await served.get(LIST, limit=1))["data"][0]
    assert after["price"] == before["price"] + 1


async def test_without_any_it_still_says_of_when_it_is(served: Gateway) -> None:
    await served.tell(odds_changed(Market()))
    empty = await served.get(LIST)
    assert (empty["data"], empty["next_cursor"]) == ([], None)
    assert empty["as_of"] == AS_OF.isoformat().replace("+00:00", "Z")


async def test_a_list_is_looked_up_in_the_shared_cache_only_when_it_is_made_anew(served: Gateway) -> None:
    await served.tell(odds_changed(Market()), opportunities_updated(Offer()))
    # Two spellings of one question: each is ready for itself, and the cache would know that they are the same.
    for spelling in ({}, {"odds_format": "decimal"}):
        for _ in range(2):
            await served.client.get(LIST, params=spelling)
    assert await _cache_requests(served) == {"ready": 2, "made": 2}

    await served.tell(opportunities_updated(Offer(), revision=2))

    async def are_made_anew() -> bool:
        return await _sample(served, "bet_intel_api_ready_answers_made_total") == 2

    await until(are_made_anew)
    assert await _cache_requests(served) == {"ready": 2, "made": 2, "miss": 1, "hit": 1}


async def test_where_nothing_is_kept_ready_the_shared_cache_is_asked_for_every_answer(
    make_database: MakeDatabase,
) -> None:
    async with gateway_on(await make_database(MIGRATIONS), ready_answers=0) as served:
        await served.tell(odds_changed(Market()), opportunities_updated(Offer()))
        answers = {await listed(served, **spelling) for spelling in ({}, {"odds_format": "decimal"}, {}, {})}
        assert len(answers) == 1
        assert await _cache_requests(served) == {"miss": 1, "hit": 3}
        assert await _sample(served, "bet_intel_api_ready_answers") == 0


async def _cache_requests(gateway: Gateway) -> dict[str, float]:
    lines = re.findall(
        r'^bet_intel_cache_requests_total\{result="(\w+)"\} (\S+)$',
        (await gateway.client.get("/metrics")).text,
        re.MULTILINE,
    )
    return {result: float(number) for result, number in lines if float(number)}


async def _sample(gateway: Gateway, name: str) -> float:
    metrics = (await gateway.client.get("/metrics")).text
    return sum(float(number) for number in re.findall(rf"^{name} (\S+)$", metrics, re.MULTILINE))
