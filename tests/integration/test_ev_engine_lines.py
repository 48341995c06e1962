"""Opening and closing candidates: the first and the last board of a market at or before the start."""

import itertools
import json
import random
from collections.abc import AsyncIterator
from typing import Any

import pytest

from bet_intel.shared.postgres import Database
from fixtures.answers import H2H, START, TOTAL, board, minutes, moved
from fixtures.engine import MIGRATIONS, Engine
from fixtures.feed import Feed
from fixtures.postgres import MakeDatabase

pytestmark = pytest.mark.integration


@pytest.fixture
async def engine(make_database: MakeDatabase) -> AsyncIterator[Engine]:
    async with Database.open(await make_database(MIGRATIONS), name="tests", max_size=2) as database:
        yield Engine.on(database)


def at(home: float, *, both: bool = False) -> dict[Any, Any]:
    markets = {H2H: board({"alpha": {"Home": home, "Away": 1.9}})}
    return {**markets, TOTAL: board({"alpha": {"Over": 1.9, "Under": 1.9}})} if both else markets


async def h2h(engine: Engine) -> dict[str, Any]:
    """The line of the head-to-head market: times in minutes, prices of the home side."""
    (row,) = await engine.rows("select * from line where market = 'h2h'")
    return {
        "opening": ((row["opening_as_of"] - minutes(0)).total_seconds() / 60, _home(row["opening_board"])),
        "closing": ((row["closing_as_of"] - minutes(0)).total_seconds() / 60, _home(row["closing_board"])),
    }


def _home(stored: str) -> float:
    price: float = json.loads(stored)["alpha"]["back"]["Home"]
    return price


async def test_the_first_and_the_last_board_before_the_start_stand(engine: Engine) -> None:
    feed = Feed()
    for minute, home in ((0, 2.0), (30, 2.1), (64, 2.2)):
        await engine.handles(feed.shows(minute, at(home)))
    assert await h2h(engine) == {"opening": (0, 2.0), "closing": (64, 2.2)}


async def test_time_that_passes_without_an_answer_confirms_nothing(engine: Engine) -> None:
    feed = Feed()
    await engine.handles(feed.shows(0, at(2.0)))
    await engine.handles(feed.shows(10, at(2.0)))
    await engine.handles(feed.waits(20))
    assert await h2h(engine) == {"opening": (0, 2.0), "closing": (10, 2.0)}


async def test_a_board_at_the_start_counts_and_one_after_it_never_does(engine: Engine) -> None:
    feed = Feed()
    await engine.handles(feed.shows(0, at(2.0)))
    await engine.handles(feed.shows(65, at(2.3)))
    assert minutes(65) == START
    await engine.handles(feed.shows(66, at(5.0)))
    await engine.handles(feed.shows(67, at(5.0)))
    assert await h2h(engine) == {"opening": (0, 2.0), "closing": (65, 2.3)}


async def test_a_confirmation_makes_the_closing_later_without_another_board(engine: Engine) -> None:
    feed = Feed()
    await engine.handles(feed.shows(0, at(2.0)))
    await engine.handles(feed.shows(40, at(2.0)))
    await engine.handles(feed.shows(70, at(2.0)))
    assert await h2h(engine) == {"opening": (0, 2.0), "closing": (40, 2.0)}


async def test_a_confirmation_of_a_board_that_is_still_on_its_way_does_not_prolong_the_one_before(
    engine: Engine,
) -> None:
    feed = Feed()
    first, late, confirming = feed.shows(0, at(2.0)), feed.shows(20, at(2.1)), feed.shows(40, at(2.1))
    for message in (first, confirming):
        await engine.handles(message)
    assert (await h2h(engine))["closing"] == (0, 2.0)
    await engine.handles(late)
    # The confirmation that came before its board is lost: the closing is the right board, as of its own time.
    assert (await h2h(engine))["closing"] == (20, 2.1)


async def test_a_withdrawn_market_keeps_its_last_board_as_closing(engine: Engine) -> None:
    feed = Feed()
    await engine.handles(feed.shows(0, at(2.0, both=True)))
    await engine.handles(feed.shows(30, {TOTAL: at(2.0, both=True)[TOTAL]}))
    assert await h2h(engine) == {"opening": (0, 2.0), "closing": (0, 2.0)}


async def test_a_late_board_before_all_others_becomes_the_opening_though_the_boards_refuse_it(engine: Engine) -> None:
    feed = Feed()
    early, later = feed.shows(0, at(2.0)), feed.shows(10, at(2.1))
    await engine.handles(later)
    assert await engine.handles(early) == []
    assert await h2h(engine) == {"opening": (0, 2.0), "closing": (10, 2.1)}


async def test_a_late_board_before_the_start_is_the_closing_though_one_after_the_start_came_first(
    engine: Engine,
) -> None:
    feed = Feed()
    first, last, live = feed.shows(0, at(2.0)), feed.shows(64, at(2.2)), feed.shows(70, at(5.0))
    for message in (first, live, last):
        await engine.handles(message)
    assert await h2h(engine) == {"opening": (0, 2.0), "closing": (64, 2.2)}


async def test_any_order_of_messages_in_any_batches_ends_in_the_same_lines(
    engine: Engine, make_database: MakeDatabase
) -> None:
    feed = Feed()
    told = [feed.shows(minute, at(home)) for minute, home in ((0, 2.0), (20, 2.1), (40, 2.2), (64, 2.3), (70, 5.0))]
    orders = list(itertools.permutations(told))
    rng = random.Random(5)
    for order in rng.sample(orders, 12):
        async with engine.database.transaction() as connection:
            await connection.execute("truncate event, line, opportunity cascade")
        engine.restart()
        await engine.handles(*order[:2])
        await engine.handles(*order[2:], order[0])
        assert await h2h(engine) == {"opening": (0, 2.0), "closing": (64, 2.3)}


async def test_a_postponed_start_lets_later_boards_count(engine: Engine) -> None:
    feed = Feed()
    await engine.handles(feed.shows(0, at(2.0)))
    feed.event = moved(feed.event, minutes(120))
    await engine.handles(feed.shows(90, at(2.4)))
    assert await h2h(engine) == {"opening": (0, 2.0), "closing": (90, 2.4)}


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
async def test_of_two_boards_of_one_time_the_newer_revision_closes(engine: Engine, order: tuple[int, int]) -> None:
    feed = Feed()
    messages = [feed.shows(10, at(2.0)), feed.shows(10, at(2.1))]
    for place in order:
        await engine.handles(messages[place])
    assert (await h2h(engine))["closing"] == (10, 2.1)
