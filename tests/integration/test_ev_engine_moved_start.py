"""A start that moves: what was recorded as opening and closing follows it, and opportunities too."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from bet_intel.shared.postgres import Database
from fixtures.answers import H2H, START, TOTAL, board, minutes, moved
from fixtures.closings import at, closed, fixed, home, rows, totals
from fixtures.engine import MIGRATIONS, Engine, closed_now, open_now
from fixtures.feed import Feed
from fixtures.postgres import MakeDatabase

pytestmark = pytest.mark.integration

EVEN = {book: {"Home": 1.95, "Away": 1.95} for book in ("alpha", "beta", "gamma", "delta")}
EVEN_TOTAL = board({"alpha": {"Over": 1.9, "Under": 1.9}})
GENEROUS = {**EVEN, "soft": {"Home": 2.12, "Away": 1.75}}


@pytest.fixture
async def engine(make_database: MakeDatabase) -> AsyncIterator[Engine]:
    async with Database.open(await make_database(MIGRATIONS), name="tests", max_size=2) as database:
        yield Engine.on(database)


async def lines(engine: Engine) -> dict[str, tuple[float | None, float | None]]:
    """By market, the times of opening and closing in minutes."""
    found = await engine.rows("select * from line")
    return {row["market"]: (_minute(row["opening_as_of"]), _minute(row["closing_as_of"])) for row in found}


def _minute(time: Any) -> float | None:
    return None if time is None else (time - minutes(0)).total_seconds() / 60


async def test_a_closing_from_after_an_earlier_start_gives_way_to_the_one_before(engine: Engine) -> None:
    feed = Feed()
    await engine.handles(feed.shows(0, at(2.0)))
    await engine.handles(feed.shows(40, at(2.1)))
    assert await lines(engine) == {"h2h": (0, 40)}
    feed.event = moved(feed.event, minutes(30))
    await engine.handles(feed.shows(45, at(2.1)))
    assert await lines(engine) == {"h2h": (0, 0)}
    # Nothing after the start comes in its place.
    await engine.handles(feed.shows(50, at(2.2)))
    assert await lines(engine) == {"h2h": (0, 0)}


async def test_of_prices_that_change_all_the_time_as_many_are_kept_as_there_are_half_minutes(engine: Engine) -> None:
    feed = Feed()
    for second in range(0, 120, 5):
        await engine.handles(feed.shows(10 + second / 60, at(2.0 + second / 1000)))
    (row,) = await engine.rows("select count(*) from earlier_line")
    assert row["count"] == 4


async def test_far_from_the_start_nothing_is_kept_beside_the_candidates(engine: Engine) -> None:
    feed = Feed()
    for minute in (-300, -200, -100):
        await engine.handles(feed.shows(minute, at(2.5 + minute / 1000)))
    assert await engine.rows("select * from earlier_line") == []


async def test_a_board_that_was_there_at_the_earlier_start_is_still_the_closing(engine: Engine) -> None:
    feed = Feed()
    await engine.handles(feed.shows(0, at(2.0)))
    await engine.handles(feed.shows(20, at(2.1)))
    await engine.handles(feed.shows(40, at(2.1)))
    assert await lines(engine) == {"h2h": (0, 40)}
    feed.event = moved(feed.event, minutes(30))
    await engine.handles(feed.shows(45, at(2.1)))
    assert await lines(engine) == {"h2h": (0, 20)}


async def test_a_market_that_was_offered_after_the_earlier_start_alone_does_not_close(engine: Engine) -> None:
    feed = Feed()
    await engine.handles(feed.shows(0, at(2.0)))
    await engine.handles(feed.shows(40, {**at(2.0), TOTAL: board({"alpha": {"Over": 1.9, "Under": 1.9}})}))
    assert await lines(engine) == {"h2h": (0, 40), "totals": (40, 40)}
    feed.event = moved(feed.event, minutes(30))
    (body,) = await fixed(engine, feed.shows(45, at(2.0)))
    assert [(one["market"], one["as_of_us"]) for one in rows(body, "markets")] == [("h2h", minutes(0).isoformat())]
    # It is known again when the start moves back.
    feed.event = moved(feed.event, START)
    await engine.handles(feed.shows(66, at(2.0)))
    assert await lines(engine) == {"h2h": (0, 40), "totals": (40, 40)}


@pytest.mark.parametrize("is_late", [False, True])
async def test_what_was_told_shortly_after_a_start_that_moves_later_is_held_against_the_new_one(
    engine: Engine, *, is_late: bool
) -> None:
    feed = Feed()
    assert minutes(65) == START
    shown = [(60, at(2.0)), (67, {**at(2.2), TOTAL: EVEN_TOTAL}), (69, {**at(2.2), TOTAL: EVEN_TOTAL}), (71, at(2.3))]
    told = [feed.shows(minute, markets) for minute, markets in shown]
    assert [one.voided for one in await fixed(engine, *(told[:1] if is_late else told))] == ([] if is_late else [False])
    feed.event = moved(feed.event, minutes(70))
    bodies = await fixed(engine, feed.shows(72, at(2.4)), *(told[1:] if is_late else []))
    assert home(bodies[-1]) == (2.2, minutes(69))
    assert [one["market"] for one in rows(bodies[-1], "markets")] == ["h2h", "totals"]
    feed.event = moved(feed.event, START)
    (before,) = await fixed(engine, feed.shows(73, at(2.4)))
    assert home(before) == (2.0, minutes(60))
    assert [one["market"] for one in rows(before, "markets")] == ["h2h"]


async def test_what_was_withdrawn_shortly_after_a_start_that_moves_later_had_gone_by_the_new_one(
    engine: Engine,
) -> None:
    feed = Feed()
    await engine.handles(feed.shows(60, totals(8.0, 8.5)), feed.shows(67, totals(8.5)), feed.shows(71, totals(8.0)))
    feed.event = moved(feed.event, minutes(70))
    (body,) = await fixed(engine, feed.shows(72, totals(8.0)))
    assert closed(body) == [(8.5, "main")]


async def test_more_than_ten_minutes_after_the_start_nothing_is_kept(engine: Engine) -> None:
    feed = Feed()
    await engine.handles(feed.shows(60, at(2.0)), feed.shows(74, at(2.1)), feed.waits(74.5), feed.shows(76, at(2.2)))
    kept = await engine.rows("select as_of from later_update")
    assert [row["as_of"] for row in kept] == [minutes(74)]


async def test_what_is_offered_when_the_start_moves_later_is_the_closing_though_it_had_come_after_the_old_start(
    engine: Engine,
) -> None:
    feed = Feed()
    await engine.handles(feed.shows(60, at(2.0)))
    await engine.handles(feed.shows(70, at(2.3)))
    assert minutes(65) == START
    assert await lines(engine) == {"h2h": (60, 60)}
    feed.event = moved(feed.event, minutes(120))
    await engine.handles(feed.shows(80, at(2.3)))
    assert await lines(engine) == {"h2h": (60, 80)}


async def test_a_start_that_moves_before_the_newest_board_has_come_confirms_none_of_the_old_ones(
    engine: Engine,
) -> None:
    feed = Feed()
    first, late = feed.shows(0, at(2.0)), feed.shows(20, at(2.1))
    feed.event = moved(feed.event, minutes(70))
    bodies = await fixed(engine, first, feed.shows(40, at(2.1)), late, feed.shows(75, at(2.1)))
    assert home(bodies[-1]) == (2.1, minutes(20))


async def test_a_message_that_still_tells_the_old_start_is_held_against_the_new_one(engine: Engine) -> None:
    feed = Feed()
    first = feed.shows(0, at(2.0))
    late = feed.shows(40, at(2.1))
    feed.event = moved(feed.event, minutes(30))
    newest = feed.shows(45, at(2.2))
    await engine.handles(first)
    await engine.handles(newest)
    await engine.handles(late)
    assert await lines(engine) == {"h2h": (0, 0)}


@pytest.mark.parametrize("restarts", [False, True])
async def test_an_opportunity_closes_as_started_where_the_start_moves_before_it_and_opens_where_it_moves_after(
    engine: Engine, restarts: bool
) -> None:
    feed = Feed()
    (first,) = await engine.handles(feed.shows(0, {H2H: board(GENEROUS)}))
    assert list(open_now(first)) == ["h2h Home soft"]
    if restarts:
        engine.restart()
    feed.event = replace(feed.event, commence_time=minutes(-10))
    (started,) = await engine.handles(feed.shows(1, {H2H: board(GENEROUS)}))
    assert open_now(started) == {}
    assert list(closed_now(started).values()) == ["event_started"]
    feed.event = replace(feed.event, commence_time=minutes(300))
    (again,) = await engine.handles(feed.shows(2, {H2H: board(GENEROUS)}))
    assert open_now(again)["h2h Home soft"]["id"] == open_now(first)["h2h Home soft"]["id"]
