"""Each order of the list of opportunities is read by its index: a page costs what it shows, not what is open."""

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, cast

import asyncpg
import pytest

from bet_intel.api import read_model
from bet_intel.api.read_model import ORDERS, OpportunityFilter
from bet_intel.shared.postgres import Reader
from fixtures.api_gateway import MIGRATIONS
from fixtures.api_messages import AS_OF, START
from fixtures.postgres import MakeDatabase

pytestmark = pytest.mark.integration

_OPEN, _EVENTS, _PAGE = 10_000, 500, 51
_LOOKED_AT = 4 * _PAGE
"""Rows of opportunities that a page may look at: some that it finds are of another class."""
_BY_NO_INDEX = {"price_age"}
"""An age is of two tables and changes with every answer: no index could follow."""


class _Asked:
    """A reader that keeps the statement."""

    def __init__(self) -> None:
        self.statement = ""
        self.arguments: Sequence[Any] = ()

    async def fetch(self, statement: str, *arguments: Any) -> list[Any]:
        self.statement, self.arguments = statement, arguments
        return []


async def _filled(dsn: str) -> "asyncpg.Connection[asyncpg.Record]":
    connection = await asyncpg.connect(dsn)
    await connection.execute("insert into bookmaker select 'book ' || n, 'Book' from generate_series(0, 39) n")
    await connection.execute(
        """
        insert into sporting_event (id, provider, sport, league, league_title, home, away, commence_time, revision,
            as_of, status)
        select 'event ' || n, 'made_up', 'baseball', 'mlb', 'MLB', 'Home', 'Away',
            $2::timestamptz + n * interval '1 min', 1, $1::timestamptz, 'open'
        from generate_series(0, $3::int - 1) n
        """,
        AS_OF,
        START,
        _EVENTS,
    )
    await connection.execute(
        """
        insert into opportunity (id, event_id, sport, league, commence_time, kind, profile, class, market, period,
            subject, category, outcome, bookmaker, side, price, net_price, fair, band_low, band_high, ev, ev_worst,
            opening, opened_at, first_seen, last_seen, peak_ev, peak_at, last_update, as_of, revision)
        select 'opportunity ' || n, 'event ' || n % $3::int, 'baseball', 'mlb',
            $2::timestamptz + n % $3 * interval '1 min', 'ev', 'consensus',
            case when n % 10 = 0 then 'suspect' else 'take' end, 'totals', 'full', '', 'main', 'Over',
            'book ' || n % 40, 'back', 2, 2, 0.3 + n % 4001 / 10000.0, 0.3, 0.7, 0.011 + n % 997 / 10000.0, 0,
            1, $1::timestamptz, $1 - n % 7919 * interval '1 s', $1, 0.1, $1, $1 - n % 601 * interval '1 s', $1, 1
        from generate_series(1, $4::int) n
        """,
        AS_OF,
        START,
        _EVENTS,
        _OPEN,
    )
    await connection.execute("update feed_position set as_of = $1", AS_OF + timedelta(hours=1))
    await connection.execute("analyze")
    return connection


async def test_a_page_looks_at_little_more_than_it_shows(make_database: MakeDatabase) -> None:
    connection = await _filled(await make_database(MIGRATIONS))
    which = OpportunityFilter("consensus", ("take", "marginal"), min_ev=0.01)
    looked_at: dict[str, float] = {}
    try:
        for sort in ORDERS:
            asked = _Asked()
            await read_model.listed_opportunities(cast("Reader", asked), which, sort, None, _PAGE, prepared=True)
            told = await connection.fetchval(
                f"explain (analyze, format json) {asked.statement}",
                *asked.arguments,
            )
            looked_at[sort] = _looked_at(json.loads(told)[0]["Plan"])
    finally:
        await connection.close()
    assert {sort for sort, rows in looked_at.items() if rows > _LOOKED_AT} == _BY_NO_INDEX, looked_at


def _looked_at(plan: dict[str, Any]) -> float:
    """Rows of opportunities that a plan reads."""
    own = 0.0
    if plan.get("Relation Name") == "opportunity":
        own = (plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)) * plan["Actual Loops"]
    return own + sum(_looked_at(part) for part in plan.get("Plans", ()))
