"""Between the events on the bus and the engine's domain."""

import math
from collections import defaultdict
from dataclasses import replace
from datetime import datetime

import numpy as np
from google.protobuf.message import DecodeError

from bet_intel.ev_engine.domain.boards import (
    Board,
    BoardUpdate,
    Confirmation,
    EventBoards,
    MarketKey,
    MarketStatus,
    SportingEvent,
)
from bet_intel.events.v1 import common_pb2, odds_changed_pb2
from bet_intel.shared.columns import ColumnError, Columns, Strings, fill, read
from bet_intel.shared.messaging import Message, TerminalError
from bet_intel.shared.times import from_us, to_us

SOURCE = "ev-engine"
ODDS_CHANGED = "odds.changed.v1"


def board_update(message: Message) -> BoardUpdate:
    """The update that an `odds.changed` message carries.

    Raises:
        TerminalError: the message does not keep its contract.
    """
    try:
        body = odds_changed_pb2.OddsChanged.FromString(message.data)
        tables = read(body)
        _check(body, tables)
        return _board_update(body, tables, message.data)
    except (DecodeError, ColumnError, ValueError, OverflowError) as error:
        raise TerminalError(f"{message.type} {message.id} of {message.subject} cannot be read: {error}") from error


def stored_update(data: bytes, start: datetime) -> BoardUpdate:
    """The update that a body carries which was read before, with another start."""
    body = odds_changed_pb2.OddsChanged.FromString(data)
    update = _board_update(body, read(body), data)
    return replace(update, event=replace(update.event, commence_time=start))


def _check(body: odds_changed_pb2.OddsChanged, tables: dict[str, Columns]) -> None:
    """ValueError where a message of the right layout says what cannot be."""
    quotes = tables["quotes"]
    if not body.event.id:
        raise ValueError("it names no event")
    if not (np.isfinite(quotes["price"]) & (quotes["price"] > 1.0)).all():
        raise ValueError("a price is not finite or not above 1")
    if (quotes["side"] > 1).any():
        raise ValueError("a side is neither 0 (back) nor 1 (lay)")
    if np.isinf(tables["markets"]["line"]).any():
        raise ValueError("a line is infinite")


def _board_update(body: odds_changed_pb2.OddsChanged, tables: dict[str, Columns], data: bytes) -> BoardUpdate:
    strings = list(body.strings)
    markets, books, quotes = tables["markets"], tables["books"], tables["quotes"]
    bookmakers = [strings[row] for row in tables["bookmakers"]["key_s"].tolist()]
    titles = [strings[row] for row in tables["bookmakers"]["title_s"].tolist()]
    updated: defaultdict[int, dict[int, int]] = defaultdict(dict)
    rows = zip(books["market"].tolist(), books["bookmaker"].tolist(), books["last_update_us"].tolist(), strict=True)
    for market, bookmaker, at in rows:
        updated[market][bookmaker] = at
    # Quotes are grouped by one stable sort; a market's are then a slice.
    order = np.argsort(quotes["market"], kind="stable")
    owners = quotes["market"][order]
    boards: dict[MarketKey, Board] = {}
    confirmations: dict[MarketKey, Confirmation] = {}
    columns = (markets[name].tolist() for name in ("market_s", "period_s", "line", "subject_s", "status", "revision"))
    for row, (market, period, line, subject, status, revision) in enumerate(zip(*columns, strict=True)):
        key = MarketKey(strings[market], strings[period], None if math.isnan(line) else line, strings[subject])
        start, stop = np.searchsorted(owners, (row, row + 1))
        if revision == body.revision or start < stop:
            chosen = order[start:stop]
            boards[key] = _board(revision, MarketStatus(status), quotes, chosen, strings, bookmakers, updated[row])
        if revision != body.revision:
            confirmations[key] = Confirmation(revision, {bookmakers[book]: at for book, at in updated[row].items()})
    return BoardUpdate(
        _event(body.event),
        from_us(body.as_of_us),
        body.revision,
        dict(zip(bookmakers, titles, strict=True)),
        boards,
        confirmations,
        not body.unanswered,
        body.live,
        data,
    )


