"""Events of a league that nobody asks for any more: its season is over, or it is not in the settings now."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from bet_intel.odds_ingest.domain.state import GIVEN_UP_AFTER, GIVEN_UP_AFTER_START
from fixtures.outgoing import outgoing
from fixtures.pipeline import LEAGUE, NOON, PROVIDER, Pipeline, everybody, h2h, match, pipeline
from fixtures.postgres import MakeDatabase

pytestmark = pytest.mark.integration

EVEN = everybody(h2h(Harbour_City=1.95, Northgate=1.95))
LEFT = "soccer_over"
MINUTE = timedelta(minutes=1)


@pytest.fixture
async def flow(make_database: MakeDatabase) -> AsyncIterator[Pipeline]:
    async with pipeline(make_database) as opened:
        yield opened


@pytest.mark.parametrize("starts_in", [timedelta(hours=3), timedelta(days=100)], ids=["started", "not started"])
async def test_what_nobody_shows_any_more_is_closed_and_comes_back_when_it_is_shown(
    flow: Pipeline, starts_in: timedelta
) -> None:
    last = match("Harbour City", "Northgate", EVEN, league=LEFT, start=NOON + starts_in)
    other = match("Riverside", "Foxhollow", everybody(h2h(Riverside=1.9, Foxhollow=2.0)), id="other")
    other["commence_time"] = "2026-12-31T12:00:00Z"
    limit = (GIVEN_UP_AFTER_START if starts_in < timedelta(days=1) else GIVEN_UP_AFTER) / MINUTE
    await flow.shows(0, last, leagues=[LEFT])
    await flow.shows(limit - 5, other)
    assert set(await flow.events()) == {f"{PROVIDER}:abc", f"{PROVIDER}:other"}
    await flow.shows(limit + 5, other)
    assert set(await flow.events()) == {f"{PROVIDER}:other"}
    assert set(await flow.events("closed")) == {f"{PROVIDER}:abc"}
    assert await flow.prices() == {}
    assert [one["open"] for one in await flow.engine.rows("select open from event order by id")] == [False, True]
    await flow.shows(limit + 10, last, leagues=[LEFT])
    assert set(await flow.events()) == {f"{PROVIDER}:abc", f"{PROVIDER}:other"}
    assert set(await flow.prices()) == {("h2h", None, "Harbour City"), ("h2h", None, "Northgate")}


async def test_a_tick_gives_up_as_well(flow: Pipeline) -> None:
    """The last league's last event has started, so that nothing is asked for."""
    await flow.shows(0, match("Harbour City", "Northgate", EVEN), leagues=[LEAGUE])
    for days, closed in ((1.0, False), (1.1, True)):
        await flow.ingest.tick(PROVIDER, NOON + timedelta(days=days))
        await flow.gateway.tell(*await outgoing(flow.ingest_database))
        assert bool(await flow.events("closed")) is closed
    await flow.ingest.tick(PROVIDER, NOON + timedelta(days=2))
    assert await outgoing(flow.ingest_database) == [], "and is not told again"
