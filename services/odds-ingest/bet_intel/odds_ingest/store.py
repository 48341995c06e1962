"""Everything odds-ingest asks of its database."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import asyncpg
import msgspec

from bet_intel.odds_ingest.domain.quotes import MarketBoard, MarketKey, Price, QuoteKey, Side, SportingEvent
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
            select * from event
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
            "select * from event where open and id > $1 order by id limit $2 for update", after, limit
        )
        return [stored.state for stored in (await self._states(connection, rows)).values()]

    async def _states(self, connection: Writer, rows: Sequence[asyncpg.Record]) -> dict[str, Stored]:
        unknown = [row for row in rows if not self._is_cached(row)]
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
        await _save_events(connection, after)
        stored = await _add_markets(connection, before, after)
        await _save_boards(connection, before, stored)
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


async def _read(connection: Writer, rows: Iterable[asyncpg.Record]) -> dict[str, Stored]:
    rows = list(rows)
    ids = [row["id"] for row in rows]
    markets = await connection.fetch("select * from market where event_id = any($1::text[]) order by id", ids)
    market_ids = [row["id"] for row in markets]
    boards: defaultdict[int, MarketBoard] = defaultdict(MarketBoard)
    for quote in await connection.fetch("select * from quote where market_id = any($1::bigint[])", market_ids):
        key = QuoteKey(quote["bookmaker"], quote["outcome"], Side(quote["side"]))
        boards[quote["market_id"]].prices[key] = Price(quote["price"], quote["bet_limit"])
    for book in await connection.fetch("select * from book where market_id = any($1::bigint[])", market_ids):
        boards[book["market_id"]].last_update[book["bookmaker"]] = book["last_update"]
    states: defaultdict[str, dict[MarketKey, MarketState]] = defaultdict(dict)
    keys: defaultdict[str, MarketIds] = defaultdict(dict)
    for row in markets:
        key_of_market = MarketKey(row["market"], row["period"], row["line"], row["subject"])
        status = MarketStatus(row["status"])
        states[row["event_id"]][key_of_market] = MarketState(boards[row["id"]], status, row["revision"])
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
        for row in rows
    }


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


async def _save_events(connection: Writer, states: Sequence[EventState]) -> None:
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
        [msgspec.json.encode(dict(state.bookmaker_titles)).decode() for state in states],
        [state.revision for state in states],
        [state.as_of for state in states],
        [state.open for state in states],
        [state.told_id for state in states],
        [state.shown_at for state in states],
    )


async def _add_markets(connection: Writer, before: dict[str, Stored], after: Sequence[EventState]) -> list[Stored]:
    """Insert the markets that have no id yet; `after` with the ids of all its markets."""
    stored = [Stored(state, _known_ids(before, state)) for state in after]
    new = [
        (one.state.event.id, key, market)
        for one in stored
        for key, market in one.state.markets.items()
        if key not in one.market_ids
    ]
    if not new:
        return stored
    rows = await connection.fetch(
        """
        insert into market (event_id, market, period, line, subject, status, revision)
        select * from unnest($1::text[], $2::text[], $3::text[], $4::float8[], $5::text[], $6::smallint[], $7::bigint[])
        on conflict (event_id, market, period, line, subject)
        do update set status = excluded.status, revision = excluded.revision
        returning id, event_id, market, period, line, subject
        """,
        [event_id for event_id, _, _ in new],
        [key.market for _, key, _ in new],
        [key.period for _, key, _ in new],
        [key.line for _, key, _ in new],
        [key.subject for _, key, _ in new],
        [market.status.value for _, _, market in new],
        [market.revision for _, _, market in new],
    )
    ids = {one.state.event.id: one.market_ids for one in stored}
    for row in rows:
        ids[row["event_id"]][MarketKey(row["market"], row["period"], row["line"], row["subject"])] = row["id"]
    return stored


def _known_ids(before: dict[str, Stored], state: EventState) -> MarketIds:
    # A dictionary of its own only where it will grow: what is cached must stay as it is until the commit.
    earlier = before.get(state.event.id)
    if earlier is None:
        return {}
    known = earlier.market_ids
    return known if state.markets.keys() <= known.keys() else dict(known)


@dataclass(slots=True)
class _Changes:
    """Rows that differ from those in the database."""

    markets: list[tuple[int, MarketState]] = field(default_factory=list)
    quotes: list[tuple[int, QuoteKey, Price]] = field(default_factory=list)
    gone_quotes: list[tuple[int, QuoteKey]] = field(default_factory=list)
    books: list[tuple[int, str, datetime]] = field(default_factory=list)
    gone_books: list[tuple[int, str]] = field(default_factory=list)

    def add(self, id: int, old: MarketState | None, new: MarketState) -> None:
        if old is not None and (old.revision, old.status) != (new.revision, new.status):
            self.markets.append((id, new))
        old_board = _EMPTY if old is None else old.board
        was, now = old_board.prices, new.board.prices
        if old is None or old.revision != new.revision:
            self.quotes += [(id, quote, price) for quote, price in now.items() if was.get(quote) != price]
            self.gone_quotes += [(id, quote) for quote in was if quote not in now]
        confirmed, confirms = old_board.last_update, new.board.last_update
        if confirmed != confirms:
            self.books += [(id, book, at) for book, at in confirms.items() if confirmed.get(book) != at]
            self.gone_books += [(id, book) for book in confirmed if book not in confirms]


_EMPTY = MarketBoard()


async def _save_boards(connection: Writer, before: dict[str, Stored], after: Sequence[Stored]) -> None:
    changes = _Changes()
    for stored in after:
        earlier = before.get(stored.state.event.id)
        known = earlier.state.markets if earlier else {}
        for key, market in stored.state.markets.items():
            old = known.get(key)
            if market is not old:
                changes.add(stored.market_ids[key], old, market)
    await _put(connection, changes)
    await _delete_quotes(connection, changes.gone_quotes)
    await _delete_books(connection, changes.gone_books)


async def _put(connection: Writer, changes: _Changes) -> None:
    """What is new or different, in one statement: each is a round trip, which costs more than its rows."""
    if not (changes.markets or changes.quotes or changes.books):
        return
    await connection.execute(
        """
        with changed as (
            update market set status = new.status, revision = new.revision
            from unnest($1::bigint[], $2::smallint[], $3::bigint[]) as new (id, status, revision)
            where market.id = new.id
        ), quoted as (
            insert into quote (market_id, bookmaker, outcome, side, price, bet_limit)
            select * from unnest($4::bigint[], $5::text[], $6::text[], $7::smallint[], $8::float8[], $9::float8[])
            on conflict (market_id, bookmaker, outcome, side)
            do update set price = excluded.price, bet_limit = excluded.bet_limit
        )
        insert into book (market_id, bookmaker, last_update)
        select * from unnest($10::bigint[], $11::text[], $12::timestamptz[])
        on conflict (market_id, bookmaker) do update set last_update = excluded.last_update
        """,
        [id for id, _ in changes.markets],
        [market.status.value for _, market in changes.markets],
        [market.revision for _, market in changes.markets],
        [id for id, _, _ in changes.quotes],
        [quote.bookmaker for _, quote, _ in changes.quotes],
        [quote.outcome for _, quote, _ in changes.quotes],
        [quote.side.value for _, quote, _ in changes.quotes],
        [price.decimal for _, _, price in changes.quotes],
        [price.limit for _, _, price in changes.quotes],
        [id for id, _, _ in changes.books],
        [bookmaker for _, bookmaker, _ in changes.books],
        [at for _, _, at in changes.books],
    )


async def _delete_quotes(connection: Writer, quotes: list[tuple[int, QuoteKey]]) -> None:
    if not quotes:
        return
    await connection.execute(
        """
        delete from quote using unnest($1::bigint[], $2::text[], $3::text[], $4::smallint[])
            as gone (market_id, bookmaker, outcome, side)
        where quote.market_id = gone.market_id and quote.bookmaker = gone.bookmaker
            and quote.outcome = gone.outcome and quote.side = gone.side
        """,
        [market_id for market_id, _ in quotes],
        [quote.bookmaker for _, quote in quotes],
        [quote.outcome for _, quote in quotes],
        [quote.side.value for _, quote in quotes],
    )


async def _delete_books(connection: Writer, books: list[tuple[int, str]]) -> None:
    if not books:
        return
    await connection.execute(
        """
        delete from book using unnest($1::bigint[], $2::text[]) as gone (market_id, bookmaker)
        where book.market_id = gone.market_id and book.bookmaker = gone.bookmaker
        """,
        [market_id for market_id, _ in books],
        [bookmaker for _, bookmaker in books],
    )
