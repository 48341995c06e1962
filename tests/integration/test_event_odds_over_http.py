"""Single events asked for over HTTP: what they cost, what is stored of them, and an event that is gone."""

from datetime import timedelta
from pathlib import Path

import pytest

from bet_intel.odds_ingest.domain.budget import Budget
from bet_intel.odds_ingest.poll_store import TargetId, polled
from bet_intel.odds_ingest.providers.the_odds_api.pollable import PollableOddsApi
from bet_intel.shared.postgres import Database
from fixtures.fake_odds_api import BASKETBALL, MATCH, SOCCER, TWO_RESPONSES, fake_odds_api, write
from fixtures.odds_ingest_service import MIGRATIONS
from fixtures.postgres import MakeDatabase
from fixtures.scheduling import NOON, Feed, scheduled

pytestmark = pytest.mark.integration


async def test_an_event_is_charged_what_comes_back_and_speaks_for_what_was_asked(tmp_path: Path) -> None:
    async with fake_odds_api([write(tmp_path / "tape.jsonl.gz", *TWO_RESPONSES)]) as stand:
        settings = stand.settings(event_markets="soccer:player_shots,soccer:spreads_h1,soccer:btts")
        provider = PollableOddsApi(settings, lambda: NOON, stand.ticker)
        stand.opened.append(provider)
        await provider.leagues()
        assert (provider.event_cost(SOCCER), provider.event_cost(BASKETBALL)) == (6, None)
        told = await provider.event_odds(SOCCER, MATCH)
        assert (told.usage.last, told.usage.used) == (4, 4)
        assert told.value.markets == frozenset({("player_shots", "full"), ("spreads", "h1"), ("btts", "full")})
        assert told.value.leagues == frozenset()
        [event] = told.value.events
        assert {(key.market, key.period) for key in event.markets} == {("player_shots", "full"), ("spreads", "h1")}
        gone = await provider.event_odds(SOCCER, "d" * 32)
        assert (gone.value.events, gone.usage.last) == ((), 0)
        assert gone.value.event_ids == {f"the_odds_api:{'d' * 32}"}


async def test_the_plan_asks_for_events_over_http_within_its_budget(
    make_database: MakeDatabase, tmp_path: Path
) -> None:
    dsn = await make_database(MIGRATIONS)
    async with fake_odds_api([write(tmp_path / "tape.jsonl.gz", *TWO_RESPONSES)]) as stand:
        provider = PollableOddsApi(stand.settings(event_markets="player_shots"), lambda: NOON, stand.ticker)
        stand.opened.append(provider)
        await provider.leagues()
        answer = await provider.odds(SOCCER)
        clock = Feed(answer.value.as_of - timedelta(minutes=5), {})
        async with scheduled(dsn, provider, clock, Budget(day=60)) as run:
            await run.until(clock.now + timedelta(minutes=2))
            state = await run.quota.state()
    async with Database.open(dsn, name="tests") as database, database.snapshot() as connection:
        asked = await polled(connection, provider.name)
    assert {TargetId(SOCCER), TargetId(SOCCER, MATCH)} <= set(asked)
    assert 0 < state.spent_day <= 60
