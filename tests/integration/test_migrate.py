"""Migrations of several folders, applied by the real dbmate to a real server."""

import asyncio
from pathlib import Path

import asyncpg
import pytest

from bet_intel.shared.migrate import MigrationError, migrate, pending
from fixtures.postgres import MakeDatabase

pytestmark = pytest.mark.integration


def write(folder: Path, name: str, sql: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"-- migrate:up\n{sql}\n-- migrate:down\n")


@pytest.fixture
def folders(tmp_path: Path) -> list[Path]:
    """The service's folder comes first, and needs what the shared one makes."""
    write(tmp_path / "service", "1001_quotes.sql", "create table quotes (id int references outbox);")
    write(tmp_path / "shared", "0001_outbox.sql", "create table outbox (id int primary key);")
    return [tmp_path / "service", tmp_path / "shared"]


async def tables(dsn: str) -> set[str]:
    connection = await asyncpg.connect(dsn)
    try:
        rows = await connection.fetch("select tablename from pg_tables where schemaname = 'public'")
        return {row["tablename"] for row in rows}
    finally:
        await connection.close()


async def test_folders_are_applied_in_the_order_of_the_file_names(
    make_database: MakeDatabase, folders: list[Path]
) -> None:
    dsn = await make_database()
    assert pending(dsn, folders) == ["0001_outbox.sql", "1001_quotes.sql"]
    migrate(dsn, folders)
    assert await tables(dsn) == {"outbox", "quotes", "schema_migrations"}
    assert pending(dsn, folders) == []
    migrate(dsn, folders)


async def test_a_migration_that_came_late_is_applied_alone(make_database: MakeDatabase, folders: list[Path]) -> None:
    dsn = await make_database(folders)
    write(folders[1], "0002_dead_letters.sql", "create table dead_letters (id int);")
    assert pending(dsn, folders) == ["0002_dead_letters.sql"]
    migrate(dsn, folders)
    assert "dead_letters" in await tables(dsn)


async def test_each_test_gets_a_database_of_its_own(make_database: MakeDatabase, folders: list[Path]) -> None:
    first, second = await make_database(folders), await make_database(folders)
    connection = await asyncpg.connect(first)
    await connection.execute("drop table quotes")
    await connection.close()
    assert "quotes" in await tables(second)


async def test_runs_that_meet_apply_each_migration_once(make_database: MakeDatabase, folders: list[Path]) -> None:
    dsn = await make_database()
    write(folders[0], "1002_slow.sql", "select pg_sleep(0.3); create table slow (id int);")
    await asyncio.gather(*(asyncio.to_thread(migrate, dsn, folders) for _ in range(3)))
    assert pending(dsn, folders) == []


async def test_a_broken_migration_shows_its_error_and_leaves_nothing(
    make_database: MakeDatabase, folders: list[Path]
) -> None:
    dsn = await make_database()
    write(folders[0], "1002_broken.sql", "create table half (id int); select no_such_column;")
    with pytest.raises(MigrationError, match=r"1002_broken.sql(.|\n)*no_such_column"):
        migrate(dsn, folders)
    assert await tables(dsn) == {"outbox", "quotes", "schema_migrations"}
    assert pending(dsn, folders) == ["1002_broken.sql"]


async def test_a_setting_of_the_surroundings_changes_nothing(
    make_database: MakeDatabase, folders: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text("DATABASE_URL=postgres://nowhere/x\nDBMATE_MIGRATIONS_TABLE=elsewhere\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DBMATE_MIGRATIONS_TABLE", "elsewhere")
    dsn = await make_database()
    migrate(dsn, folders)
    assert "elsewhere" not in await tables(dsn)


def test_a_password_is_never_shown(folders: list[Path]) -> None:
    for dsn in (
        "postgresql://api:s3cr%40et@127.0.0.1:1/api",
        "postgresql://api:s3cr%40et@127.0.0.1:1x/api",
        "postgresql://api@127.0.0.1:1/api?password=s3cr%40et",
        "postgresql://api:s3cr%40et@one,two/api",
        "mysql://api:s3cr%40et@one/api",
    ):
        with pytest.raises(MigrationError) as caught:
            migrate(dsn, folders)
        shown = f"{caught.value} {caught.value.__cause__}"
        assert "s3cr" not in shown
        assert len(shown) > 40


@pytest.mark.parametrize(
    ("name", "message"),
    [("0001_again.sql", "same number 0001: rename"), ("again.sql", "starts with its number")],
)
def test_files_that_dbmate_would_pass_over_are_refused(folders: list[Path], name: str, message: str) -> None:
    write(folders[0], name, "select 1;")
    with pytest.raises(MigrationError, match=message):
        migrate("postgresql://api@/api?host=/nowhere", folders)


def test_a_folder_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(MigrationError, match=r"folder .*/absent does not exist"):
        migrate("postgresql://api@/api?host=/nowhere", [tmp_path / "absent"])
