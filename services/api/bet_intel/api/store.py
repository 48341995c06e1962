"""SQL that writes the read model. Every statement takes a whole micro-batch.

Locks are always taken in the order event, freshness, quiet board, market, set, opportunity, combination, closed
opportunity and its count, bookmaker, feed position, and within a table by key, so that projecting transactions never
wait for each other in a circle.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from bet_intel.api.domain.model import (
    EventFacts,
    FeedEntry,
    Heartbeat,
    MarketChange,
    MarketKey,
    Numbers,
    OddsUpdate,
    OpenNow,
    OpenOpportunity,
    OpportunitySet,
    ProviderReport,
)
from bet_intel.shared.partitions import DailyTable
from bet_intel.shared.postgres import TIMELINE, Writer

FEED = DailyTable("feed", "told_at")
"""By the time it was told, on the clock."""

_NO_LINE = float("nan")


async def put_events(connection: Writer, updates: Sequence[OddsUpdate]) -> dict[str, bool]:
    """Events as their newest answer tells; an older one changes nothing. Returns by id those that are newer, and
    whether nobody knew them, or that they start then."""
    events = [update.event for update in updates]
    rows = await connection.fetch(
        """
        with known as (
            -- As it was before this statement. Of revision 0 is what an opportunity made room for.
            select id, commence_time from sporting_event where id = any($1::text[]) and revision > 0
        )
        insert into sporting_event (id, provider, sport, league, league_title, home, away, commence_time,
            revision, as_of, status)
        select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
            $8::timestamptz[], $9::bigint[], $10::timestamptz[], $11::text[])
        on conflict (id) do update set
            provider = excluded.provider, sport = excluded.sport, league = excluded.league,
            league_title = excluded.league_title, home = excluded.home, away = excluded.away,
            commence_time = excluded.commence_time, revision = excluded.revision, as_of = excluded.as_of,
            status = excluded.status
        where excluded.revision > sporting_event.revision
        returning id, not exists (
            select from known where known.id = sporting_event.id and known.commence_time = sporting_event.commence_time
        ) as is_news
        """,
        *_facts(events),
        [update.revision for update in updates],
        [update.as_of for update in updates],
        ["closed" if update.closed else "open" for update in updates],
    )
    return {row["id"]: row["is_news"] for row in rows}


async def put_freshness(connection: Writer, updates: Sequence[OddsUpdate]) -> None:
    await connection.execute(
        """
        insert into freshness (event_id, revision, markets)
        select * from unnest($1::text[], $2::bigint[], $3::jsonb[])
        on conflict (event_id) do update set revision = excluded.revision, markets = excluded.markets
        where excluded.revision > freshness.revision
        """,
        [update.event.id for update in updates],
        [update.revision for update in updates],
        [_json(update.freshness) for update in updates],
    )


async def put_markets(connection: Writer, changes: Sequence[tuple[OddsUpdate, MarketChange]]) -> list[tuple[str, str]]:
    """Boards, each guarded by its own market's revision. Returns (event id, market) of those that were newer."""
    if not changes:
        return []
    rows = await connection.fetch(
        """
        insert into market (event_id, market, period, line, subject, status, revision, as_of, board)
        select * from unnest($1::text[], $2::text[], $3::text[], $4::float8[], $5::text[], $6::text[], $7::bigint[],
            $8::timestamptz[], $9::jsonb[])
        on conflict (event_id, market, period, line, subject) do update set
            status = excluded.status, revision = excluded.revision, as_of = excluded.as_of, board = excluded.board
        where excluded.revision > market.revision
        returning event_id, market
        """,
        [update.event.id for update, _ in changes],
        [change.key.market for _, change in changes],
        [change.key.period for _, change in changes],
        [_NO_LINE if change.key.line is None else change.key.line for _, change in changes],
        [change.key.subject for _, change in changes],
        [change.status for _, change in changes],
        [change.revision for _, change in changes],
        [update.as_of for update, _ in changes],
        [_json(change.board) for _, change in changes],
    )
    return [(row["event_id"], row["market"]) for row in rows]


async def unknown_markets(
    connection: Writer, confirmed: Sequence[tuple[OddsUpdate, MarketKey]]
) -> list[tuple[OddsUpdate, MarketKey]]:
    """Those of `confirmed` whose prices nobody has told."""
    if not confirmed:
        return []
    rows = await connection.fetch(
        """
        select number from unnest($1::text[], $2::text[], $3::text[], $4::float8[], $5::text[])
            with ordinality as told (event_id, market, period, line, subject, number)
        where not exists (
            select from market where market.event_id = told.event_id and market.market = told.market
                and market.period = told.period and market.line = told.line and market.subject = told.subject
        )
        order by number
        """,
        [update.event.id for update, _ in confirmed],
        [key.market for _, key in confirmed],
        [key.period for _, key in confirmed],
        [_NO_LINE if key.line is None else key.line for _, key in confirmed],
        [key.subject for _, key in confirmed],
    )
    return [confirmed[row["number"] - 1] for row in rows]


