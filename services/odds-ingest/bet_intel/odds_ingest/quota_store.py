"""The SQL of the quota: every statement runs under the lock of the provider's account."""

from collections.abc import Iterable
from datetime import datetime

from bet_intel.odds_ingest.domain.budget import (
    LONGEST_CALL,
    Account,
    Period,
    PeriodKind,
    Report,
    Reservation,
    periods_of,
)
from bet_intel.shared.postgres import Reader, Writer


async def lock(connection: Writer, provider: str) -> None:
    """Lock the account of `provider`, which is made where there is none."""
    await connection.execute(
        "insert into quota_account (provider) values ($1) on conflict (provider) do nothing", provider
    )
    await connection.execute("select 1 from quota_account where provider = $1 for update", provider)


async def account(connection: Writer | Reader, provider: str, at: datetime) -> Account:
    """The account with what counts in the periods of `at` and in those that follow at once."""
    row = await connection.fetchrow("select * from quota_account where provider = $1", provider)
    if row is None:
        return Account()
    day, month = periods_of(at)
    spent = await connection.fetch(
        """
        select period, starts, credits from quota_spent
        where provider = $1 and (period, starts) in (('day', $2), ('day', $3), ('month', $4), ('month', $5))
        """,
        provider,
        day.starts,
        day.ends,
        month.starts,
        month.ends,
    )
    reservations = await connection.fetch(
        "select id, credits, made_at, reports from quota_reservation where provider = $1 and made_at >= $2",
        provider,
        month.starts - LONGEST_CALL,
    )
    report = None
    if row["remaining"] is not None:
        report = Report(row["remaining"], row["used"], row["told_at"], row["number"])
    return Account(
        {(PeriodKind(each["period"]), each["starts"]): each["credits"] for each in spent},
        [Reservation(str(each["id"]), each["credits"], each["made_at"], each["reports"]) for each in reservations],
        report,
        row["reports"],
    )


async def add_reservation(connection: Writer, provider: str, reservation: Reservation) -> None:
    await connection.execute(
        "insert into quota_reservation (id, provider, credits, made_at, reports) values ($1, $2, $3, $4, $5)",
        reservation.id,
        provider,
        reservation.credits,
        reservation.made_at,
        reservation.reports,
    )


async def remove_reservation(connection: Writer, id: str) -> bool:
    """False where it was settled before."""
    return bool(await connection.fetchval("delete from quota_reservation where id = $1 returning true", id))


async def forget_expired(connection: Writer, provider: str, before: datetime) -> None:
    """Forget reservations and periods that count in no period any more."""
    await connection.execute(
        "delete from quota_reservation where provider = $1 and made_at < $2", provider, before - LONGEST_CALL
    )
    await connection.execute(
        "delete from quota_spent where provider = $1 and period = 'day' and starts < $2", provider, before
    )


async def charge(connection: Writer, provider: str, periods: Iterable[Period], cost: int) -> None:
    for period in periods:
        await connection.execute(
            """
            insert into quota_spent (provider, period, starts, credits) values ($1, $2, $3, $4)
            on conflict (provider, period, starts) do update set credits = quota_spent.credits + excluded.credits
            """,
            provider,
            period.kind.value,
            period.starts,
            cost,
        )


async def save_report(connection: Writer, provider: str, report: Report | None, reports: int) -> None:
    await connection.execute(
        """
        update quota_account set reports = $2, remaining = $3, used = $4, told_at = $5, number = $6
        where provider = $1
        """,
        provider,
        reports,
        report.remaining if report else None,
        report.used if report else None,
        report.told_at if report else None,
        report.number if report else None,
    )
