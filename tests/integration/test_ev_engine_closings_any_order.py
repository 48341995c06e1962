"""Closing lines of events made up at random, held against a reckoning from the answers alone: in their order and in any
other, with starts that move, and swept between."""

import random
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import pytest

from bet_intel.events.v1.closing_line_fixed_pb2 import ClosingLineFixed
from bet_intel.odds_ingest.domain.quotes import MarketBoard, MarketKey
from bet_intel.shared.messaging import Message
from bet_intel.shared.postgres import Database
from fixtures.answers import H2H, board, minutes, moved, sporting_event
from fixtures.closings import BOOKS, rows
from fixtures.engine import MIGRATIONS, Engine
from fixtures.feed import Feed
from fixtures.postgres import MakeDatabase

pytestmark = pytest.mark.integration

TOTALS = tuple(MarketKey("totals", line=line) for line in (8.0, 8.5, 9.0))
KEYS = (H2H, *TOTALS)
EVENTS = 30
SHORTLY_BEFORE = 30
"""Minutes before the start in which a market may be withdrawn and still have closed."""
SHORTLY_AFTER = 10
"""Minutes after the start that is told in which answers are kept."""

Closed = dict[tuple[str, float | None], tuple[float, float] | None]
"""By market and line: alpha's first price and the minute as of which it closed; None where nothing was on offer."""


@dataclass(frozen=True)
class Shown:
    """An answer: its minute, the start that it tells, and alpha's first prices; none where the event is withdrawn."""

    minute: int
    start: int
    prices: Mapping[MarketKey, float]


@pytest.fixture
async def engine(make_database: MakeDatabase) -> AsyncIterator[Engine]:
    async with Database.open(await make_database(MIGRATIONS), name="tests", max_size=2) as database:
        yield Engine.on(database)


def answers(rng: random.Random) -> list[Shown]:
    """Eleven answers, the last of after the start. Each is from before the start that holds in the end, from after it,
    or from no more than ten minutes after the one that it tells."""
    while True:
        times = sorted([*rng.sample(range(74), 8), *rng.sample(range(76, 95), 3)])
        starts = [rng.choice([65, rng.randrange(40, 75)]) for _ in range(rng.randrange(1, 4))]
        changes = sorted(rng.sample(range(1, len(times)), len(starts) - 1))
        told = [starts[sum(place >= change for change in changes)] for place in range(len(times))]
        pairs = list(zip(times, told, strict=True))
        if all(minute <= start + SHORTLY_AFTER or minute > starts[-1] for minute, start in pairs):
            return list(_shown(rng, pairs))


def _shown(rng: random.Random, pairs: Sequence[tuple[int, int]]) -> Iterator[Shown]:
    prices: dict[MarketKey, float] = {}
    for minute, start in pairs:
        if prices and rng.random() < 0.08:
            yield Shown(minute, start, {})
            continue
        if not prices or rng.random() < 0.75:
            offered = [key for key in KEYS if rng.random() < 0.75] or [H2H]
            kept = {key: prices[key] for key in offered if key in prices and rng.random() < 0.5}
            prices = {key: kept.get(key, round(rng.uniform(1.8, 2.1), 2)) for key in offered}
        yield Shown(minute, start, prices)


def messages(feed: Feed, shown: Sequence[Shown]) -> Iterator[Message]:
    for one in shown:
        feed.event = moved(feed.event, minutes(one.start))
        yield feed.shows(one.minute, _markets(one.prices)) if one.prices else feed.withdraws(one.minute)


def _markets(prices: Mapping[MarketKey, float]) -> dict[MarketKey, MarketBoard]:
    outcomes = {"h2h": ("Home", "Away"), "totals": ("Over", "Under")}
    found = {}
    for key, price in prices.items():
        first, second = outcomes[key.market]
        found[key] = board({book: {first: price, second: 1.85} for book in BOOKS})
    return found


