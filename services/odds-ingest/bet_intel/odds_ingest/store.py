"""Everything odds-ingest asks of its database."""

import sys
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import asyncpg
import msgspec

from bet_intel.odds_ingest.domain.quotes import MarketBoard, MarketKey, Offers, SportingEvent, same_offers
from bet_intel.odds_ingest.domain.state import EventState, MarketState, MarketStatus
from bet_intel.shared.postgres import Reader, Writer

MarketIds = dict[MarketKey, int]


@dataclass(frozen=True, slots=True)
class Stored:
    """An event's state with the ids its markets have in the database."""

    state: EventState
    market_ids: MarketIds


class Store:
    """Current quotes. Keeps the state it last wrote or read, and trusts it where the locked row's revision agrees."""

    def __init__(self) -> None:
        self._cache: dict[str, Stored] = {}

    async def lock(
        self,
        connection: Writer,
        provider: str,
        ids: Collection[str],
        leagues: Collection[str],
        *,
        left_before: datetime | None = None,
    ) -> dict[str, Stored]:
        """Lock and read the known events that have one of `ids` or were last told under it, every open event of
        `leagues`, and every other open event of the provider whose time stands before `left_before`, in the order of
        their ids."""
        rows = await connection.fetch(
            """
            select id, revision from event
            where id = any($2::text[]) or told_id = any($2::text[])
                or (provider = $1 and open and (league = any($3::text[]) or as_of < $4::timestamptz))
            order by id for update
            """,
            provider,
            list(ids),
            list(leagues),
            left_before,
        )
        return await self._states(connection, rows)

    async def lock_open_after(self, connection: Writer, after: str, limit: int) -> list[EventState]:
        """Lock and read open events behind the id `after`, in the order of their ids."""
        rows = await connection.fetch(
            "select id, revision from event where open and id > $1 order by id limit $2 for update", after, limit
        )
        return [stored.state for stored in (await self._states(connection, rows)).values()]

    async def _states(self, connection: Writer, rows: Sequence[asyncpg.Record]) -> dict[str, Stored]:
        """Of locked events: as they are kept here, or else read."""
        unknown = [row["id"] for row in rows if not self._is_cached(row)]
        if unknown:
            self._cache.update(await _read(connection, unknown))
        return {row["id"]: self._cache[row["id"]] for row in rows}

    def _is_cached(self, row: asyncpg.Record) -> bool:
        cached = self._cache.get(row["id"])
        return cached is not None and cached.state.revision == row["revision"]

    async def lock_open(self, connection: Writer, provider: str) -> dict[str, Stored]:
        """Lock and read every open event of `provider`."""
        leagues = await connection.fetch("select distinct league from event where provider = $1 and open", provider)
        return await self.lock(connection, provider, (), [row["league"] for row in leagues])

    async def open_events(self, connection: Writer, provider: str, leagues: Collection[str]) -> list[EventState]:
        """The open events of `leagues` as they are, without their markets."""
        rows = await connection.fetch(
            "select * from event where provider = $1 and open and league = any($2::text[]) order by id",
            provider,
            list(leagues),
        )
        return [
            EventState(_event(row), row["revision"], row["as_of"], told_id=row["told_id"], shown_at=row["shown_at"])
            for row in rows
        ]

    async def save(self, connection: Writer, before: dict[str, Stored], after: Sequence[EventState]) -> None:
        """Write what differs between `before` and `after`. The cache follows: a rolled-back state fails its check."""
        await _put_events(connection, [state for state in after if _reads_anew(before.get(state.event.id), state)])
        stored = await _add_markets(connection, before, after)
        changes = _Changes()
        for one in stored:
            changes.add(before.get(one.state.event.id), one)
        await _put(connection, changes)
        for one in stored:
            if one.state.open:
                self._cache[one.state.event.id] = one
            else:
                self._cache.pop(one.state.event.id, None)

    async def position(self, connection: Reader, source: str) -> int:
        """Where reading of `source` goes on; 0 for one never read."""
        stored = await connection.fetchval("select position from source_position where source = $1", source)
        return int(stored or 0)

    async def save_position(self, connection: Writer, source: str, position: int) -> None:
        await connection.execute(
            """
            insert into source_position (source, position) values ($1, $2)
            on conflict (source) do update set position = excluded.position, moved_at = now()
            """,
            source,
            position,
        )


