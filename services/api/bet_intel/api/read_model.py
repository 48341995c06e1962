"""SQL that reads the read model, each function within the one snapshot of its request."""

from datetime import datetime, timedelta
from typing import Any, NamedTuple

import asyncpg

from bet_intel.api.domain.accounts import EVERYTHING, View
from bet_intel.api.domain.model import MarketKey
from bet_intel.shared.postgres import Reader, Writer

Record = asyncpg.Record


class Position(NamedTuple):
    """Where the feed and the read model stand. `generation` grows with every change of the read model."""

    epoch: int
    seq: int
    generation: int
    as_of: datetime | None


class Conditions:
    """Conditions of a WHERE clause and their arguments; `{}` in a condition stands for its argument."""

    def __init__(self, *conditions: str) -> None:
        self._conditions = list(conditions)
        self.arguments: list[Any] = []

    def add(self, condition: str, *arguments: Any) -> None:
        numbers = range(len(self.arguments) + 1, len(self.arguments) + len(arguments) + 1)
        self._conditions.append(condition.format(*(f"${number}" for number in numbers)))
        self.arguments += arguments

    def add_if(self, condition: str, argument: Any) -> None:
        """Only where a filter was given: None and an empty list stand for "any"."""
        if argument is not None and argument != ():
            self.add(condition, argument)

    def one_of(self, column: str, values: tuple[str, ...]) -> None:
        """Only where a filter was given. Of one value it is told that it is one: an index that has the list's order
        behind the column gives that order then, and of several values it does not."""
        if len(values) == 1:
            self.add(f"{column} = {{}}", values[0])
        else:
            self.add_if(f"{column} = any({{}})", values)

    def __str__(self) -> str:
        return " and ".join(self._conditions)


def see(where: Conditions, view: View, category: str, first_seen: str) -> None:
    """Only what is seen; `category` and `first_seen` are columns."""
    where.one_of(category, view.categories)
    see_due(where, view, first_seen)


def see_due(where: Conditions, view: View, first_seen: str) -> None:
    """Only what the view's delay has passed for."""
    if view.delay:
        delay = timedelta(seconds=view.delay)
        where.add(first_seen + " <= (select as_of from feed_position) - {}::interval", delay)  # noqa: S608 - ours


class Order(NamedTuple):
    """An order of a list: by an expression, then by id."""

    expression: str
    descending: bool = False
    id: str = "id"


async def page(
    connection: Reader, select: str, where: Conditions, order: Order, after: tuple[Any, Any] | None, limit: int
) -> list[Record]:
    """The rows of a list behind `after`, the sort key and id of the last one seen, or its first rows."""
    return await connection.fetch(_page(select, where, order, after, limit), *where.arguments)


def _page(select: str, where: Conditions, order: Order, after: tuple[Any, Any] | None, limit: int) -> str:
    """The statement of a page; its arguments are those of `where` then."""
    by, descending, id = order
    if after is not None:
        # The first condition bounds what is looked at, to the parts of a partitioned table too. Ids ascend in every
        # order, so that with an ascending key both make one row, as the index has them.
        beyond = f"({by}, {id}) > ({{0}}, {{1}})"
        if descending:
            beyond = f"({by} < {{0}} or {id} > {{1}})"
        where.add(f"{by} {'<=' if descending else '>='} {{0}} and {beyond}", *after)
    direction = "desc" if descending else "asc"
    return f"{select} where {where} order by {by} {direction}, {id} limit {int(limit)}"


async def position(connection: Reader | Writer) -> Position:
    row = await connection.fetchrow("select epoch, seq, generation, as_of from feed_position")
    # Emptied by hand: until something is projected again there is nothing.
    return Position(0, 0, 0, None) if row is None else Position(*row)


async def feed_entries(connection: Reader, after: int, limit: int) -> list[Record]:
    """Entries of the feed behind `after`, the oldest first. A number is missing only where retention has taken it."""
    return await connection.fetch(
        "select seq, kind, event_id, as_of, payload from feed where seq > $1 order by seq limit $2", after, limit
    )


_OPPORTUNITY = """
    select {columns}, e.league_title, e.home, e.away, coalesce(b.title, o.bookmaker) as bookmaker_title,
        extract(epoch from greatest(e.as_of, o.as_of) - o.last_update)::float8 as price_age, {more}
    from opportunity o
    join sporting_event e on e.id = o.event_id
    left join bookmaker b on b.key = o.bookmaker
"""


class OpportunityFilter(NamedTuple):
    """What a list of open opportunities holds; None and () stand for "any". Odds are decimal."""

    profile: str
    classes: tuple[str, ...] = ()
    sports: tuple[str, ...] = ()
    leagues: tuple[str, ...] = ()
    event: str | None = None
    markets: tuple[str, ...] = ()
    bookmakers: tuple[str, ...] = ()
    min_ev: float | None = None
    max_ev: float | None = None
    min_odds: float | None = None
    max_odds: float | None = None
    starts_before: datetime | None = None
    view: View = EVERYTHING