def reckoned(shown: Sequence[Shown]) -> Closed:
    """What closes of an event that has started."""
    start = shown[-1].start
    before = [one for one in shown if one.minute <= start]
    closed: Closed = {}
    for market, keys in (("h2h", (H2H,)), ("totals", TOTALS)):
        last = {key: one for one in before for key in keys if key in one.prices}
        gone = {key: next((one.minute for one in before if one.minute > last[key].minute), None) for key in last}
        closing = [key for key in last if gone[key] is None]
        withdrawn = max((minute for minute in gone.values() if minute is not None), default=-SHORTLY_BEFORE)
        if not closing and withdrawn >= start - SHORTLY_BEFORE:
            closing = [key for key in last if gone[key] == withdrawn]
        closed |= {(market, key.line): (last[key].prices[key], last[key].minute) for key in closing}
        if last and not closing:
            closed[market, None] = None
    return closed


def told(body: ClosingLineFixed) -> Closed:
    assert not body.voided
    prices = {}
    for price in rows(body, "prices"):
        market, *_, outcome = price["outcome"].split()
        if price["bookmaker"].split()[0] == "alpha" and outcome in ("Home", "Over"):
            prices[price["outcome"]] = price["back"]
    closed: Closed = {}
    in_order = iter(prices.values())
    for market in rows(body, "markets"):
        as_of = (datetime.fromisoformat(market["as_of_us"]) - minutes(0)).total_seconds() / 60
        is_offered = market["reason"] != "not_offered"
        closed[market["market"], market["line"]] = (next(in_order), as_of) if is_offered else None
    return closed


def is_as_reckoned(found: Closed, right: Closed, *, to_the_minute: bool) -> bool:
    """Whether the same closed at the same prices; and as of the same minutes, or else of no later ones."""
    if found.keys() != right.keys():
        return False
    for key, one in right.items():
        other = found[key]
        if one is None or other is None:
            if one is not other:
                return False
        elif one[0] != other[0] or other[1] > one[1] or (to_the_minute and other[1] != one[1]):
            return False
    return True


async def handled(engine: Engine, rng: random.Random, messages: Sequence[Message]) -> None:
    """In batches, with restarts and sweeps between."""
    place = 0
    while place < len(messages):
        size = rng.randrange(1, 4)
        await engine.handles(*messages[place : place + size])
        place += size
        if rng.random() < 0.2:
            engine.restart()
        if rng.random() < 0.3:
            await engine.closing_lines().sweep()
    await engine.closing_lines().sweep()
    await engine.told()


@pytest.mark.parametrize("is_overtaken", [False, True], ids=["alone", "overtaken"])
@pytest.mark.parametrize("is_shuffled", [False, True], ids=["in order", "shuffled"])
async def test_what_closes_follows_from_the_answers(engine: Engine, *, is_shuffled: bool, is_overtaken: bool) -> None:
    if is_overtaken:
        # Source time has gone on with another event before the first message comes.
        other = Feed(sporting_event("other", start=minutes(500)))
        await engine.handles(other.shows(200, _markets({H2H: 2.0})))
    wrong = {}
    for seed in range(EVENTS):
        rng = random.Random(seed)
        shown = answers(rng)
        sent = list(messages(Feed(sporting_event(str(seed))), shown))
        if is_shuffled:
            sent += rng.sample(sent, 3)
            rng.shuffle(sent)
        engine.closings.clear()
        await handled(engine, rng, sent)
        revisions = [body.revision for body in engine.closings]
        assert revisions == sorted(set(revisions))
        right, found = reckoned(shown), told(engine.closings[-1])
        # A confirmation that came before its board, or that one of after the start took the place of, is not known.
        to_the_minute = not is_shuffled and len({one.start for one in shown}) == 1
        if not is_as_reckoned(found, right, to_the_minute=to_the_minute):
            wrong[seed] = (found, right, shown)
    assert wrong == {}
