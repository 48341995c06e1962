"""Row 16b: what a request costs a gateway that has 10,000 open opportunities, beside one that has 100."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager

import uvloop

from bench.callers import caller
from bench.gateway import COLD, HOT, PATH, Served, against, in_turns, reading
from bench.http_load import request
from bench.measure import Figure
from bench.system import System, system

_FEW, _MANY = 100, 10_000
_FILTERED_CONNECTIONS = 2
"""So few that nobody waits for a connection of the pool, or is refused, on a busy machine: what is told is CPU."""


def run(rounds: int) -> Iterable[Figure]:
    """Of two systems at once, so that they take turns."""
    with (
        system() as small,
        system() as large,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        yield from runner.run(_measure(small, large, rounds))


async def _measure(small: System, large: System, rounds: int) -> Iterable[Figure]:
    async with _filled(small, _FEW) as few, _filled(large, _MANY) as many:
        await in_turns(
            {f"{size} {way}": ways[way] for size, ways in (("few", few), ("many", many)) for way in ways}, rounds
        )
    return [
        Figure("hot read, 10,000 open against 100", against(many["hot"], few["hot"]), 1.2, at_least=False),
        Figure("filtered read, the same", against(many["filtered"], few["filtered"]), 2, at_least=False),
    ]


@asynccontextmanager
async def _filled(started: System, number: int) -> AsyncIterator[Mapping[str, Served]]:
    gateway, port = started.start("api.serve")
    started.start("api.consume")
    await asyncio.to_thread(started.wait_for_consumers, "api.opportunities-updated", 1)
    async with reading(started, port) as fill:
        key = await caller(started, port)
        await fill(number)
        numbers = itertools.count(1)

        def unseen() -> Iterable[bytes]:
            """Questions that nobody has asked before, with the same answer."""
            return (request(f"{PATH}?min_ev={0.01 + number * 1e-9:.9f}", **key) for number in numbers)

        hot = request(PATH, **key)
        yield {
            "hot": Served(gateway, port, lambda: itertools.repeat(hot), HOT),
            "filtered": Served(gateway, port, unseen, COLD, connections=_FILTERED_CONNECTIONS),
        }
