"""Pricing settings that change while the engine runs."""

import pytest

from bet_intel.ev_engine.domain.profile import STARTING, Category
from bet_intel.ev_engine.pricing_settings import Profiles
from bet_intel.events.v1.opportunities_updated_pb2 import OpportunitiesUpdated
from bet_intel.events.v1.pricing_settings_changed_pb2 import (
    BookmakerPricing,
    BookmakerSettings,
    CategoryBounds,
    PricingSettingsChanged,
)
from bet_intel.odds_ingest.domain.quotes import MarketBoard
from bet_intel.shared.columns import read
from bet_intel.shared.messaging import Message, TerminalError
from bet_intel.shared.postgres import Database
from bet_intel.shared.times import to_us
from fixtures.answers import H2H, board, sporting_event
from fixtures.engine import MIGRATIONS, WALL_CLOCK, Engine, open_now
from fixtures.feed import Feed
from fixtures.postgres import MakeDatabase

pytestmark = pytest.mark.integration

FOUR = {name: {"Away": 1.91, "Home": 1.91} for name in ("alpha", "beta", "gamma", "delta")}


def better(home: float) -> MarketBoard:
    """Four books at 1.91 each and one that offers `home` on the home side: its EV is home/2 − 1."""
    return board({**FOUR, "soft": {"Away": 1.80, "Home": home}})


def changed(revision: int, profile: str = "consensus", **settings: object) -> Message:
    body = PricingSettingsChanged(profile=profile, revision=revision, at_us=1)
    for name, value in settings.items():
        if isinstance(value, list):
            getattr(body, name).extend(value)
        else:
            setattr(body, name, value)
    return Message("m", "pricing.settings.changed.v1", "api", profile, WALL_CLOCK, revision, body.SerializeToString())


async def work(engine: Engine, *messages: Message) -> int:
    """Take the settings and do the tasks that come of it; returns how many there were."""
    tasks = await engine.takes(*messages)
    for task in tasks:
        assert (task.queue, task.actor) == ("ev_calculation", "ev.calc_batch")
        await engine.pricing().calc_batch(**task.arguments)
    return len(tasks)


async def test_stored_boards_are_priced_anew_and_carry_the_revision(make_database: MakeDatabase) -> None:
    async with Database.open(await make_database(MIGRATIONS), name="tests") as database:
        engine = Engine.on(database)
        feed = Feed()
        (before,) = await engine.handles(feed.shows(0, {H2H: better(2.06)}))
        assert before.pricing_revision == 0
        (first,) = open_now(before).values()
        assert first["class"] == "marginal"
        assert await work(engine, changed(7, take_ev=0.01, method="shin")) == 3
        (anew,) = await engine.told()
        (again,) = open_now(anew).values()
        assert (anew.pricing_revision, again["class"], again["id"]) == (7, "take", first["id"])
        assert (anew.as_of_us, anew.odds_revision) == (before.as_of_us, before.odds_revision)
        assert anew.revision > before.revision
        assert "shin" in anew.strings
        # A task that comes twice finds nothing to do.
        await engine.pricing().calc_batch(0, 1, 7, 0)
        assert await engine.told() == []
        # Whoever starts later, or prices what comes next, judges by them too.
        engine.restart()
        (later,) = await engine.handles(feed.shows(1, {H2H: better(2.07)}))
        assert later.pricing_revision == 7


async def test_only_newer_settings_count(make_database: MakeDatabase) -> None:
    async with Database.open(await make_database(MIGRATIONS), name="tests") as database:
        engine = Engine.on(database)
        await engine.handles(Feed().shows(0, {H2H: better(2.06)}))
        assert await work(engine, changed(9, take_ev=0.01), changed(8, take_ev=0.5)) == 3
        (told,) = await engine.told()
        assert told.pricing_revision == 9
        assert await work(engine, changed(9, take_ev=0.5)) == 0
        assert await work(engine, changed(3, take_ev=0.5)) == 0
        assert await engine.told() == []
        old = {"type": "pricing.settings.changed.v1", "reason": "old_revision"}
        assert engine.registry.get_sample_value("bet_intel_messages_ignored_total", old) == 3


