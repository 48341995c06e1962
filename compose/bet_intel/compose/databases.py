"""The services' databases: one each, owned by a role of the same name, with the service's migrations."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from bet_intel.compose.embedded_postgres import EmbeddedPostgres
from bet_intel.shared.migrate import migrate, migrations_of

SERVICES = ("odds_ingest", "ev_engine", "api", "notifier")


def migrations(service: str) -> Sequence[Path]:
    """Where a service's migrations lie: those of the shared mechanisms first."""
    return migrations_of(f"bet_intel.{service}")


async def prepare(postgres: EmbeddedPostgres) -> None:
    """Create what is missing and bring every schema up to date.

    Raises:
        MigrationError: a migration failed; the message shows why.
    """
    await postgres.ensure_databases(SERVICES)
    await asyncio.gather(
        *(asyncio.to_thread(migrate, postgres.dsn(service), migrations(service)) for service in SERVICES)
    )