async def _read(connection: Writer, ids: Sequence[str]) -> dict[str, Stored]:
    events = await connection.fetch("select * from event where id = any($1::text[])", ids)
    markets = await connection.fetch("select * from market where event_id = any($1::text[]) order by id", ids)
    states: defaultdict[str, dict[MarketKey, MarketState]] = defaultdict(dict)
    keys: defaultdict[str, MarketIds] = defaultdict(dict)
    for row in markets:
        key_of_market = MarketKey(row["market"], row["period"], row["line"], row["subject"])
        status = MarketStatus(row["status"])
        states[row["event_id"]][key_of_market] = MarketState(_board(row["board"]), status, row["revision"])
        keys[row["event_id"]][key_of_market] = row["id"]
    return {
        row["id"]: Stored(
            EventState(
                _event(row),
                row["revision"],
                row["as_of"],
                states[row["id"]],
                msgspec.json.decode(row["bookmaker_titles"], type=dict[str, str]),
                row["told_id"],
                row["shown_at"],
            ),
            keys[row["id"]],
        )
        for row in events
    }


class _StoredBoard(msgspec.Struct):
    """The text of a board, as the migration describes it."""

    bookmakers: tuple[str, ...]
    offers: tuple[Offers, ...]
    last_update: tuple[datetime, ...]


def _board(stored: str) -> MarketBoard:
    board = msgspec.json.decode(stored, type=_StoredBoard)
    return MarketBoard(
        tuple(map(sys.intern, board.bookmakers)), tuple(map(same_offers, board.offers)), board.last_update
    )


def _text(board: MarketBoard) -> str:
    return _json(_StoredBoard(board.bookmakers, board.offered, board.confirmed))


def _event(row: asyncpg.Record) -> SportingEvent:
    return SportingEvent(
        id=row["id"],
        provider=row["provider"],
        sport=row["sport"],
        league=row["league"],
        league_title=row["league_title"],
        commence_time=row["commence_time"],
        home=row["home"],
        away=row["away"],
    )


def _reads_anew(before: Stored | None, after: EventState) -> bool:
    """Whether the event is new, or is another than how far it is told: it starts at another time, has other names."""
    return before is None or _description(before.state) != _description(after)


def _description(state: EventState) -> tuple[object, ...]:
    return state.event, state.bookmaker_titles, state.told_id


async def _put_events(connection: Writer, states: Sequence[EventState]) -> None:
    """Write whole rows, new ones before the markets that refer to them. One that is new to us another transaction may
    have just inserted, which no lock on a row can tell."""
    if not states:
        return
    events = [state.event for state in states]
    await connection.execute(
        """
        insert into event (id, provider, sport, league, league_title, commence_time, home, away,
            bookmaker_titles, revision, as_of, open, told_id, shown_at)
        select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[],
            $7::text[], $8::text[], $9::jsonb[], $10::bigint[], $11::timestamptz[], $12::boolean[],
            $13::text[], $14::timestamptz[])
        on conflict (id) do update set
            sport = excluded.sport, league = excluded.league, league_title = excluded.league_title,
            commence_time = excluded.commence_time, home = excluded.home, away = excluded.away,
            bookmaker_titles = excluded.bookmaker_titles, revision = excluded.revision, as_of = excluded.as_of,
            open = excluded.open, told_id = excluded.told_id, shown_at = excluded.shown_at
        """,
        [event.id for event in events],
        [event.provider for event in events],
        [event.sport for event in events],
        [event.league for event in events],
        [event.league_title for event in events],
        [event.commence_time for event in events],
        [event.home for event in events],
        [event.away for event in events],
        [_json(dict(state.bookmaker_titles)) for state in states],
        [state.revision for state in states],
        [state.as_of for state in states],
        [state.open for state in states],
        [state.told_id for state in states],
        [state.shown_at for state in states],
    )


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


