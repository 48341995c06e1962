"""Two processes contend for the work that only one may do; one is killed, hangs, or is cut off from PostgreSQL."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Protocol

import asyncpg
import pytest
from structlog.testing import capture_logs

from bet_intel.shared.messaging import UnavailableError
from bet_intel.shared.postgres import Database
from bet_intel.shared.ticker import NotLeadingError, Ticker, Timing, periodically
from fixtures.postgres import MakeDatabase
from fixtures.replicas import SHARED_MIGRATIONS
from fixtures.waiting import running, until

pytestmark = [pytest.mark.integration, pytest.mark.chaos]

_TESTS = Path(__file__).parents[1]
_END_SESSIONS = """
select pg_terminate_backend(pid) from pg_locks
where locktype = 'advisory' and granted
    and database = (select oid from pg_database where datname = current_database())
"""
"""Of whoever holds a lock: who leads."""


class Contender:
    """A process of `contender.py` and what it has said."""

    def __init__(self, dsn: str, name: str, output: Path, pause: str = "") -> None:
        self.name = name
        self._output = output / f"{name}.log"
        with self._output.open("wb") as sink:
            self.process = subprocess.Popen(
                [sys.executable, str(_TESTS / "fixtures" / "contender.py"), dsn, name, pause],
                stdin=subprocess.PIPE,
                stdout=sink,
            )

    def said(self, text: str) -> bool:
        return any(line.startswith(text) for line in self._output.read_text().splitlines())

    def signal(self, which: signal.Signals) -> None:
        self.process.send_signal(which)

    def go_on(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()

    def end(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture
async def dsn(make_database: MakeDatabase) -> str:
    address = await make_database([SHARED_MIGRATIONS])
    connection = await asyncpg.connect(address)
    await connection.execute("create table done (id bigint generated always as identity, contender text, epoch bigint)")
    await connection.close()
    return address


class Contend(Protocol):
    def __call__(self, name: str, pause: str = "") -> Contender: ...


@pytest.fixture
def contend(dsn: str, tmp_path: Path) -> Iterator[Contend]:
    """Starts contenders, which are ended after the test."""
    started: list[Contender] = []

    def start(name: str, pause: str = "") -> Contender:
        started.append(Contender(dsn, name, tmp_path, pause))
        return started[-1]

    yield start
    for each in started:
        each.end()


@pytest.fixture
async def admin(dsn: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    connection = await asyncpg.connect(dsn)
    yield connection
    await connection.close()


async def test_only_one_leads_and_a_killed_one_is_replaced(
    contend: Contend, admin: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    first = contend("first")
    await until(lambda: first.said("wrote"), 30)
    second = contend("second")
    await until(lambda: _waits(admin), 30)
    assert not second.said("leads")
    first.signal(signal.SIGKILL)
    await until(lambda: second.said("wrote"), 5)
    await _in_turn(admin)


async def test_a_leader_that_hangs_is_replaced_and_writes_nothing_when_it_wakes(
    contend: Contend, admin: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    first = contend("first")
    await until(lambda: first.said("wrote"), 30)
    first.signal(signal.SIGSTOP)
    second = contend("second")
    await until(lambda: second.said("wrote"), 30)
    first.signal(signal.SIGCONT)
    written = await admin.fetchval("select count(*) from done")
    await until(lambda: _more(admin, written + 10))
    await _in_turn(admin)


@pytest.mark.parametrize("pause", ["before", "within"])
async def test_a_guarded_write_that_was_suspended_is_refused(
    contend: Contend, admin: "asyncpg.Connection[asyncpg.Record]", pause: str
) -> None:
    """In front of its guard, and between guard and commit: by then another leads."""
    first = contend("first", pause)
    await until(lambda: first.said("begun"), 30)
    first.signal(signal.SIGSTOP)
    second = contend("second")
    await until(lambda: second.said("wrote"), 30)
    first.signal(signal.SIGCONT)
    first.go_on()
    await until(lambda: first.said("refused"), 10)
    assert not first.said("committed")
    assert await admin.fetchval("select count(*) from done where contender = 'late'") == 0
    await _in_turn(admin)


async def test_a_leader_whose_lock_is_lost_leads_no_more(
    contend: Contend, admin: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    """As when the network between it and the server is cut: only the lock's connection goes."""
    contenders = [contend("first"), contend("second")]
    await until(lambda: any(each.said("wrote") for each in contenders), 30)
    await until(lambda: _waits(admin), 30)
    epoch = await admin.fetchval("select epoch from ticker where name = 'work'")
    await admin.fetch(_END_SESSIONS)

    async def another_epoch() -> bool:
        return bool(await admin.fetchval("select max(epoch) > $1 from done", epoch))

    await until(another_epoch, 10)
    await _in_turn(admin)


