"""Row 14: from a change of odds to a client of `/v1/stream`, through the processes of three services.

The change is handed to odds-ingest's use case in this process, which also reads the stream; ev-engine, projector and
gateway are processes of their own. The parts of the way are measured alone, on the same servers, when nothing else is
under way (`way_parts`).
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from statistics import median, quantiles

import msgspec
import uvloop

from bench.connecting import connected
from bench.matches import PRICES, PROVIDER, odds
from bench.measure import Figure
from bench.servers import connector
from bench.system import System, system
from bench.way_parts import Parts
from bench.worker import Worker
from bet_intel.odds_ingest.domain.quotes import Answer
from bet_intel.odds_ingest.ingest import IngestOdds
from bet_intel.odds_ingest.store import Store
from bet_intel.shared.inprocess import InProcessTasks
from bet_intel.shared.outbox import Outbox
from bet_intel.shared.postgres import Database
from bet_intel.shared.rabbitmq.bus import RabbitBus

_MATCHES = 50
_ALONE_PER_ROUND = 20
_PER_SECOND, _SECONDS = 100, 5
_PATIENCE = 60.0
_MEGABYTES = 200
_STREAM = b"GET /v1/stream?type=opportunity.opened,opportunity.updated&min_ev=0 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


class _Event(msgspec.Struct):
    id: str


class _Told(msgspec.Struct):
    event: _Event
    price: float


class _Followed(msgspec.Struct):
    opportunity: _Told


def run(rounds: int) -> Iterable[Figure]:
    with system() as started, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        gateway, port = started.start("api.serve")
        started.start("api.consume")
        started.start("ev-engine.consume")
        for queue in ("api.odds-changed", "api.opportunities-updated", "ev-engine.odds-changed"):
            started.wait_for_consumers(queue, 1)
        yield from runner.run(_measure(started, gateway, port, rounds))


async def _measure(started: System, gateway: Worker, port: int, rounds: int) -> Sequence[Figure]:
    async with _way(started, port) as way:
        await asyncio.gather(*map(way.change, range(_MATCHES)))
        async with Parts.of(started) as parts:
            alone: list[float] = []
            for _ in range(rounds):
                alone += [await way.change(number) for number in range(_ALONE_PER_ROUND)]
                await parts.measure()
        at_pace = await _at_pace(way)
    sum_of_parts, told = parts.sum()
    whole = median(alone)
    cuts = quantiles(at_pace, n=100)
    pace = f"at {_PER_SECOND} changes/s"
    memory = gateway.memory / 1e6
    return [
        Figure("the way at p50, against the sum of its parts", whole / sum_of_parts, 1.5, at_least=False, detail=told),
        Figure("p50, one change at a time", whole * 1e3, 10, at_least=False, unit="ms", is_latency=True),
        Figure(f"p50 {pace}", cuts[49] * 1e3, 10, at_least=False, unit="ms", is_latency=True),
        Figure(f"p99 {pace}", cuts[98] * 1e3, 25, at_least=False, unit="ms", is_latency=True),
        Figure("memory of the gateway", memory, _MEGABYTES, at_least=False, unit="MB"),
    ]


async def _at_pace(way: "_Way") -> list[float]:
    """Seconds from when each change was due."""
    loop = asyncio.get_running_loop()
    begin = loop.time()
    changes = []
    for number in range(_PER_SECOND * _SECONDS):
        due = begin + number / _PER_SECOND
        await asyncio.sleep(due - loop.time())  # the pace is what is asked for
        changes.append(asyncio.ensure_future(way.change(number % _MATCHES, loop.time() - due)))
    return await asyncio.gather(*changes)


class _Way:
    def __init__(self, ingest: IngestOdds, reader: asyncio.StreamReader) -> None:
        self._ingest = ingest
        self._reader = reader
        self._changes = [0] * _MATCHES
        self._waiting: dict[str, list[tuple[float, asyncio.Future[float]]]] = {}

    async def change(self, number: int, late: float = 0.0) -> float:
        """Change the odds of a match; seconds until the stream tells of it, and those that it was `late` before."""
        self._changes[number] += 1
        as_of = datetime.now(UTC)
        match = odds(number, self._changes[number], as_of)
        arrival: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        price = PRICES[self._changes[number] % len(PRICES)]
        self._waiting.setdefault(match.event.id, []).append((price, arrival))
        begin = time.perf_counter()
        told = Answer(PROVIDER, frozenset(), as_of, (match,), event_ids=frozenset({match.event.id}))
        await self._ingest.answer(told, PROVIDER)
        async with asyncio.timeout(_PATIENCE):
            return await arrival - begin + late

    async def listen(self) -> None:
        async for line in self._reader:
            if line.startswith(b"data:") and b'"opportunity"' in line:
                arrived = time.perf_counter()
                told = msgspec.json.decode(line[5:], type=_Followed)
                self._arrived(told.opportunity, arrived)

    def _arrived(self, told: _Told, arrived: float) -> None:
        """A change that another one overtook arrives with that one: the stream tells what is so, not each step."""
        waiting = self._waiting.get(told.event.id, [])
        place = next((place for place, (price, _) in enumerate(waiting) if price == told.price), -1)
        for _, arrival in waiting[: place + 1]:
            arrival.set_result(arrived)
        del waiting[: place + 1]


@asynccontextmanager
async def _way(started: System, port: int) -> AsyncIterator[_Way]:
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(Database.open(started.dsn("odds_ingest"), name="bench", max_size=4))
        bus = RabbitBus(connector(started.broker))
        stack.push_async_callback(bus.close)
        outbox = Outbox(database, bus, InProcessTasks(random.Random(1)))
        reader, writer = await connected(port, _PATIENCE)
        stack.callback(writer.close)
        writer.write(_STREAM)
        way = _Way(IngestOdds(outbox, Store(), lambda: datetime.now(UTC)), reader)
        group = await stack.enter_async_context(asyncio.TaskGroup())
        background = [group.create_task(work) for work in (way.listen(), outbox.run(sweeps=False))]
        yield way
        for task in background:
            task.cancel()