async def lock_sets(connection: Writer, sets: Sequence[OpportunitySet]) -> dict[str, int]:
    """Lock the set of each event, in the order of their ids; returns the revision that is stored (0 = none yet)."""
    by_id = {each.event.id: each for each in sets}
    rows = await connection.fetch("select event_id from opportunity_set where event_id = any($1)", list(by_id))
    missing = by_id.keys() - {row["event_id"] for row in rows}
    if missing:
        # Before anything is locked: who held some and asked for others that precede them would wait for one who waits
        # for him.
        await _make_room(connection, [by_id[event_id] for event_id in sorted(missing)])
    statement = "select event_id, revision from opportunity_set where event_id = any($1) order by event_id for update"
    rows = await connection.fetch(statement, list(by_id))
    if len(rows) < len(by_id):
        # Since the look, retention has removed one that is told again.
        await _make_room(connection, sets)
        rows = await connection.fetch(statement, list(by_id))
    return {row["event_id"]: row["revision"] for row in rows}


async def _make_room(connection: Writer, sets: Sequence[OpportunitySet]) -> None:
    await connection.execute(
        """
        insert into sporting_event (id, provider, sport, league, league_title, home, away, commence_time,
            revision, as_of, status)
        select *, 0, $9, 'open' from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[],
            $7::text[], $8::timestamptz[])
        on conflict (id) do nothing
        """,
        *_facts([each.event for each in sets]),
        min(each.as_of for each in sets),
    )
    await connection.execute(
        """
        insert into opportunity_set (event_id, revision, as_of, body)
        select event_id, 0, as_of, '' from unnest($1::text[], $2::timestamptz[]) as room (event_id, as_of)
        on conflict (event_id) do nothing
        """,
        [each.event.id for each in sets],
        [each.as_of for each in sets],
    )


async def open_now(connection: Writer, event_ids: Collection[str]) -> dict[str, OpenNow]:
    """What is open of these events, by the opportunity's id."""
    rows = await connection.fetch(
        """
        select id, event_id, profile, sport, league, commence_time, market, bookmaker, price, fair, ev, class,
            category
        from opportunity where event_id = any($1)
        """,
        event_ids,
    )
    return {
        row["id"]: OpenNow(
            row["event_id"],
            row["profile"],
            row["sport"],
            row["league"],
            row["commence_time"],
            row["market"],
            row["bookmaker"],
            Numbers(row["price"], row["fair"], row["ev"], row["class"], row["category"]),
        )
        for row in rows
    }


async def set_bodies(connection: Writer, event_ids: Collection[str]) -> dict[str, bytes]:
    """The sets that are stored, as they arrived."""
    rows = await connection.fetch("select event_id, body from opportunity_set where event_id = any($1)", event_ids)
    return {row["event_id"]: row["body"] for row in rows}


async def put_sets(connection: Writer, sets: Sequence[OpportunitySet]) -> None:
    """Store sets whose rows are locked and older."""
    await connection.execute(
        """
        update opportunity_set set revision = newer.revision, as_of = newer.as_of, body = newer.body
        from unnest($1::text[], $2::bigint[], $3::timestamptz[], $4::bytea[]) as newer (event_id, revision, as_of, body)
        where opportunity_set.event_id = newer.event_id
        """,
        [each.event.id for each in sets],
        [each.revision for each in sets],
        [each.as_of for each in sets],
        [each.body for each in sets],
    )


async def put_opportunities(
    connection: Writer, opportunities: Sequence[OpenOpportunity], prepared: Sequence[bytes]
) -> None:
    """Open opportunities, new ones and those that were open already, each with what lists show of it."""
    if not opportunities:
        return
    await connection.execute(
        """
        insert into opportunity (id, event_id, sport, league, commence_time, kind, profile, class, market, period, line,
            subject, category, outcome, bookmaker, side, price, net_price, stake_limit, fair, consensus, band_low,
            band_high, ev, ev_worst, dispersion, opening, opened_at, first_seen, last_seen, peak_ev, peak_at,
            last_update, as_of, revision, push, ev_per, stake, confidence, half_points, prepared,
            prepared_revision)
        select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::text[], $7::text[],
            $8::text[], $9::text[], $10::text[], $11::float8[], $12::text[], $13::text[], $14::text[], $15::text[],
            $16::text[], $17::float8[], $18::float8[], $19::float8[], $20::float8[], $21::float8[], $22::float8[],
            $23::float8[], $24::float8[], $25::float8[], $26::float8[], $27::int[], $28::timestamptz[],
            $29::timestamptz[], $30::timestamptz[], $31::float8[], $32::timestamptz[], $33::timestamptz[],
            $34::timestamptz[], $35::bigint[], $36::float8[], $37::text[], $38::float8[], $39::float8[],
            $40::float8[], $41::bytea[], $42::bigint[])
        on conflict (id) do update set
            commence_time = excluded.commence_time, class = excluded.class, category = excluded.category,
            price = excluded.price, net_price = excluded.net_price, stake_limit = excluded.stake_limit,
            fair = excluded.fair, consensus = excluded.consensus, band_low = excluded.band_low,
            band_high = excluded.band_high, ev = excluded.ev, ev_worst = excluded.ev_worst,
            dispersion = excluded.dispersion, opening = excluded.opening, opened_at = excluded.opened_at,
            first_seen = excluded.first_seen, last_seen = excluded.last_seen, peak_ev = excluded.peak_ev,
            peak_at = excluded.peak_at, last_update = excluded.last_update, as_of = excluded.as_of,
            revision = excluded.revision, push = excluded.push, ev_per = excluded.ev_per, stake = excluded.stake,
            confidence = excluded.confidence, half_points = excluded.half_points, prepared = excluded.prepared,
            prepared_revision = excluded.prepared_revision
        """,
        *map(list, zip(*opportunities, strict=True)),
        prepared,
        [one.revision for one in opportunities],
    )


