"""The hosts of PostgreSQL that compose runs: `compose/postgres/host.sh` with a real PostgreSQL, without the image."""

import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bet_intel.compose.servers.ports import free_port
from bet_intel.compose.servers.processes import server_account
from bet_intel.compose.servers.programs import POSTGRESQL
from fixtures.servers import need

pytestmark = [pytest.mark.integration, pytest.mark.chaos]

_PROJECT = Path(__file__).parents[2]
_SERVICES = ("api", "ev_engine", "notifier", "odds_ingest")
_SECONDS = 60.0
_PATIENCE = 6
"""Seconds that a host which has taken writes waits for silent ones, divided by its timeline."""
# As the image's: it makes the data directory, runs the scripts of docker-entrypoint-initdb.d, and starts the server.
_ENTRYPOINT = """#!/bin/bash
set -e
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    initdb --pgdata "$PGDATA" --username postgres --auth trust --no-sync >/dev/null
    export PGPORT=5432
    pg_ctl --pgdata "$PGDATA" --wait --silent --log "$PGDATA/../init.log" \
        --options "-c listen_addresses='' -c unix_socket_directories=$PGDATA/.." start
    PGHOST="$PGDATA/.." {folder}/primary.sh
    pg_ctl --pgdata "$PGDATA" --wait --silent --mode fast stop
fi
exec "$@"
"""


