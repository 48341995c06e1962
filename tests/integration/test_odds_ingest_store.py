"""The current quotes of odds-ingest on a real PostgreSQL: what is stored, and how little is written."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest

import bet_intel.odds_ingest.store
import bet_intel.shared.outbox
from bet_intel.events.v1 import odds_changed_pb2
from bet_intel.odds_ingest.domain.quotes import Answer, EventOdds, MarketBoard, MarketKey
from bet_intel.odds_ingest.domain.state import EventState, MarketStatus
from bet_intel.odds_ingest.ingest import Ingested, IngestOdds
from bet_intel.odds_ingest.store import Store
from bet_intel.shared.inprocess import InProcessBus, InProcessTasks
from bet_intel.shared.outbox import Outbox
from bet_intel.shared.postgres import Database
from fixtures.answers import H2H, LEAGUE, PROVIDER, T0, TOTAL, answer, board, minutes, odds, sporting_event
from fixtures.engines import QUICK
from fixtures.outgoing import outgoing
from fixtures.postgres import MakeDatabase

pytestmark = pytest.mark.integration

MIGRATIONS = [
    Path(bet_intel.shared.outbox.__file__).with_name("migrations"),
    Path(bet_intel.odds_ingest.store.__file__).with_name("migrations"),
]
EVEN = {"alpha": {"Home": 1.9, "Away": 1.9}, "beta": {"Home": 1.95, "Away": 1.87}}
MOVED = {"alpha": {"Home": 1.9, "Away": 1.9}, "beta": {"Home": 2.05, "Away": 1.8}}


def ticking() -> Callable[[], datetime]:
    """A wall clock in another year than the source time of the answers."""
    seconds: Iterator[int] = iter(range(10_000))
    return lambda: datetime(2027, 1, 1, tzinfo=T0.tzinfo) + timedelta(seconds=next(seconds))


@dataclass
class Owner:
    """odds-ingest on its database; `restart` forgets everything but that."""

    database: Database
    store: Store
    clock: Callable[[], datetime]

    def ingest(self) -> IngestOdds:
        bus, tasks = InProcessBus(random.Random(1), QUICK), InProcessTasks(random.Random(1), QUICK)
        return IngestOdds(Outbox(self.database, bus, tasks), self.store, self.clock)

    async def takes(self, given: Answer) -> Ingested:
        return await self.ingest().answer(given, "recording-1")

    def restart(self) -> None:
        self.store = Store()

    async def stored(self) -> dict[str, EventState]:
        """Every open event of the league, read anew."""
        async with self.database.transaction() as connection:
            known = await Store().lock(connection, PROVIDER, [sporting_event().id], [LEAGUE])
        return {id: one.state for id, one in known.items()}

    async def told(self) -> list[odds_changed_pb2.OddsChanged]:
        """The `odds.changed` committed since the last call, in their order."""
        messages = await outgoing(self.database)
        assert {message.type for message in messages} <= {"odds.changed.v1"}
        return [odds_changed_pb2.OddsChanged.FromString(message.data) for message in messages]


@pytest.fixture
async def owner(make_database: MakeDatabase) -> AsyncIterator[Owner]:
    async with Database.open(await make_database(MIGRATIONS), name="tests", max_size=3) as database:
        yield Owner(database, Store(), ticking())


def open_boards(state: EventState) -> dict[MarketKey, MarketBoard]:
    return {key: market.board for key, market in state.markets.items() if market.status is MarketStatus.OPEN}


def random_answer(rng: random.Random, number: int) -> Answer:
    """Three events, each there or not, with some lines, some books, some prices out of a few."""
    shown: list[EventOdds] = []
    for id in "123":
        if rng.random() < 0.2:
            continue
        markets = {}
        for key in (H2H, TOTAL, MarketKey("totals", line=9.0), MarketKey("player_hits", "full", 1.5, "B. Riverside")):
            if rng.random() < 0.7:
                books = [book for book in ("alpha", "beta", "gamma") if rng.random() < 0.8] or ["alpha"]
                prices = {book: {side: rng.choice([1.8, 1.9, 2.0]) for side in ("one", "two")} for book in books}
                lay = {"gamma": {"one": 2.1}} if "gamma" in books and rng.random() < 0.5 else None
                markets[key] = board(prices, minutes(number) - timedelta(seconds=rng.randrange(60)), lay)
        shown.append(odds(markets, sporting_event(id)))
    return answer(*shown, as_of=minutes(number), position=number + 1)


@pytest.mark.parametrize("seed", range(4))
async def test_what_is_stored_is_what_the_last_answer_showed_restarts_or_not(owner: Owner, seed: int) -> None:
    rng = random.Random(seed)
    for number in range(12):
        given = random_answer(rng, number)
        await owner.takes(given)
        shown = {one.event.id: dict(one.markets) for one in given.events}
        stored = await owner.stored()
        assert {id: boards for id, state in stored.items() if (boards := open_boards(state))} == {
            id: boards for id, boards in shown.items() if boards
        }
        if rng.random() < 0.4:
            owner.restart()


@pytest.mark.parametrize("seed", range(2))
async def test_a_state_kept_in_memory_tells_the_same_as_one_read_anew(
    owner: Owner, make_database: MakeDatabase, seed: int
) -> None:
    async with Database.open(await make_database(MIGRATIONS), name="tests") as database:
        forgetful = Owner(database, Store(), ticking())
        rng, other = random.Random(seed), random.Random(seed)
        for number in range(8):
            await owner.takes(random_answer(rng, number))
            forgetful.restart()
            await forgetful.takes(random_answer(other, number))
            told, again = await owner.told(), await forgetful.told()
            assert [one.event.id for one in told] == [one.event.id for one in again]
            # The order of a message's rows is nobody's business: how many there are of each kind is.
            assert [_sizes(one) for one in told] == [_sizes(one) for one in again]
        assert await owner.stored() == await forgetful.stored()


def _sizes(body: odds_changed_pb2.OddsChanged) -> tuple[int, int, int, int]:
    return len(body.markets.status), len(body.books.market), len(body.quotes.price), len(set(body.strings))


async def test_a_row_changed_behind_its_back_is_read_again(owner: Owner) -> None:
    await owner.takes(answer(odds({H2H: board(EVEN)})))
    async with owner.database.transaction() as connection:
        await connection.execute("update event set revision = revision + 1")
        await connection.execute("update market set board = jsonb_set(board::jsonb, '{offers,0,0,2}', '3.5')::text")
    result = await owner.takes(answer(odds({H2H: board(EVEN)}), as_of=minutes(1)))
    assert result.changed_markets == 1
    assert open_boards((await owner.stored())[sporting_event().id]) == {H2H: board(EVEN)}


async def test_a_transaction_rolled_back_leaves_neither_prices_nor_position_nor_messages(owner: Owner) -> None:
    await owner.takes(answer(odds({H2H: board(EVEN)}), position=7))
    before = await owner.stored()
    await owner.told()
    async with owner.database.transaction() as connection:
        # The outbox is the last thing written: refusing it rolls the rest back.
        await connection.execute("alter table outbox add constraint refused check (false) not valid")
    with pytest.raises(Exception, match="refused"):
        await owner.takes(answer(odds({TOTAL: board(MOVED)}), as_of=minutes(1), position=8))
    async with owner.database.transaction() as connection:
        await connection.execute("alter table outbox drop constraint refused")
    async with owner.database.snapshot() as reader:
        assert await owner.store.position(reader, "recording-1") == 7
    assert await owner.stored() == before
    assert await owner.told() == []

    result = await owner.takes(answer(odds({TOTAL: board(MOVED)}), as_of=minutes(1), position=8))
    assert result.changed_markets == 2
    assert open_boards((await owner.stored())[sporting_event().id]) == {TOTAL: board(MOVED)}


async def test_an_event_whose_first_answer_was_rolled_back_is_stored_by_the_next(owner: Owner) -> None:
    async with owner.database.transaction() as connection:
        await connection.execute("alter table outbox add constraint refused check (false)")
    with pytest.raises(Exception, match="refused"):
        await owner.takes(answer(odds({H2H: board(EVEN)})))
    async with owner.database.transaction() as connection:
        await connection.execute("alter table outbox drop constraint refused")
    await owner.takes(answer(odds({H2H: board(EVEN)})))
    assert open_boards((await owner.stored())[sporting_event().id]) == {H2H: board(EVEN)}


async def _versions(database: Database) -> set[tuple[str, str]]:
    async with database.snapshot() as connection:
        rows = await connection.fetch("select ctid::text as place, xmin::text as writer from market")
    return {(row["place"], row["writer"]) for row in rows}


async def test_only_what_changed_is_written(owner: Owner) -> None:
    shown = {H2H: board(EVEN), TOTAL: board(EVEN)}
    await owner.takes(answer(odds(shown), odds(shown, sporting_event("2"))))
    before = await _versions(owner.database)

    # One book's two prices in one market of one event, and that book's time there.
    moved = board(MOVED)
    news = {H2H: board(EVEN), TOTAL: MarketBoard.of(moved.prices, {**moved.last_update, "beta": minutes(1)})}
    await owner.takes(answer(odds(news), odds(shown, sporting_event("2")), as_of=minutes(1)))
    assert len(await _versions(owner.database) - before) == 1


async def test_a_new_time_of_the_same_prices_is_kept(owner: Owner) -> None:
    await owner.takes(answer(odds({H2H: board(EVEN)})))
    first = (await owner.stored())[sporting_event().id].markets[H2H]
    await owner.takes(answer(odds({H2H: board(EVEN, at=minutes(1))}), as_of=minutes(1)))
    second = (await owner.stored())[sporting_event().id].markets[H2H]
    assert (second.board, second.revision) == (board(EVEN, at=minutes(1)), first.revision)


async def test_single_prices_can_be_read_by_hand(owner: Owner) -> None:
    await owner.takes(answer(odds({H2H: board(EVEN, lay={"alpha": {"Home": 2.1}}, limit=250)})))
    async with owner.database.snapshot() as connection:
        rows = await connection.fetch("select bookmaker, outcome, side, price, bet_limit, last_update from quote")
    told = [(book, outcome, price) for book, outcomes in EVEN.items() for outcome, price in outcomes.items()]
    expected = {(book, outcome, 0, price, 250.0, T0) for book, outcome, price in told}
    assert {tuple(row) for row in rows} == expected | {("alpha", "Home", 1, 2.1, 250.0, T0)}


async def test_a_bookmaker_without_prices_leaves_no_time_behind(owner: Owner) -> None:
    """A time without a price (a market of a bookmaker that listed no outcome) goes with the next answer."""
    even = board(EVEN)
    listed = MarketBoard.of(even.prices, {**even.last_update, "gamma": T0})
    await owner.takes(answer(odds({H2H: listed})))
    await owner.takes(answer(odds({H2H: board(EVEN)}), as_of=minutes(1)))
    assert open_boards((await owner.stored())[sporting_event().id]) == {H2H: board(EVEN)}


async def test_the_position_moves_with_the_answer_also_with_one_that_is_too_old(owner: Owner) -> None:
    await owner.takes(answer(odds({H2H: board(EVEN)}), as_of=minutes(5), position=3))
    await owner.told()
    late = await owner.takes(answer(odds({H2H: board(MOVED)}), as_of=minutes(4), position=4))
    assert late.changed_markets == 0
    assert await owner.told() == []
    state = (await owner.stored())[sporting_event().id]
    assert (state.as_of, open_boards(state)) == (minutes(5), {H2H: board(EVEN)})
    async with owner.database.snapshot() as connection:
        assert await owner.store.position(connection, "recording-1") == 4
        assert await owner.store.position(connection, "recording-2") == 0


async def test_two_answers_at_once_take_turns_and_the_newer_stands(owner: Owner) -> None:

    await owner.takes(answer(odds({H2H: board(EVEN)})))
    other = Owner(owner.database, Store(), owner.clock)
    await asyncio.gather(
        owner.takes(answer(odds({H2H: board(MOVED)}), as_of=minutes(2))),
        other.takes(answer(odds({H2H: board(EVEN)}), as_of=minutes(1))),
    )
    assert open_boards((await owner.stored())[sporting_event().id]) == {H2H: board(MOVED)}
    revisions = [one.revision for one in await owner.told()]
    assert len(revisions) == len(set(revisions))
