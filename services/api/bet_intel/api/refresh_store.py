"""The SQL of refreshes."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from bet_intel.api.domain.model import ProviderReport
from bet_intel.api.read_model import Record
from bet_intel.shared.postgres import Reader, Writer

_KEPT = timedelta(days=1)


async def put(
    connection: Writer, id: str, sports: Sequence[str], leagues: Sequence[str], requested_at: datetime
) -> None:
    """Store a refresh that is asked for; forgets those of long ago."""
    await connection.execute("delete from refresh where requested_at < $1", requested_at - _KEPT)
    await connection.execute(
        "insert into refresh (id, sports, leagues, requested_at) values ($1, $2, $3, $4)",
        id,
        list(sports),
        list(leagues),
        requested_at,
    )


async def complete(connection: Writer, reports: Sequence[ProviderReport]) -> None:
    """Complete the refreshes that reports answer; the first answer stays."""
    await connection.executemany(
        """
        update refresh set completed_at = $2, provider = $3, error_kind = $4, message = $5, credits = $6, as_of = $7
        where id = $1 and completed_at is null
        """,
        [
            (
                report.refresh_id,
                report.reported_at,
                report.provider,
                report.error_kind,
                report.message,
                report.credits,
                report.as_of,
            )
            for report in sorted(reports, key=lambda report: report.refresh_id)
        ],
    )


async def get(connection: Reader, id: str) -> Record | None:
    return await connection.fetchrow("select * from refresh where id = $1", id)