def opportunity_conditions(which: OpportunityFilter) -> Conditions:
    """Of opportunities, open or closed, as `o`."""
    where = Conditions()
    where.add("o.profile = {}", which.profile)
    where.one_of("o.class", which.classes)
    where.one_of("o.sport", which.sports)
    where.one_of("o.league", which.leagues)
    where.add_if("o.event_id = {}", which.event)
    where.one_of("o.market", which.markets)
    where.one_of("o.bookmaker", which.bookmakers)
    where.add_if("o.ev >= {}", which.min_ev)
    where.add_if("o.ev <= {}", which.max_ev)
    where.add_if("o.price >= {}", which.min_odds)
    where.add_if("o.price <= {}", which.max_odds)
    where.add_if("o.commence_time < {}", which.starts_before)
    see(where, which.view, "o.category", "o.first_seen")
    return where


_NEWEST_AGE = "coalesce(extract(epoch from greatest(e.as_of, o.as_of) - o.last_update)::float8, 'infinity')"

ORDERS = {
    "ev": Order("o.ev", descending=True, id="o.id"),
    "starts": Order("o.commence_time", id="o.id"),
    "first_seen": Order("o.first_seen", descending=True, id="o.id"),
    "price_age": Order(_NEWEST_AGE, id="o.id"),
    "fair_probability": Order("o.fair", descending=True, id="o.id"),
}


async def opportunities(
    connection: Reader,
    which: OpportunityFilter,
    sort: str,
    after: tuple[float | datetime, str] | None,
    limit: int,
) -> list[Record]:
    """Open opportunities in one of the ORDERS, then by id; `after` is the `sort_key` and id of the last one seen."""
    where = opportunity_conditions(which)
    order = ORDERS[sort]
    return await page(connection, _sorted("o.*", order), where, order, after, limit)


_PREPARED = "case when o.prepared_revision = o.revision then o.prepared end as prepared"


async def listed_opportunities(
    connection: Reader,
    which: OpportunityFilter,
    sort: str,
    after: tuple[float | datetime, str] | None,
    limit: int,
    *,
    prepared: bool,
) -> tuple[list[Record], datetime | None]:
    """As `opportunities`, with the time that the read model is of, by one statement, which is one picture by itself.

    Of each only what lists show as `prepared`; otherwise every column.
    """
    where = opportunity_conditions(which)
    order = ORDERS[sort]
    select = _sorted(f"o.id, {_PREPARED}" if prepared else "o.*", order)
    rows = await connection.fetch(
        f"""
        select feed_position.as_of as feed_as_of, listed.*
        from feed_position left join lateral ({_page(select, where, order, after, limit)}) listed on true
        order by listed.sort_key {"desc" if order.descending else "asc"}, listed.id
        """,  # noqa: S608 - Conditions writes numbers, never a value
        *where.arguments,
    )
    as_of = rows[0]["feed_as_of"] if rows else None
    return ([] if len(rows) == 1 and rows[0]["id"] is None else rows), as_of


def _sorted(columns: str, order: Order) -> str:
    return _OPPORTUNITY.format(columns=columns, more=f"{order.expression} as sort_key")


async def opportunity(connection: Reader, id: str) -> Record | None:
    """One opportunity, open or closed."""
    open_still = "null::timestamptz as closed_at, null as close_reason, null as detail"
    row = await connection.fetchrow(f"{_OPPORTUNITY.format(columns='o.*', more=open_still)} where o.id = $1", id)
    return row or await connection.fetchrow(
        """
        select o.*, coalesce(b.title, o.bookmaker) as bookmaker_title,
            extract(epoch from greatest(e.as_of, o.as_of) - o.last_update)::float8 as price_age
        from closed_opportunity o
        left join sporting_event e on e.id = o.event_id
        left join bookmaker b on b.key = o.bookmaker
        where o.id = $1
        """,
        id,
    )


async def set_body(connection: Reader, event_id: str) -> tuple[bytes, datetime] | None:
    """The newest opportunities.updated of an event and its source time, or None before the first."""
    row = await connection.fetchrow(
        "select body, as_of from opportunity_set where event_id = $1 and revision > 0", event_id
    )
    return None if row is None else (row["body"], row["as_of"])


class EventFilter(NamedTuple):
    """What a list of events holds; None and () stand for "any"."""

    status: str
    sports: tuple[str, ...] = ()
    leagues: tuple[str, ...] = ()
    starts_before: datetime | None = None
    starts_after: datetime | None = None


async def events(
    connection: Reader, which: EventFilter, after: tuple[datetime, str] | None, limit: int
) -> list[Record]:
    """Events by start, then by id; `after` is the start and id of the last one seen."""
    where = Conditions()
    where.add("status = {}", which.status)
    where.one_of("sport", which.sports)
    where.one_of("league", which.leagues)
    where.add_if("commence_time < {}", which.starts_before)
    where.add_if("commence_time >= {}", which.starts_after)
    return await page(connection, "select * from sporting_event", where, Order("commence_time"), after, limit)


async def event(connection: Reader, id: str) -> Record | None:
    return await connection.fetchrow("select * from sporting_event where id = $1", id)


