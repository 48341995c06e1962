"""A follower of `/v1/stream` whose gateway is killed goes on at another."""

import asyncio
import contextlib

import httpx
import pytest

from bet_intel.compose.servers.ports import free_ports
from fixtures.api_gateway import MIGRATIONS, gateway_on
from fixtures.api_messages import Offer, opportunities_updated
from fixtures.no_tls import NO_TLS
from fixtures.postgres import MakeDatabase
from fixtures.processes import process
from fixtures.servers import Vhost
from fixtures.sse import Event, Stream, streaming
from fixtures.waiting import until

pytestmark = pytest.mark.integration

_REVISIONS = 60
_KILLED_AFTER = 20
_OFFERS = 5


async def test_each_change_is_heard_once_though_the_gateway_is_killed(
    vhost: Vhost, make_database: MakeDatabase
) -> None:
    dsn, port = await make_database(MIGRATIONS), next(free_ports())
    environment = {
        "BET_INTEL_BROKER_URL": vhost.url,
        "BET_INTEL_API_DSN": dsn,
        "BET_INTEL_API_PORT": str(port),
        "BET_INTEL_API_ACCESS": "open",
    }
    async with (
        gateway_on(dsn) as survivor,
        process("bet_intel.api", "serve", environment) as victim,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False, verify=NO_TLS, timeout=10) as client,
    ):

        async def ready() -> bool:
            assert not victim.ended(), victim.said
            with contextlib.suppress(httpx.TransportError):
                return (await client.get("/readyz")).status_code == 200
            return False

        await until(ready, timeout=60)
        await survivor.tell(opportunities_updated(*offers(1), revision=1))
        heard: list[Event] = []
        some = asyncio.Event()

        async def project() -> None:
            for revision in range(2, _REVISIONS):
                await survivor.tell(opportunities_updated(*offers(revision), revision=revision))
                if revision == _KILLED_AFTER:
                    await some.wait()
                    # In the middle of what it tells: not everything has been told yet.
                    await victim.end()

        async def follow_to_its_end(stream: Stream) -> None:
            with contextlib.suppress(httpx.TransportError, EOFError):
                while True:
                    heard.extend(await stream.events(1))
                    some.set()

        async with streaming(client, min_ev=-1) as stream, asyncio.timeout(60), asyncio.TaskGroup() as group:
            begun = await stream.event()
            assert begun.name == "snapshot"
            group.create_task(project())
            await follow_to_its_end(stream)
        assert victim.ended()
        epoch = await survivor.database.fetchval("select epoch from feed_position")
        rows = await survivor.database.fetch("select seq, kind from feed order by seq")
        feed = [(f"{epoch}-{row['seq']}", row["kind"]) for row in rows]
        behind = [each for each in feed if place(each[0]) > place(begun.id)]
        async with streaming(survivor.client, heard[-1].id, min_ev=-1) as stream, asyncio.timeout(30):
            left = len(behind) - len(heard)
            assert left > 0
            heard += await stream.events(left)
        assert [(each.id, each.name) for each in heard] == behind


def offers(revision: int) -> list[Offer]:
    return [Offer(f"opportunity-{n}", ev=0.02 + revision / 1000) for n in range(_OFFERS)]


def place(id: str | None) -> int:
    assert id is not None
    return int(id.split("-")[1])
