"""Rows 1 to 4: what a request costs the gateway, in CPU of its process, beside peers on the same server.

And the turns of such servers, which rows that ask a gateway of another size take too.
"""

import asyncio
import itertools
import random
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median

import asyncpg
import uvloop

from bench.callers import caller
from bench.connecting import connected
from bench.http_load import CONNECTIONS, answers, body, p99, request
from bench.measure import Figure
from bench.servers import connector
from bench.system import System, system
from bench.worker import Worker
from bet_intel.compose.servers.ports import free_ports
from bet_intel.shared.rabbitmq.bus import RabbitBus
from fixtures.api_messages import Market, Match, Offer, odds_changed, opportunities_updated
from fixtures.polling import holds_soon

PATH = "/v1/opportunities"
_PER_EVENT = 20
RARE = "delta"
"""A bookmaker that has one opportunity, its last by EV, in each of the first five events, however many there are."""
_WITH_RARE = 5
_BOOKMAKERS = ("alpha", "beta", "gamma")
HOT, COLD = 2_000, 200
_FEW = 100
_CODINGS = ("br", "gzip", "zstd")
_PATIENCE = 120.0


@dataclass(slots=True)
class Served:
    """A process that answers; `seconds` and `times` are of every turn: CPU per request, and how long each took."""

    process: Worker
    port: int
    asked: Callable[[], Iterable[bytes]]
    number: int
    status: int = 200
    connections: int = CONNECTIONS
    seconds: list[float] = field(default_factory=list)
    times: list[list[float]] = field(default_factory=list)

    async def turn(self, *, counts: bool) -> None:
        requests = list(itertools.islice(self.asked(), self.number))
        before = self.process.seconds()
        times = await answers(self.port, requests, self.status, self.connections)
        spent = self.process.seconds() - before
        if counts:
            self.seconds.append(spent / self.number)
            self.times.append(times)


async def in_turns(ways: Mapping[str, Served], rounds: int) -> None:
    """Each way once a round, after one that is not counted; each round begins with another."""
    names = list(ways)
    for number in range(-1, rounds):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            await ways[name].turn(counts=number >= 0)


def against(peer: Served, ours: Served) -> float:
    """Median over the rounds of the peer's CPU per request over ours."""
    return median(theirs / own for theirs, own in zip(peer.seconds, ours.seconds, strict=True))


def waited(peer: Served, ours: Served) -> float:
    """Median over the rounds of how long those who asked the peer waited over those who asked ours: the database's work
    is in it, whoever's CPU it took."""
    return median(median(theirs) / median(own) for theirs, own in zip(peer.times, ours.times, strict=True))


def run(rounds: int) -> Iterable[Figure]:
    with system() as started, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        yield from runner.run(_measure(started, rounds))


async def _measure(started: System, rounds: int) -> Sequence[Figure]:
    gateway, port = started.start("api.serve")
    started.start("api.consume")
    await asyncio.to_thread(started.wait_for_consumers, "api.opportunities-updated", 1)
    async with reading(started, port) as fill:
        key = await caller(started, port)
        await fill(_FEW)
        # Of the same opportunities, or it would be another answer.
        plain = await body(port, request(PATH, **key))
        packed = {
            coding: len(await body(port, request(PATH, Accept_Encoding=coding, **key))) / len(plain)
            for coding in _CODINGS
        }
        with tempfile.TemporaryDirectory(prefix="bet-intel-bench-") as folder:
            few = await _ways(started, gateway, port, plain, Path(folder), key)
            await in_turns(few, rounds)
    return _figures(few, packed)


def _figures(few: Mapping[str, Served], packed: Mapping[str, float]) -> Sequence[Figure]:
    hot, fastapi, first = few["hot"], few["fastapi"], few["filtered"]
    slower = median(p99(a) / p99(b) for a, b in zip(fastapi.times, hot.times, strict=True))
    each = ", ".join(f"{name} {median(way.seconds) * 1e6:.0f}" for name, way in few.items())
    return [
        Figure("hot read, against a raw ASGI app", against(few["raw"], hot), 0.8, at_least=True, detail=f"µs: {each}"),
        Figure("hot read, against FastAPI and SQLAlchemy", against(fastapi, hot), 30, at_least=True),
        Figure("its p99, against theirs", slower, 20, at_least=True),
        Figure("filtered read, against theirs", against(fastapi, first), 3.5, at_least=True),
        Figure(
            "time of who asks a question first, against theirs",
            waited(fastapi, first),
            1.0,
            at_least=True,
            detail=f"ms: first {_ms(first)}, again {_ms(hot)}, fastapi {_ms(fastapi)}",
        ),
        Figure("304, against the whole answer", against(hot, few["304"]), 1.15, at_least=True),
        *itertools.chain.from_iterable(
            (
                Figure(f"bytes in {coding}, of those without", packed[coding], 0.12, at_least=False),
                Figure(f"speed in {coding}, against without", against(hot, few[coding]), 0.8, at_least=True),
            )
            for coding in _CODINGS
        ),
    ]


