"""Each list is read by indexes that fit its filters and its order: a page costs what it shows, not what is open.

What is asked for is rare after it was frequent: the server could have kept a plan that was good for the frequent.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import asyncpg
import pytest
from pydantic import SecretStr

from bet_intel.api import read_model
from bet_intel.api.combination_reads import CombinationFilter, combinations
from bet_intel.api.domain.accounts import View
from bet_intel.api.read_model import ORDERS, EventFilter, OpportunityFilter
from bet_intel.api.settings import ApiSettings
from bet_intel.compose.embedded_postgres import EmbeddedPostgres
from bet_intel.shared.migrate import migrate
from bet_intel.shared.postgres import Database, Reader
from fixtures.api_gateway import MIGRATIONS
from fixtures.api_messages import START
from fixtures.many_open import FREQUENT, FREQUENT_ODDS, LATER, OLD, OPEN, RARE, RARE_ODDS, RECENT, SOON, fill

pytestmark = pytest.mark.integration

_PAGE = 51
_LOOKED_AT = 4 * _PAGE
"""Rows that a page may look at: of what it finds by one filter, another may leave out some."""
_KEPT_AFTER = 6
"""How often a statement is asked until the server may keep a plan for it."""
_BY_NO_INDEX = "price_age"
"""An age is of two tables and changes with every answer: no index could follow, so that whatever matches is sorted."""

Ask = Callable[[Reader], Awaitable[object]]
Values = tuple[Any, Any]
_OF_EACH: dict[str, Values] = {
    "classes": (("suspect",), ("take", "marginal")),
    "sports": ((RARE,), (FREQUENT,)),
    "leagues": ((RARE,), (FREQUENT,)),
    "event": ("event 7", "event 8"),
    "markets": ((RARE,), (FREQUENT,)),
    "bookmakers": ((RARE,), (FREQUENT,)),
    "starts_before": (SOON, LATER),
}
_OPPORTUNITIES: dict[str, Values] = _OF_EACH | {
    "min_ev": (0.1104, 0.05),
    "max_ev": (0.0112, 0.11),
    "min_odds": (RARE_ODDS, FREQUENT_ODDS),
    "max_odds": (1.2, FREQUENT_ODDS),
    "view": (View(("outright",)), View(("main",))),
}
_COMBINATIONS: dict[str, Values] = _OF_EACH | {
    "min_ev": (0.1104, 0.05),
    "view": (View(("outright",)), View(("main",))),
}
_EVENTS: dict[str, Values] = {
    "status": ("closed", "open"),
    "sports": ((RARE,), (FREQUENT,)),
    "leagues": ((RARE,), (FREQUENT,)),
    "starts_before": (SOON, LATER),
    "starts_after": (LATER, START),
}
_DELAYS = (View(delay=OLD), View(delay=RECENT))
_SEVERAL = ((RARE, "nobody"), (FREQUENT, "nobody"))


@pytest.fixture(scope="module")
def dsn(postgres: EmbeddedPostgres) -> Iterator[str]:
    """Of a database that is filled once, for tests that read."""
    found = postgres.dsn("plans", "postgres")
    asyncio.run(_as_admin(postgres, "create database plans"))
    migrate(found, MIGRATIONS)
    asyncio.run(fill(found))
    yield found
    asyncio.run(_as_admin(postgres, "drop database plans with (force)"))


async def _as_admin(postgres: EmbeddedPostgres, statement: str) -> None:
    connection = await asyncpg.connect(postgres.dsn("postgres"))
    await connection.execute(statement)
    await connection.close()


def test_every_filter_is_here() -> None:
    assert {*OpportunityFilter._fields} == {"profile", *_OPPORTUNITIES}
    assert {*CombinationFilter._fields} == {"kinds", "profile", *_COMBINATIONS}
    assert {*EventFilter._fields} == {*_EVENTS}


@pytest.mark.parametrize(
    ("name", "rare", "frequent"),
    [
        *((name, *values) for name, values in _OPPORTUNITIES.items()),
        ("view", *_DELAYS),
        *((name, *_SEVERAL) for name in ("sports", "leagues", "markets", "bookmakers")),
    ],
)
@pytest.mark.parametrize("sort", ORDERS)
async def test_opportunities(dsn: str, name: str, rare: Any, frequent: Any, sort: str) -> None:
    def ask(value: Any) -> Ask:
        which = _opportunities()._replace(**{name: value})
        return lambda reader: read_model.listed_opportunities(reader, which, sort, None, _PAGE, prepared=True)

    looked_at = await _looked_at(dsn, "opportunity", ask(frequent), ask(rare))
    if sort != _BY_NO_INDEX:
        assert max(looked_at) <= _LOOKED_AT, looked_at
    elif rare is not _DELAYS[0]:  # the server cannot tell beforehand how few have a delay behind them
        assert looked_at[1] <= _LOOKED_AT, looked_at


async def test_filters_together_look_at_no_more_than_the_rarest_one(dsn: str) -> None:
    frequent = _opportunities()._replace(sports=(FREQUENT,), bookmakers=(FREQUENT,), view=View(("main",), RECENT))
    rare = frequent._replace(leagues=(RARE,))

    def ask(which: OpportunityFilter) -> Ask:
        return lambda reader: read_model.listed_opportunities(reader, which, "ev", None, _PAGE, prepared=True)

    assert max(await _looked_at(dsn, "opportunity", ask(frequent), ask(rare))) <= _LOOKED_AT


async def test_by_age_whatever_matches_is_looked_at(dsn: str) -> None:
    """And that it is told shows that rows are counted."""

    def ask(reader: Reader) -> Awaitable[object]:
        return read_model.listed_opportunities(reader, _opportunities(), _BY_NO_INDEX, None, _PAGE, prepared=True)

    assert min(await _looked_at(dsn, "opportunity", ask, ask)) >= OPEN


@pytest.mark.parametrize(
    ("name", "rare", "frequent"),
    [
        *((name, *values) for name, values in _COMBINATIONS.items()),
        ("view", *_DELAYS),
        *((name, *_SEVERAL) for name in ("sports", "leagues", "markets", "bookmakers")),
    ],
)
async def test_combinations(dsn: str, name: str, rare: Any, frequent: Any) -> None:
    def ask(value: Any) -> Ask:
        which = CombinationFilter(("arbitrage",), "consensus", ("take", "marginal", "no_ev"))._replace(**{name: value})
        return lambda reader: combinations(reader, which, None, _PAGE)

    looked_at = await _looked_at(dsn, "combination", ask(frequent), ask(rare))
    assert max(looked_at) <= _LOOKED_AT, looked_at


@pytest.mark.parametrize(
    ("name", "rare", "frequent"),
    [
        *((name, *values) for name, values in _EVENTS.items()),
        *((name, *_SEVERAL) for name in ("sports", "leagues")),
    ],
)
async def test_events(dsn: str, name: str, rare: Any, frequent: Any) -> None:
    def ask(value: Any) -> Ask:
        which = EventFilter("open")._replace(**{name: value})
        return lambda reader: read_model.events(reader, which, None, _PAGE)

    looked_at = await _looked_at(dsn, "sporting_event", ask(frequent), ask(rare))
    assert max(looked_at) <= _LOOKED_AT, looked_at


def _opportunities() -> OpportunityFilter:
    return OpportunityFilter("consensus", ("take", "marginal"), min_ev=0.01)


async def _looked_at(dsn: str, table: str, first: Ask, then: Ask) -> tuple[int, int]:
    """How many rows of the table the server looks at: for `first`, and for `then` after `first` was asked often."""
    options = ApiSettings(dsn=SecretStr(dsn)).database(())
    async with Database.open(dsn, name="plans", max_size=1, options=options) as database:
        of_first = await _rows(database, table, first)
        for _ in range(_KEPT_AFTER):
            await database.read(first)
        return of_first, await _rows(database, table, then)


async def _rows(database: Database, table: str, ask: Ask) -> int:
    async with database.snapshot() as reader:
        before = await _counted(reader, table)
        await ask(reader)
        return await _counted(reader, table) - before


async def _counted(reader: Reader, table: str) -> int:
    """Rows of the table that this connection has looked at. What an index tells by itself is no row."""
    rows: int = await reader.fetchval(
        "select coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0) from pg_stat_xact_user_tables "
        "where relname = $1",
        table,
    )
    return rows
