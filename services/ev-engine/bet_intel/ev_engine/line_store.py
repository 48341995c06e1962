"""The SQL of opening and closing candidates: the first and the last board of each market before the start, and which
markets were withdrawn before it."""

from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Any

import msgspec

from bet_intel.ev_engine import earlier_line_store, later_update_store
from bet_intel.ev_engine.domain.boards import (
    Board,
    BoardUpdate,
    EventBoards,
    FloatArray,
    MarketKey,
    MarketStatus,
    SportingEvent,
    as_candidates,
)
from bet_intel.ev_engine.earlier_line_store import NEAR_START
from bet_intel.ev_engine.later_update_store import SHORTLY_AFTER
from bet_intel.shared.postgres import Writer


async def record_lines(
    connection: Writer, updates: Sequence[BoardUpdate], known: Mapping[str, EventBoards | None]
) -> None:
    """Let every board at or before its start stand as opening (the oldest wins) and as closing (the newest wins), and
    note which markets were withdrawn. `known`: the boards of each event before the updates.

    Takes updates as they come, late ones too: a board after the start never overtakes the last one before it. The
    start is that of the newest update. Where it has moved, what stood at it is the closing, what was told shortly after
    an earlier one is recorded, and every board that is offered is a candidate anew.
    """
    candidates = [as_candidates(known[update.event.id], update) for update in updates]
    await _move(connection, [update.event for update in candidates if _is_moved(known[update.event.id], update)])
    # A board can only come behind another where its event has been told of since.
    late = {update.event.id for update in candidates if _is_late(known[update.event.id], update)}
    await _record(connection, candidates, late)
    later = [one for one, candidate in zip(updates, candidates, strict=True) if _is_shortly_after(one, candidate)]
    if later:
        await later_update_store.keep(connection, later)


async def _record(connection: Writer, updates: Iterable[BoardUpdate], late: Set[str]) -> None:
    before_start = [update for update in updates if update.answered and update.as_of <= update.event.commence_time]
    await _record_boards(connection, before_start, late)
    await _record_withdrawals(connection, before_start)
    await _confirm_closing(connection, before_start)


def _is_moved(boards: EventBoards | None, update: BoardUpdate) -> bool:
    return boards is not None and boards.event.commence_time != update.event.commence_time


def _is_late(boards: EventBoards | None, update: BoardUpdate) -> bool:
    return boards is not None and update.revision < boards.odds_revision


def _is_shortly_after(update: BoardUpdate, candidate: BoardUpdate) -> bool:
    """Whether `update`, which is `candidate`, may be from before the start if that moves; it may have moved since."""
    start = candidate.event.commence_time
    return update.answered and start < update.as_of <= max(start, update.event.commence_time) + SHORTLY_AFTER


async def _move(connection: Writer, events: Sequence[SportingEvent]) -> None:
    """Take what stood at the start of these events, whatever was recorded until now."""
    if not events:
        return
    await connection.execute(
        """
        delete from withdrawn_line using unnest($1::text[], $2::timestamptz[]) as moved (event_id, start)
        where withdrawn_line.event_id = moved.event_id and withdrawn_line.as_of > moved.start
        """,
        [event.id for event in events],
        [event.commence_time for event in events],
    )
    await earlier_line_store.move(connection, events)
    for update in await later_update_store.kept(connection, events):
        await _record(connection, [update], {update.event.id})


async def _record_boards(connection: Writer, updates: Sequence[BoardUpdate], late: Set[str]) -> None:
    boards = [(update, key, board) for update in updates for key, board in update.boards.items() if board.priced]
    if not boards:
        return
    columns = [
        *_keys([(update.event.id, key) for update, key, _ in boards]),
        [update.as_of for update, _, _ in boards],
        [board.revision for _, _, board in boards],
        [_board_json(board) for _, _, board in boards],
    ]
    near = [row for row, (update, _, _) in enumerate(boards) if _is_near_start(update)]
    if near:
        await earlier_line_store.keep_replaced(connection, _rows(columns[:-1], near))
    if behind := [row for row in near if boards[row][0].event.id in late]:
        await earlier_line_store.keep_late(connection, _rows(columns, behind))
    await connection.execute(
        """
        insert into line as known (event_id, market, period, line, subject, opening_as_of, opening_board,
            closing_since, closing_as_of, closing_revision, closing_board)
        select event_id, market, period, line, subject, as_of, board, as_of, as_of, revision, board
        from unnest($1::text[], $2::text[], $3::text[], $4::float8[], $5::text[], $6::timestamptz[], $7::bigint[],
            $8::jsonb[]) as new (event_id, market, period, line, subject, as_of, revision, board)
        on conflict (event_id, market, period, line, subject) do update set
            opening_as_of = least(known.opening_as_of, excluded.opening_as_of),
            opening_board = case when excluded.opening_as_of < known.opening_as_of
                then excluded.opening_board else known.opening_board end,
            closing_since = case
                when excluded.closing_revision = known.closing_revision
                then least(known.closing_since, excluded.closing_since)
                when known.closing_as_of is null or (excluded.closing_as_of, excluded.closing_revision)
                    > (known.closing_as_of, known.closing_revision)
                then excluded.closing_since else known.closing_since end,
            closing_as_of = greatest(known.closing_as_of, excluded.closing_as_of),
            closing_revision = case
                when known.closing_as_of is null or (excluded.closing_as_of, excluded.closing_revision)
                    > (known.closing_as_of, known.closing_revision)
                then excluded.closing_revision else known.closing_revision end,
            closing_board = case
                when known.closing_as_of is null or (excluded.closing_as_of, excluded.closing_revision)
                    > (known.closing_as_of, known.closing_revision)
                then excluded.closing_board else known.closing_board end,
            closing_updated = case
                when known.closing_as_of is null or (excluded.closing_as_of, excluded.closing_revision)
                    > (known.closing_as_of, known.closing_revision)
                then null else known.closing_updated end
        """,
        *columns,
    )