class Hosts:
    """Three of them, whose names are addresses of the loopback interface; they share a port."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.names = [f"127.0.0.{number}" for number in (1, 2, 3)]
        self._port = str(free_port())
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self._account = server_account()
        secrets = {f"{service}{role}_password" for service in _SERVICES for role in ("", "_owner")}
        for name in (*secrets, "replication_password", "postgres_password", "exporter_password"):
            (folder / name).write_text("s3cret", "utf-8")
        for name in ("host.sh", "primary.sh", "passwords.sh"):
            text = (_PROJECT / "compose/postgres" / name).read_text("utf-8")
            text = text.replace("/run/secrets", str(folder)).replace("/tmp/pgpass", "${PGDATA%/*}/pgpass")  # noqa: S108
            self._script(name, text)
        self._script("docker-entrypoint.sh", _ENTRYPOINT.replace("{folder}", str(folder)))
        for name in self.names:
            self._give(folder / name)

    def rotate(self, name: str, password: str) -> None:
        """The new password in every file, and what compose/secrets.sh is followed by."""
        for file in self.folder.glob("*_password"):
            file.write_text(password, "utf-8")
        environment = {"PGHOST": name, "PGPORT": self._port, "PATH": f"{POSTGRESQL.find('psql').parent}:/usr/bin:/bin"}
        subprocess.run(["bash", str(self.folder / "passwords.sh")], env=environment, check=True)

    def lets_in(self, name: str, role: str, password: str) -> bool:
        """Whether a host that asks for passwords does."""
        where = f"host={name} port={self._port} user={role} dbname=postgres connect_timeout=5"
        environment = {"PGPASSWORD": password, "PATH": "/usr/bin:/bin"}
        run = subprocess.run(
            [POSTGRESQL.find("psql"), "-qXAtc", "select 1", where], env=environment, capture_output=True, check=False
        )
        return run.returncode == 0

    def start(self, name: str, *, patience: float = _PATIENCE) -> None:
        environment = {
            "NAME": name,
            "PRIMARY": self.names[0],
            "HOSTS": " ".join(self.names),
            "PGDATA": str(self.folder / name / "data"),
            "PGPORT": self._port,
            "PATIENCE": str(patience),
            "PATH": f"{self.folder}:{POSTGRESQL.find('postgres').parent}:/usr/bin:/bin",
        }
        settings = {
            "port": self._port,
            "listen_addresses": name,
            "unix_socket_directories": "",
            "fsync": "off",
            "wal_keep_size": "64MB",
        }
        command = ["bash", str(self.folder / "host.sh"), "postgres"]
        for setting, value in settings.items():
            command += ["-c", f"{setting}={value}"]
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                command, env=environment, stdout=log, stderr=log, user=self._account.uid, group=self._account.gid
            )

    def stop(self, name: str) -> None:
        self.processes[name].terminate()
        self.processes[name].wait(_SECONDS)

    def promote(self, name: str) -> None:
        self.sql(name, "select pg_promote()")

    def empty(self, name: str) -> None:
        """As by removing its volume."""
        shutil.rmtree(self.folder / name)
        self._give(self.folder / name)

    def said(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text("utf-8", errors="replace")

    def sql(self, name: str, query: str) -> str:
        where = f"host={name} port={self._port} user=postgres dbname=postgres connect_timeout=5"
        run = subprocess.run(
            [POSTGRESQL.find("psql"), "-qXAt", "-c", query, where], capture_output=True, text=True, check=False
        )
        return run.stdout.strip() if run.returncode == 0 else run.stderr

    def waits(self, name: str) -> None:
        """Returns when it waits for others."""
        waiting = f"{name} takes writes unless another host does: waiting for"
        before = self.said(name).count(waiting)
        deadline = time.monotonic() + _SECONDS
        while self.said(name).count(waiting) == before:
            assert self.processes[name].poll() is None, self.said(name)
            assert time.monotonic() < deadline, self.said(name)

    def until(self, name: str, query: str, expected: str) -> None:
        deadline = time.monotonic() + _SECONDS
        while (answer := self.sql(name, query)) != expected:
            assert time.monotonic() < deadline, f"{query}: {answer}\n" + "\n".join(map(self.said, self.processes))

    def _script(self, name: str, text: str) -> None:
        path = self.folder / name
        path.write_text(text, "utf-8")
        path.chmod(0o755)

    def _give(self, path: Path) -> None:
        path.mkdir(mode=0o700)
        self._account.give(path)


@pytest.fixture
def hosts(open_folder: Path) -> Iterator[Hosts]:
    need(POSTGRESQL)
    started = Hosts(open_folder)
    yield started
    for process in started.processes.values():
        process.kill()
        process.wait(_SECONDS)


def test_hosts_follow_whoever_takes_writes_and_a_former_primary_begins_anew(hosts: Hosts) -> None:
    first, second, third = hosts.names
    # A copy that is being taken of the primary has two lines of its own, which are gone when the copy is there.
    following = "select count(*) from pg_stat_replication where application_name <> 'pg_basebackup'"
    seen = "select string_agg(text, ' ' order by text) from note"
    for name in (second, third, first):  # in whatever order
        hosts.start(name)
    hosts.until(first, following, "2")
    # Who exports figures sees what everybody does, and no row of theirs.
    assert hosts.sql(first, "select rolsuper or rolreplication from pg_roles where rolname = 'exporter'") == "f"
    seen_by_it = "select bool_and(client_addr is not null) from pg_stat_replication"
    assert hosts.sql(first, f"set role exporter; {seen_by_it}") == "t"
    hosts.sql(first, "create table note (text text)")
    assert "permission denied" in hosts.sql(first, "set role exporter; select * from note")
    hosts.sql(first, "insert into note values ('before')")
    for name in (second, third):
        hosts.until(name, seen, "before")

    hosts.stop(first)
    hosts.promote(second)
    hosts.stop(third)
    hosts.start(third)
    hosts.until(second, following, "1")
    hosts.sql(second, "insert into note values ('since')")
    hosts.until(third, seen, "before since")

    # The one that was promoted is started again, as by its supervisor.
    hosts.stop(second)
    hosts.start(second)
    hosts.until(second, "select pg_is_in_recovery()", "f")

    hosts.start(first)
    assert hosts.processes[first].wait(_SECONDS) == 1
    assert f"{first} was the primary, and may have what {second} lacks: remove its volume" in hosts.said(first)
    hosts.empty(first)
    hosts.start(first)
    hosts.until(first, seen, "before since")
    assert hosts.sql(first, "select pg_is_in_recovery()") == "t"
    assert "s3cret" not in "".join(map(hosts.said, hosts.names))


def test_a_former_primary_whom_nobody_answers_yet_waits_for_who_was_promoted(hosts: Hosts) -> None:
    first, second, third = hosts.names
    for name in hosts.names:
        hosts.start(name)
    for name in (second, third):
        hosts.until(name, "select pg_is_in_recovery()", "t")
    hosts.stop(first)
    hosts.promote(second)
    hosts.until(second, "select pg_is_in_recovery()", "f")
    hosts.stop(third)
    hosts.stop(second)

    # All of them were away: both that have taken writes are started, the former primary before the one after it.
    hosts.start(first, patience=_SECONDS)
    hosts.waits(first)
    hosts.start(second)
    hosts.until(second, "select pg_is_in_recovery()", "f")

    assert hosts.processes[first].wait(_SECONDS) == 1
    assert f"{first} was the primary, and may have what {second} lacks" in hosts.said(first)


def test_who_was_promoted_last_waits_least_and_a_primary_is_one_again_though_nobody_answers(hosts: Hosts) -> None:
    first, second, _ = hosts.names
    hosts.start(first)
    hosts.until(first, "select pg_is_in_recovery()", "f")
    hosts.stop(first)
    hosts.start(first)
    hosts.until(first, "select pg_is_in_recovery()", "f")
    hosts.start(second)
    hosts.until(second, "select pg_is_in_recovery()", "t")
    hosts.stop(first)
    hosts.promote(second)
    hosts.until(second, "select pg_is_in_recovery()", "f")
    hosts.stop(second)

    for name in (first, second):
        hosts.start(name, patience=2 * _PATIENCE)

    assert hosts.processes[first].wait(_SECONDS) == 1
    assert hosts.sql(second, "select pg_is_in_recovery()") == "f"


def test_every_role_takes_the_password_that_its_file_holds(hosts: Hosts) -> None:
    [primary, *_] = hosts.names
    hosts.start(primary)
    hosts.until(primary, "select count(*) from pg_roles where rolname = 'notifier_owner'", "1")
    hosts.until(primary, "select pg_is_in_recovery()", "f")

    hosts.rotate(primary, "s3cret-2")

    asked = hosts.folder / primary / "data/pg_hba.conf"
    asked.write_text("host all all all scram-sha-256\n", "utf-8")
    hosts.sql(primary, "select pg_reload_conf()")
    roles = [
        "postgres",
        "replicator",
        "exporter",
        *(f"{service}{role}" for service in _SERVICES for role in ("", "_owner")),
    ]
    assert [role for role in roles if not hosts.lets_in(primary, role, "s3cret-2")] == []
    assert [role for role in roles if hosts.lets_in(primary, role, "s3cret")] == []
