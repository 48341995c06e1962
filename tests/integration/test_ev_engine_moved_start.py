"""A start that moves: what was recorded as opening and closing follows it, and opportunities too."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from bet_intel.shared.postgres import Database
from fixtures.answers import H2H, START, TOTAL, board, minutes, moved
from fixtures.engine import MIGRATIONS, Engine, closed_now, open_now
from fixtures.feed import Feed
from fixtures.postgres import MakeDatabase

pytestmark = pytest.mark.integration

EVEN = {book: {"Home": 1.95, "Away": 1.95} for book in ("alpha", "beta", "gamma", "delta")}
GENEROUS = {**EVEN, "soft": {"Home": 2.12, "Away": 1.75}}


@pytest.fixture
async def engine(make_database: MakeDatabase) -> AsyncIterator[Engine]:
    async with Database.open(await make_database(MIGRATIONS), name="tests", max_size=2) as database:
        yield Engine.on(database)


def at(home: float) -> dict[Any, Any]:
    return {H2H: board({"alpha": {"Home": home, "Away": 1.9}})}


async def lines(engine: Engine) -> dict[str, tuple[float | None, float | None]]:
    """By market, the times of opening and closing in minutes."""
    rows = await engine.rows("select * from line")
    return {row["market"]: (_minute(row["opening_as_of"]), _minute(row["closing_as_of"])) for row in rows}


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


async def test_a_market_that_was_offered_after_the_earlier_start_alone_has_no_line(engine: Engine) -> None:
    feed = Feed()
    await engine.handles(feed.shows(0, at(2.0)))
    await engine.handles(feed.shows(40, {**at(2.0), TOTAL: board({"alpha": {"Over": 1.9, "Under": 1.9}})}))
    assert await lines(engine) == {"h2h": (0, 40), "totals": (40, 40)}
    feed.event = moved(feed.event, minutes(30))
    await engine.handles(feed.shows(45, at(2.0)))
    assert await lines(engine) == {"h2h": (0, 0)}


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
