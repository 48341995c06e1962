"""A service that finds its state empty asks the owners to tell theirs again (`resync.requested.v1`).

It is found at the start, and every few seconds while it runs: a database that somebody has emptied fills again with
what happens to change, and is not empty a moment later; but the mark that the state was asked for is gone with it.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import structlog
from google.protobuf.message import DecodeError

from bet_intel.events.v1.resync_requested_pb2 import ResyncKind, ResyncRequested
from bet_intel.shared.messaging import Message, TerminalError, UnavailableError
from bet_intel.shared.outbox import Outbox
from bet_intel.shared.postgres import Database, Reader
from bet_intel.shared.runtime import every
from bet_intel.shared.times import Clock, to_us

RESYNC_REQUESTED = "resync.requested.v1"
ODDS = "odds"
OPPORTUNITIES = "opportunities"
SUBSCRIPTIONS = "subscriptions"
PRICING = "pricing"
CLOSINGS = "closings"
_KINDS = {
    ODDS: ResyncKind.RESYNC_KIND_ODDS,
    OPPORTUNITIES: ResyncKind.RESYNC_KIND_OPPORTUNITIES,
    SUBSCRIPTIONS: ResyncKind.RESYNC_KIND_SUBSCRIPTIONS,
    PRICING: ResyncKind.RESYNC_KIND_PRICING,
    CLOSINGS: ResyncKind.RESYNC_KIND_CLOSINGS,
}
_NAMES: Mapping[int, str] = {number: name for name, number in _KINDS.items()}
# There may be nothing to tell: who is empty asks again only now and then.
_AGAIN_AFTER = timedelta(minutes=5)

_log = structlog.get_logger(__name__)

IsEmpty = Callable[[Reader], Awaitable[bool]]


class Resync:
    """Asks for the state of one service. `run` looks every `seconds` until cancelled."""

    def __init__(
        self,
        service: str,
        database: Database,
        outbox: Outbox,
        kinds: Mapping[str, IsEmpty],
        clock: Clock,
        seconds: float,
    ) -> None:
        """`kinds` of state, each with the question whether there is none."""
        self._service = service
        self._database = database
        self._outbox = outbox
        self._kinds = kinds
        self._clock = clock
        self._seconds = seconds
        self._seen: set[str] = set()

    async def run(self) -> None:
        await every(self._seconds, self._look)

    async def _look(self) -> None:
        try:
            await self.look()
        except UnavailableError as error:
            _log.warning("not looked whether the state is there", service=self._service, reason=str(error))

    async def look(self) -> list[str]:
        """Ask for what is missing; returns the kinds."""
        now = self._clock()
        async with self._database.latest() as connection:
            rows = await connection.fetch("select kind, id, asked_at from resync_asked")
            marks = {row["kind"]: (row["id"], row["asked_at"]) for row in rows}
            missing = [
                kind
                for kind, is_empty in self._kinds.items()
                if kind not in marks or (self._is_due(kind, marks[kind][1], now) and await is_empty(connection))
            ]
        asked = await self._ask(missing, marks, now) if missing else set()
        self._seen = marks.keys() | asked
        return sorted(asked)

    def _is_due(self, kind: str, asked_at: datetime, now: datetime) -> bool:
        return kind not in self._seen or now - asked_at >= _AGAIN_AFTER

    async def _ask(self, kinds: Sequence[str], marks: Mapping[str, tuple[UUID, datetime]], now: datetime) -> set[str]:
        async with self._outbox.transaction() as unit:
            # Of several processes one asks.
            rows = await unit.connection.fetch(
                """
                insert into resync_asked as known (kind, asked_at)
                select kind, $2 from unnest($1::text[], $3::uuid[]) as wanted (kind, id) order by kind
                on conflict (kind) do update set id = gen_random_uuid(), asked_at = excluded.asked_at
                where known.id = any($3::uuid[])
                returning kind
                """,
                list(kinds),
                now,
                [marks[kind][0] if kind in marks else None for kind in kinds],
            )
            asked = {row["kind"] for row in rows}
            if asked:
                _log.debug("asking for the state again", service=self._service, kinds=sorted(asked))
                unit.append(_requested(self._service, sorted(asked), now))
        return asked


def _requested(service: str, kinds: Sequence[str], at: datetime) -> Message:
    body = ResyncRequested(service=service, at_us=to_us(at), kinds=[_KINDS[kind] for kind in kinds])
    return Message(
        id=str(uuid4()),
        type=RESYNC_REQUESTED,
        source=service,
        subject=service,
        time=at,
        revision=0,
        data=body.SerializeToString(),
    )


def requested_kinds(messages: Sequence[Message]) -> set[str]:
    """Everything that the messages ask for; kinds of a newer version of the program are nobody's here.

    Raises:
        TerminalError: one cannot be decoded.
    """
    kinds: set[int] = set()
    for message in messages:
        try:
            kinds |= set(ResyncRequested.FromString(message.data).kinds)
        except DecodeError as error:
            raise TerminalError(f"{message.type} {message.id} cannot be decoded: {error}") from error
    return {_NAMES[kind] for kind in kinds if kind in _NAMES}
