"""A database that cannot be used says which, why, and what to do; one that is not there yet is waited for."""

import asyncio
import random
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest
from structlog.testing import capture_logs

from bet_intel.compose.databases import SERVICES
from bet_intel.compose.embedded_postgres import EmbeddedPostgres, open_data_folder
from bet_intel.shared.migrate import migrate, migrations_of
from bet_intel.shared.postgres import Database, DatabaseError, Options
from bet_intel.shared.postgres.provision import grant, owner_of, provision
from fixtures.postgres import MakeDatabase
from fixtures.replicas import SHARED_MIGRATIONS
from fixtures.waiting import until

pytestmark = pytest.mark.integration

OPTIONS = Options(max_size=2, migrations=(SHARED_MIGRATIONS,))


@pytest.fixture
def name() -> str:
    return f"service_{random.randrange(2**40):x}"


@pytest.fixture
async def provisioned(postgres: EmbeddedPostgres, name: str) -> str:
    """A database with an owner and a service role, migrated; its name."""
    await provision(postgres.dsn("postgres"), name)
    await asyncio.to_thread(migrate, postgres.dsn(name, owner_of(name)), [SHARED_MIGRATIONS])
    await grant(postgres.dsn(name, owner_of(name)), name)
    return name


async def refused(dsn: str, options: Options = OPTIONS) -> str:
    with pytest.raises(DatabaseError) as error:
        async with Database.open(dsn, name="ev-engine", options=options):
            pass
    return str(error.value)


async def test_a_provisioned_database_is_opened(postgres: EmbeddedPostgres, provisioned: str) -> None:
    async with (
        Database.open(postgres.dsn(provisioned), name="ev-engine", options=OPTIONS) as database,
        database.transaction() as connection,
    ):
        await connection.execute("insert into timeline (system, number) values (1, 1)")


async def test_provisioning_and_granting_again_changes_nothing(postgres: EmbeddedPostgres, provisioned: str) -> None:
    await provision(postgres.dsn("postgres"), provisioned)
    await grant(postgres.dsn(provisioned, owner_of(provisioned)), provisioned)
    async with Database.open(postgres.dsn(provisioned), name="ev-engine", options=OPTIONS):
        pass


async def test_the_service_role_changes_no_table_and_no_record_of_migrations(
    postgres: EmbeddedPostgres, provisioned: str
) -> None:
    connection = await asyncpg.connect(postgres.dsn(provisioned))
    try:
        for statement in (
            "create table mine (id int)",
            "drop table outbox",
            "alter table outbox add column x int",
            "truncate outbox",
            "delete from schema_migrations",
            "create schema mine",
            "create temporary table mine (id int)",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)
    finally:
        await connection.close()


async def test_the_service_role_makes_and_drops_the_days_of_partitioned_tables_only(
    postgres: EmbeddedPostgres, provisioned: str
) -> None:
    owner = await asyncpg.connect(postgres.dsn(provisioned, owner_of(provisioned)))
    await owner.execute(
        """
        create table seen (at timestamptz not null) partition by range (at);
        create table seen_default partition of seen default;
        create table plain_20260501 (id int);
        create table seen_20260509 (at timestamptz)
        """
    )
    await owner.close()
    await grant(postgres.dsn(provisioned, owner_of(provisioned)), provisioned)
    connection = await asyncpg.connect(postgres.dsn(provisioned))
    try:
        assert await connection.fetchval("select ensure_day('seen', '2026-05-01')")
        assert await connection.fetchval("select ensure_day('seen', '2026-05-01')"), "as often as one likes"
        await connection.execute("insert into seen values ('2026-05-01 23:59+00'), ('2026-05-02 00:00+00')")
        assert await connection.fetchval("select count(*) from seen_default") == 1
        assert not await connection.fetchval("select ensure_day('seen', '2026-05-02')"), "its rows are elsewhere"
        assert await connection.fetchval("select drop_day('seen', '2026-05-01')")
        assert not await connection.fetchval("select drop_day('seen', '2026-05-01')")
        assert not await connection.fetchval("select drop_day('seen', '2026-05-09')"), "no partition, only named so"
        assert await connection.fetchval("select count(*) from seen") == 1
        for function in ("ensure_day", "drop_day"):
            with pytest.raises(asyncpg.UndefinedTableError, match="there is no partitioned table 'plain'"):
                await connection.execute(f"select {function}('plain', '2026-05-01')")
    finally:
        await connection.close()


@pytest.mark.parametrize("service", SERVICES)
async def test_every_service_starts_with_a_role_that_changes_no_table(
    postgres: EmbeddedPostgres, name: str, service: str
) -> None:
    migrations = migrations_of(f"bet_intel.{service}")
    await provision(postgres.dsn("postgres"), name)
    await asyncio.to_thread(migrate, postgres.dsn(name, owner_of(name)), migrations)
    await grant(postgres.dsn(name, owner_of(name)), name)
    async with Database.open(postgres.dsn(name), name=service, options=replace(OPTIONS, migrations=migrations)):
        pass


