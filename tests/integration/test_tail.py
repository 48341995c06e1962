"""`bet-intel tail` on a real RabbitMQ."""

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from bet_intel.shared.messaging import Message, Queue
from bet_intel.shared.rabbitmq.bus import RabbitBus
from fixtures.api_messages import AS_OF, Market, odds_changed, service_heartbeat
from fixtures.engines import QUICK, KeptInMemory, connector
from fixtures.servers import Vhost
from fixtures.waiting import running, until

pytestmark = pytest.mark.integration


@asynccontextmanager
async def tailing(vhost: Vhost, *options: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """`bet-intel tail`, listening."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bet_intel.compose.cli", "tail", *options),
        stdout=PIPE,
        stderr=PIPE,
        env={**os.environ, "BET_INTEL_BROKER_URL": vhost.url},
    )
    assert process.stderr is not None
    try:
        async with asyncio.timeout(20):
            assert "listening" in (await process.stderr.readline()).decode()
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


async def said_by(process: asyncio.subprocess.Process) -> str:
    said, _ = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 0
    return said.decode()


async def test_events_are_shown_decoded_and_consumers_miss_nothing(vhost: Vhost) -> None:
    handled: list[str] = []

    async def handle(messages: Sequence[Message]) -> None:
        handled.extend(message.subject for message in messages)

    bus = RabbitBus(connector(vhost.url), QUICK)
    bus.subscribe(Queue("api.odds-changed", "odds.changed.v1"), handle, KeptInMemory())
    await bus.declare()
    async with tailing(vhost, "--rows", "1", "--limit", "2") as process, running(bus.run()):
        await bus.publish(odds_changed(Market("totals", line=8.5), revision=12))
        bus.announce(service_heartbeat(AS_OF, outbox_depth=3))
        await until(lambda: handled == ["made_up:1"])
        odds, heartbeat = (await said_by(process)).split("\n2026")
    head, fields, *tables = odds.splitlines()
    assert head.split()[1:] == ["odds.changed.v1", "made_up:1", "from", "tests,", "revision", "12,", "373", "bytes"]
    assert "home=Harbour City  away=Riverside" in fields
    assert "as_of_us=2026-04-16T18:00:00+00:00" in fields
    at = tables.index("  quotes (2)")
    assert tables[at + 1 : at + 3] == [
        "    market=totals full 8.5  bookmaker=alpha Alpha  outcome=Harbour City  side=0  price=2.2",
        "    … and 1 more",
    ]
    assert "service=ev-engine" in heartbeat
    assert "outbox_depth=3" in heartbeat


async def test_only_the_types_asked_for_as_json(vhost: Vhost) -> None:
    bus = RabbitBus(connector(vhost.url), QUICK)
    async with tailing(vhost, "--type", "odds.#", "--limit", "1", "--json") as process, running(bus.run()):
        bus.announce(service_heartbeat(AS_OF, outbox_depth=3))
        bus.announce(odds_changed(Market(), revision=12))
        told = json.loads(await said_by(process))
    assert (told["type"], told["revision"]) == ("odds.changed.v1", 12)
    assert told["data"]["quotes"][1] == {
        "market": "h2h full",
        "bookmaker": "beta Beta",
        "outcome": "Harbour City",
        "side": 0,
        "price": 2.1,
        "limit": None,
    }


async def test_a_broker_that_refuses_is_a_sentence(vhost: Vhost) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bet_intel.compose.cli", "tail", "--url", vhost.url.replace(vhost.name, "absent")),
        stdout=PIPE,
        stderr=PIPE,
    )
    _, complaint = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 1
    assert complaint.decode().startswith("bet-intel: the broker at 127.0.0.1:")
    assert "has no vhost 'absent'" in complaint.decode()