async def test_duties_are_done_again_in_the_next_term_and_what_they_need_is_waited_for(dsn: str) -> None:
    async with Database.open(dsn, name="tests", max_size=3) as database:
        ticker = Ticker("work", database, Timing(beat=0.02, silence=1.0))
        terms: list[int | None] = []
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            ticks += 1
            if ticks == 1:
                raise UnavailableError("not yet")

        async def note_term() -> None:
            terms.append(ticker.epoch)

        ticker.add("ticks", periodically(0.01, "ticks", tick))
        ticker.add("done at once", note_term)
        async with running(ticker.run()):
            await until(lambda: ticks > 3)
            async with database.transaction() as connection:
                await connection.execute("update ticker set epoch = epoch + 1")
            # A machine that is held up for longer than the silence begins one more.
            await until(lambda: len(terms) >= 2)
        assert terms[0] is not None
        assert terms[1] is not None
        assert terms[1] > terms[0]
        assert ticker.epoch is None
        with pytest.raises(NotLeadingError):
            async with database.transaction() as connection:
                await ticker.guard(connection)


async def test_who_lost_its_lock_and_then_finds_no_server_leads_again(
    dsn: str, admin: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    name = await admin.fetchval("select quote_ident(current_database())")
    # From within, nobody may close a database.
    outside = await asyncpg.connect(dsn, database="postgres")
    async with Database.open(dsn, name="contender") as database:
        ticker = Ticker("tests", database, Timing(beat=0.02))
        with capture_logs() as said:
            async with running(ticker.run()):
                await until(lambda: ticker.epoch is not None)
                first = ticker.epoch
                await outside.execute(f"alter database {name} allow_connections false")
                await admin.execute(_END_SESSIONS)
                await until(lambda: any("no session" in str(line.get("reason")) for line in said))
                await outside.execute(f"alter database {name} allow_connections true")
                await until(lambda: ticker.epoch not in (None, first))
    await outside.close()


async def test_a_duty_that_breaks_ends_the_ticker(dsn: str) -> None:
    async def broken() -> None:
        raise LookupError("a bug")

    async with Database.open(dsn, name="tests", max_size=3) as database:
        ticker = Ticker("work", database, Timing(beat=0.02, silence=1.0))
        ticker.add("broken", broken)
        async with asyncio.timeout(10):
            with pytest.raises(ExceptionGroup) as raised:
                await ticker.run()
    assert raised.group_contains(LookupError, match="a bug")


async def _waits(admin: "asyncpg.Connection[asyncpg.Record]") -> bool:
    """Whether two processes contend."""
    sessions = await admin.fetchval("select count(*) from pg_stat_activity where application_name like '% session'")
    return int(sessions) >= 2


async def _more(admin: "asyncpg.Connection[asyncpg.Record]", than: int) -> bool:
    return int(await admin.fetchval("select count(*) from done")) > than


async def _in_turn(admin: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Every epoch is one contender's, and none writes again once a later one has written."""
    rows = await admin.fetch("select contender, epoch from done order by id")
    epochs = [row["epoch"] for row in rows]
    assert epochs == sorted(epochs)
    assert len({(row["contender"], row["epoch"]) for row in rows}) == len(set(epochs))