async def test_no_other_service_may_connect(postgres: EmbeddedPostgres, provisioned: str) -> None:
    other = f"{provisioned}_other"
    await provision(postgres.dsn("postgres"), other)
    said = await refused(postgres.dsn(provisioned, other))
    assert f"role '{other}' may not connect to database '{provisioned}': provision it again, as its admin" in said


async def test_a_database_that_is_not_there_is_named(postgres: EmbeddedPostgres, provisioned: str) -> None:
    said = await refused(postgres.dsn("nowhere", provisioned), replace(OPTIONS, wait=30))
    assert "there is no database 'nowhere': provision it, then migrate it, or mend the DSN" in said


async def test_a_role_that_is_not_there_is_named(postgres: EmbeddedPostgres, provisioned: str) -> None:
    said = await refused(postgres.dsn(provisioned, "nobody_of_that_name"))
    assert "role 'nobody_of_that_name' may not log in: does it exist" in said


async def test_a_database_that_lacks_migrations_names_them(
    postgres: EmbeddedPostgres, make_database: MakeDatabase, tmp_path: Path
) -> None:
    said = await refused(await make_database())
    assert "is not migrated, 0001_outbox.sql" in said
    assert "run the service's `migrate` step first" in said
    (tmp_path / "1001_next.sql").write_text("-- migrate:up\nselect 1;\n-- migrate:down\n")
    migrated = await make_database([SHARED_MIGRATIONS])
    said = await refused(migrated, replace(OPTIONS, migrations=(SHARED_MIGRATIONS, tmp_path)))
    assert "is not migrated, 1001_next.sql missing" in said


async def test_a_role_without_a_grant_is_told_which(postgres: EmbeddedPostgres, provisioned: str) -> None:
    owner = await asyncpg.connect(postgres.dsn(provisioned, owner_of(provisioned)))
    await owner.execute(f'revoke insert, delete on outbox from "{provisioned}"')
    await owner.close()
    said = await refused(postgres.dsn(provisioned))
    assert f"role '{provisioned}' lacks rights in ev-engine: the database '{provisioned}'" in said
    assert "delete on outbox, insert on outbox: run the service's `migrate` as the owner of its tables" in said
    await grant(postgres.dsn(provisioned, owner_of(provisioned)), provisioned)  # as `migrate` does
    async with Database.open(postgres.dsn(provisioned), name="ev-engine", options=OPTIONS):
        pass


async def test_a_role_without_any_right_is_told_so_too(postgres: EmbeddedPostgres, provisioned: str) -> None:
    owner = await asyncpg.connect(postgres.dsn(provisioned, owner_of(provisioned)))
    await owner.execute(f'revoke all on all tables in schema public from "{provisioned}"')
    await owner.close()
    assert "run the service's `migrate` as the owner of its tables (BET_INTEL_…_OWNER_DSN)" in await refused(
        postgres.dsn(provisioned)
    )


async def test_more_connections_than_the_server_has_are_refused(postgres: EmbeddedPostgres, provisioned: str) -> None:
    said = await refused(postgres.dsn(provisioned), replace(OPTIONS, max_size=10, processes=20))
    assert "20 processes with pools of 10 may need 240: lower the pool size or raise the limit" in said
    await provision(postgres.dsn("postgres"), provisioned, limit=3)
    said = await refused(postgres.dsn(provisioned))
    assert "has room for 3 connections (the limit of its role)" in said


async def test_a_port_where_nobody_listens_is_named_without_the_password() -> None:
    said = await refused("postgresql://api:secret@127.0.0.1:1,127.0.0.1:2/api")
    assert "127.0.0.1:1: " in said
    assert "is PostgreSQL started there?" in said
    assert "secret" not in said


async def test_a_start_waits_for_its_database_and_says_so(open_folder: Path) -> None:
    with open_data_folder(open_folder / "postgres", "tests") as folder:
        server = EmbeddedPostgres(folder, fsync=False)
        try:
            await asyncio.to_thread(server.start)
            await server.ensure_databases(["api"])
            dsn = server.dsn("api")
            await asyncio.to_thread(server.stop)
            opened = asyncio.Event()

            async def start() -> None:
                async with Database.open(dsn, name="api", options=replace(OPTIONS, migrations=(), wait=60)):
                    opened.set()

            with capture_logs() as logs:
                starting = asyncio.create_task(start())
                await until(lambda: bool(logs))
                assert logs[0]["event"] == "waiting for the database"
                assert "is PostgreSQL started there?" in logs[0]["reason"]
                assert not opened.is_set()
                await asyncio.to_thread(server.start)
                await starting
            assert opened.is_set()
        finally:
            await asyncio.to_thread(server.stop)