def _board(
    revision: int,
    status: MarketStatus,
    quotes: Columns,
    chosen: "np.typing.NDArray[np.intp]",
    strings: list[str],
    bookmakers: list[str],
    updated: dict[int, int],
) -> Board:
    if not chosen.size:
        return Board(revision, status)
    # Sorted by name, so that a board does not depend on the order in which its quotes arrived.
    outcome_rows = sorted(set(quotes["outcome_s"][chosen].tolist()), key=strings.__getitem__)
    book_rows = sorted(set(quotes["bookmaker"][chosen].tolist()), key=bookmakers.__getitem__)
    outcome_at = {row: place for place, row in enumerate(outcome_rows)}
    book_at = {row: place for place, row in enumerate(book_rows)}
    o = [outcome_at[row] for row in quotes["outcome_s"][chosen].tolist()]
    b = [book_at[row] for row in quotes["bookmaker"][chosen].tolist()]
    side, price = quotes["side"][chosen], quotes["price"][chosen]
    sides, limits = np.full((2, 2, len(outcome_rows), len(book_rows)), np.nan)
    sides[side, o, b] = price
    limits[side, o, b] = quotes["limit"][chosen]
    return Board(
        revision,
        status,
        tuple(strings[row] for row in outcome_rows),
        tuple(bookmakers[row] for row in book_rows),
        sides[0],
        sides[1],
        limits[0],
        np.array([updated.get(row, 0) for row in book_rows], dtype=np.int64),
        limits[1],
    )


def _event(event: common_pb2.SportingEvent) -> SportingEvent:
    return SportingEvent(
        event.id,
        event.provider,
        event.sport,
        event.league,
        event.league_title,
        from_us(event.commence_time_us),
        event.home,
        event.away,
    )


def encode_boards(state: EventBoards) -> bytes:
    """The whole state of an event in the layout of `odds.changed`, every market restated: how the engine stores it."""
    strings = Strings()
    body = odds_changed_pb2.OddsChanged(as_of_us=to_us(state.as_of), revision=state.odds_revision)
    body.event.CopyFrom(wire_event(state.event))
    bookmakers = fill_bookmakers(body.bookmakers, state, strings)
    items = list(state.boards.items())
    fill(
        body.markets,
        **market_columns([key for key, _ in items], strings),
        status=[board.status.value for _, board in items],
        revision=[board.revision for _, board in items],
    )
    books = [
        (row, bookmakers[key], at)
        for row, (_, board) in enumerate(items)
        for key, at in zip(board.bookmakers, board.updated_us.tolist(), strict=True)
    ]
    fill(
        body.books,
        market=[r for r, _, _ in books],
        bookmaker=[b for _, b, _ in books],
        last_update_us=[at for _, _, at in books],
    )
    parts: list[tuple[int, int, int, int, float, float]] = []
    for row, (_, board) in enumerate(items):
        outcomes = strings.rows(board.outcomes)
        places = [bookmakers[key] for key in board.bookmakers]
        for side, (prices, most) in enumerate(((board.back, board.limit), (board.lay, board.lay_limit))):
            o, b = np.nonzero(~np.isnan(prices))
            limits = [math.nan] * len(o) if most is None else most[o, b].tolist()
            parts += [
                (row, places[book], outcomes[outcome], side, price, limit)
                for outcome, book, price, limit in zip(
                    o.tolist(), b.tolist(), prices[o, b].tolist(), limits, strict=True
                )
            ]
    columns = list(zip(*parts, strict=True)) or [()] * 6
    fill(body.quotes, **dict(zip(("market", "bookmaker", "outcome_s", "side", "price", "limit"), columns, strict=True)))
    body.strings.extend(strings.table())
    return body.SerializeToString()


def decode_boards(stored: bytes) -> EventBoards:
    """The state that `encode_boards` stored."""
    body = odds_changed_pb2.OddsChanged.FromString(stored)
    tables = read(body)
    revisions = tables["markets"]["revision"]
    # Every market is restated here, whatever its revision: read them all as boards, then give each its own back.
    restated = dict(tables["markets"]) | {"revision": np.full_like(revisions, body.revision)}
    update = _board_update(body, {**tables, "markets": restated}, stored)
    boards = {
        key: Board(revision, *(getattr(board, name) for name in Board.__slots__[1:]))
        for (key, board), revision in zip(update.boards.items(), revisions.tolist(), strict=True)
    }
    return EventBoards(update.event, update.as_of, update.revision, update.titles, boards)


def wire_event(event: SportingEvent) -> common_pb2.SportingEvent:
    return common_pb2.SportingEvent(
        id=event.id,
        provider=event.provider,
        sport=event.sport,
        league=event.league,
        league_title=event.league_title,
        commence_time_us=to_us(event.commence_time),
        home=event.home,
        away=event.away,
    )


def fill_bookmakers(table: common_pb2.BookmakerColumns, state: EventBoards, strings: Strings) -> dict[str, int]:
    keys = sorted({key for board in state.boards.values() for key in board.bookmakers})
    fill(table, key_s=strings.rows(keys), title_s=strings.rows(state.titles.get(key, key) for key in keys))
    return {key: row for row, key in enumerate(keys)}


def market_columns(keys: list[MarketKey], strings: Strings) -> dict[str, list[int] | list[float]]:
    return {
        "market_s": strings.rows(key.market for key in keys),
        "period_s": strings.rows(key.period for key in keys),
        "line": [math.nan if key.line is None else key.line for key in keys],
        "subject_s": strings.rows(key.subject for key in keys),
    }
