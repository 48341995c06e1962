"""`/v1/bets` and `/v1/clv`: bets that were placed, and what the closing lines say of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response

from bet_intel.api import bet_bodies, bet_store, closing_store, cursor, read_model
from bet_intel.api.answers.bets import BetAnswer, BetBody, BetClv, BetList, ClvGroup, ClvSummary
from bet_intel.api.auth import caller_of
from bet_intel.api.bet_store import Group
from bet_intel.api.bodies import check_json, received
from bet_intel.api.domain.accounts import BETS, View
from bet_intel.api.domain.bets import PROFILE, Bet, Clv, Matched, clv, differing, matching, seen
from bet_intel.api.domain.odds_format import rendered, rendered_or_none
from bet_intel.api.operation import READING, NoParameters, Operation, Question, Reads
from bet_intel.api.problems import BodyError, NotFoundError, OtherBetError, ParameterError, TakenError
from bet_intel.api.query import Cursor, Limit, OddsFormat, Query, ReadQuery, TextList, Time, parse
from bet_intel.api.read_model import Record
from bet_intel.api.wire_closing import closing_lines
from bet_intel.api.writes import IDEMPOTENCY, Writes, Written
from bet_intel.shared.outbox import UnitOfWork
from bet_intel.shared.postgres import Reader, Writer
from bet_intel.shared.times import Clock

_PATH = "/v1/bets"
_ID = {"id": "Id of the bet."}


class OneBetQuery(ReadQuery, frozen=True):
    odds_format: Annotated[OddsFormat, Meta(description="Format of price and closing_price.")] = "decimal"


class BetQuery(OneBetQuery, frozen=True):
    bookmaker: Annotated[TextList, Meta(description="Keys of bookmakers, separated by commas.")] = ()
    sport: Annotated[TextList, Meta(description="Sports, separated by commas.")] = ()
    status: Annotated[Literal["matched", "unmatched"], Meta(description="Whether its event is known.")] | None = None
    since: Annotated[Time, Meta(description="Only bets placed then or later.")] | None = None
    until: Annotated[Time, Meta(description="Only bets placed before.")] | None = None
    limit: Limit = 50
    cursor: Cursor | None = None


class ClvQuery(Query, frozen=True):
    by: Annotated[tuple[Group, ...], Meta(max_length=6, description="Groups, separated by commas.")] = (
        "bookmaker",
        "month",
        "period",
        "sport",
    )
    since: Annotated[Time, Meta(description="Only bets placed then or later.")] | None = None
    until: Annotated[Time, Meta(description="Only bets placed before.")] | None = None

    def check(self) -> None:
        if self.since and self.until and self.until <= self.since:
            raise ParameterError("until", "until is not after since: nothing can match.")


@dataclass(frozen=True, slots=True)
class _Bets:
    reads: Reads
    writes: Writes
    clock: Clock

    async def create(self, request: Request) -> Response:
        parse(request.url.query, NoParameters)
        check_json(request)
        body = await received(request)
        asked = bet_bodies.checked(body)
        account = caller_of(request).account

        async def act(unit: UnitOfWork) -> Written:
            view, connection = caller_of(request).view, unit.connection
            # Before its event is looked for, which may have gone since the bet was kept.
            known = await _known(connection, account, asked)
            if known is not None:
                return await _again(connection, asked, known, view)
            found = await _event_of(connection, asked)
            bet = bet_bodies.bet_of(asked, found, account, self.clock())
            judged = await _judged(connection, bet)
            if not await bet_store.add(connection, bet, judged):
                known = await _known(connection, account, asked)
                if known is None:
                    raise TakenError(f"There was a bet with the reference {asked.reference!r} a moment ago.")
                return await _again(connection, asked, known, view)
            as_of = (await read_model.position(connection)).as_of
            return Written(201, _answer(bet, seen(judged, view, as_of), asked.odds_format), f"{_PATH}/{bet.id}")

        return await self.writes.create(request, body, act)

    async def listed(self, connection: Reader, question: Question, asked: BetQuery) -> BetList:
        after = cursor.decode(asked.cursor, asked, tuple[Time, UUID]) if asked.cursor else None
        rows = await bet_store.listed(
            connection,
            question.caller.account,
            asked.bookmaker,
            asked.sport,
            None if asked.status is None else asked.status == "matched",
            (asked.since, asked.until),
            None if after is None else (after[0], str(after[1])),
            asked.limit + 1,
        )
        page = rows[: asked.limit]
        more = len(rows) > asked.limit
        as_of = (await read_model.position(connection)).as_of
        return BetList(
            [_of_row(row, question.caller.view, as_of, asked.odds_format) for row in page],
            cursor.encode((page[-1]["placed_at"], page[-1]["id"]), asked) if more else None,
        )

    async def get(self, connection: Reader, question: Question, asked: OneBetQuery) -> BetAnswer:
        row = await bet_store.get(connection, question.caller.account, _known_id(question.path))
        if row is None:
            raise _unknown(question.path["id"])
        as_of = (await read_model.position(connection)).as_of
        return _of_row(row, question.caller.view, as_of, asked.odds_format)

    async def delete(self, request: Request) -> Response:
        parse(request.url.query, NoParameters)
        id = _known_id(request.path_params)

        async def act(unit: UnitOfWork) -> Written:
            if not await bet_store.delete(unit.connection, caller_of(request).account, id):
                raise _unknown(id)
            return Written(204)

        return await self.writes.run(act)

    async def clv(self, connection: Reader, question: Question, asked: ClvQuery) -> ClvSummary:
        period, account, view = (asked.since, asked.until), question.caller.account, question.caller.view
        total = await bet_store.summary(connection, account, None, period, view)
        groups = {by: await bet_store.summary(connection, account, by, period, view) for by in asked.by}
        return ClvSummary(
            _group(total[0]) if total else None,
            {by: [_group(row) for row in rows] for by, rows in groups.items()},
        )


def operations(reads: Reads, writes: Writes, clock: Clock) -> tuple[Operation, ...]:
    bets = _Bets(reads, writes, clock)
    return (
        Operation(
            _PATH,
            "listBets",
            "bets",
            "Bets, the newest first",
            reads.plain(BetQuery, bets.listed),
            query=BetQuery,
            answer=BetList,
            headers=READING,
            need=BETS,
        ),
        Operation(
            _PATH,
            "createBet",
            "bets",
            "Keep a bet",
            bets.create,
            "Its event is named by `event_id`; where there is none of that id, or none is given, it is looked for by "
            "league, teams and start. One that is not found is kept unmatched, with the reason: nothing is guessed; it "
            "is looked for again when events and closing lines come, also where another event of these teams starts as "
            "near to when the bet says. It is judged when its event has closing lines. Sent again with its "
            "`reference`, a bet takes `returned` and `note` where it has none (200); what is there is never replaced.",
            answer=BetAnswer,
            also={200: "It is kept already, and has taken what it was not told before."},
            problems=(400, 409, 413, 415, 422, 503),
            method="POST",
            status=201,
            body=BetBody,
            headers=IDEMPOTENCY,
            need=BETS,
        ),
        Operation(
            f"{_PATH}/{{id}}",
            "getBet",
            "bets",
            "One bet",
            reads.plain(OneBetQuery, bets.get),
            query=OneBetQuery,
            path_parameters=_ID,
            answer=BetAnswer,
            problems=(400, 404, 503),
            headers=READING,
            need=BETS,
        ),
        Operation(
            f"{_PATH}/{{id}}",
            "deleteBet",
            "bets",
            "Forget a bet",
            bets.delete,
            path_parameters=_ID,
            problems=(400, 404, 503),
            method="DELETE",
            status=204,
            need=BETS,
        ),
        Operation(
            "/v1/clv",
            "getClv",
            "bets",
            "Closing line value of all bets",
            reads.plain(ClvQuery, bets.clv),
            "Raw (by the same bookmaker's closing price) and no-vig (by the fair closing price), over all bets and in "
            "groups.",
            ClvQuery,
            answer=ClvSummary,
            headers=READING,
            need=BETS,
        ),
    )


async def _known(connection: Writer, account: str, asked: BetBody) -> Record | None:
    """The account's bet with the reference of this one."""
    if asked.reference is None:
        return None
    return await bet_store.with_reference(connection, account, asked.reference)


