"""Closing lines as the engine tells them: at the start, again when they change, void when the start moves."""

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from bet_intel.events.v1.resync_requested_pb2 import ResyncKind, ResyncRequested
from bet_intel.odds_ingest.domain.quotes import MarketBoard
from bet_intel.shared.describe import describe
from bet_intel.shared.messaging import Message
from bet_intel.shared.postgres import Database
from bet_intel.shared.times import from_us
from fixtures.answers import H2H, START, board, minutes, moved, sporting_event
from fixtures.closings import BOOKS, at, closed, fixed, home, rows, totals
from fixtures.engine import MIGRATIONS, Engine
from fixtures.feed import Feed
from fixtures.postgres import MakeDatabase

pytestmark = pytest.mark.integration

ODDS_SET = "opportunities.updated.v1"


@pytest.fixture
async def engine(make_database: MakeDatabase) -> AsyncIterator[Engine]:
    async with Database.open(await make_database(MIGRATIONS), name="tests", max_size=2) as database:
        yield Engine.on(database)


def limited(home: dict[str, float], limits: dict[str, float]) -> MarketBoard:
    """A head-to-head with the largest stakes that bookmakers tell."""
    told = board({book: {"Home": price, "Away": 1.8} for book, price in home.items()})
    prices = {quote: price._replace(limit=limits.get(quote.bookmaker)) for quote, price in told.prices.items()}
    return MarketBoard.of(prices, told.last_update)


async def test_nothing_is_told_before_the_start_and_once_after_it(engine: Engine) -> None:
    feed = Feed()
    before = [feed.shows(0, at(2.0)), feed.shows(60, at(2.2)), feed.shows(65, at(2.2))]
    assert minutes(65) == START
    assert await fixed(engine, *before) == []
    (body,) = await fixed(engine, feed.shows(66, at(5.0)), feed.shows(67, at(6.0)), feed.withdraws(90))
    assert (body.event.id, body.voided, from_us(body.as_of_us)) == (feed.event.id, False, minutes(66))
    assert home(body) == (2.2, minutes(65))
    (market,) = rows(body, "markets")
    assert (market["market"], market["profile"], market["method"], market["reason"]) == (
        "h2h",
        "consensus",
        "power",
        "",
    )
    assert market["books_used"] == len(BOOKS)
    chances = {one["outcome"]: one["consensus"] for one in rows(body, "outcomes")}
    assert chances["Home"] < chances["Away"]
    assert sum(chances.values()) == pytest.approx(1)


async def test_prices_that_were_confirmed_until_the_start_are_fresh_though_they_never_changed(engine: Engine) -> None:
    feed = Feed()
    told = [feed.shows(minute, at(2.0)) for minute in (0, 20, 40, 60)]
    assert await fixed(engine, *told) == []
    (body,) = await fixed(engine, feed.withdraws(66))
    assert home(body) == (2.0, minutes(60))
    assert rows(body, "markets")[0]["reason"] == ""


async def test_markets_close_each_as_of_their_own_time(engine: Engine) -> None:
    feed = Feed()
    await fixed(engine, feed.shows(0, at(2.0, total=True)), feed.shows(64, at(2.0)))
    (body,) = await fixed(engine, feed.shows(66, at(2.0)))
    assert [(one["market"], one["line"], one["as_of_us"]) for one in rows(body, "markets")] == [
        ("h2h", None, minutes(64).isoformat()),
        ("totals", 8.5, minutes(0).isoformat()),
    ]


async def test_a_line_that_was_withdrawn_while_another_was_offered_is_no_closing_line(engine: Engine) -> None:
    feed = Feed()
    await fixed(engine, feed.shows(0, totals(8.0)), feed.shows(5, totals(8.5)), feed.shows(64, totals(8.5, 9.5)))
    (body,) = await fixed(engine, feed.withdraws(66))
    assert closed(body) == [(8.5, "main"), (9.5, "alternate")]


async def test_a_line_that_comes_back_closes_whatever_the_order_of_the_messages(engine: Engine) -> None:
    feed = Feed()
    shown = [(0, (8.0,)), (5, (8.5,)), (20, (8.0, 8.5)), (40, (8.0,))]
    first, away, back, last = [feed.shows(minute, totals(*lines)) for minute, lines in shown]
    live = feed.withdraws(66)
    await fixed(engine, last, away)
    await engine.handles(back, live, first)
    assert closed(engine.closings[-1]) == [(8.0, "main")]


async def test_lines_that_were_all_withdrawn_close_with_those_that_were_there_last(engine: Engine) -> None:
    feed = Feed()
    await fixed(engine, feed.shows(0, totals(8.0)), feed.shows(20, totals(8.5)), feed.shows(40, at(2.0)))
    (body,) = await fixed(engine, feed.shows(66, at(2.0)))
    assert closed(body) == [(8.5, "main")]


