"""Row 16b: what a request costs a gateway that has 10,000 open opportunities, beside one that has 100.

In CPU of the gateway, and in time of who asks it, in which the database's work is. One filter lets everything through,
another five opportunities, which are the same of 100 and of 10,000.
"""

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from statistics import median

import uvloop

from bench.callers import caller
from bench.gateway import COLD, HOT, PATH, RARE, Served, against, in_turns, never_asked, reading, waited
from bench.http_load import request
from bench.measure import Figure
from bench.system import System, system

_FEW, _MANY = 100, 10_000
_FILTERED_CONNECTIONS = 2
"""So few that nobody waits for a connection of the pool, or is refused, on a busy machine."""
_FILTERED = {"filtered": "filtered read", "rare": "read by a rare bookmaker"}


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
        *(
            figure
            for way, name in _FILTERED.items()
            for figure in (
                Figure(f"{name}, the same", against(many[way], few[way]), 2, at_least=False),
                Figure(
                    "time of who asks for it, the same",
                    waited(many[way], few[way]),
                    2,
                    at_least=False,
                    detail=f"ms: {_ms(many[way])}, of 100 {_ms(few[way])}",
                ),
            )
        ),
    ]


def _ms(way: Served) -> str:
    return f"{median(map(median, way.times)) * 1e3:.2f}"


@asynccontextmanager
async def _filled(started: System, number: int) -> AsyncIterator[Mapping[str, Served]]:
    gateway, port = started.start("api.serve")
    started.start("api.consume")
    await asyncio.to_thread(started.wait_for_consumers, "api.opportunities-updated", 1)
    async with reading(started, port) as fill:
        key = await caller(started, port)
        await fill(number)
        hot = request(PATH, **key)
        yield {
            "hot": Served(gateway, port, lambda: itertools.repeat(hot), HOT),
            "filtered": Served(gateway, port, never_asked(key), COLD, connections=_FILTERED_CONNECTIONS),
            "rare": Served(gateway, port, never_asked(key, bookmaker=RARE), COLD, connections=_FILTERED_CONNECTIONS),
        }