async def _add_markets(connection: Writer, before: dict[str, Stored], after: Sequence[EventState]) -> list[Stored]:
    """Insert the markets that have no id yet; `after` with the ids of all its markets."""
    stored: list[Stored] = []
    new: list[tuple[str, MarketKey, MarketState]] = []
    for state in after:
        earlier = before.get(state.event.id)
        known = earlier.market_ids if earlier else {}
        # Whatever becomes of a market, its event keeps it: a new one shows in how many there are.
        if len(state.markets) > len(known):
            # A dictionary of its own, for it will grow: what is cached must stay as it is until the commit.
            known = dict(known)
            new += [(state.event.id, key, market) for key, market in state.markets.items() if key not in known]
        stored.append(Stored(state, known))
    if not new:
        return stored
    rows = await connection.fetch(
        """
        insert into market (event_id, market, period, line, subject, status, revision, board)
        select * from unnest($1::text[], $2::text[], $3::text[], $4::float8[], $5::text[], $6::smallint[],
            $7::bigint[], $8::text[])
        on conflict (event_id, market, period, line, subject)
        do update set status = excluded.status, revision = excluded.revision, board = excluded.board
        returning id, event_id, market, period, line, subject
        """,
        [event_id for event_id, _, _ in new],
        [key.market for _, key, _ in new],
        [key.period for _, key, _ in new],
        [key.line for _, key, _ in new],
        [key.subject for _, key, _ in new],
        [market.status.value for _, _, market in new],
        [market.revision for _, _, market in new],
        [_text(market.board) for _, _, market in new],
    )
    ids = {one.state.event.id: one.market_ids for one in stored}
    for row in rows:
        ids[row["event_id"]][MarketKey(row["market"], row["period"], row["line"], row["subject"])] = row["id"]
    return stored


@dataclass(slots=True)
class _Changes:
    """Rows that are in the database and differ. Of a known event something always does: its revision."""

    events: list[EventState] = field(default_factory=list)
    markets: list[tuple[int, MarketState]] = field(default_factory=list)

    def add(self, before: Stored | None, after: Stored) -> None:
        if before is None:
            return
        self.events.append(after.state)
        # An event keeps its markets in their order, new ones behind them: nobody need look each up by its key.
        for (key, market), old in zip(after.state.markets.items(), before.state.markets.values(), strict=False):
            if market is not old:
                self.markets.append((after.market_ids[key], market))


async def _put(connection: Writer, changes: _Changes) -> None:
    """What is different, in one statement: each is a round trip, which costs more than its rows."""
    if not changes.events:
        return
    await connection.execute(
        """
        with told as (
            update event set revision = new.revision, as_of = new.as_of, open = new.open, shown_at = new.shown_at
            from unnest($1::text[], $2::bigint[], $3::timestamptz[], $4::boolean[], $5::timestamptz[])
                as new (id, revision, as_of, open, shown_at)
            where event.id = new.id
        )
        update market set status = new.status, revision = new.revision, board = new.board
        from unnest($6::bigint[], $7::smallint[], $8::bigint[], $9::text[]) as new (id, status, revision, board)
        where market.id = new.id
        """,
        [state.event.id for state in changes.events],
        [state.revision for state in changes.events],
        [state.as_of for state in changes.events],
        [state.open for state in changes.events],
        [state.shown_at for state in changes.events],
        [id for id, _ in changes.markets],
        [market.status.value for _, market in changes.markets],
        [market.revision for _, market in changes.markets],
        [_text(market.board) for _, market in changes.markets],
    )