async def _record_withdrawals(connection: Writer, updates: Sequence[BoardUpdate]) -> None:
    """Note the newest answer that withdrew each market: apart from the candidates, which may come after it."""
    withdrawn = [
        (update, key, board)
        for update in updates
        for key, board in update.boards.items()
        if board.status is MarketStatus.CLOSED
    ]
    if not withdrawn:
        return
    columns = [
        *_keys([(update.event.id, key) for update, key, _ in withdrawn]),
        [update.as_of for update, _, _ in withdrawn],
        [board.revision for _, _, board in withdrawn],
    ]
    near = [row for row, (update, _, _) in enumerate(withdrawn) if _is_near_start(update)]
    if near:
        await earlier_line_store.keep_withdrawals(connection, _rows(columns, near))
    await connection.execute(
        """
        insert into withdrawn_line as known (event_id, market, period, line, subject, as_of, revision)
        select distinct on (event_id, market, period, line, subject) * from unnest($1::text[], $2::text[], $3::text[],
            $4::float8[], $5::text[], $6::timestamptz[], $7::bigint[])
            as new (event_id, market, period, line, subject, as_of, revision)
        order by event_id, market, period, line, subject, revision desc
        on conflict (event_id, market, period, line, subject) do update
            set as_of = excluded.as_of, revision = excluded.revision
            where known.revision < excluded.revision
        """,
        *columns,
    )


async def _confirm_closing(connection: Writer, updates: Sequence[BoardUpdate]) -> None:
    """A board confirmed at a later time, still before the start, is the closing board as of that time."""
    confirmed = [
        (update, key, one) for update in updates for key, one in update.confirmations.items() if one.updated_us
    ]
    if not confirmed:
        return
    await connection.execute(
        """
        update line set closing_as_of = new.as_of, closing_updated = new.updated
        from unnest($1::text[], $2::text[], $3::text[], $4::float8[], $5::text[], $6::timestamptz[], $7::bigint[],
            $8::jsonb[]) as new (event_id, market, period, line, subject, as_of, revision, updated)
        where line.event_id = new.event_id and line.market = new.market and line.period = new.period
            and line.line is not distinct from new.line and line.subject = new.subject
            and line.closing_revision = new.revision and line.closing_as_of < new.as_of
        """,
        *_keys([(update.event.id, key) for update, key, _ in confirmed]),
        [update.as_of for update, _, _ in confirmed],
        [one.revision for _, _, one in confirmed],
        [msgspec.json.encode(one.updated_us).decode() for _, _, one in confirmed],
    )


def _is_near_start(update: BoardUpdate) -> bool:
    return update.as_of >= update.event.commence_time - NEAR_START


def _rows(columns: Sequence[list[Any]], rows: Sequence[int]) -> list[list[Any]]:
    return [[column[row] for row in rows] for column in columns]


def _keys(keys: Sequence[tuple[str, MarketKey]]) -> list[list[Any]]:
    return [
        [event_id for event_id, _ in keys],
        [key.market for _, key in keys],
        [key.period for _, key in keys],
        [key.line for _, key in keys],
        [key.subject for _, key in keys],
    ]


def _board_json(board: Board) -> str:
    """{bookmaker: {"updated_us": …, "back": {outcome: price}, "lay": {outcome: price}, "limit": {outcome: stake}}}"""
    return msgspec.json.encode(
        {
            bookmaker: {
                "updated_us": int(board.updated_us[b]),
                "back": _told(board.outcomes, board.back[:, b]),
                "lay": _told(board.outcomes, board.lay[:, b]),
                "limit": _told(board.outcomes, board.limit[:, b]),
            }
            for b, bookmaker in enumerate(board.bookmakers)
        }
    ).decode()


def _told(outcomes: Sequence[str], values: FloatArray) -> dict[str, float]:
    return {outcome: value for outcome, value in zip(outcomes, values.tolist(), strict=True) if value == value}