async def _again(connection: Writer, asked: BetBody, known: Record, view: View) -> Written:
    """What a bet that is sent again becomes: the one that is kept, with what it was not told before.

    Raises:
        OtherBetError: the bet that has its reference is another.
        TakenError: there is nothing to add.
    """
    kept, path = bet_store.bet(known), f"{_PATH}/{known['id']}"
    told = bet_bodies.bet_of(asked, Matched(None, None), kept.account, kept.placed_at)
    if (other := differing(kept, told._replace(event_id=asked.event_id))) is not None:
        raise OtherBetError(f"The reference {asked.reference!r} is of another bet, {path}: its {other} is another.")
    completed = await bet_store.complete(connection, kept.id, asked.returned, asked.note)
    if completed is None:
        raise TakenError(f"There is a bet with the reference {asked.reference!r}: {path}.")
    as_of = (await read_model.position(connection)).as_of
    return Written(200, _of_row(completed, view, as_of, asked.odds_format))


async def _event_of(connection: Writer, asked: BetBody) -> Matched:
    if asked.event_id is not None:
        event = await bet_store.event(connection, asked.event_id)
        if event is None and (body := await closing_store.body(connection, asked.event_id)) is not None:
            event = closing_lines(body).event
        if event is not None:
            return Matched(event, None)
    if asked.league is None or asked.home is None or asked.away is None or asked.commence_time is None:
        # One without an id was refused before.
        raise BodyError(
            f"The body cannot be used: there is no event {asked.event_id!r}; give league, home, away and commence_time "
            "as well, and it is looked for by them."
        )
    start = bet_bodies.moment(asked.commence_time)
    if start is None:
        raise AssertionError("a time that was given is one")
    await bet_store.wait_for_events(connection)
    near = await bet_store.events_near(connection, start)
    return matching(asked.league, asked.home, asked.away, start, near)


