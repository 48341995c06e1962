"""The running cluster that is struck: its processes by name, its servers, its databases. Every method blocks."""

import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any, Literal

from bet_intel.compose.cluster import control
from bet_intel.compose.cluster.engines import VHOST, Engines
from bet_intel.compose.cluster.fleet import RUNNING, Member, Members, answers, process_of
from bet_intel.compose.databases import SERVICES
from bet_intel.compose.servers.folder import ServersFolder
from bet_intel.compose.servers.nginx import Nginx
from bet_intel.compose.servers.processes import ServerError
from drills.asking import Asker
from drills.pacing import let_pass
from drills.recording import Recording, start_of
from fixtures.polling import holds_within
from fixtures.webhooks import Receiver

SCHEDULE = "odds-ingest.schedule"
LETTERS = "letters"
"""A note of how many dead letters of each service are as they should be."""
DEAD_TASKS = "dead tasks"
"""A note of how many messages in each dead queue of the broker are as they should be."""
_SCHEDULERS = 2
"""One leads, and the other takes over, as on Kubernetes."""
_POLL_SECONDS = 0.2
_STOP_SECONDS = 40.0
_HEAL_SECONDS = 180.0
_CATCH_SECONDS = 15.0
_THAWED_SECONDS = 0.03
"""How long it runs on between two looks, which hold it still: long enough to come into its next transaction."""
_IN_TRANSACTION = "select count(*) from pg_stat_activity where xact_start is not null"


class StageError(Exception):
    """The cluster does not do what a drill needs; the drill says nothing about it then."""


