"""Row 17: what an event costs ev-engine with two consumers, beside one: CPU of the processes, as the kernel counts it.

And what one of them has in memory.
"""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from statistics import median

import uvloop

from bench.matches import odds
from bench.measure import Figure
from bench.servers import NoDeadLetters, connector
from bench.system import System, system
from bench.worker import Worker
from bet_intel.odds_ingest.domain.state import EventState, advance
from bet_intel.odds_ingest.wire import odds_changed
from bet_intel.shared.messaging import Message, Queue
from bet_intel.shared.rabbitmq.bus import RabbitBus

_EVENTS, _TOTALS = 256, 3
_CONSUME = "ev-engine.consume"
_QUEUE = "ev-engine.odds-changed"
_TOLD = Queue("bench.opportunities-updated", "opportunities.updated.v1")
_SECONDS = 60.0
_MEGABYTES = 200
"""Above which a worker would begin anew."""


def run(rounds: int) -> Iterable[Figure]:
    with system() as started, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        yield from runner.run(_measure(started, rounds))


async def _measure(started: System, rounds: int) -> Sequence[Figure]:
    bench = _Bench(RabbitBus(connector(started.broker)))
    bench.bus.subscribe(_TOLD, bench.told, NoDeadLetters())
    await bench.bus.declare()
    taken: dict[int, list[float]] = {1: [], 2: []}
    shares: list[float] = []
    async with asyncio.TaskGroup() as group:
        listening = group.create_task(bench.bus.run())
        workers: list[Worker] = []
        for number in range(-1, rounds):
            # Every other round in the other order, so that the second consumer lives through two of them.
            for consumers in (1, 2) if number % 2 else (2, 1):
                if len(workers) != consumers:
                    await asyncio.to_thread(_be, started, workers, consumers)
                    await bench.change()
                before = [worker.seconds() for worker in workers]
                await bench.change()
                spent = [worker.seconds() - was for worker, was in zip(workers, before, strict=True)]
                if number >= 0:
                    taken[consumers].append(sum(spent) / _EVENTS)
                    shares += [min(spent) / sum(spent)] if consumers == 2 else []
        memory = workers[0].memory / 1e6
        listening.cancel()
    grown = median(two / one for one, two in zip(taken[1], taken[2], strict=True))
    detail = f"{median(taken[1]) * 1e3:.2f} ms with one; the lesser of two did {median(shares):.0%}"
    return [
        Figure("CPU per event with two engine consumers, against one", grown, 1.1, at_least=False, detail=detail),
        Figure("memory of such a consumer", memory, _MEGABYTES, at_least=False, unit="MB"),
    ]


def _be(started: System, workers: list[Worker], consumers: int) -> None:
    while len(workers) > consumers:
        workers.pop().end()
    while len(workers) < consumers:
        workers.append(started.start(_CONSUME)[0])
    started.wait_for_consumers(_QUEUE, consumers)


class _Bench:
    """Tells of every match at once, and hears what was made of it."""

    def __init__(self, bus: RabbitBus) -> None:
        self.bus = bus
        self._states: list[EventState | None] = [None] * _EVENTS
        self._changes = 0
        self._missing: set[str] = set()
        self._all = asyncio.Event()

    async def told(self, messages: Sequence[Message]) -> None:
        self._missing -= {message.subject for message in messages}
        if not self._missing:
            self._all.set()

    async def change(self) -> None:
        """Returns when every match is priced anew."""
        self._changes += 1
        as_of = datetime.now(UTC)
        for number, state in enumerate(self._states):
            changed = odds(number, self._changes, as_of, totals=_TOTALS)
            self._states[number] = advance(state, changed, as_of, self._changes)
        messages = [odds_changed(state) for state in self._states if state is not None]
        self._missing = {message.subject for message in messages}
        self._all.clear()
        await asyncio.gather(*map(self.bus.publish, messages))
        async with asyncio.timeout(_SECONDS):
            await self._all.wait()
