"""What each service drops as the clock moves on, and what stays."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError
from structlog.testing import capture_logs

import bet_intel.notifier.app
import bet_intel.odds_ingest.app
import bet_intel.shared.outbox
from bet_intel.api.domain.accounts import EVERYTHING
from bet_intel.api.read_model import totals
from bet_intel.api.retention import ReadModelRetention
from bet_intel.api.settings import ApiSettings
from bet_intel.ev_engine.retention import EngineRetention
from bet_intel.ev_engine.settings import EvEngineSettings
from bet_intel.ev_engine.store import Totals
from bet_intel.notifier.delivery_store import DELIVERIES, add_alerts
from bet_intel.notifier.domain.alerts import Alert
from bet_intel.notifier.domain.rules import Alerted
from bet_intel.notifier.retention import NotifierRetention
from bet_intel.notifier.settings import NotifierSettings
from bet_intel.odds_ingest.domain.quotes import MarketBoard
from bet_intel.odds_ingest.retention import IngestRetention
from bet_intel.odds_ingest.settings import OddsIngestSettings
from bet_intel.shared.messaging import DeadLetter
from bet_intel.shared.partitions import DaysOf
from bet_intel.shared.postgres import Database, PostgresDeadLetters
from bet_intel.shared.retention import forget_dead_letters, source_time
from fixtures.answers import H2H, board, minutes, sporting_event
from fixtures.api_gateway import NOW, Gateway, served
from fixtures.api_messages import AS_OF, BOOKS, CLOSED, Market, Match, Offer, odds_changed, opportunities_updated
from fixtures.engine import MIGRATIONS as ENGINE
from fixtures.engine import Engine
from fixtures.feed import Feed
from fixtures.postgres import MakeDatabase
from fixtures.waiting import until

SHARED = Path(bet_intel.shared.outbox.__file__).with_name("migrations")
NOTIFIER = [SHARED, Path(bet_intel.notifier.app.__file__).with_name("migrations")]
INGEST = [SHARED, Path(bet_intel.odds_ingest.app.__file__).with_name("migrations")]

__all__ = ["served"]

pytestmark = pytest.mark.integration

HOME = "Harbour City"
DAY = timedelta(days=1)
DSN = SecretStr("")


async def scalar(gateway: Gateway, query: str) -> Any:
    return await gateway.database.fetchval(query)


def retention(gateway: Gateway, **days: int) -> ReadModelRetention:
    return ReadModelRetention(gateway.api.database, ApiSettings.model_validate({"dsn": DSN, **days}))


async def day_by_day(gateway: Gateway, days: int) -> None:
    """An event a day: it is priced, has an opportunity, and both are over an hour later."""
    for day in range(days):
        match, at = Match(f"made_up:{day}"), AS_OF + day * DAY
        await gateway.tell(odds_changed(Market(), revision=1, as_of=at, match=match))
        offer = Offer(id=f"opportunity-{day}")
        await gateway.tell(opportunities_updated(offer, revision=1, as_of=at, match=match))
        over = at + timedelta(hours=1)
        await gateway.tell(opportunities_updated(revision=2, as_of=over, match=match, closed={offer.id: "withdrawn"}))
        gone = Market(status=CLOSED, quotes=(), seconds_old={})
        await gateway.tell(odds_changed(gone, revision=2, as_of=over, match=match))


async def test_history_and_closed_opportunities_go_by_their_day(served: Gateway) -> None:
    await day_by_day(served, 6)
    assert (await served.get("/v1/status"))["read_model"]["closed_opportunities"] == 6
    # The clock of the gateway stands a few minutes after the first day: nothing of source time is older than that.
    now = AS_OF + 5 * DAY + timedelta(hours=2)
    await retention(served, history_retention=2, opportunities_retention=3, events_retention=30).run_once(now)
    days = [row[0] for row in await served.database.fetch("select distinct as_of::date from price_history order by 1")]
    assert days == [(AS_OF + day * DAY).date() for day in (3, 4, 5)]
    assert [(await served.client.get(f"/v1/opportunities/opportunity-{day}")).status_code for day in range(6)] == [
        404,
        404,
        200,
        200,
        200,
        200,
    ]
    assert (await served.get("/v1/status"))["read_model"]["closed_opportunities"] == 4
    assert (await served.get("/v1/events/made_up:4/history"))["data"], "the boundary is between days, not in them"
    assert await scalar(served, "select to_regclass('price_history_20260418') is null")
    assert await scalar(served, "select to_regclass('price_history_20260423') is not null"), "the days that come"


async def test_closed_events_go_and_open_ones_stay_however_old(served: Gateway) -> None:
    await day_by_day(served, 2)
    lasting = Match("made_up:lasting")
    await served.tell(odds_changed(Market(), revision=1, as_of=AS_OF, match=lasting))
    await served.tell(opportunities_updated(Offer(id="lasting"), revision=1, as_of=AS_OF, match=lasting))
    # The first run is when source time begins to pass.
    for days in (2, 20, 400):
        await retention(served).run_once(AS_OF + days * DAY)
        if days > 2:
            assert await scalar(served, "select array_agg(id) from sporting_event") == ["made_up:lasting"]
        assert (await served.get("/v1/events/made_up:lasting/odds"))["markets"]
        assert await served.ids(min_ev=0) == ["lasting"]
        detail = await served.get("/v1/opportunities/lasting")
        assert (detail["state"], detail["working"]["as_of"]) == ("open", "2026-04-16T18:00:00Z")
    assert await scalar(served, "select count(*) from closed_opportunity") == 0
    assert (await served.get("/v1/status"))["read_model"]["closed_opportunities"] == 0


async def test_a_closed_event_with_an_open_opportunity_stays(served: Gateway) -> None:
    await served.tell(odds_changed(Market(status=CLOSED, quotes=(), seconds_old={}), as_of=AS_OF))
    await served.tell(opportunities_updated(Offer(id="left"), as_of=AS_OF))
    for days in (0, 100):
        await retention(served).run_once(AS_OF + days * DAY)
    assert await served.ids(min_ev=0) == ["left"]


async def test_an_opportunity_outlives_its_event_and_opens_again_after_it_was_forgotten(served: Gateway) -> None:
    await day_by_day(served, 1)
    for days in (1, 25):
        await retention(served, opportunities_retention=60).run_once(AS_OF + days * DAY)
    assert await scalar(served, "select count(*) from sporting_event") == 0
    detail = await served.get("/v1/opportunities/opportunity-0")
    assert (detail["state"], detail["event"]["home"], detail["event"]["league_title"]) == ("closed", HOME, "MLB")
    assert (await served.get("/v1/events/made_up:0/history"))["data"], "the history is kept for longer"
    again = Offer(id="opportunity-0", opening=2)
    await served.tell(opportunities_updated(again, revision=9, as_of=AS_OF + DAY, match=Match("made_up:0")))
    assert (await served.get("/v1/opportunities/opportunity-0"))["state"] == "open"
    assert (await served.get("/v1/status"))["read_model"]["closed_opportunities"] == 0


async def test_a_recording_of_long_ago_grows_old_from_its_end_on(served: Gateway) -> None:
    await day_by_day(served, 2)
    years = AS_OF + 1000 * DAY
    await retention(served).run_once(years)
    assert (await served.get("/v1/events/made_up:0/history"))["data"], "it was loaded just now"
    assert await scalar(served, "select count(*) from sporting_event") == 2
    await retention(served).run_once(years + 29 * DAY)
    assert (await served.get("/v1/events/made_up:1/history"))["data"]
    await retention(served).run_once(years + 32 * DAY)
    assert await scalar(served, "select count(*) from price_history") == 0, "and is not kept for ever"
    assert await scalar(served, "select count(*) from sporting_event") == 0


async def test_followers_know_from_where_the_feed_is_whole(served: Gateway) -> None:
    await day_by_day(served, 1)
    position = await served.database.fetchrow("select seq, kept_from from feed_position")
    assert position is not None
    assert position["kept_from"] == 1
    keeping = retention(served, feed_retention=2)
    await keeping.run_once(NOW + 2 * DAY)
    assert await scalar(served, "select count(*) from feed") == position["seq"]
    await keeping.run_once(NOW + 3 * DAY)
    assert await scalar(served, "select count(*) from feed") == 0
    assert await scalar(served, "select kept_from - seq from feed_position") == 1
    await served.tell(odds_changed(Market(), revision=5, match=Match("made_up:9")))
    assert await scalar(served, "select min(seq) >= (select kept_from from feed_position) from feed")


async def test_a_crash_in_the_middle_is_made_good_by_the_next_run(served: Gateway) -> None:
    await day_by_day(served, 4)
    now = AS_OF + 100 * DAY
    await retention(served).run_once(AS_OF + 4 * DAY)
    async with served.database.transaction():
        # Somebody reads what has closed: the history goes, and the run ends while it waits for the rest.
        await served.database.execute("lock table closed_opportunity in access share mode")
        run = asyncio.create_task(retention(served, opportunities_retention=1).run_once(now))

        async def history_is_gone() -> bool:
            async with served.api.database.snapshot() as connection:
                return not await connection.fetchval("select count(*) from price_history")

        await until(history_is_gone)
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run
        assert await scalar(served, "select count(*) from closed_opportunity") == 4
    runs = [retention(served, opportunities_retention=1).run_once(now) for _ in range(3)]
    await asyncio.gather(*runs)
    assert await scalar(served, "select count(*) from closed_opportunity") == 0
    assert await scalar(served, "select count(*) from closed_count") == 0
    assert await scalar(served, "select count(*) from sporting_event") == 0


async def test_status_costs_the_same_however_much_has_closed(served: Gateway) -> None:
    async def blocks() -> int:
        queries: list[str] = []
        async with served.api.database.snapshot() as connection:
            with connection.query_logger(lambda record: queries.append(record.query)):
                await totals(connection, EVERYTHING)
        plan = await served.database.fetchval(f"explain (analyze, buffers, format json) {queries[-1]}")
        return int(json.loads(plan)[0]["Plan"]["Shared Hit Blocks"])

    await day_by_day(served, 1)
    await served.database.execute("vacuum analyze market")
    before = await blocks()
    for table, column in (("closed_opportunity", "id"), ("market", "subject")):
        await served.database.execute(
            f"""
            insert into {table} select (jsonb_populate_record(o, jsonb_build_object('{column}', 'x' || n))).*
            from {table} o, generate_series(1, 3000) n
            """  # noqa: S608 - names of this test
        )
    await served.database.execute("vacuum analyze market")
    assert await blocks() <= before + 5


@pytest.fixture
async def engine(make_database: MakeDatabase) -> AsyncIterator[Engine]:
    async with Database.open(await make_database(ENGINE), name="tests", max_size=4) as database:
        yield Engine.on(database)


async def test_engine_forgets_what_is_over_and_its_totals_go_on(engine: Engine) -> None:
    def better(home: float) -> MarketBoard:
        return board({name: {"Away": 1.91, "Home": 1.91} for name in BOOKS} | {"soft": {"Away": 1.80, "Home": home}})

    lasting, over = Feed(sporting_event("lasting")), Feed(sporting_event("over"))
    await engine.handles(lasting.shows(0, {H2H: better(2.1)}), over.shows(0, {H2H: better(2.1)}))
    await engine.handles(over.shows(2, {H2H: better(1.95)}))
    await engine.handles(over.shows(4, {H2H: better(2.1)}))
    await engine.handles(over.withdraws(6))
    days = EngineRetention(engine.database, EvEngineSettings(dsn=DSN))

    async def counts() -> list[int]:
        tables = ("event", "line", "opportunity", "closed_opportunity")
        return [(await engine.rows(f"select count(*) as n from {table}"))[0]["n"] for table in tables]  # noqa: S608 - names of this test

    async def opened_closed_open() -> Totals:
        async with engine.database.snapshot() as connection:
            return await engine.store.totals(connection)

    assert await counts() == [2, 2, 1, 1]
    told = await opened_closed_open()
    assert told == Totals(opened=3, closed=2, open=1)
    await days.run_once(minutes(0) + 13 * DAY)
    await days.run_once(minutes(0) + 15 * DAY + DAY)
    assert await counts() == [2, 2, 1, 1], "source time began to pass with the first run"
    await days.run_once(minutes(0) + 28 * DAY)
    assert await counts() == [1, 1, 1, 1]
    await asyncio.gather(*(days.run_once(minutes(0) + 400 * DAY) for _ in range(3)))
    assert await counts() == [1, 1, 1, 0]
    assert await opened_closed_open() == told
    await engine.handles(lasting.withdraws(500))
    assert await opened_closed_open() == Totals(opened=3, closed=3, open=0)


async def test_engine_forgets_after_a_day_what_was_told_shortly_after_a_start(engine: Engine) -> None:
    feed, days = Feed(), EngineRetention(engine.database, EvEngineSettings(dsn=DSN))
    for minute, price in ((60, 2.0), (66, 2.1), (70, 2.2)):
        await engine.handles(feed.shows(minute, {H2H: board({"alpha": {"Home": price, "Away": 1.9}})}))
    for after, kept in ((0 * DAY, 2), (DAY - timedelta(minutes=2), 1), (DAY + timedelta(minutes=1), 0)):
        await days.run_once(minutes(70) + after)
        assert await engine.rows("select count(*) as kept from later_update") == [{"kept": kept}]


async def test_engine_forgets_after_a_day_what_stood_before_the_closing_candidates(engine: Engine) -> None:
    feed, days = Feed(), EngineRetention(engine.database, EvEngineSettings(dsn=DSN))
    for minute, price in ((0, 2.0), (20, 2.1), (40, 2.2)):
        await engine.handles(feed.shows(minute, {H2H: board({"alpha": {"Home": price, "Away": 1.9}})}))
    query = "select (since - $$2026-05-02T18:00Z$$)::text as since from earlier_line order by since"
    for after, kept in ((0 * DAY, ["00:00:00", "00:20:00"]), (DAY - timedelta(minutes=30), ["00:20:00"]), (DAY, [])):
        await days.run_once(minutes(40) + after)
        assert [row["since"] for row in await engine.rows(query)] == kept
    assert len(await engine.rows("select * from line")) == 1


@asynccontextmanager
async def database_with(make_database: MakeDatabase, migrations: list[Path]) -> AsyncIterator[Database]:
    async with Database.open(await make_database(migrations), name="tests", max_size=4) as database:
        yield database


async def test_notifier_forgets_deliveries_by_day_and_never_what_is_open(make_database: MakeDatabase) -> None:
    now = datetime(2026, 6, 1, 12, tzinfo=UTC)
    async with database_with(make_database, NOTIFIER) as database:

        async def add(at: datetime, opening: int, level: int) -> list[int]:
            await DaysOf(database, DELIVERIES).prepare([at])
            async with database.transaction() as connection:
                alerts = [Alert("s", "log", f"event-{id}", id, Alerted(opening, level, 0.1)) for id in ("open", "over")]
                return [one.id for one in await add_alerts(connection, alerts, at, at)]

        assert len(await add(now, 1, 1)) == 2
        assert await add(now + DAY, 1, 1) == [], "an alert is not repeated, on whatever day"
        assert len(await add(now + DAY, 1, 2)) == 2
        assert await add(now + DAY, 1, 1) == []
        async with database.transaction() as connection:
            await connection.execute(
                """
                insert into opportunity_set values
                    ('event-open', 1, $1, '{"opportunities": [{"id": "open"}]}'),
                    ('event-over', 1, $1, '{"opportunities": []}')
                """,
                now,
            )
        retention = NotifierRetention(database, NotifierSettings(dsn=DSN))

        async def kept() -> tuple[int, list[str], list[str]]:
            async with database.snapshot() as connection:
                return (
                    await connection.fetchval("select count(*) from delivery"),
                    await connection.fetchval("select array_agg(opportunity_id order by 1) from alerted"),
                    await connection.fetchval("select array_agg(event_id order by 1) from opportunity_set"),
                )

        await retention.run_once(now)
        assert await kept() == (4, ["open", "over"], ["event-open", "event-over"])
        with capture_logs() as logs:
            await retention.run_once(now + 31 * DAY)
        assert await kept() == (2, ["open"], ["event-open"])
        # Nobody has sent them: that they never will be is said.
        assert [one["number"] for one in logs if "pending deliveries" in one["event"]] == [2]
        await asyncio.gather(*(retention.run_once(now + 400 * DAY) for _ in range(3)))
        assert await kept() == (0, ["open"], ["event-open"])


async def test_ingest_forgets_closed_events_and_never_open_ones(make_database: MakeDatabase) -> None:
    async with database_with(make_database, INGEST) as database:
        async with database.transaction() as connection:
            await connection.execute(
                """
                insert into event (id, provider, sport, league, league_title, commence_time, bookmaker_titles, revision,
                    as_of, open, told_id, shown_at)
                select 'event-' || n, 'p', 's', 'l', 'L', $1, '{}', 1, $1, n = 1, 'event-' || n, $1
                from generate_series(1, 250) n;
                """,
                AS_OF,
            )
            await connection.execute(
                """
                insert into market (event_id, market, period, subject, status, revision, board)
                select id, 'h2h', 'full', '', 1, 1, '{"bookmakers": [], "offers": [], "last_update": []}' from event
                """
            )
        retention = IngestRetention(database, OddsIngestSettings(dsn=DSN))

        async def markets() -> int:
            async with database.snapshot() as connection:
                return int(await connection.fetchval("select count(*) from market"))

        await retention.run_once(AS_OF)
        await retention.run_once(AS_OF + 2 * DAY)
        assert await markets() == 250
        await asyncio.gather(*(retention.run_once(AS_OF + 5 * DAY) for _ in range(3)))
        assert await markets() == 1


async def test_dead_letters_go_by_age_and_by_number(make_database: MakeDatabase) -> None:
    async with database_with(make_database, [SHARED]) as database:
        letters = PostgresDeadLetters(database)
        for number in range(5):
            await letters.keep(DeadLetter("q", f"letter-{number}", "n", "s", b"", "why", 20))
        now = datetime.now(UTC)
        await forget_dead_letters(database, now, days=2, most=3)
        assert [letter.id for letter in await letters.kept("q")] == ["letter-2", "letter-3", "letter-4"]
        await forget_dead_letters(database, now + DAY, days=2)
        assert await letters.count() == 3
        await forget_dead_letters(database, now + 3 * DAY, days=2)
        assert await letters.count() == 0


async def test_source_time_goes_on_by_the_clock_and_never_beyond_it(make_database: MakeDatabase) -> None:
    now = AS_OF + 100 * DAY
    async with database_with(make_database, [SHARED]) as database:
        assert await source_time(database, now, None) is None
        assert await source_time(database, now, AS_OF) == AS_OF
        assert await source_time(database, now + DAY, AS_OF) == AS_OF + DAY
        assert await source_time(database, now + DAY, None) == AS_OF + DAY, "what it was told of may be forgotten"
        assert await source_time(database, now - DAY, AS_OF) == AS_OF, "a clock that was set back ages nothing"
        assert await source_time(database, now + 2 * DAY, AS_OF + 5 * DAY) == AS_OF + 5 * DAY
        assert await source_time(database, now + 3 * DAY, now + 900 * DAY) == now + 3 * DAY


@pytest.mark.parametrize("settings", [ApiSettings, EvEngineSettings, NotifierSettings])
def test_a_dead_letter_may_not_outlive_what_guards_against_it(settings: type[ApiSettings]) -> None:
    with pytest.raises(ValidationError, match=r"DEAD_LETTERS_RETENTION \(9 days\) is longer than EVENTS_RETENTION"):
        settings(dsn=DSN, events_retention=8, dead_letters_retention=9)
    assert settings(dsn=DSN, events_retention=9, dead_letters_retention=9).events_retention == 9
