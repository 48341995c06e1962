"""Row 11: a poll of 10,000 prices of which 2 % changed, stored beside SQLAlchemy's bulk upsert of all of them.

Both on one PostgreSQL that keeps what it confirms, from prices in memory to the commit.
"""

import asyncio
import functools
import itertools
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

import asyncpg
import numpy as np
import sqlalchemy
import uvloop
from sqlalchemy.dialects.postgresql import insert

import bet_intel.odds_ingest.store
import bet_intel.shared.outbox
from bench.measure import Figure, interleaved, times_faster
from bet_intel.compose.embedded_postgres import EmbeddedPostgres, open_data_folder
from bet_intel.odds_ingest.domain.quotes import (
    EventOdds,
    MarketBoard,
    MarketKey,
    Price,
    Side,
    SportingEvent,
    offers_of,
)
from bet_intel.odds_ingest.domain.state import advance
from bet_intel.odds_ingest.store import Store
from bet_intel.shared.migrate import migrate
from bet_intel.shared.postgres import Database

_EVENTS, _MARKETS, _BOOKS = 20, 25, 10
_TITLES = {f"book{book}": f"Book {book}" for book in range(_BOOKS)}
_CHANGED = 0.02
_LEAGUE, _PROVIDER = "made_up_league", "bench"
_START = datetime(2027, 1, 1, tzinfo=UTC)
_MIGRATIONS = [
    Path(bet_intel.shared.outbox.__file__).with_name("migrations"),
    Path(bet_intel.odds_ingest.store.__file__).with_name("migrations"),
]


def run(rounds: int) -> Iterable[Figure]:
    with _server() as server, asyncio.Runner() as runner:
        runner.run(_make_databases(server))
        migrate(server.dsn("ours", "owner"), _MIGRATIONS)
        ours, theirs = _Ours(server), _Theirs(server)
        for way in (ours, theirs):
            way.read()
            way.store()
        ways, ready = {"ours": ours.store, "theirs": theirs.store}, {"ours": ours.read, "theirs": theirs.read}
        taken = interleaved(ways, rounds, clock=time.perf_counter, ready=ready)
        faster = times_faster(taken["theirs"], taken["ours"])
        ms = {name: median(each) * 1e3 for name, each in taken.items()}
        detail = f"{ms['ours']:.1f} ms, SQLAlchemy {ms['theirs']:.0f} ms"
        yield Figure("faster than an upsert of everything by SQLAlchemy", faster, 50, at_least=True, detail=detail)
        written = [runner.run(_written(server, way)) for _ in range(rounds) for way in (ours, theirs)]
        size = median(a / b for a, b in zip(written[::2], written[1::2], strict=True))
        runner.run(_compare(server))
        detail = f"{median(written[::2]):,.0f} bytes"
        yield Figure("write-ahead log of it", size, 0.15, at_least=False, detail=detail)
        ours.close()
        theirs.close()


@contextmanager
def _server() -> Iterator[EmbeddedPostgres]:
    with tempfile.TemporaryDirectory(prefix="bet-intel-bench-") as parent:
        Path(parent).chmod(0o755)
        with open_data_folder(Path(parent) / "postgres", "bench") as folder:
            server = EmbeddedPostgres(folder)
            server.start()
            try:
                yield server
            finally:
                server.stop()


async def _make_databases(server: EmbeddedPostgres) -> None:
    admin = await asyncpg.connect(server.dsn("postgres"))
    await admin.execute("create role owner login")
    for name in ("ours", "theirs"):
        await admin.execute(f"create database {name} owner owner")
    await admin.close()


async def _written(server: EmbeddedPostgres, way: "_Ours | _Theirs") -> int:
    """Bytes of write-ahead log of one poll, stored in a thread of its own: it has a loop to run."""
    way.read()
    admin = await asyncpg.connect(server.dsn("postgres"))
    before = await admin.fetchval("select pg_current_wal_insert_lsn()")
    await asyncio.to_thread(way.store)
    written = await admin.fetchval("select pg_current_wal_insert_lsn() - $1::pg_lsn", before)
    await admin.close()
    return int(written)


async def _compare(server: EmbeddedPostgres) -> None:
    """Raises `RuntimeError` where the two have not stored the same."""
    stored = []
    for name, table in (("ours", "quote join market on market.id = market_id"), ("theirs", "quote")):
        connection = await asyncpg.connect(server.dsn(name, "owner"))
        event = "event_id" if name == "ours" else "event"
        columns = f"{event}, market, period, line, subject, bookmaker, outcome, side, price, bet_limit, last_update"
        stored.append({tuple(row) for row in await connection.fetch(f"select {columns} from {table}")})  # noqa: S608 - ours
        await connection.close()
    if stored[0] != stored[1]:
        raise RuntimeError(f"the databases differ in {len(stored[0] ^ stored[1])} prices")


