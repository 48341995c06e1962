"""PostgreSQL: a primary and streaming replicas."""

import secrets
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Self
from urllib.parse import quote

import msgspec

from bet_intel.compose.postmaster import PidFile
from bet_intel.compose.server_files import SUPERUSER
from bet_intel.compose.servers.folder import ServersFolder
from bet_intel.compose.servers.ports import free_ports
from bet_intel.compose.servers.postgres_data import REPLICATION, DataDirectory
from bet_intel.compose.servers.postgres_files import host_access, host_settings
from bet_intel.compose.servers.postgres_state import PostgresHost, PostgresState
from bet_intel.compose.servers.processes import Server, ServerError, ServerProcess
from bet_intel.compose.servers.programs import POSTGRESQL

__all__ = ["PostgresGroup", "PostgresHost"]

_READY_SECONDS = 60.0
_ANSWER_SECONDS = 30.0
_POLL_SECONDS = 0.02


class PostgresGroup:
    """A primary and its replicas. Every method blocks; asyncpg reaches the hosts by :meth:`dsn`."""

    def __init__(self, folder: ServersFolder, name: str) -> None:
        self._folder = folder
        self._name = name

    @classmethod
    def start(
        cls,
        folder: ServersFolder,
        *,
        replicas: int = 0,
        name: str = "postgres",
        fsync: bool = False,
        synchronous_replicas: int = 0,
    ) -> Self:
        """Starts a primary and so many replicas; returns when all answer.

        Started by another user of the folder under that name, it is the same group.

        Args:
            folder: where it lives.
            replicas: how many replicas stream from the primary.
            name: of the group in the folder, and the beginning of the hosts' names.
            fsync: survive a loss of power; tests need not.
            synchronous_replicas: a commit returns when so many replicas have it (``ANY n``); while fewer run, it waits.

        Raises:
            ServerError: PostgreSQL is not installed, or a host is not ready in time.
        """
        group = cls(folder, name)

        def launch() -> PostgresState:
            ports = free_ports()
            hosts = tuple(PostgresHost(f"{name}{number}", next(ports)) for number in range(1, replicas + 2))
            state = PostgresState(hosts, hosts[0].name, secrets.token_urlsafe(18), fsync, synchronous_replicas)
            group._launch(state)
            return state

        folder.once(name, PostgresState, launch)
        return group

    @classmethod
    def find(cls, folder: ServersFolder, name: str = "postgres") -> Self | None:
        """The group that a user of the folder has started."""
        return None if folder.read(name, PostgresState) is None else cls(folder, name)

    @property
    def hosts(self) -> tuple[PostgresHost, ...]:
        return self._state.hosts

    @property
    def primary(self) -> PostgresHost:
        """The host that was made primary last, or is being made so, dead or alive."""
        return self._state.primary_host

    @property
    def replicas(self) -> tuple[PostgresHost, ...]:
        """All hosts but the primary."""
        primary = self.primary
        return tuple(host for host in self.hosts if host != primary)

    def dsn(self, host: PostgresHost, database: str, role: str = SUPERUSER, password: str | None = None) -> str:
        """The address of a database on one host; the superuser's password is known, another role's is given."""
        secret = self._state.password if password is None and role == SUPERUSER else password
        user = quote(role, safe="") + ("" if secret is None else f":{quote(secret, safe='')}")
        return f"postgresql://{user}@127.0.0.1:{host.port}/{quote(database, safe='')}"

    def dsns(self, database: str, role: str = SUPERUSER, password: str | None = None) -> list[str]:
        """The address of a database on every host."""
        return [self.dsn(host, database, role, password) for host in self.hosts]

    def sql(self, host: PostgresHost, *statements: str, database: str = SUPERUSER) -> str:
        """Runs statements as superuser, each in a transaction of its own; returns their rows as text.

        Raises:
            ServerError: the host does not answer, or refuses one.
        """
        return self._state.sql(host, *statements, database=database)

    def promote(self, host: PostgresHost) -> None:
        """Makes a replica the primary, and has the others follow it where they can; interrupted, see :meth:`settle`.

        The old primary is left alone: dead, it stays dead; alive, it goes on taking writes, as in a split brain.
        End it first (:meth:`kill`, :meth:`stop_host`) and bring it back by :meth:`rebase`.
        """
        # Whoever looks after the hosts must know which is meant before two could be started as primary.
        self._folder.write(self._name, msgspec.structs.replace(self._state, primary=host.name, settled=False))
        self.settle()

    @property
    def is_settled(self) -> bool:
        """False where a promotion was begun and not brought to its end."""
        return self._state.settled

    def settle(self) -> None:
        """Brings a promotion to its end, however far it has come.

        A replica that has more than the new primary cannot follow it, and one that does not answer may: their data is
        removed, and they stay dead until :meth:`revive`.

        Raises:
            ServerError: the new primary does not become it; nothing is removed then.
        """
        new = self.primary
        if self._data(new).is_standby and self.sql(new, "select pg_promote()") != "t":
            raise ServerError(f"{new.name} was not promoted")
        self._wait_for_sql(new, "select pg_is_in_recovery()", "f")
        self._make_slots(self._state, new)
        fork = self._fork(new)
        for other in self.replicas:
            if self._data(other).is_standby:
                received = self.received(other)
                if received is not None and received <= fork:
                    self._configure(self._state, other)
                    self._process(other).send(signal.SIGHUP)
                else:
                    self._end(other, lambda process: process.stop(signal.SIGQUIT))
                    self._data(other).remove()
        self._folder.write(self._name, msgspec.structs.replace(self._state, settled=True))

    def received(self, replica: PostgresHost) -> int | None:
        """How far in the log (bytes) it has come; ``None`` where it is no replica, or does not answer."""
        last = "greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())"
        try:
            answer = self.sql(replica, f"select pg_wal_lsn_diff({last}, '0/0')::bigint where pg_is_in_recovery()")
        except ServerError:
            return None
        return int(answer) if answer else None

    def furthest(self, replicas: Sequence[PostgresHost]) -> PostgresHost | None:
        """Of those that answer, the one that has received most; nobody else has all that was acknowledged where one
        replica is enough for it."""
        received = {replica: at for replica in replicas if (at := self.received(replica)) is not None}
        return max(received, key=received.__getitem__, default=None)

    def rebase(self, host: PostgresHost) -> None:
        """Makes a host anew as a replica of the present primary, whatever it was.

        Raises:
            ServerError: the primary cannot be copied; then nothing is left of the host that could be started.
        """
        if host == self.primary:
            raise ServerError(f"{host.name} is the primary: promote another first")
        self._end(host, lambda process: process.stop(signal.SIGQUIT))
        self._make_replica(self._state, host)

    def pause_replay(self, replica: PostgresHost) -> None:
        """From here on the replica receives what is written and does not show it, until :meth:`resume_replay`."""
        self.sql(replica, "select pg_wal_replay_pause()")
        self._wait_for_sql(replica, "select pg_get_wal_replay_pause_state()", "paused")

    def resume_replay(self, replica: PostgresHost) -> None:
        self.sql(replica, "select pg_wal_replay_resume()")

    def lag(self) -> dict[str, int]:
        """By name, how many bytes every replica that streams is behind what the primary has written."""
        query = "select application_name, pg_wal_lsn_diff(pg_current_wal_flush_lsn(), replay_lsn)::bigint"
        rows = self.sql(self.primary, f"{query} from pg_stat_replication where replay_lsn is not null").splitlines()
        return {name: max(0, int(lag)) for name, _, lag in (row.partition("|") for row in rows)}

    def wait_for_replicas(self) -> None:
        """Returns when every replica that runs, and is not paused, shows all that is written on the primary by now."""
        # The insert position may lie behind a page header that only the next record brings to the replicas.
        lsn = self.sql(self.primary, "select pg_current_wal_flush_lsn()")
        query = f"select pg_last_wal_replay_lsn() >= '{lsn}' or pg_get_wal_replay_pause_state() <> 'not paused'"
        for replica in self.replicas:
            if self.runs(replica):
                self._wait_for_sql(replica, query, "t")

    def runs(self, host: PostgresHost) -> bool:
        """Whether its process lives; suspended, it does."""
        return self._process(host).find() is not None

    def pid(self, host: PostgresHost) -> int | None:
        return self._process(host).find()

    def memory(self, host: PostgresHost) -> int:
        """Bytes that it takes."""
        return self._process(host).memory()

    def kill(self, host: PostgresHost) -> None:
        """``kill -9``."""
        self._end(host, ServerProcess.kill)

    def suspend(self, host: PostgresHost) -> None:
        """``SIGSTOP`` for the server and every process of it: connections stay open and nothing answers."""
        self._process(host).suspend()

    def resume(self, host: PostgresHost) -> None:
        self._process(host).resume()

    def stop_host(self, host: PostgresHost, seconds: float = 30.0) -> None:
        """Ends it in order, a primary once its replicas have received all; by force what is left after some seconds."""
        self._end(host, lambda process: process.stop(signal.SIGINT, seconds))

    def start_host(self, host: PostgresHost) -> None:
        """Starts a host that was stopped or killed, as what it was; an old primary comes back as a primary."""
        self._start_process(self._state, host)

    def revive(self, host: PostgresHost) -> None:
        """Starts a dead host as what it is to be.

        The primary and a replica start as they were, and need not answer yet when this returns; what is neither, such
        as an old primary, is made a replica first, which takes its time. Nobody else may start or copy it meanwhile:
        beside a supervisor, hold the folder's lock `servers`.

        Raises:
            ServerError: it cannot be started, or the primary not be copied, or there is none yet.
        """
        if host == self.primary or self._data(host).is_standby:
            self._start_process(self._state, host, wait=False)
        elif self.is_settled:
            self.rebase(host)
        else:
            # It may be the only one to have what was acknowledged last, until another is the primary for certain.
            raise ServerError(f"{host.name} is made a replica once {self.primary.name} is the primary")

    def servers(self) -> Iterator[Server]:
        """Every host, to be kept running."""
        for host in self.hosts:
            yield Server(host.name, self._process(host), partial(self.revive, host))

    def heal(self) -> None:
        """Brings back what is dead, suspended or astray: the primary as it was, every other host as its replica."""
        for host in self.hosts:
            self.resume(host)
        if not self.runs(self.primary):
            self.start_host(self.primary)
        self._wait_for_sql(self.primary, "select 1", "1")
        if not self.is_settled:
            self.settle()
        for host in self.replicas:
            if not self.runs(host) or not self._state.follows(host):
                self.rebase(host)
            elif self._is_paused(host):
                self.resume_replay(host)
        self.wait_for_replicas()

    def stop(self) -> None:
        """Ends all hosts in order, the primary first, so that the replicas have everything."""
        for host in (self.primary, *self.replicas):
            self.stop_host(host)

    @property
    def _state(self) -> PostgresState:
        state = self._folder.read(self._name, PostgresState)
        if state is None:
            raise ServerError(f"no PostgreSQL was started as {self._name} in {self._folder.path}")
        return state

    def _launch(self, state: PostgresState) -> None:
        primary, *replicas = state.hosts
        self._process(primary).make_folder()
        self._data(primary).initialize(state.password)
        # As long as there is no replica, no commit may wait for one.
        self._configure(msgspec.structs.replace(state, synchronous_replicas=0), primary)
        self._start_process(state, primary)
        state.sql(primary, f"create role {REPLICATION} login replication password '{state.password}'")
        self._make_slots(state, primary)
        if replicas:
            with ThreadPoolExecutor(len(replicas)) as pool:
                list(pool.map(lambda host: self._make_replica(state, host), replicas))
        if state.synchronous_replicas:
            self._configure(state, primary)
            self._process(primary).send(signal.SIGHUP)

    def _make_replica(self, state: PostgresState, host: PostgresHost) -> None:
        self._process(host).make_folder()
        # First: with the copy it is a replica that anybody may start.
        self._configure(state, host)
        self._data(host).copy(state.primary_host.port, host.name, state.password)
        self._start_process(state, host)

    def _fork(self, primary: PostgresHost) -> int:
        """Where its timeline leaves the one before it: the last line of its history, `1<TAB>0/5000148<TAB>reason`."""
        timeline = "left(pg_walfile_name(pg_current_wal_lsn()), 8)"
        history = self.sql(primary, f"select pg_read_file('pg_wal/' || {timeline} || '.history')")
        high, low = history.splitlines()[-1].split("\t")[1].split("/")
        return int(high, 16) << 32 | int(low, 16)

    def _make_slots(self, state: PostgresState, primary: PostgresHost) -> None:
        """A slot for every other host: whoever follows finds all that it has missed."""
        for host in state.hosts:
            if host != primary:
                missing = f"not exists (select from pg_replication_slots where slot_name = '{host.name}')"
                state.sql(primary, f"select pg_create_physical_replication_slot('{host.name}') where {missing}")

    def _configure(self, state: PostgresState, host: PostgresHost) -> None:
        """Writes the settings beside the host's folder, which is another user's where we are root."""
        primary = state.primary_host
        conninfo = ""
        if host != primary:
            # The server logs whom it follows whenever that changes: the password stands elsewhere.
            passwords = self._folder.write_for_servers(
                f"{self._name}.pgpass", f"127.0.0.1:*:*:{REPLICATION}:{state.password}\n"
            )
            conninfo = (
                f"host=127.0.0.1 port={primary.port} user={REPLICATION} passfile={_quoted(str(passwords))} "
                f"application_name={host.name}"
            )
        values = {
            "port": str(host.port),
            "hba_file": str(self._folder.path / f"{self._name}.hba"),
            "fsync": "on" if state.fsync else "off",
            "primary_conninfo": conninfo,
            "primary_slot_name": host.name if conninfo else "",
            "synchronous_standby_names": state.synchronous_standby_names,
        }
        self._folder.write_for_servers(f"{self._name}.hba", host_access())
        self._folder.write_for_servers(self._configuration(host).name, host_settings(values))

    def _configuration(self, host: PostgresHost) -> Path:
        return self._folder.path / f"{host.name}.conf"

    def _start_process(self, state: PostgresState, host: PostgresHost, *, wait: bool = True) -> None:
        process = self._process(host)
        command = [str(POSTGRESQL.find("postgres")), "-D", str(self._data(host).path)]
        command += ["-c", f"config_file={self._configuration(host)}"]
        # The pid file of a killed server names a process that init may have yet to collect: PostgreSQL would take it
        # for running, unless told that it is a relative of the new one.
        left = PidFile.read(self._data(host).path)
        environment = {} if left is None or process.find() else {"PG_GRANDPARENT_PID": str(left.pid)}
        # Ended by SIGKILL it would leave its shared memory behind.
        process.start(command, environment, ending=signal.SIGQUIT)
        if wait:
            process.wait_until(lambda: state.answers(host), _READY_SECONDS)

    def _end(self, host: PostgresHost, end: Callable[[ServerProcess], None]) -> None:
        process = self._process(host)
        # Before somebody may have started it again.
        left = PidFile.read(self._data(host).path)
        end(process)
        if left is not None and left.shared_memory is not None:
            # Of a server that was killed it would stay until the machine is restarted, unless this host starts again.
            self._folder.account.run(["ipcrm", "-m", left.shared_memory], _ANSWER_SECONDS)

    def _is_paused(self, replica: PostgresHost) -> bool:
        return self.sql(replica, "select pg_get_wal_replay_pause_state()") != "not paused"

    def _wait_for_sql(self, host: PostgresHost, query: str, expected: str) -> None:
        deadline = time.monotonic() + _READY_SECONDS
        while True:
            try:
                answer = self.sql(host, query)
            except ServerError as error:
                # It may be starting.
                answer = str(error)
            if answer == expected:
                return
            if time.monotonic() > deadline:
                raise ServerError(f"{host.name} answers {answer!r} to {query!r}, not {expected!r}")
            time.sleep(_POLL_SECONDS)

    def _process(self, host: PostgresHost) -> ServerProcess:
        return self._folder.process(host.name)

    def _data(self, host: PostgresHost) -> DataDirectory:
        return DataDirectory(self._process(host).folder, self._folder.account)


def _quoted(value: str) -> str:
    """As libpq reads it."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
