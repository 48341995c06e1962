"""SQL that reads opportunities of several legs."""

from collections.abc import Sequence
from datetime import datetime
from itertools import combinations as chosen
from typing import NamedTuple

from bet_intel.api.domain.accounts import EVERYTHING, View
from bet_intel.api.read_model import Conditions, Order, Record, page, see_due
from bet_intel.shared.postgres import Reader

_SELECT = """
    select o.*, e.league_title, e.home, e.away, greatest(e.as_of, o.as_of) as newest
    from combination o join sporting_event e on e.id = o.event_id
"""
BY_EV = Order("o.ev", descending=True, id="o.id")


class CombinationFilter(NamedTuple):
    """What a list holds; None and () stand for "any". `bookmakers`: of whom one has a leg."""

    kinds: tuple[str, ...]
    profile: str
    classes: tuple[str, ...] = ()
    sports: tuple[str, ...] = ()
    leagues: tuple[str, ...] = ()
    event: str | None = None
    markets: tuple[str, ...] = ()
    bookmakers: tuple[str, ...] = ()
    min_ev: float | None = None
    starts_before: datetime | None = None
    view: View = EVERYTHING


async def combinations(
    connection: Reader, which: CombinationFilter, after: tuple[float, str] | None, limit: int
) -> list[Record]:
    """Open combinations by EV, the highest first, then by id; `after` is EV and id of the last one seen."""
    where = Conditions()
    where.one_of("o.kind", which.kinds)
    where.add("o.profile = {}", which.profile)
    where.one_of("o.class", which.classes)
    where.one_of("o.sport", which.sports)
    where.one_of("o.league", which.leagues)
    where.add_if("o.event_id = {}", which.event)
    where.one_of("o.market", which.markets)
    where.add_if("o.bookmakers ?| {}", which.bookmakers)
    where.add_if("o.ev >= {}", which.min_ev)
    where.add_if("o.commence_time < {}", which.starts_before)
    where.one_of("o.categories", _within(which.view.categories))
    see_due(where, which.view, "o.first_seen")
    return await page(connection, _SELECT, where, BY_EV, after, limit)


def _within(categories: Sequence[str]) -> tuple[str, ...]:
    """What the column of that name holds where no leg is of another category."""
    ordered = sorted(categories)
    return tuple(",".join(some) for number in range(1, len(ordered) + 1) for some in chosen(ordered, number))