async def test_a_line_that_was_withdrawn_after_an_earlier_start_was_on_offer_at_it(engine: Engine) -> None:
    feed = Feed()
    told = [feed.shows(0, totals(8.0, 8.5)), feed.shows(20, totals(8.5))]
    await fixed(engine, *told)
    feed.event = moved(feed.event, minutes(10))
    (body,) = await fixed(engine, feed.shows(30, totals(8.5)))
    assert closed(body) == [(8.0, "main"), (8.5, "alternate")]


async def test_a_withdrawal_after_the_start_that_an_earlier_release_noted_withdraws_nothing(engine: Engine) -> None:
    feed = Feed()
    await fixed(engine, feed.shows(64, totals(8.0, 8.5)))
    async with engine.database.transaction() as connection:
        await connection.execute(
            """
            insert into withdrawn_line (event_id, market, period, line, subject, as_of, revision)
            select event_id, market, period, line, subject, $1, closing_revision + 1 from line where line = 8.0
            """,
            minutes(66),
        )
    (body,) = await fixed(engine, feed.shows(67, totals(8.5)))
    assert closed(body) == [(8.0, "main"), (8.5, "alternate")]


async def test_who_takes_more_money_weighs_more_in_the_closing_price_as_it_does_on_the_board(engine: Engine) -> None:
    prices = {"alpha": 2.0, "beta": 2.02, "gamma": 2.1, "delta": 2.12}
    limits = {"alpha": 50.0, "beta": 100.0, "gamma": 100.0, "delta": 5000.0}
    feed = Feed()
    (set_,) = await engine.handles(feed.shows(64, {H2H: limited(prices, limits)}))
    (body,) = await fixed(engine, feed.withdraws(66))
    told = {one["outcome"]: one["consensus"] for one in describe(ODDS_SET, set_.SerializeToString())["outcomes"]}
    assert {one["outcome"]: one["consensus"] for one in rows(body, "outcomes")} == told
    unlimited = Feed(sporting_event("2"))
    (other,) = await fixed(engine, unlimited.shows(64, {H2H: limited(prices, {})}), unlimited.withdraws(66))
    assert {one["outcome"]: one["consensus"] for one in rows(other, "outcomes")}["Away"] != told["Away"]


async def test_a_late_board_is_told_again_with_a_higher_revision_and_twice_is_no_news(engine: Engine) -> None:
    feed = Feed()
    first, late, live = feed.shows(0, at(2.0)), feed.shows(64, at(2.3)), feed.shows(70, at(5.0))
    (early,) = await fixed(engine, first, live)
    assert home(early)[0] == 2.0
    (right,) = await fixed(engine, late, late, first)
    assert home(right) == (2.3, minutes(64))
    assert right.revision > early.revision


async def test_a_start_that_moves_later_voids_them_until_it_has_come(engine: Engine) -> None:
    feed = Feed()
    (early,) = await fixed(engine, feed.shows(60, at(2.0)), feed.shows(70, at(2.1)))
    feed.event = moved(feed.event, minutes(120))
    (void,) = await fixed(engine, feed.shows(80, at(2.2)), feed.shows(90, at(2.4)))
    assert (void.voided, rows(void, "markets"), void.revision > early.revision) == (True, [], True)
    assert from_us(void.event.commence_time_us) == minutes(120)
    (late,) = await fixed(engine, feed.shows(121, at(2.5)))
    assert (late.voided, home(late), late.revision > void.revision) == (False, (2.4, minutes(90)), True)


async def test_a_start_that_moves_earlier_takes_what_stood_then(engine: Engine) -> None:
    feed = Feed()
    told = [feed.shows(0, at(2.0)), feed.shows(20, at(2.1)), feed.shows(40, at(2.1))]
    assert await fixed(engine, *told) == []
    feed.event = moved(feed.event, minutes(30))
    (body,) = await fixed(engine, feed.shows(45, at(2.1)))
    assert home(body) == (2.1, minutes(20))
    assert rows(body, "markets")[0]["reason"] == ""


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (2, 0, 3, 1), (3, 2, 1, 0)])
async def test_a_start_that_moves_earlier_takes_what_stood_then_though_prices_have_changed_since(
    engine: Engine, order: tuple[int, ...]
) -> None:
    feed = Feed()
    told = [feed.shows(minute, at(price)) for minute, price in ((0, 2.0), (20, 2.1), (40, 2.2), (50, 2.3))]
    for place in order:
        assert await fixed(engine, told[place]) == []
    feed.event = moved(feed.event, minutes(30))
    (body,) = await fixed(engine, feed.shows(55, at(2.4)))
    assert home(body) == (2.1, minutes(20))
    assert rows(body, "markets")[0]["reason"] == ""


async def test_a_board_that_was_confirmed_before_the_earlier_start_is_as_of_then(engine: Engine) -> None:
    feed = Feed()
    told = [feed.shows(0, at(2.0)), feed.shows(25, at(2.0)), feed.shows(40, at(2.2))]
    assert await fixed(engine, *told) == []
    feed.event = moved(feed.event, minutes(30))
    (body,) = await fixed(engine, feed.shows(45, at(2.2)))
    assert home(body) == (2.0, minutes(25))


