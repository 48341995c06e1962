"""Closing lines that the sweep told: what comes from before the start afterwards corrects them."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from bet_intel.ev_engine.pricing_settings import Profiles
from bet_intel.events.v1.closing_line_fixed_pb2 import ClosingLineFixed
from bet_intel.odds import Method
from bet_intel.shared.messaging import Message
from bet_intel.shared.postgres import Database
from bet_intel.shared.times import from_us, to_us
from fixtures.answers import START, minutes, moved, sporting_event
from fixtures.closings import at, fixed, home, rows
from fixtures.engine import MIGRATIONS, SINGLE_PRICES, Engine
from fixtures.feed import Feed
from fixtures.postgres import MakeDatabase

pytestmark = pytest.mark.integration


@pytest.fixture
async def engine(make_database: MakeDatabase) -> AsyncIterator[Engine]:
    async with Database.open(await make_database(MIGRATIONS), name="tests", max_size=2) as database:
        yield Engine.on(database)


async def swept(engine: Engine) -> list[ClosingLineFixed]:
    """What one sweep tells."""
    engine.closings.clear()
    await engine.closing_lines().sweep()
    await engine.told()
    return list(engine.closings)


async def overtaken(engine: Engine, *messages: Message) -> ClosingLineFixed:
    """The closing lines that the sweep tells after `messages`, since source time goes on with another event."""
    assert minutes(65) == START
    other = Feed(sporting_event("2", start=minutes(500)))
    assert await fixed(engine, *messages, other.shows(90, at(2.0))) == []
    (body,) = await swept(engine)
    assert not body.voided
    return body


async def test_a_board_from_before_the_start_is_the_closing_when_the_start_is_seen(engine: Engine) -> None:
    feed = Feed()
    early, last, live = feed.shows(64, at(2.0)), feed.shows(64.7, at(2.3)), feed.shows(70, at(5.0))
    stale = await overtaken(engine, early)
    assert home(stale) == (2.0, minutes(64))
    (right,) = await fixed(engine, last, live, feed.shows(71, at(5.1)))
    assert home(right) == (2.3, minutes(64.7))
    assert (right.revision > stale.revision, from_us(right.as_of_us)) == (True, minutes(90))
    assert await swept(engine) == []


async def test_a_board_from_before_the_start_is_the_closing_by_the_next_sweep_though_nothing_follows(
    engine: Engine,
) -> None:
    feed = Feed()
    early, middle, last = feed.shows(63, at(2.0)), feed.shows(64, at(2.2)), feed.shows(64.7, at(2.3))
    await overtaken(engine, early)
    for message, price in ((middle, (2.2, minutes(64))), (last, (2.3, minutes(64.7)))):
        assert await fixed(engine, message) == []
        (body,) = await swept(engine)
        assert home(body) == price
        assert await swept(engine) == []


async def test_an_answer_that_comes_behind_a_newer_one_and_changes_no_board_is_told_of_at_once(engine: Engine) -> None:
    feed = Feed()
    first, late = feed.shows(20, at(2.0, total=True)), feed.shows(40, at(2.0, total=True))
    stale = await overtaken(engine, first, feed.shows(60, at(2.0)))
    (right,) = await fixed(engine, late)
    assert right.revision > stale.revision
    assert [[one["as_of_us"] for one in rows(body, "markets") if one["line"]] for body in (stale, right)] == [
        [minutes(20).isoformat()],
        [minutes(40).isoformat()],
    ]


async def test_settings_that_change_before_the_start_is_seen_change_no_closing_line(engine: Engine) -> None:
    feed = Feed()
    first, live = feed.shows(64, at(2.0)), feed.shows(70, at(5.0))
    await overtaken(engine, first)
    engine.profiles = Profiles([replace(SINGLE_PRICES, method=Method.SHIN, revision=7)])
    assert await fixed(engine, live, feed.shows(71, at(5.1))) == []
    assert await swept(engine) == []


async def test_what_confirms_what_the_sweep_told_is_no_news(engine: Engine) -> None:
    feed = Feed()
    first, live = feed.shows(64, at(2.0)), feed.shows(70, at(5.0))
    await overtaken(engine, first)
    assert await fixed(engine, first, live, feed.shows(71, at(5.1))) == []
    assert await swept(engine) == []


async def test_a_board_from_before_the_start_counts_though_time_was_let_pass_since(engine: Engine) -> None:
    feed = Feed()
    early, last, live = feed.shows(64, at(2.0)), feed.shows(64.7, at(2.3)), feed.shows(190, at(5.0))
    await overtaken(engine, early)
    assert await fixed(engine, last) == []
    await engine.pricing().calc_batch(0, 1, times={feed.event.provider: to_us(minutes(180))}, silent_seconds=60)
    (right,) = await fixed(engine, live)
    assert home(right) == (2.3, minutes(64.7))


async def test_a_start_that_moves_later_voids_them_though_the_answer_is_from_before_the_old_start(
    engine: Engine,
) -> None:
    feed = Feed()
    first = feed.shows(60, at(2.0))
    feed.event = moved(feed.event, minutes(120))
    later, live = feed.shows(62, at(2.1)), feed.shows(121, at(2.2))
    await overtaken(engine, first)
    (void,) = await fixed(engine, later)
    assert void.voided
    (right,) = await fixed(engine, live)
    assert home(right) == (2.1, minutes(62))


async def test_a_start_that_moves_less_than_source_time_has_gone_on_is_held_against_it_at_once(engine: Engine) -> None:
    feed = Feed()
    first = feed.shows(60, at(2.0))
    feed.event = moved(feed.event, minutes(70))
    later = feed.shows(62, at(2.1))
    await overtaken(engine, first)
    (right,) = await fixed(engine, later)
    assert (right.voided, home(right)) == (False, (2.1, minutes(62)))


async def test_what_comes_before_a_start_that_moved_later_counts_though_the_one_before_it_had_been_seen(
    engine: Engine,
) -> None:
    feed = Feed(sporting_event(start=minutes(44)))
    before, seen = feed.shows(40, at(2.0)), feed.shows(54, at(2.0))
    feed.event = moved(feed.event, minutes(65))
    later, last, live = feed.shows(60, at(2.1)), feed.shows(64, at(2.2)), feed.shows(82, at(5.0))
    await overtaken(engine, before)
    assert await fixed(engine, seen) == []
    (body,) = await fixed(engine, later)
    assert home(body) == (2.1, minutes(60))
    (right,) = await fixed(engine, last, live)
    assert home(right) == (2.2, minutes(64))