async def put_bookmakers(connection: Writer, titles: Mapping[str, str]) -> None:
    """Write the titles that are new or different: nearly every message tells the same ones, and a row that is put
    though nothing changes is locked until the commit. What a process remembers of them would outlive the table where
    somebody empties it."""
    if not titles:
        return
    keys = sorted(titles)
    await connection.execute(
        """
        insert into bookmaker (key, title)
        select told.key, told.title from unnest($1::text[], $2::text[]) as told (key, title)
        where not exists (select from bookmaker known where known.key = told.key and known.title = told.title)
        order by told.key
        on conflict (key) do update set title = excluded.title
        """,
        keys,
        [titles[key] for key in keys],
    )


async def append_feed(connection: Writer, entries: Sequence[FeedEntry], as_of: datetime, told_at: datetime) -> None:
    """Tell followers, and move the position: the last statement of a projecting transaction."""
    # A row that is not there, because somebody emptied the table, is made anew: another epoch, another numbering. As it
    # is on a server that was promoted, which may have lost numbers that followers have seen.
    last, anew = await connection.fetchrow(
        f"""
        insert into feed_position as known (epoch, seq, generation, as_of, timeline)
        values ((extract(epoch from clock_timestamp()) * 1000)::bigint, $1, 1, $2, {TIMELINE})
        on conflict (only_row) do update
        set seq = known.seq + $1, generation = known.generation + 1, as_of = greatest(known.as_of, $2),
            timeline = excluded.timeline,
            epoch = case when excluded.timeline = known.timeline then known.epoch
                else greatest(excluded.epoch, known.epoch + 1) end,
            kept_from = case when excluded.timeline = known.timeline then known.kept_from else known.seq + 1 end
        returning seq, xmax = 0 as anew
        """,  # noqa: S608 - a constant
        len(entries),
        as_of,
    ) or (0, False)
    if anew:
        await connection.execute("delete from feed")
    if not entries:
        return
    await connection.execute(
        """
        insert into feed (seq, kind, event_id, as_of, payload, told_at)
        select *, $6 from unnest($1::bigint[], $2::text[], $3::text[], $4::timestamptz[], $5::jsonb[])
        """,
        list(range(last - len(entries) + 1, last + 1)),
        [entry.kind for entry in entries],
        [entry.event_id for entry in entries],
        [entry.as_of for entry in entries],
        [_json(entry.payload) for entry in entries],
        told_at,
    )


async def put_provider_reports(connection: Writer, reports: Iterable[ProviderReport]) -> None:
    await connection.executemany(
        """
        insert into provider_status (provider, reported_at, as_of, state, error_kind, message, position, total, events,
            prices, rejections, polled_at, due_at, credits, ages)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
        on conflict (provider) do update set
            reported_at = excluded.reported_at, as_of = excluded.as_of, state = excluded.state,
            error_kind = excluded.error_kind, message = excluded.message, position = excluded.position,
            total = excluded.total, events = excluded.events, prices = excluded.prices,
            rejections = excluded.rejections, polled_at = excluded.polled_at, due_at = excluded.due_at,
            credits = excluded.credits, ages = excluded.ages
        where excluded.reported_at > provider_status.reported_at
        """,
        [
            (*report[:13], None if report.quota is None else _json(report.quota), _json(report.ages))
            for report in reports
        ],
    )


async def put_heartbeats(connection: Writer, heartbeats: Iterable[Heartbeat]) -> None:
    await connection.executemany(
        """
        insert into service_heartbeat (service, reported_at, version, outbox_depth, outbox_age_seconds, dead_letters)
        values ($1, $2, $3, $4, $5, $6)
        on conflict (service) do update set
            reported_at = excluded.reported_at, version = excluded.version, outbox_depth = excluded.outbox_depth,
            outbox_age_seconds = excluded.outbox_age_seconds, dead_letters = excluded.dead_letters
        where excluded.reported_at > service_heartbeat.reported_at
        """,
        list(heartbeats),
    )


def _facts(events: Sequence[EventFacts]) -> tuple[list[Any], ...]:
    return (
        [event.id for event in events],
        [event.provider for event in events],
        [event.sport for event in events],
        [event.league for event in events],
        [event.league_title for event in events],
        [event.home for event in events],
        [event.away for event in events],
        [event.commence_time for event in events],
    )


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