async def markets(connection: Reader, event_id: str, names: tuple[str, ...]) -> list[Record]:
    """The boards of an event's markets that are not closed."""
    where = Conditions("status <> 'closed'")
    where.add("event_id = {}", event_id)
    where.add_if("market = any({})", names)
    return await connection.fetch(
        f"select * from market where {where} order by market, period, line, subject",  # noqa: S608 - Conditions writes numbers, never a value
        *where.arguments,
    )


async def stands_since(connection: Reader, event_id: str, key: MarketKey, odds_revision: int) -> datetime | None:
    """Since when (source time) a market has had its prices; None where there is no such market, or where the event is
    not known as far as `odds_revision`: a set of that revision may show prices that have not arrived here."""
    since: datetime | None = await connection.fetchval(
        """
        select market.as_of from market join sporting_event event on event.id = market.event_id
        where (event_id, market, period, line, subject) = ($1, $2, $3, $4, $5) and event.revision >= $6
        """,
        event_id,
        key.market,
        key.period,
        float("nan") if key.line is None else key.line,
        key.subject,
        odds_revision,
    )
    return since


async def changed_since(connection: Reader, event_id: str, since: datetime) -> list[Record]:
    """The prices of an event that have changed later than `since`."""
    return await connection.fetch(
        """
        select distinct market, period, line, subject, bookmaker, outcome, side from price_history
        where event_id = $1 and as_of > $2
        """,
        event_id,
        since,
    )


async def freshness(connection: Reader, event_id: str) -> str | None:
    """The event's freshness as JSON."""
    value: str | None = await connection.fetchval("select markets from freshness where event_id = $1", event_id)
    return value


async def bookmakers(connection: Reader) -> list[Record]:
    """Every bookmaker, and what it prices of open events: how much, how recently confirmed, and the median age (s)."""
    return await connection.fetch(
        """
        with priced as (
            select book.key, event.id, nullif(book.value::bigint, 0) as us,
                extract(epoch from event.as_of) * 1000000 as event_us
            from sporting_event event
            join freshness on freshness.event_id = event.id
            cross join jsonb_array_elements(freshness.markets) as market
            cross join jsonb_each(market -> 2) as book
            where event.status = 'open'
        )
        select coalesce(b.key, p.key) as key, coalesce(b.title, p.key) as title, coalesce(p.events, 0) as events,
            coalesce(p.markets, 0) as markets, p.newest_us, p.median_age
        from bookmaker b
        full join (
            select key, count(distinct id) as events, count(*) as markets, max(us) as newest_us,
                percentile_cont(0.5) within group (order by ((event_us - us) / 1000000)::float8) as median_age
            from priced group by key
        ) p on p.key = b.key
        order by coalesce(b.key, p.key) collate "C"
        """
    )


async def bookmaker_titles(connection: Reader) -> dict[str, str]:
    return {row["key"]: row["title"] for row in await connection.fetch("select key, title from bookmaker")}


async def event_counts(connection: Reader) -> list[Record]:
    """Open events per sport and league."""
    return await connection.fetch(
        """
        select sport, league, max(league_title) as league_title, count(*) as events
        from sporting_event where status = 'open' group by sport, league order by sport, league
        """
    )


async def opportunity_counts(connection: Reader, profile: str, view: View) -> list[Record]:
    """Open opportunities of a profile per sport, league and class."""
    where = Conditions()
    where.add("profile = {}", profile)
    see(where, view, "category", "first_seen")
    return await connection.fetch(
        f"""
        select sport, league, class, count(*) as opportunities
        from opportunity where {where} group by sport, league, class
        order by sport, league, class
        """,  # noqa: S608 - Conditions writes numbers, never a value
        *where.arguments,
    )


async def open_by_class(connection: Reader) -> dict[str, int]:
    rows = await connection.fetch("select class, count(*) as opportunities from opportunity group by class")
    return {row["class"]: row["opportunities"] for row in rows}


async def providers(connection: Reader) -> list[Record]:
    return await connection.fetch("select * from provider_status order by provider")


async def heartbeats(connection: Reader) -> list[Record]:
    return await connection.fetch("select * from service_heartbeat order by service")


async def totals(connection: Reader, view: View) -> Record:
    """How much there is; of opportunities what is seen. How many have closed is counted of all together, so that only
    who sees all is told, and null stands for the others."""
    where = Conditions("true")
    see(where, view, "category", "first_seen")
    row = await connection.fetchrow(
        f"""
        select (select count(*) from sporting_event where status = 'open') as open_events,
            (select count(*) from market where status <> 'closed') as open_markets,
            case when {"true" if view == EVERYTHING else "false"}
                then (select coalesce(sum(opportunities), 0)::bigint from closed_count) end as closed_opportunities,
            (select coalesce(json_object_agg(class, n), '{{}}') from
                (select class, count(*) as n from opportunity where {where} group by class order by class) c
            ) as open_opportunities
        """,  # noqa: S608 - Conditions writes numbers, never a value
        *where.arguments,
    )
    if row is None:
        raise LookupError("a select without FROM gave no row")
    return row