async def test_each_profile_is_changed_alone_and_prices_anew_in_any_order(make_database: MakeDatabase) -> None:
    async with Database.open(await make_database(MIGRATIONS), name="tests") as database:
        engine = Engine.on(database)
        engine.profiles = Profiles([*STARTING.values()])
        await engine.handles(Feed().shows(0, {H2H: better(2.06)}))
        assert await work(engine, changed(90, profile="sharp", take_ev=0.01)) == 3
        (after,) = await engine.told()
        assert _revisions(after) == {"consensus": 0, "sharp": 90, "conservative": 0}
        assert {profile: one["class"] for profile, one in _by_profile(after).items()} == {
            "consensus": "marginal",
            "sharp": "take",
        }
        # Told later, though it is of before: the events have not been priced with it yet.
        assert await work(engine, changed(80, profile="conservative", min_references=3)) == 3
        (after,) = await engine.told()
        assert _revisions(after) == {"consensus": 0, "sharp": 90, "conservative": 80}
        assert set(_by_profile(after)) == set(STARTING)


def _revisions(body: OpportunitiesUpdated) -> dict[str, int]:
    told = read(body)["profiles"]
    return {body.strings[row]: int(at) for row, at in zip(told["profile_s"], told["revision"], strict=True)}


def _by_profile(body: OpportunitiesUpdated) -> dict[str, dict[str, str]]:
    """The class of the one opportunity of each profile."""
    tables = read(body)
    opportunities, markets = tables["opportunities"], tables["outcomes"]["market"][tables["opportunities"]["outcome"]]
    return {
        body.strings[tables["markets"]["profile_s"][market]]: {"class": body.strings[row]}
        for market, row in zip(markets, opportunities["class_s"], strict=True)
    }


async def test_bookmakers_and_bounds_arrive(make_database: MakeDatabase) -> None:
    async with Database.open(await make_database(MIGRATIONS), name="tests") as database:
        engine = Engine.on(database)
        await work(
            engine,
            changed(
                2,
                bookmakers=[BookmakerPricing(key="circa_*", weight=3, sharp=True, commission=0.01)],
                bookmaker_settings=[BookmakerSettings(key="fanduel", stake_step="0.50")],
                bounds=[CategoryBounds(category="prop", divergence=0.3)],
                reopen_seconds=0.0,
            ),
        )
        async with database.snapshot() as connection:
            (profile,) = await engine.profiles.current(connection)
    assert profile.bookmaker("circa_lv") == (3.0, 0.01, True, False)
    assert (str(profile.step("fanduel")), profile.step("circa_lv")) == ("0.50", profile.stake_step)
    assert (profile.bounds[Category.PROP].divergence, profile.bounds[Category.PROP].stale_seconds) == (0.3, 900)
    assert (profile.reopen_seconds, profile.revision) == (0.0, 2)


@pytest.mark.parametrize(
    "message",
    [
        changed(4, method="astrology"),
        changed(4, take_ev=5.0),
        changed(4, bounds=[CategoryBounds(category="moon")]),
        changed(4, bookmakers=[BookmakerPricing(key="a", weight=-1)]),
        changed(4, bookmaker_settings=[BookmakerSettings(key="a", stake_step="0")]),
        changed(4, bookmaker_settings=[BookmakerSettings(key="a", stake_step="a lot")]),
        changed(0),
        changed(4, profile="reckless"),
        Message("m", "pricing.settings.changed.v1", "api", "consensus", WALL_CLOCK, 1, b"\xff\xff"),
    ],
)
async def test_what_cannot_be_priced_with_is_refused(make_database: MakeDatabase, message: Message) -> None:
    async with Database.open(await make_database(MIGRATIONS), name="tests") as database:
        engine = Engine.on(database)
        with pytest.raises(TerminalError):
            await engine.takes(message)
        assert await engine.rows("select * from pricing_settings") == []


async def test_every_event_is_in_one_shard(make_database: MakeDatabase) -> None:
    async with Database.open(await make_database(MIGRATIONS), name="tests") as database:
        engine = Engine.on(database)
        feeds = [Feed(sporting_event(str(number))) for number in range(150)]
        assert len(await engine.handles(*(feed.shows(0, {H2H: better(2.06)}) for feed in feeds))) == 150
        for shard in range(3):
            await engine.pricing().calc_batch(shard, 3, 0, to_us(WALL_CLOCK) + 1_000_000)
        told = [body.event.id for body in await engine.told()]
        assert len(told) == len(set(told)) == 150
