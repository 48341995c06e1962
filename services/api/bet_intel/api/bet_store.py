"""The SQL of bets."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

from bet_intel.api.domain.accounts import View
from bet_intel.api.domain.bets import NOT_STARTED, Bet, Clv
from bet_intel.api.domain.model import EventFacts
from bet_intel.api.read_model import Record
from bet_intel.shared.postgres import Reader, Writer

NEAR = timedelta(hours=12)
"""How far the start of an event may be from that of a bet on it."""

_WAITING = "hashtextextended('bets without an event', 0)"
_BET = ", ".join(Bet._fields)
_CLV = ("closing_revision", "clv_raw", "clv_no_vig", "closing_price", "closing_fair", "closing_line", "points")
_OF_CLV = (*_CLV, "clv_reason", "closing_category", "closing_as_of")
Group = Literal["bookmaker", "sport", "league", "market", "period", "month"]


async def add(connection: Writer, bet: Bet, clv: Clv) -> bool:
    """Whether it was stored: False where the account has one with its reference."""
    columns = (*Bet._fields, *_OF_CLV)
    places = ", ".join(f"${number}" for number in range(1, len(columns) + 1))
    added = await connection.fetchval(
        f"insert into bet ({', '.join(columns)}) values ({places}) "  # noqa: S608 - names of ours
        "on conflict (account, reference) do nothing returning true",
        *bet,
        *clv,
    )
    return bool(added)


async def get(connection: Reader | Writer, account: str, id: str) -> Record | None:
    return await connection.fetchrow("select * from bet where account = $1 and id = $2", account, id)


async def with_reference(connection: Writer, account: str, reference: str) -> Record | None:
    return await connection.fetchrow("select * from bet where account = $1 and reference = $2", account, reference)


async def complete(connection: Writer, id: str, returned: Decimal | None, note: str) -> Record | None:
    """The bet with what it has not been told yet; None where that is nothing."""
    return await connection.fetchrow(
        """
        update bet set returned = coalesce(returned, $2::numeric), note = case note when '' then $3::text else note end
        where id = $1 and (returned is null and $2::numeric is not null or note = '' and $3::text <> '')
        returning *
        """,
        id,
        returned,
        note,
    )


async def delete(connection: Writer, account: str, id: str) -> bool:
    status = await connection.execute("delete from bet where account = $1 and id = $2", account, id)
    return status != "DELETE 0"


async def listed(
    connection: Reader,
    account: str,
    bookmakers: Sequence[str],
    sports: Sequence[str],
    is_matched: bool | None,
    period: tuple[datetime | None, datetime | None],
    after: tuple[datetime, str] | None,
    limit: int,
) -> list[Record]:
    """The newest first; `period` bounds when they were placed, `after` is time and id of the last one seen."""
    return await connection.fetch(
        """
        select * from bet where account = $1
            and (cardinality($2::text[]) = 0 or bookmaker = any($2))
            and (cardinality($3::text[]) = 0 or sport = any($3))
            and ($4::boolean is null or (event_id is not null) = $4)
            and ($5::timestamptz is null or placed_at >= $5) and ($6::timestamptz is null or placed_at < $6)
            and ($7::timestamptz is null or placed_at < $7 or (placed_at = $7 and id > $8::uuid))
        order by placed_at desc, id limit $9
        """,
        account,
        list(bookmakers),
        list(sports),
        is_matched,
        *period,
        *(after or (None, None)),
        limit,
    )


async def on_events(connection: Writer, event_ids: Collection[str]) -> list[Bet]:
    """Every account's bets on these events, locked, in the order of their ids."""
    rows = await connection.fetch(
        f"select {_BET} from bet where event_id = any($1::text[]) order by id for update",  # noqa: S608 - ours
        list(event_ids),
    )
    return [bet(row) for row in rows]


async def judge(connection: Writer, judged: Sequence[tuple[str, Clv]]) -> None:
    """Store what the closing lines say of bets, by id."""
    await connection.execute(
        """
        update bet set closing_revision = new.revision, clv_raw = new.raw, clv_no_vig = new.no_vig,
            closing_price = new.price, closing_fair = new.fair, closing_line = new.line, points = new.points,
            clv_reason = new.reason, closing_category = new.category, closing_as_of = new.fixed_at
        from unnest($1::uuid[], $2::bigint[], $3::float8[], $4::float8[], $5::float8[], $6::float8[], $7::float8[],
            $8::float8[], $9::text[], $10::text[], $11::timestamptz[])
            as new (id, revision, raw, no_vig, price, fair, line, points, reason, category, fixed_at)
        where bet.id = new.id
        """,
        *map(list, zip(*((id, *clv) for id, clv in judged), strict=True)),
    )


async def event(connection: Writer, id: str) -> EventFacts | None:
    row = await connection.fetchrow(f"select {_FACTS} from sporting_event where id = $1", id)  # noqa: S608 - ours
    return None if row is None else EventFacts(**row)


def near(start: datetime) -> tuple[datetime, datetime]:
    """From when to when an event may start that is said to start at `start`.

    Raises:
        OverflowError: the calendar ends before.
    """
    return start - NEAR, start + NEAR


