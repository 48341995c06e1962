"""The SQL of what is polled: leagues and events, rests of providers, refreshes that were asked for, ages of
bookmakers."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from bet_intel.odds_ingest.domain.ages import BookmakerAge
from bet_intel.odds_ingest.domain.quotes import sport_of
from bet_intel.odds_ingest.domain.rest import Rest
from bet_intel.shared.postgres import Reader, Writer

_KEPT = timedelta(days=1)
_EVENTS_KEPT = timedelta(days=7)


class Polled(NamedTuple):
    """When a target was last asked for and answered, and how often its prices change."""

    polled_at: datetime | None = None
    answered_at: datetime | None = None
    changes_per_hour: float | None = None


class Claim(NamedTuple):
    """A call that was taken at a time, when its target was last asked for as was `seen`."""

    at: datetime
    seen: datetime | None


@dataclass(frozen=True, slots=True)
class RefreshRequest:
    """Somebody wants newer odds: of these sports and leagues, or of everything where both are empty."""

    id: str
    sports: Sequence[str]
    leagues: Sequence[str]
    requested_at: datetime

    def wants(self, league: str, sport: str) -> bool:
        return league in self.leagues or sport in self.sports or not (self.sports or self.leagues)

    def wants_any(self, leagues: Iterable[str]) -> bool:
        return any(self.wants(league, sport_of(league)) for league in leagues)


class TargetId(NamedTuple):
    """What is asked for: a league, or one event of it by the provider's own id ("" = the league)."""

    league: str
    event: str = ""


async def polled(connection: Reader, provider: str) -> dict[TargetId, Polled]:
    rows = await connection.fetch("select * from polled where provider = $1", provider)
    return {
        TargetId(row["league"], row["event"]): Polled(row["polled_at"], row["answered_at"], row["changes_per_hour"])
        for row in rows
    }


async def claim(connection: Writer, provider: str, target: TargetId, seen: datetime | None, now: datetime) -> bool:
    """Take the call that is due; False where another worker has asked since `seen`."""
    return bool(
        await connection.fetchval(
            """
            insert into polled (provider, league, event, polled_at) values ($1, $2, $3, $5)
            on conflict (provider, league, event) do update set polled_at = excluded.polled_at
            where polled.polled_at is not distinct from $4
            returning true
            """,
            provider,
            *target,
            seen,
            now,
        )
    )


async def give_back(connection: Writer, provider: str, target: TargetId, claim: Claim) -> None:
    """The call was not made: the target is due as it was, unless it has been claimed since."""
    await connection.execute(
        """
        update polled set polled_at = $5 where provider = $1 and league = $2 and event = $3 and polled_at = $4
        """,
        provider,
        *target,
        claim.at,
        claim.seen,
    )


async def rest(connection: Reader, provider: str) -> Rest:
    row = await connection.fetchrow("select failures, until from left_alone where provider = $1", provider)
    return Rest(row["failures"], row["until"]) if row else Rest()


async def lock_rest(connection: Writer, provider: str, now: datetime) -> Rest:
    """As `rest`, which nobody else changes before the transaction ends."""
    row = await connection.fetchrow(
        """
        insert into left_alone (provider, failures, until) values ($1, 0, $2)
        on conflict (provider) do update set provider = excluded.provider
        returning failures, until
        """,
        provider,
        now,
    )
    return Rest(row["failures"], row["until"]) if row else Rest()


async def save_rest(connection: Writer, provider: str, rest: Rest) -> None:
    await connection.execute(
        "update left_alone set failures = $2, until = $3 where provider = $1", provider, rest.failures, rest.until
    )


async def end_rest(connection: Writer, provider: str, rest: Rest) -> None:
    """Forget `rest`, unless it has become another one."""
    await connection.execute(
        "delete from left_alone where provider = $1 and failures = $2 and until = $3",
        provider,
        rest.failures,
        rest.until,
    )


async def forget_rest(connection: Writer, provider: str) -> None:
    await connection.execute("delete from left_alone where provider = $1", provider)


async def answered(
    connection: Writer, provider: str, target: TargetId, at: datetime, changes_per_hour: float | None
) -> None:
    """Keep what a target's answer told of it. Forgets events that were asked for long ago: they are over."""
    await connection.execute(
        """
        update polled set answered_at = $4, changes_per_hour = $5 where provider = $1 and league = $2 and event = $3
        """,
        provider,
        *target,
        at,
        changes_per_hour,
    )
    if target.event:
        await connection.execute(
            "delete from polled where provider = $1 and league = $2 and event <> '' and polled_at < $3",
            provider,
            target.league,
            at - _EVENTS_KEPT,
        )


async def add_refreshes(connection: Writer, requests: Sequence[RefreshRequest]) -> None:
    """Requests that arrive again change nothing."""
    await connection.executemany(
        """
        insert into refresh (id, sports, leagues, requested_at) values ($1, $2, $3, $4) on conflict (id) do nothing
        """,
        [(each.id, list(each.sports), list(each.leagues), each.requested_at) for each in requests],
    )


async def pending_refreshes(connection: Reader) -> list[RefreshRequest]:
    """Those not answered yet, in the order of their arrival."""
    rows = await connection.fetch(
        "select id, sports, leagues, requested_at from refresh where answered_at is null order by requested_at, id"
    )
    return [RefreshRequest(str(row["id"]), row["sports"], row["leagues"], row["requested_at"]) for row in rows]


async def answer_refreshes(connection: Writer, ids: Sequence[str], now: datetime) -> list[str]:
    """Mark as answered; returns those that were not before. Forgets what was answered long ago."""
    rows = await connection.fetch(
        "update refresh set answered_at = $2 where id = any($1::uuid[]) and answered_at is null returning id", ids, now
    )
    await connection.execute("delete from refresh where answered_at < $1", now - _KEPT)
    return [str(row["id"]) for row in rows]


async def bookmaker_ages(connection: Reader, provider: str) -> dict[str, BookmakerAge]:
    rows = await connection.fetch("select * from bookmaker_age where provider = $1", provider)
    return {
        row["bookmaker"]: BookmakerAge(row["bookmaker"], row["title"], row["age"], row["norm"], row["samples"])
        for row in rows
    }


async def save_bookmaker_ages(
    connection: Writer, provider: str, ages: Mapping[str, BookmakerAge], now: datetime
) -> None:
    each = [ages[key] for key in sorted(ages)]
    await connection.execute(
        """
        insert into bookmaker_age (provider, bookmaker, title, age, norm, samples, told_at)
        select $1, told.*, $2 from unnest($3::text[], $4::text[], $5::float8[], $6::float8[], $7::bigint[]) as told
        on conflict (provider, bookmaker) do update set title = excluded.title, age = excluded.age,
            norm = excluded.norm, samples = excluded.samples, told_at = excluded.told_at
        """,
        provider,
        now,
        [age.bookmaker for age in each],
        [age.title for age in each],
        [age.age for age in each],
        [age.norm for age in each],
        [age.samples for age in each],
    )