class Stage:
    """One cluster, by its folder, and the recording that is played to it."""

    def __init__(self, path: Path, source: Path, recording: Recording, counts: dict[str, int]) -> None:
        self.folder = ServersFolder.peek(path)
        self.source = source
        self.recording = recording
        self.counts = counts
        """How many processes of each kind there are when nothing is played."""
        self.play = -1
        self.notes: dict[str, Any] = {}
        """What a strike leaves for the mend, the judge and the settling of its fault."""
        self.receiver: Receiver | None = None
        self._beside: list[subprocess.Popen[bytes]] = []
        self._asker = Asker()
        self._held: AbstractContextManager[None] | None = None
        self._later: list[Future[None]] = []
        self._threads = ThreadPoolExecutor(4, thread_name_prefix="drills")

    @property
    def engines(self) -> Engines:
        engines = Engines.find(self.folder)
        if engines is None:
            raise StageError(f"no cluster runs in {self.folder.path}")
        return engines

    @property
    def url(self) -> str:
        nginx = Nginx.find(self.folder)
        if nginx is None:
            raise StageError("nginx does not run")
        return nginx.url

    def promote(self) -> None:
        """The replica that has received most becomes the primary, as an operator's command has it; the old one is left
        as it is."""
        group = self.engines.postgres
        new = group.furthest(group.replicas)
        if new is None:
            raise StageError("no replica answers")
        group.promote(new)

    def members(self, kind: str = "") -> list[Member]:
        running = self.folder.read(RUNNING, Members) or Members()
        return [one for one in running.members if one.kind.startswith(kind)]

    def pid(self, name: str) -> int | None:
        """Of a process of the services (`api.serve.1`) while it runs."""
        return next((process_of(self.folder, one).find() for one in self.members() if one.name == name), None)

    def kill(self, name: str) -> None:
        """``kill -9``; the supervisor starts it again."""
        os.kill(self._living(name), signal.SIGKILL)

    def kill_in_transaction(self, kind: str, service: str, only: int | None = None) -> None:
        """``kill -9`` for a process of a kind that is in a transaction: frozen, it stays in it. `only` is the id of the
        one that is meant.

        Raises:
            StageError: none of them was in one in time.
        """
        pids = [pid for one in self.members(kind) if (pid := self.pid(one.name)) is not None and only in (None, pid)]
        caught = lambda: any(self._kill_caught(pid, service) for pid in pids)  # noqa: E731 - said where it is asked
        if not holds_within(_CATCH_SECONDS, caught, every=_THAWED_SECONDS):
            raise StageError(f"no {kind} was in a transaction within {_CATCH_SECONDS:g} s")

    def _kill_caught(self, pid: int, service: str) -> bool:
        os.kill(pid, signal.SIGSTOP)
        caught = False
        try:
            ports = ", ".join(str(port) for port in ports_of(pid))
            caught = self.number(service, f"{_IN_TRANSACTION} and client_port in ({ports})") > 0
        finally:
            os.kill(pid, signal.SIGKILL if caught else signal.SIGCONT)
        return caught

    def freeze(self, name: str) -> None:
        """``SIGSTOP``."""
        os.kill(self._living(name), signal.SIGSTOP)

    def thaw(self, name: str) -> None:
        os.kill(self._living(name), signal.SIGCONT)

    def terminate(self, name: str) -> None:
        """``SIGTERM``, as a rolling restart does it."""
        os.kill(self._living(name), signal.SIGTERM)

    def start_beside(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """A process of the services that the supervisor knows nothing of, until :meth:`end_beside`."""
        nothing = subprocess.DEVNULL
        self._beside.append(
            subprocess.Popen(
                command, stdin=nothing, stdout=nothing, stderr=nothing, env=environment, start_new_session=True
            )
        )

    def end_beside(self) -> None:
        """In order; what it started itself is ended with it."""
        while self._beside:
            group = self._beside[-1]
            try:
                self._signal(group, signal.SIGTERM)
            except StageError:
                self._signal(group, signal.SIGKILL)
                raise
            finally:
                self._beside.pop()

    def _signal(self, group: "subprocess.Popen[bytes]", number: signal.Signals) -> None:
        """
        Raises:
            StageError: it does not end of it.
        """
        with suppress(ProcessLookupError):
            os.killpg(group.pid, number)
        ended = lambda: group.poll() is not None and not _lives(group.pid)  # noqa: E731 - said where it is asked
        self.until(ended, _STOP_SECONDS, "what was started beside ends")

    def close(self) -> None:
        """What was started beside is ended, and nothing is asked any more."""
        try:
            self.end_beside()
        finally:
            self._asker.close()

    def sql(self, service: str, query: str) -> list[list[str]]:
        """Rows of a service's database on the primary, each a list of texts.

        Raises:
            ServerError: the primary does not answer.
        """
        group = self.engines.postgres
        said = group.sql(group.primary, query, database=service)
        return [row.split("|") for row in said.splitlines()]

    def number(self, service: str, query: str) -> int:
        """As :meth:`sql`, of one number; costs little, so that it can be asked again and again while load runs."""
        group = self.engines.postgres
        return self._asker.number(group.dsn(group.primary, service), query)

    def begin_play(self) -> None:
        """The next play: the scheduler finds another recording where the last one lay."""
        self.play += 1
        self.recording.write(self.source, self.play)
        control.scale(self.folder.path, {SCHEDULE: _SCHEDULERS})
        self.until(lambda: bool(self.members(SCHEDULE)), 30, "the scheduler starts")

    def end_play(self) -> None:
        control.scale(self.folder.path, {SCHEDULE: 0})
        self.until(lambda: not self.members(SCHEDULE), 90, "the scheduler stops")

    def position(self) -> int:
        """How much of the present play is stored: each is another source, which has a position of its own."""
        newest = "(array_agg(position order by moved_at desc))[1]"
        query = f"select case when count(*) > {self.play} then {newest} else 0 end from source_position"
        return self.number("odds_ingest", query)

    def hold_supervisor(self) -> None:
        """From here on it starts no server again, until :meth:`let_supervisor`."""
        self._held = self.folder.lock("servers")
        self._held.__enter__()

    def let_supervisor(self) -> None:
        """It may again; nothing happens where it always might."""
        held, self._held = self._held, None
        if held is not None:
            held.__exit__(None, None, None)

    def later(self, seconds: float, deed: "Callable[[Stage], None]") -> None:
        """Do it after so many seconds, while the drill goes on; :meth:`finish` waits for it."""

        def do() -> None:
            let_pass(seconds)
            deed(self)

        self._later.append(self._threads.submit(do))

    def finish(self) -> None:
        """Returns when all that was to be done later is done; raises what it raised."""
        later, self._later = self._later, []
        for one in later:
            one.result()

    def at_webhook(self, moment: Literal["arriving", "answered"], deed: Callable[[], None]) -> None:
        """Do it, on the receiver's own event loop, as each webhook comes, or as soon as it is answered."""
        if self.receiver is None:
            raise StageError("nobody receives webhooks")
        setattr(self.receiver, moment, deed)

    def depths(self) -> dict[str, int]:
        """Messages in each queue, about a second old."""
        found = self.engines.rabbitmq.manage("GET", f"queues/{VHOST}?columns=name,messages")
        return {one["name"]: int(one.get("messages", 0)) for one in found}

    def outboxes(self) -> dict[str, int]:
        """Rows that are not confirmed, by service."""
        return {service: self.number(service, "select count(*) from outbox") for service in SERVICES}

    def forget_dead(self) -> None:
        """What one drill left among the dead is not held against the next."""
        for queue, number in self.depths().items():
            if number and queue.endswith((".dead", ".XQ")):
                self.engines.rabbitmq.manage("DELETE", f"queues/{VHOST}/{queue}/contents")
        group = self.engines.postgres
        for service in SERVICES:
            group.sql(group.primary, "delete from dead_letter", database=service)

    def heal(self) -> None:
        """Everything runs, nothing is suspended, and nginx knows every gateway."""
        self.let_supervisor()
        for one in self.members():
            pid = process_of(self.folder, one).find()
            if pid is not None:
                os.kill(pid, signal.SIGCONT)
        with self.folder.lock("servers"):
            engines = self.engines
            engines.postgres.heal()
            engines.redis.heal()
            engines.rabbitmq.heal()
        control.scale(self.folder.path, self.counts)
        self.until(self._is_whole, _HEAL_SECONDS, "every process answers")

    def until(self, condition: Callable[[], bool], seconds: float, what: str) -> None:
        """Wait for it; what cannot be asked yet is not so yet.

        Raises:
            StageError: it is not so in time.
        """
        reason = ""

        def is_so() -> bool:
            nonlocal reason
            try:
                reason = ""
                return condition()
            except ServerError as error:
                reason = f": {error}"
                return False

        if not holds_within(seconds, is_so, every=_POLL_SECONDS):
            raise StageError(f"not so within {seconds:g} s: {what}{reason}")

    @property
    def day(self) -> str:
        """Of the present play, as `/v1/status` tells source time."""
        return start_of(self.play).date().isoformat()

    def _is_whole(self) -> bool:
        members = self.members()
        wanted = {kind: number for kind, number in self.counts.items() if number}
        there = {kind: sum(one.kind == kind for one in members) for kind in {one.kind for one in members}}
        return there == wanted and all(answers(one) for one in members)

    def _living(self, name: str) -> int:
        pid = self.pid(name)
        if pid is None:
            raise StageError(f"{name} does not run")
        return pid


def _lives(group: int) -> bool:
    """Whether a process of the group does."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def ports_of(pid: int) -> list[int]:
    """The local ports of a process's connections over TCP."""
    sockets = {str(one.readlink()) for one in Path(f"/proc/{pid}/fd").iterdir()}
    rows = [line.split() for line in Path(f"/proc/{pid}/net/tcp").read_text(encoding="utf-8").splitlines()[1:]]
    return [int(row[1].partition(":")[2], 16) for row in rows if f"socket:[{row[9]}]" in sockets]