def _ms(way: Served) -> str:
    return f"{median(map(median, way.times)) * 1e3:.1f}"


async def _ways(
    started: System, gateway: Worker, port: int, plain: bytes, folder: Path, key: Mapping[str, str]
) -> Mapping[str, Served]:
    """Each is asked the same way, also who does not heed the key."""
    (folder / "body.json").write_bytes(plain)
    dsn = started.dsn("api").replace("postgresql://", "postgresql+asyncpg://")
    environments = {"raw": {"BENCH_BODY": str(folder / "body.json")}, "fastapi": {"BENCH_DSN": dsn}}
    ports = dict(zip(environments, free_ports(), strict=False))
    peers = {name: started.peer("bench.http_peers", name, str(ports[name]), **environments[name]) for name in ports}
    for each in ports.values():
        await wait_for(each)
    asked = {
        "hot": request(PATH, **key),
        "304": request(PATH, If_None_Match="*", **key),
        **{coding: request(PATH, Accept_Encoding=coding, **key) for coding in _CODINGS},
    }
    unseen = never_asked(key)
    return {
        "raw": Served(peers["raw"], ports["raw"], lambda: itertools.repeat(asked["hot"]), HOT),
        "hot": Served(gateway, port, lambda: itertools.repeat(asked["hot"]), HOT),
        "304": Served(gateway, port, lambda: itertools.repeat(asked["304"]), HOT, 304),
        **{coding: Served(gateway, port, partial(itertools.repeat, asked[coding]), HOT) for coding in _CODINGS},
        "fastapi": Served(peers["fastapi"], ports["fastapi"], unseen, COLD),
        "filtered": Served(gateway, port, unseen, COLD),
    }


def never_asked(key: Mapping[str, str], **filters: str) -> Callable[[], Iterable[bytes]]:
    """Questions that nobody has asked before, with the same answer."""
    numbers = itertools.count(1)
    more = "".join(f"&{name}={value}" for name, value in filters.items())
    return lambda: (request(f"{PATH}?min_ev={0.01 + number * 1e-9:.9f}{more}", **key) for number in numbers)


async def wait_for(port: int) -> None:
    _, writer = await connected(port, _PATIENCE)
    writer.close()
    await body(port, request(PATH))


@asynccontextmanager
async def reading(started: System, port: int) -> AsyncIterator[Callable[[int], Awaitable[None]]]:
    """A read model to fill with so many open opportunities, of which the gateway then knows."""
    bus, database = RabbitBus(connector(started.broker)), await asyncpg.connect(started.dsn("api"))
    await wait_for(port)

    async def fill(number: int) -> None:
        for event in range(number // _PER_EVENT):
            match = Match(f"bench:{event}", home=f"Home {event}", away=f"Away {event}")
            await bus.publish(odds_changed(Market(), match=match))
            await bus.publish(opportunities_updated(*_offers(event), match=match))

        async def is_known() -> bool:
            if await database.fetchval("select count(*) from opportunity") < number:
                return False
            return bool(await _seq(port) >= await database.fetchval("select seq from feed_position"))

        if not await holds_soon(_PATIENCE, is_known, every=0.05):
            raise RuntimeError(f"the read model does not hold {number} opportunities within {_PATIENCE:g} s")
        # As the server does by itself within seconds; before it, lists are read by sorting every row.
        postgres = started.engines.postgres
        await asyncio.to_thread(postgres.sql, postgres.primary, "analyze", database="api")

    try:
        yield fill
    finally:
        await bus.close()
        await database.close()


def _offers(event: int) -> Iterable[Offer]:
    """As unlike each other as in earnest, or they would be compressed better than any list is."""
    rng = random.Random(event)
    for place in range(_PER_EVENT):
        ev, fair = 0.02 + (place + rng.random()) / 1000, rng.uniform(0.2, 0.7)
        bookmaker = RARE if place == 0 and event < _WITH_RARE else rng.choice(_BOOKMAKERS)
        id = f"{rng.getrandbits(80):020x}"
        yield Offer(id, ev, market="totals", line=place + 0.5, bookmaker=bookmaker, price=(1 + ev) / fair, fair=fair)


async def _seq(port: int) -> float:
    """The newest entry of the feed that the gateway knows."""
    lines = (await body(port, request("/metrics"))).decode().splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith("bet_intel_api_feed_seq "))
