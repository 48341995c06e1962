"""A cluster for the drills with what listens to it, and one drill after the other on it."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

from bet_intel.compose.cluster import control
from bet_intel.compose.cluster.engines import SMALL, VHOST, Sizes
from bet_intel.compose.cluster.services import NORMAL, ONE_OF_EACH, Source
from bet_intel.compose.cluster.supervisor import Plan
from bet_intel.compose.servers.folder import end_if_unused
from bet_intel.compose.servers.processes import Process, ServerError
from drills.catalog import UNDISTURBED
from drills.drill import Fault
from drills.facts import note_applied_sets
from drills.play import Play, Undisturbed
from drills.recording import Recording, write_prelude
from drills.stage import SCHEDULE, Stage, StageError
from drills.table import Row
from drills.tap import Tap
from fixtures.webhooks import receiving

_PREFIX = "bet-intel-drills-"
_OWNER = "owner"
SPEED = 240.0
"""A snapshot of a minute every quarter of a second."""
FULL = Sizes(postgres_synchronous=1)
TESTED = Sizes(rabbitmq_nodes=1, postgres_replicas=1, redis_masters=1, redis_replicas=0)
"""What the drills among the tests strike; of gateways there are two."""
SETTINGS = {
    "BET_INTEL_API_SUBSCRIPTIONS": "1000000",
    "BET_INTEL_API_STREAM_HEARTBEAT_SECONDS": "1",
    "BET_INTEL_NOTIFIER_WEBHOOK_ALLOW_LOOPBACK": "true",
    "BET_INTEL_NOTIFIER_RULES": "[]",
}
"""Of the services: webhooks lead here, and a follower hears soon that a stream is dead."""


@contextmanager
def staged(
    sizes: Sizes = FULL,
    counts: dict[str, int] | None = None,
    recording: Recording | None = None,
    speed: float = SPEED,
    settings: Mapping[str, str] | None = None,
) -> Iterator[Stage]:
    """A cluster in a temporary folder, in which nothing is played yet; `settings` are more of its services' own.

    Raises:
        ServerError: it could not be started.
    """
    wanted = {
        **(ONE_OF_EACH if sizes.rabbitmq_nodes == SMALL.rabbitmq_nodes else NORMAL),
        **(counts or {}),
        SCHEDULE: 0,
    }
    # Open to other users: root's servers are not root's.
    _sweep()
    parent = Path(tempfile.mkdtemp(prefix=_PREFIX))
    parent.chmod(0o755)
    (parent / _OWNER).write_text(str(os.getpid()), encoding="utf-8")
    path, source = parent / "cluster", parent / "recording.jsonl.gz"
    given = {**SETTINGS, **(settings or {})}
    before = {name: os.environ.get(name) for name in given}
    os.environ.update(given)
    try:
        write_prelude(source)
        with ThreadPoolExecutor(1) as pool:
            starting = pool.submit(control.up, path, Plan(sizes, wanted, Source(f"replay:{source}", str(speed))))
            recording = recording or Recording()
            starting.result()
        stage = Stage(path, source, recording, wanted)
        note_applied_sets(stage)
        try:
            yield stage
        finally:
            stage.close()
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        _remove(parent)


def _sweep() -> None:
    """Ends what killed drills have left: their clusters run on by themselves."""
    for parent in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        owner = parent / _OWNER
        if parent.stat().st_uid == os.geteuid() and owner.exists() and Process.of(int(owner.read_text())) is None:
            _remove(parent)


def _remove(parent: Path) -> None:
    path = parent / "cluster"
    if control.find(path) is not None:
        control.down(path)
    end_if_unused(path)
    shutil.rmtree(parent, ignore_errors=True)


@asynccontextmanager
async def playing(
    stage: Stage, say: Callable[[str], None], undisturbed: Undisturbed | None = None
) -> AsyncIterator[Play]:
    """What listens to all drills: a receiver of webhooks, and a queue of our own."""
    broker = ",".join(stage.engines.rabbitmq.urls(VHOST))
    tap = Tap(broker)
    async with receiving() as receiver:
        listening = asyncio.create_task(tap.run())
        try:
            try:
                async with asyncio.timeout(60):
                    await tap.listening.wait()
            except TimeoutError as error:
                raise StageError(f"the broker gives nobody to listen with: {tap.problem}") from error
            yield Play(stage, receiver, tap, undisturbed or Undisturbed(), say)
        finally:
            listening.cancel()
            await asyncio.wait({listening})


async def drilled_once(stage: Stage, fault: Fault, undisturbed: Undisturbed) -> Row:
    """The row of one fault; held against `undisturbed`, or what others are held against where that is empty."""
    async with playing(stage, lambda _: None, undisturbed) as play:
        return await play.drill(fault)


async def drilled(stage: Stage, faults: Sequence[Fault], say: Callable[[str], None]) -> AsyncGenerator[Row, None]:
    """The undisturbed play's row, and then one for each fault."""
    async with playing(stage, say) as play:
        for fault in (UNDISTURBED, *faults):
            say(fault.title)
            try:
                yield await play.drill(fault)
            except (StageError, ServerError) as error:
                yield Row(fault.name, fault.title, str(fault.bound), wrong=[f"no verdict: {error}"])
                await asyncio.to_thread(_again, stage, fault)


def _again(stage: Stage, fault: Fault) -> None:
    """What is left of a drill that went wrong is brought to an end."""
    if fault.settle is not None:
        with suppress(Exception):  # it may not have come so far that there is something to settle
            fault.settle(stage)
    stage.end_play()
    stage.heal()
    stage.forget_dead()
