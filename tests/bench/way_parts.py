"""The parts of the way from a change of odds to a client of the stream, each measured alone."""

import asyncio
import random
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from statistics import median
from typing import Self

from prometheus_client import CollectorRegistry

from bench.matches import PROVIDER, odds
from bench.servers import NoDeadLetters, connector
from bench.system import System
from bet_intel.api.feed import FEED_MOVED, FeedTail
from bet_intel.api.following import Wanted, told
from bet_intel.api.projector import Projector
from bet_intel.api.read_model import OpportunityFilter
from bet_intel.ev_engine.closing_lines import ClosingLines
from bet_intel.ev_engine.domain.profile import STARTING
from bet_intel.ev_engine.price_boards import PriceBoards
from bet_intel.ev_engine.pricing_settings import Profiles
from bet_intel.ev_engine.store import CLOSED
from bet_intel.ev_engine.store import Store as EngineStore
from bet_intel.odds_ingest.domain.quotes import Answer
from bet_intel.odds_ingest.ingest import IngestOdds
from bet_intel.odds_ingest.store import Store
from bet_intel.shared.inprocess import InProcessBus, InProcessTasks
from bet_intel.shared.message_metrics import MessageMetrics
from bet_intel.shared.messaging import Message, Queue
from bet_intel.shared.outbox import Outbox, UnitOfWork
from bet_intel.shared.partitions import DaysOf
from bet_intel.shared.postgres import Committed, Database
from bet_intel.shared.rabbitmq.bus import RabbitBus
from bet_intel.shared.rediscluster.engines import open_redis
from bet_intel.shared.wake import InProcessWake, Wake

_TIMES = 10
_READY_SECONDS = 5.0
_MATCH = 10_000
"""A match of its own, which nobody else speaks of."""
_HOP = Queue("bench.hop", "bench.hop.v1")
_WANTED = Wanted(
    OpportunityFilter("consensus", min_ev=0.0), frozenset({"opportunity.opened", "opportunity.updated"}), "decimal"
)