async def events_near(connection: Writer, start: datetime) -> list[EventFacts]:
    """Those that are known, and those that have gone and left their closing lines."""
    rows = await connection.fetch(
        f"""
        select {_FACTS} from sporting_event where commence_time between $1 and $2
        union all
        select event_id, {_FACTS.removeprefix("id, ")} from closing where commence_time between $1 and $2
            and not exists (select from sporting_event where id = closing.event_id)
        order by 1
        """,  # noqa: S608 - names of ours
        *near(start),
    )
    return [EventFacts(**row) for row in rows]


async def wait_for_events(connection: Writer) -> None:
    """Until the end of the transaction no closing lines are put: a bet whose event is not known is seen by the next."""
    await connection.execute(f"select pg_advisory_xact_lock_shared({_WAITING})")


async def see_who_waits(connection: Writer) -> None:
    """Wait for who keeps a bet that may have no event: it sees the closing lines that are put now, or is seen."""
    await connection.execute(f"select pg_advisory_xact_lock({_WAITING})")


async def unsettled(connection: Writer, starts: Collection[datetime]) -> list[tuple[Bet, bool]]:
    """Every account's bets that may be on an event that starts at one of these times: those without one, and those that
    are on one which starts when they do not say. Locked, in the order of their ids; each with whether closing lines
    have judged it."""
    rows = await connection.fetch(
        f"""
        select {_BET}, closing_revision is not null and clv_reason is distinct from $3 as is_judged
        from bet where id = any(array(
            select bet.id from unnest($1::timestamptz[]) as near (start)
            join bet on bet.event_id is null
                and bet.commence_time between near.start - $2::interval and near.start + $2::interval
            union
            select bet.id from unnest($1::timestamptz[]) as near (start)
            join bet on bet.own_start <> bet.commence_time
                and bet.own_start between near.start - $2::interval and near.start + $2::interval
        )) and (event_id is null or own_start <> commence_time)
        order by id for update
        """,  # noqa: S608 - ours
        sorted(set(starts)),
        NEAR,
        NOT_STARTED,
    )
    return [(bet(row), row["is_judged"]) for row in rows]


async def place(connection: Writer, bets: Sequence[Bet]) -> None:
    """Store which events these are on, or why still on none."""
    await connection.execute(
        """
        update bet set event_id = new.event_id, unmatched_reason = new.reason, sport = new.sport, league = new.league,
            home = new.home, away = new.away, commence_time = new.start, outcome = new.outcome
        from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
            $8::timestamptz[], $9::text[])
            as new (id, event_id, reason, sport, league, home, away, start, outcome)
        where bet.id = new.id
        """,
        [each.id for each in bets],
        [each.event_id for each in bets],
        [each.unmatched_reason for each in bets],
        [each.sport for each in bets],
        [each.league for each in bets],
        [each.home for each in bets],
        [each.away for each in bets],
        [each.commence_time for each in bets],
        [each.outcome for each in bets],
    )


async def summary(
    connection: Reader, account: str, by: Group | None, period: tuple[datetime | None, datetime | None], view: View
) -> list[Record]:
    """Bets and their CLV as far as it is seen, all together or in groups; a month is that in which a bet was placed
    (UTC)."""
    group = {None: "null", "month": "to_char(placed_at at time zone 'UTC', 'YYYY-MM')"}.get(by, by)
    return await connection.fetch(
        f"""
        select name, count(*) as bets, count(event_id) as matched, sum(risk) as staked,
            sum(risk) filter (where returned is not null) as settled, sum(returned) as returned,
            count(clv_raw) as raw_bets, avg(clv_raw) as raw,
            count(clv_no_vig) as no_vig_bets, avg(clv_no_vig) as no_vig,
            sum(clv_no_vig * risk::float8) / nullif(sum(risk::float8) filter (where clv_no_vig is not null), 0)
                as no_vig_by_stake,
            avg((clv_no_vig > 0)::int) filter (where clv_no_vig is not null) as beat,
            count(points) as points_bets, avg(points) as points
        from (
            select name, case side when 'lay' then round(stake * (price::numeric - 1), 4) else stake end as risk,
                returned, event_id, case when seen then clv_raw end as clv_raw,
                case when seen then clv_no_vig end as clv_no_vig, case when seen then points end as points
            from (
                select *, {group} as name, (cardinality($4::text[]) = 0 or closing_category = any($4))
                    and ($5 = 0 or closing_as_of <= (select as_of from feed_position) - make_interval(secs => $5))
                    as seen
                from bet where account = $1
                    and ($2::timestamptz is null or placed_at >= $2) and ($3::timestamptz is null or placed_at < $3)
            ) judged
        ) told
        group by 1 order by 1 nulls last
        """,  # noqa: S608 - names of ours
        account,
        *period,
        list(view.categories),
        view.delay,
    )


_FACTS = "id, provider, sport, league, league_title, home, away, commence_time"


def bet(row: Record) -> Bet:
    columns: dict[str, Any] = {name: row[name] for name in Bet._fields} | {"id": str(row["id"])}
    return Bet(**columns)


def clv(row: Record) -> Clv:
    return Clv(*[row[name] for name in _OF_CLV])