async def test_a_start_that_moves_earlier_and_back_ends_where_it_would_have_stood(engine: Engine) -> None:
    feed = Feed()
    told = [feed.shows(0, at(2.0)), feed.shows(40, at(2.2)), feed.shows(50, at(2.2))]
    assert await fixed(engine, *told) == []
    feed.event = moved(feed.event, minutes(30))
    (early,) = await fixed(engine, feed.shows(66, at(2.4)))
    assert home(early) == (2.0, minutes(0))
    feed.event = moved(feed.event, START)
    (right,) = await fixed(engine, feed.shows(67, at(2.4)))
    assert home(right) == (2.2, minutes(50))


async def test_a_line_that_was_gone_at_the_earlier_start_has_not_closed_though_it_came_back(engine: Engine) -> None:
    feed = Feed()
    shown = [(0, (8.0, 8.5)), (20, (8.5,)), (40, (8.0, 8.5)), (50, (8.5,))]
    assert await fixed(engine, *[feed.shows(minute, totals(*lines)) for minute, lines in shown]) == []
    feed.event = moved(feed.event, minutes(30))
    (body,) = await fixed(engine, feed.shows(55, totals(8.5)))
    assert closed(body) == [(8.5, "main")]


async def test_where_it_is_not_known_what_stood_at_a_start_long_before_the_market_says_so(engine: Engine) -> None:
    feed = Feed()
    told = [feed.shows(minute, at(price)) for minute, price in ((-200, 2.0), (-150, 2.1), (-140, 2.2))]
    assert await fixed(engine, *told) == []
    feed.event = moved(feed.event, minutes(-170))
    (body,) = await fixed(engine, feed.shows(-130, at(2.2)))
    (market,) = rows(body, "markets")
    assert (market["market"], market["reason"], rows(body, "outcomes")) == ("h2h", "not_offered", [])


async def test_what_was_withdrawn_long_before_the_start_has_not_closed_and_the_market_says_so(engine: Engine) -> None:
    feed = Feed()
    await fixed(engine, feed.shows(0, totals(8.0, 8.5)), feed.shows(30, at(2.0)))
    (body,) = await fixed(engine, feed.shows(66, at(2.0)))
    assert [(one["market"], one["line"], one["reason"], one["as_of_us"]) for one in rows(body, "markets")] == [
        ("h2h", None, "", minutes(30).isoformat()),
        ("totals", None, "not_offered", minutes(30).isoformat()),
    ]
    assert {one["outcome"] for one in rows(body, "outcomes")} == {"Home", "Away"}


async def test_after_a_start_that_moves_earlier_a_line_that_stood_unchanged_is_as_fresh_as_its_neighbour(
    engine: Engine,
) -> None:
    feed = Feed()
    told = [feed.shows(0, totals(8.0)), feed.shows(20, totals(8.0, 8.5)), feed.shows(40, totals(8.0, 8.5))]
    assert await fixed(engine, *told) == []
    feed.event = moved(feed.event, minutes(30))
    (body,) = await fixed(engine, feed.shows(45, totals(8.0, 8.5)))
    told_of = {one["line"]: (one["as_of_us"], one["reason"]) for one in rows(body, "markets")}
    assert told_of == {
        None: (minutes(0).isoformat(), ""),
        8.0: (minutes(0).isoformat(), ""),
        8.5: (minutes(20).isoformat(), ""),
    }
    chances = [one["consensus"] for one in rows(body, "outcomes")]
    assert len(chances) == 6
    assert None not in chances


async def test_an_event_of_which_nothing_more_is_told_is_swept_when_source_time_has_passed_it(engine: Engine) -> None:
    feed, other = Feed(), Feed(sporting_event("2", start=minutes(500)))
    await fixed(engine, feed.shows(64, at(2.0)), other.shows(64, at(2.0)))
    await engine.closing_lines().sweep()
    assert await fixed(engine) == []
    await fixed(engine, other.shows(90, at(2.0)))
    for _ in range(2):
        await engine.closing_lines().sweep()
    await engine.told()
    (body,) = engine.closings
    assert (body.event.id, from_us(body.as_of_us), home(body)) == (feed.event.id, minutes(90), (2.0, minutes(64)))


async def test_they_are_told_again_to_who_asks(engine: Engine) -> None:
    feed = Feed()
    (body,) = await fixed(engine, feed.shows(60, at(2.0)), feed.shows(70, at(2.1)))
    for kinds, answered in (([ResyncKind.RESYNC_KIND_ODDS], []), ([ResyncKind.RESYNC_KIND_CLOSINGS], [body])):
        asked = ResyncRequested(service="api", kinds=kinds).SerializeToString()
        message = Message(str(uuid4()), "resync.requested.v1", "api", "api", START, 0, asked)
        engine.closings.clear()
        await engine.closing_lines().requested([message])
        await engine.told()
        assert engine.closings == answered