class _KeptOutbox(Outbox):
    """Stores what is told in the transaction and keeps it, in place of publishing it."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, InProcessBus(random.Random(1)), InProcessTasks(random.Random(1)))
        self.database = database
        self.told: list[Message] = []

    @asynccontextmanager
    async def transaction(self, committed: Committed | None = None) -> AsyncIterator[UnitOfWork]:
        async with super().transaction(committed) as unit:
            yield unit
        self.told = [one for one in unit.outgoing if isinstance(one, Message)]

    async def forget(self) -> None:
        """Nobody is to find what was stored and publish it."""
        async with self.database.transaction() as connection:
            ids = [message.id for message in self.told]
            await connection.execute("delete from outbox where message_id = any($1::text[])", ids)


@dataclass(slots=True)
class Parts:
    """Seconds of each part in every measurement, by its name."""

    ingest: IngestOdds
    ingest_outbox: _KeptOutbox
    engine: PriceBoards
    engine_outbox: _KeptOutbox
    projector: Projector
    tail: FeedTail
    bus: RabbitBus
    wakes: tuple[Wake, Wake]
    taken: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    _changes: int = 0
    _arrived: asyncio.Event = field(default_factory=asyncio.Event)

    @classmethod
    @asynccontextmanager
    async def of(cls, started: System) -> AsyncIterator[Self]:
        async with AsyncExitStack() as stack:
            databases = [
                await stack.enter_async_context(Database.open(started.dsn(service), name="bench", max_size=2))
                for service in ("odds_ingest", "ev_engine", "api")
            ]
            ingest, engine, api = databases
            ingest_outbox, engine_outbox = _KeptOutbox(ingest), _KeptOutbox(engine)
            registry = CollectorRegistry()
            engine_store, profiles, messages = (
                EngineStore(),
                Profiles(tuple(STARTING.values())),
                MessageMetrics(registry),
            )
            closing_lines = ClosingLines(engine, engine_outbox, engine_store, profiles, _now)
            redis = [
                await stack.enter_async_context(open_redis(started.redis, time.monotonic, CollectorRegistry()))
                for _ in range(2)
            ]
            parts = cls(
                IngestOdds(ingest_outbox, Store(), _now),
                ingest_outbox,
                PriceBoards(
                    engine, engine_outbox, engine_store, DaysOf(engine, CLOSED), profiles, _now, closing_lines, messages
                ),
                engine_outbox,
                Projector(api, registry, lambda: None, _now, messages),
                FeedTail(api, InProcessWake(), 1.0, 1000, time.monotonic, registry),
                RabbitBus(connector(started.broker)),
                (redis[0].wake, redis[1].wake),
            )
            parts.bus.subscribe(_HOP, parts._hopped, NoDeadLetters())
            await parts.bus.declare()
            group = await stack.enter_async_context(asyncio.TaskGroup())
            background = [
                group.create_task(work) for work in (parts.bus.run(), redis[0].wake.run(), redis[1].wake.run())
            ]
            await parts._ready()
            yield parts
            for task in background:
                task.cancel()

    async def _ready(self) -> None:
        """Everything once, which does not count; a ring is lost where nobody listens yet."""
        while True:
            try:
                async with asyncio.timeout(_READY_SECONDS):
                    await self._once()
            except TimeoutError:
                continue
            break
        self.taken.clear()

    async def measure(self) -> None:
        for _ in range(_TIMES):
            await self._once()

    def sum(self) -> tuple[float, str]:
        """Seconds of all parts at their medians, and which they are."""
        medians = {name: median(taken) for name, taken in self.taken.items()}
        medians["two hops"] = 2 * medians.pop("hop")
        told = ", ".join(f"{name} {seconds * 1e3:.2f}" for name, seconds in medians.items())
        return sum(medians.values()), f"ms: {told}"

    async def _once(self) -> None:
        self._changes += 1
        as_of = _now()
        match = odds(_MATCH, self._changes, as_of)
        answer = Answer(PROVIDER, frozenset(), as_of, (match,), event_ids=frozenset({match.event.id}))
        begin = time.perf_counter()
        await self.ingest.answer(answer, "bench alone")
        self._note("ingest", begin)
        changed = [one for one in self.ingest_outbox.told if one.subject == match.event.id]
        await self.ingest_outbox.forget()
        await self._hop(changed[0])
        begin = time.perf_counter()
        await self.engine.handle(changed)
        self._note("engine", begin)
        sets = self.engine_outbox.told
        await self.engine_outbox.forget()
        await self.tail.look()
        at = self.tail.place
        begin = time.perf_counter()
        await self.projector.opportunities_updated(sets)
        self._note("projector", begin)
        await self._wake()
        begin = time.perf_counter()
        await self.tail.look()
        entries = self.tail.after(at, 100) or []
        frames = [told(entry, at.epoch, _WANTED) for entry in entries]
        self._note("tail", begin)
        if not any(frames):
            raise RuntimeError("the change has changed no opportunity")

    async def _hop(self, message: Message) -> None:
        self._arrived.clear()
        copy = Message(message.id, _HOP.type, "bench", message.subject, message.time, message.revision, message.data)
        begin = time.perf_counter()
        publishing = asyncio.ensure_future(self.bus.publish(copy))
        await self._arrived.wait()
        self._note("hop", begin)
        await publishing

    async def _hopped(self, _messages: Sequence[Message]) -> None:
        self._arrived.set()

    async def _wake(self) -> None:
        ringing, listening = self.wakes
        with listening.listening(FEED_MOVED) as woken:
            begin = time.perf_counter()
            ringing.ring(FEED_MOVED)
            await woken.wait()
            self._note("wake", begin)

    def _note(self, part: str, begin: float) -> None:
        self.taken[part].append(time.perf_counter() - begin)


def _now() -> datetime:
    return datetime.now(UTC)