def _polls() -> Iterator[list[EventOdds]]:
    """Boards of every event, poll after poll; 2 % of the bookmakers' markets have moved since the one before."""
    rng = np.random.default_rng(11)
    prices = np.round(rng.uniform(1.5, 3.0, (_EVENTS, _MARKETS, _BOOKS, 2)), 2)
    updated = np.zeros((_EVENTS, _MARKETS, _BOOKS))
    for number in itertools.count():
        changed = rng.random(updated.shape) < (_CHANGED if number else 1.0)
        prices[changed] = np.round(prices[changed] + 0.01, 2)
        updated[changed] = 60.0 * number
        yield [_event(event, prices[event], updated[event]) for event in range(_EVENTS)]


@functools.cache
def _at(seconds: float) -> datetime:
    """One object for each time, as in an answer that was read."""
    return _START + timedelta(seconds=seconds)


def _event(number: int, prices: Any, updated: Any) -> EventOdds:
    start = _START + timedelta(days=1)
    event = SportingEvent(
        f"{_PROVIDER}:{number}", _PROVIDER, "made", _LEAGUE, "League", start, f"Home {number}", f"Away {number}"
    )
    markets = {}
    for market in range(_MARKETS):
        told, times = {}, {}
        for book, key in enumerate(_TITLES):
            over, under = prices[market, book].tolist()
            told[key] = offers_of({("Over", Side.BACK): Price(over), ("Under", Side.BACK): Price(under)})
            times[key] = _at(float(updated[market, book]))
        markets[MarketKey("totals", line=150.5 + market)] = MarketBoard.by_bookmaker(told, times)
    return EventOdds(event, markets, dict(_TITLES))


class _Ours:
    """What odds-ingest does with an answer, but for the telling."""

    def __init__(self, server: EmbeddedPostgres) -> None:
        self._polls = _polls()
        self._number = 0
        self._loop = asyncio.Runner(loop_factory=uvloop.new_event_loop)
        self._database = Database.open(server.dsn("ours", "owner"), name="bench", max_size=1)
        self._opened = self._loop.run(self._database.__aenter__())
        self._store = Store()

    def read(self) -> None:
        """The next poll as its reader hands it over."""
        self._poll = next(self._polls)
        self._number += 1

    def store(self) -> None:
        # Not `self._loop.run`: where this runs the loop is there, and nobody installs a handler of signals for each
        # answer. With it our side took .6 ms more, when cold.
        self._loop.get_loop().run_until_complete(self._save(self._number, self._poll))

    async def _save(self, number: int, poll: Sequence[EventOdds]) -> None:
        as_of = _START + timedelta(seconds=60 * number)
        async with self._opened.transaction() as connection:
            before = await self._store.lock(connection, _PROVIDER, [odds.event.id for odds in poll], [_LEAGUE])
            after = [
                advance(before[odds.event.id].state if odds.event.id in before else None, odds, as_of, number)
                for odds in sorted(poll, key=lambda one: one.event.id)
            ]
            await self._store.save(connection, before, after)

    def close(self) -> None:
        self._loop.run(self._database.__aexit__(None, None, None))
        self._loop.close()


_METADATA = sqlalchemy.MetaData()
_QUOTE = sqlalchemy.Table(
    "quote",
    _METADATA,
    *(
        sqlalchemy.Column(name, kind, primary_key=True)
        for name, kind in (
            *((name, sqlalchemy.Text) for name in ("event", "market", "period")),
            ("line", sqlalchemy.Float(53)),
            *((name, sqlalchemy.Text) for name in ("subject", "bookmaker", "outcome")),
            ("side", sqlalchemy.SmallInteger),
        )
    ),
    sqlalchemy.Column("price", sqlalchemy.Float(53), nullable=False),
    sqlalchemy.Column("bet_limit", sqlalchemy.Float(53)),
    sqlalchemy.Column("last_update", sqlalchemy.DateTime(timezone=True), nullable=False),
)


class _Theirs:
    """A row for each price, and `insert … on conflict do update` of all of them at once."""

    def __init__(self, server: EmbeddedPostgres) -> None:
        dsn = server.dsn("theirs", "owner")
        self._engine = sqlalchemy.create_engine(dsn.replace("postgresql://", "postgresql+psycopg://", 1))
        _METADATA.create_all(self._engine)
        self._polls = _polls()
        upsert = insert(_QUOTE)
        changed = {name: upsert.excluded[name] for name in ("price", "bet_limit", "last_update")}
        self._upsert = upsert.on_conflict_do_update(index_elements=list(_QUOTE.primary_key), set_=changed)

    def read(self) -> None:
        self._rows = _rows(next(self._polls))

    def store(self) -> None:
        with self._engine.begin() as connection:
            connection.execute(self._upsert, self._rows)

    def close(self) -> None:
        self._engine.dispose()


def _rows(poll: Sequence[EventOdds]) -> list[dict[str, Any]]:
    return [
        {
            "event": odds.event.id,
            "market": key.market,
            "period": key.period,
            "line": key.line,
            "subject": key.subject,
            "bookmaker": bookmaker,
            "outcome": offer.outcome,
            "side": offer.side.value,
            "price": offer.decimal,
            "bet_limit": offer.limit,
            "last_update": board.last_update[bookmaker],
        }
        for odds in poll
        for key, board in odds.markets.items()
        for bookmaker, offers in board.offers.items()
        for offer in offers
    ]