async def _judged(connection: Writer, bet: Bet) -> Clv:
    if bet.event_id is None:
        return clv(bet, None, PROFILE)
    # Closing lines that arrive meanwhile look for bets when this one is stored.
    await closing_store.lock(connection, [bet.event_id])
    body = await closing_store.body(connection, bet.event_id)
    return clv(bet, None if body is None else closing_lines(body), PROFILE)


def _of_row(row: Record, view: View, as_of: datetime | None, odds_format: OddsFormat) -> BetAnswer:
    return _answer(bet_store.bet(row), seen(bet_store.clv(row), view, as_of), odds_format)


def _answer(bet: Bet, judged: Clv, odds_format: OddsFormat) -> BetAnswer:
    american = odds_format == "american"
    members = bet._asdict() | {
        "subject": bet.subject or None,
        "odds_format": odds_format,
        "price": rendered(bet.price, american=american),
    }
    del members["account"], members["own_start"]
    told = BetClv(
        judged.raw,
        judged.no_vig,
        rendered_or_none(judged.closing_price, american=american),
        judged.closing_fair,
        judged.closing_line,
        judged.points,
        judged.reason,
        judged.revision,
    )
    return BetAnswer(**members, clv=told)


def _group(row: Record) -> ClvGroup:
    return ClvGroup(
        name=row["name"],
        bets=row["bets"],
        matched=row["matched"],
        staked=row["staked"],
        settled=row["settled"] or Decimal(0),
        returned=row["returned"] or Decimal(0),
        raw_bets=row["raw_bets"],
        raw=row["raw"],
        no_vig_bets=row["no_vig_bets"],
        no_vig=row["no_vig"],
        no_vig_by_stake=row["no_vig_by_stake"],
        beat_the_close=None if row["beat"] is None else float(row["beat"]),
        points_bets=row["points_bets"],
        points=row["points"],
    )


def _known_id(path: Mapping[str, str]) -> str:
    try:
        return str(UUID(path["id"]))
    except ValueError as error:
        raise _unknown(path["id"]) from error


def _unknown(id: str) -> NotFoundError:
    return NotFoundError.of("bet", id, f"{_PATH} lists those that there are.")


__all__ = ["operations"]
