"""From odds.changed to opportunities.updated, on a real PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from bet_intel.ev_engine.store import Totals
from bet_intel.events.v1.opportunities_updated_pb2 import OpportunitiesUpdated
from bet_intel.odds_ingest.domain.quotes import MarketBoard
from bet_intel.shared.columns import read
from bet_intel.shared.messaging import Message
from bet_intel.shared.postgres import Database
from bet_intel.shared.times import to_us
from fixtures.answers import H2H, START, TOTAL, board, minutes, moved, sporting_event
from fixtures.engine import MIGRATIONS, WALL_CLOCK, Engine, closed_now, open_now
from fixtures.feed import Feed
from fixtures.postgres import MakeDatabase

pytestmark = pytest.mark.integration

FOUR = {name: {"Away": 1.91, "Home": 1.91} for name in ("alpha", "beta", "gamma", "delta")}
TOTALS = {name: {"Over": 1.91, "Under": 1.91} for name in FOUR}


def better(home: float) -> MarketBoard:
    """Four books at 1.91 each and one that offers `home` on the home side: its EV is home/2 − 1."""
    return board({**FOUR, "soft": {"Away": 1.80, "Home": home}})


@pytest.fixture
async def engine(make_database: MakeDatabase) -> AsyncIterator[Engine]:
    async with Database.open(await make_database(MIGRATIONS), name="tests", max_size=4) as database:
        yield Engine.on(database)


async def test_a_better_price_becomes_an_opportunity_judged_in_source_time(engine: Engine) -> None:
    (told,) = await engine.handles(Feed().shows(0, {H2H: better(2.06)}))
    shown = open_now(told)
    assert shown.keys() == {"h2h Home soft"}
    one = shown["h2h Home soft"]
    assert one["ev"] == pytest.approx(0.03)
    assert (one["class"], one["opening"], one["opened_us"]) == ("marginal", 1, to_us(minutes(0)))
    assert told.as_of_us == to_us(minutes(0))
    assert told.revision == to_us(WALL_CLOCK)


async def test_while_it_lasts_it_is_one_opportunity_and_when_it_ends_the_set_says_why(engine: Engine) -> None:
    feed = Feed()
    (first,) = await engine.handles(feed.shows(0, {H2H: better(2.10)}))
    (second,) = await engine.handles(feed.shows(1, {H2H: better(2.06)}))
    (third,) = await engine.handles(feed.shows(2, {H2H: better(1.95)}))
    opened = open_now(first)["h2h Home soft"]
    later = open_now(second)["h2h Home soft"]
    assert later["id"] == opened["id"]
    assert (later["peak_ev"], later["peak_us"]) == (opened["ev"], to_us(minutes(0)))
    assert (open_now(third), closed_now(third)) == ({}, {opened["id"]: "no_ev"})
    assert first.revision < second.revision < third.revision
    async with engine.database.snapshot() as connection:
        assert await engine.store.totals(connection) == Totals(opened=1, closed=1, open=0)


async def test_what_is_withdrawn_closes_and_what_comes_back_soon_is_the_same_again(engine: Engine) -> None:
    feed = Feed()
    (first,) = await engine.handles(feed.shows(0, {H2H: better(2.06)}))
    (gone,) = await engine.handles(feed.withdraws(1))
    (back,) = await engine.handles(feed.shows(11, {H2H: better(2.06)}))
    await engine.handles(feed.withdraws(12))
    (much_later,) = await engine.handles(feed.shows(22.5, {H2H: better(2.06)}))
    one = open_now(first)["h2h Home soft"]
    assert closed_now(gone) == {one["id"]: "withdrawn"}
    again = open_now(back)["h2h Home soft"]
    assert (again["id"], again["opening"], again["first_seen_us"]) == (one["id"], 2, to_us(minutes(0)))
    assert again["opened_us"] == to_us(minutes(11))
    new = open_now(much_later)["h2h Home soft"]
    assert new["id"] != one["id"]
    assert (new["opening"], new["first_seen_us"]) == (1, to_us(minutes(22.5)))
    async with engine.database.snapshot() as connection:
        assert await engine.store.totals(connection) == Totals(opened=3, closed=2, open=1)


async def test_nobody_answers_and_prices_grow_stale_and_events_start(engine: Engine) -> None:
    feed = Feed()
    (opened,) = await engine.handles(feed.shows(50, {H2H: better(2.06)}))
    (still,) = await engine.handles(feed.waits(60))
    assert open_now(still).keys() == open_now(opened).keys()
    (stale,) = await engine.handles(feed.waits(61))
    assert list(closed_now(stale).values()) == ["reference_stale"]
    (fresh,) = await engine.handles(feed.shows(62, {H2H: better(2.06)}))
    assert open_now(fresh).keys() == {"h2h Home soft"}
    (started,) = await engine.handles(feed.waits(65))
    assert minutes(65) == START
    assert list(closed_now(started).values()) == ["event_started"]


async def test_a_restarted_engine_goes_on_with_boards_and_lives(engine: Engine) -> None:
    feed = Feed()
    (first,) = await engine.handles(feed.shows(0, {H2H: better(2.10), TOTAL: board(TOTALS)}))
    engine.restart()
    (second,) = await engine.handles(feed.shows(1, {H2H: better(2.10), TOTAL: board(TOTALS)}))
    engine.restart()
    (third,) = await engine.handles(feed.shows(2, {H2H: better(2.06), TOTAL: board(TOTALS)}))
    one, two, three = (open_now(told)["h2h Home soft"] for told in (first, second, third))
    assert one["id"] == two["id"] == three["id"]
    # Nothing changed in the second: the board came from the database, its times from the message.
    assert (two["price"], two["last_seen_us"], two["peak_us"]) == (2.10, to_us(minutes(1)), to_us(minutes(0)))
    assert (three["price"], three["peak_ev"]) == (2.06, one["ev"])
    assert len(second.markets.books_used) == len(first.markets.books_used)


async def test_the_same_message_twice_tells_once(engine: Engine) -> None:
    message = Feed().shows(0, {H2H: better(2.06)})
    assert len(await engine.handles(message)) == 1
    assert await engine.handles(message) == []
    engine.restart()
    assert await engine.handles(message) == []
    assert await engine.handles(message, message) == []


async def test_a_late_market_is_taken_beside_newer_ones_and_a_late_board_is_not(engine: Engine) -> None:
    feed = Feed()
    first = feed.shows(0, {H2H: better(2.06)})
    second = feed.shows(1, {H2H: better(2.06), TOTAL: board(TOTALS)})
    third = feed.shows(2, {H2H: better(2.04), TOTAL: board(TOTALS)})
    (told,) = await engine.handles(third)
    assert open_now(told)["h2h Home soft"]["price"] == 2.04
    (told,) = await engine.handles(second)
    assert [told.strings[row] for row in _markets(told)] == ["h2h", "totals"]
    assert open_now(told)["h2h Home soft"]["price"] == 2.04
    assert told.as_of_us == to_us(minutes(2))
    assert await engine.handles(first) == []


def _markets(told: OpportunitiesUpdated) -> list[int]:
    rows: list[int] = read(told)["markets"]["market_s"].tolist()
    return rows


async def test_a_batch_of_events_is_one_transaction(engine: Engine) -> None:
    messages = [Feed(sporting_event(id)).shows(0, {H2H: better(2.06)}) for id in "21"]
    told = await engine.handles(*messages)
    assert {one.event.id for one in told} == {"the_feed:1", "the_feed:2"}
    writers = await engine.rows(
        "select distinct xmin::text from event union select distinct xmin::text from opportunity"
    )
    assert len(writers) == 1


async def test_states_of_one_event_in_a_batch_are_priced_in_their_turn(engine: Engine) -> None:
    feed = Feed()
    other = Feed(sporting_event("2"))
    told = await engine.handles(
        feed.shows(0, {H2H: better(2.06)}),
        other.shows(0, {H2H: better(2.06)}),
        feed.shows(1, {H2H: better(1.95)}),
        feed.shows(2, {H2H: better(2.08)}),
    )
    of_one = [one for one in told if one.event.id == "the_feed:1"]
    assert [len(open_now(one)) for one in of_one] == [1, 0, 1]
    first, last = open_now(of_one[0])["h2h Home soft"], open_now(of_one[2])["h2h Home soft"]
    assert closed_now(of_one[1]) == {first["id"]: "no_ev"}
    assert (last["id"], last["opening"]) == (first["id"], 2)


async def test_a_set_is_always_of_all_markets(engine: Engine) -> None:
    feed = Feed()
    await engine.handles(feed.shows(0, {H2H: better(2.06), TOTAL: board(TOTALS)}))
    soft = {**TOTALS, "soft": {"Over": 2.08, "Under": 1.80}}
    (told,) = await engine.handles(feed.shows(1, {H2H: better(2.06), TOTAL: board(soft)}))
    assert open_now(told).keys() == {"h2h Home soft", "totals Over soft"}


async def test_two_engines_on_two_markets_of_one_event_stay_consistent(engine: Engine) -> None:
    feed = Feed()
    first = feed.shows(0, {H2H: better(2.06)})
    soft = {**TOTALS, "soft": {"Over": 2.08, "Under": 1.80}}
    second = feed.shows(1, {H2H: better(2.06), TOTAL: board(soft)})
    other = Engine.on(engine.database)
    await asyncio.gather(engine.pricing().handle([first]), other.pricing().handle([second]))
    told = sorted(await engine.told(), key=lambda one: one.revision)
    assert len({one.revision for one in told}) == len(told)
    assert open_now(told[-1]).keys() == {"h2h Home soft", "totals Over soft"}


async def test_a_moved_start_takes_effect(engine: Engine) -> None:
    feed = Feed()
    await engine.handles(feed.shows(0, {H2H: better(2.06)}))
    feed.event = moved(feed.event, minutes(1))
    (told,) = await engine.handles(feed.shows(1, {H2H: better(2.06)}))
    assert list(closed_now(told).values()) == ["event_started"]
    feed.event = moved(feed.event, minutes(30))
    (told,) = await engine.handles(feed.shows(2, {H2H: better(2.06)}))
    assert told.event.commence_time_us == to_us(minutes(30))
    assert open_now(told).keys() == {"h2h Home soft"}


async def _refuse_outbox(engine: Engine) -> None:
    async with engine.database.transaction() as connection:
        await connection.execute("alter table outbox add constraint refused check (false) not valid")


async def _allow_outbox(engine: Engine) -> None:
    async with engine.database.transaction() as connection:
        await connection.execute("alter table outbox drop constraint refused")


async def _fails(engine: Engine, message: Message) -> None:
    await _refuse_outbox(engine)
    with pytest.raises(Exception, match="refused"):
        await engine.handles(message)
    await _allow_outbox(engine)


async def test_an_event_whose_first_pass_was_rolled_back_is_priced_by_the_next(engine: Engine) -> None:
    message = Feed().shows(0, {H2H: better(2.06)})
    await _fails(engine, message)
    assert await engine.rows("select id from event") == []
    (told,) = await engine.handles(message)
    assert open_now(told).keys() == {"h2h Home soft"}


async def test_a_pass_that_was_rolled_back_leaves_nothing_behind(engine: Engine) -> None:
    feed = Feed()
    (first,) = await engine.handles(feed.shows(0, {H2H: better(2.06)}))
    tables = {table: await engine.rows(f"select * from {table}") for table in ("event", "line", "opportunity")}  # noqa: S608 - from this line
    message = feed.shows(1, {H2H: better(1.95)})
    await _fails(engine, message)
    for table, rows in tables.items():
        assert await engine.rows(f"select * from {table}") == rows  # noqa: S608 - from above
    (told,) = await engine.handles(message)
    assert closed_now(told) == {open_now(first)["h2h Home soft"]["id"]: "no_ev"}


async def test_boards_changed_behind_its_back_are_read_again(engine: Engine) -> None:
    feed = Feed()
    await engine.handles(feed.shows(0, {H2H: better(2.06)}))
    other = Engine.on(engine.database)
    await other.handles(feed.shows(1, {H2H: better(2.08)}))
    (told,) = await engine.handles(feed.waits(2))
    assert open_now(told)["h2h Home soft"]["price"] == 2.08
