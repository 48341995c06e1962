"""Many followers of `/v1/stream`, and those who do not do as they should: nobody has to wait for another."""

import asyncio
import json
import re
import socket
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import httpx
import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

import bet_intel.api.server
from bet_intel.api.protocol import Protocol
from fixtures.api_accounts import KEYS, OPERATOR, ask, holder
from fixtures.api_gateway import MIGRATIONS, Gateway, gateway_on, served
from fixtures.api_messages import Offer, opportunities_updated
from fixtures.no_tls import NO_TLS
from fixtures.postgres import MakeDatabase
from fixtures.sse import Event, Stream, streaming
from fixtures.waiting import until

__all__ = ["served"]

pytestmark = pytest.mark.integration

OFFERS = 200
_MEGABYTE = 1_000_000
_BEHIND = b"GET /v1/stream?min_ev=0 HTTP/1.1\r\nHost: test\r\n\r\n"


def news(revision: int, offers: int = OFFERS) -> Any:
    """As many entries of the feed as there are offers."""
    return opportunities_updated(
        *(Offer(f"opportunity-{n}", ev=0.02 + revision / 10_000) for n in range(offers)), revision=revision
    )


@asynccontextmanager
async def reluctant(gateway: Gateway) -> AsyncIterator[asyncio.StreamReader]:
    """A follower with little room for what he is sent; nothing is read unless the test does."""
    address = gateway.client.base_url
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
    connection.setblocking(False)
    await asyncio.get_running_loop().sock_connect(connection, (address.host, address.port))
    reader, writer = await asyncio.open_connection(sock=connection)
    try:
        writer.write(_BEHIND)
        yield reader
    finally:
        writer.transport.abort()


async def number(gateway: Gateway, metric: str) -> float:
    found = re.search(rf"^{re.escape(metric)} (.*)$", (await gateway.client.get("/metrics")).text, re.MULTILINE)
    return float(found[1]) if found else 0.0


async def followers(gateway: Gateway) -> float:
    return await number(gateway, "bet_intel_api_stream_followers")


async def test_who_reads_nothing_is_cut_off_and_holds_up_nobody(
    make_database: MakeDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Protocol, "unread_seconds", 2.0)
    async with gateway_on(await make_database(MIGRATIONS), feed_kept=500) as gateway:
        await gateway.tell(news(1))
        async with streaming(gateway.client, min_ev=0) as stream, AsyncExitStack() as stack:
            begun = await stream.event()
            assert begun.name == "snapshot"
            for _ in range(5):
                await stack.enter_async_context(reluctant(gateway))
            await until(lambda: followers_are(gateway, 6))
            tracemalloc.start()
            try:
                seen: list[Event] = []
                for revision in range(2, 42):
                    await gateway.tell(news(revision))
                    seen += await stream.events(OFFERS)
                _, most = tracemalloc.get_traced_memory()
            finally:
                tracemalloc.stop()
            # Each of them gets what was told, and would have been sent as much.
            assert {event.name for event in seen} == {"opportunity.updated"}
            assert consecutive(seen)
            told = sum(len(json.dumps(event.data)) for event in seen)
            assert told > 5 * _MEGABYTE
            assert most - told * 4 < 3 * told, "what nobody reads is kept for him"
            await until(lambda: followers_are(gateway, 1))


async def followers_are(gateway: Gateway, count: int) -> bool:
    return await followers(gateway) == count


def consecutive(events: list[Event]) -> bool:
    """Whether each is the one behind the one before, of the same feed."""
    places = [tuple(map(int, str(event.id).split("-"))) for event in events]
    return places == [(places[0][0], places[0][1] + n) for n in range(len(places))]


async def test_who_pauses_for_too_long_is_told_and_given_all_there_is(make_database: MakeDatabase) -> None:
    offers, revisions = 50, 200
    async with gateway_on(await make_database(MIGRATIONS), feed_kept=250) as gateway:
        await gateway.tell(news(1, offers))
        async with reluctant(gateway) as reader:
            await until(lambda: followers_are(gateway, 1))
            for revision in range(2, revisions):
                await gateway.tell(news(revision, offers))
            await gateway.tell(opportunities_updated(Offer("last"), revision=revisions))
            stream, reasons, told = Stream(lines(reader)), [], list[Event]()
            async with asyncio.timeout(60):
                while not told or "last" not in listed(told[-1]):
                    event = await stream.event()
                    if event.name == "snapshot":
                        reasons.append(event.data["reason"])
                        told = []
                    if event.name != "heartbeat":
                        told.append(event)
                    assert consecutive(told), "what is missing has to be told of by a snapshot"
            assert reasons == ["start", "too_slow"]
            assert await number(gateway, 'bet_intel_api_stream_snapshots_total{reason="too_slow"}') == 1


def listed(event: Event) -> list[str]:
    """Ids of the opportunities that an event shows."""
    shown = [event.data["opportunity"]] if "opportunity" in event.data else event.data.get("opportunities", [])
    return [one["id"] for one in shown]


async def lines(reader: asyncio.StreamReader) -> AsyncIterator[str]:
    """Of the body of an answer in chunks."""
    await reader.readuntil(b"\r\n\r\n")
    rest = b""
    while size := int(await reader.readuntil(b"\r\n"), 16):
        *whole, rest = (rest + (await reader.readexactly(size + 2))[:-2]).split(b"\n")
        for line in whole:
            yield line.decode()


async def test_each_hears_what_he_asked_for(served: Gateway) -> None:
    """Also where more follow than are told in one go."""
    await served.tell(opportunities_updated(Offer("low", ev=0.03), Offer("high", ev=0.08, bookmaker="beta")))
    questions: list[dict[str, Any]] = [{}, {"min_ev": 0.05}, {"bookmaker": "alpha"}, {"odds_format": "american"}]
    async with (
        AsyncExitStack() as stack,
        httpx.AsyncClient(
            base_url=served.client.base_url, trust_env=False, verify=NO_TLS, timeout=30, limits=httpx.Limits()
        ) as client,
    ):
        streams = [await stack.enter_async_context(streaming(client, **question)) for question in questions * 30]
        for stream in streams:
            assert (await stream.event()).name == "snapshot"
        for revision in range(2, 6):
            await served.tell(
                opportunities_updated(
                    Offer("low", ev=0.03 + revision / 1000),
                    Offer("high", ev=0.08 + revision / 1000, bookmaker="beta"),
                    revision=revision,
                )
            )
        heard = [[event.data["opportunity"] for event in await stream.events(4)] for stream in streams]
    for which in range(len(questions)):
        alike = heard[which :: len(questions)]
        assert all(one == alike[0] for one in alike)
    everything, high, alpha, american = heard[:4]
    assert [one["id"] for one in everything] == ["low", "high"] * 2
    assert [one["id"] for one in high] == ["high"] * 4
    assert [one["id"] for one in alpha] == ["low"] * 4
    assert [one["price"] for one in american] == [120] * 4


async def test_of_many_at_once_only_so_many_are_let_in(make_database: MakeDatabase) -> None:
    async with gateway_on(await make_database(MIGRATIONS), stream_followers=3) as gateway:
        asked = [gateway.client.build_request("GET", "/v1/stream") for _ in range(20)]
        answers = await asyncio.gather(*(gateway.client.send(one, stream=True) for one in asked))
        try:
            assert sorted(answer.status_code for answer in answers) == [200] * 3 + [429] * 17
            assert await followers(gateway) == 3
        finally:
            for answer in answers:
                await answer.aclose()
        await until(lambda: followers_are(gateway, 0))


async def test_all_streams_of_a_key_end_when_it_is_revoked(make_database: MakeDatabase) -> None:
    async with gateway_on(await make_database(MIGRATIONS), **KEYS) as gateway:
        reader, other = await holder(gateway, "premium", "reader"), await holder(gateway, "premium", "other")
        async with (
            streaming(gateway.client, headers=reader.headers) as first,
            streaming(gateway.client, headers=reader.headers, min_ev=0.5) as second,
            streaming(gateway.client, headers=other.headers) as third,
        ):
            for stream in (first, second, third):
                assert (await stream.event()).name == "snapshot"
            path = f"/v1/admin/accounts/{reader.account}/keys/{reader.key_id}"
            assert (await ask(gateway, "DELETE", path, OPERATOR)).is_success
            async with asyncio.timeout(3):
                for stream in (first, second):
                    with pytest.raises(EOFError):
                        await stream.event()
            await gateway.tell(opportunities_updated(Offer()))
            assert [event.name for event in await third.events(1)] == ["opportunity.opened"]


async def test_heartbeats_come_also_where_something_stands_before_the_connection(
    make_database: MakeDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where requests are traced."""

    def wrapped(app: ASGIApp) -> ASGIApp:
        async def ask(scope: Scope, receive: Receive, send: Send) -> None:
            async def pass_on(message: Message) -> None:
                await send(message)

            await app(scope, receive, pass_on)

        return ask

    monkeypatch.setattr(bet_intel.api.server, "traced", wrapped)
    async with (
        gateway_on(await make_database(MIGRATIONS), stream_heartbeat_seconds=0.05) as gateway,
        streaming(gateway.client) as stream,
        asyncio.timeout(10),
    ):
        assert [(await stream.event()).name for _ in range(3)] == ["snapshot", "heartbeat", "heartbeat"]
        await gateway.tell(opportunities_updated(Offer()))
        assert [event.name for event in await stream.events(1)] == ["opportunity.opened"]


async def test_a_stream_ends_as_an_answer_does_when_all_is_stopped_at_once(make_database: MakeDatabase) -> None:
    begun = asyncio.Event()
    async with asyncio.TaskGroup() as group:

        async def follow(address: httpx.URL) -> None:
            async with (
                httpx.AsyncClient(base_url=address, trust_env=False, verify=NO_TLS, timeout=30) as client,
                streaming(client) as stream,
            ):
                await stream.event()
                begun.set()
                with pytest.raises(EOFError):  # not a connection that breaks
                    await stream.event()

        async with gateway_on(await make_database(MIGRATIONS)) as gateway:
            group.create_task(follow(gateway.client.base_url))
            await begun.wait()


async def test_after_head_the_connection_answers_on(served: Gateway) -> None:
    address = served.client.base_url
    reader, writer = await asyncio.open_connection(address.host, address.port)
    async with asyncio.timeout(5):
        writer.write(b"HEAD /v1/stream HTTP/1.1\r\nHost: test\r\n\r\n")
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
        writer.write(b"GET /livez HTTP/1.1\r\nHost: test\r\n\r\n")
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
    writer.close()
    assert await followers(served) == 0


async def test_many_who_begin_together_begin_all_and_leave_room_for_others(make_database: MakeDatabase) -> None:
    """Also where the database takes longer than a request waits for a connection of the pool."""
    dsn = await make_database(MIGRATIONS)
    clock = asyncio.get_running_loop().time
    async with (
        gateway_on(dsn, pool_size=6) as gateway,
        httpx.AsyncClient(
            base_url=gateway.client.base_url, trust_env=False, verify=NO_TLS, timeout=30, limits=httpx.Limits()
        ) as client,
        AsyncExitStack() as stack,
    ):
        await gateway.tell(opportunities_updated(Offer()))
        questions: list[dict[str, Any]] = [{}] * 20 + [{"min_ev": n / 1000} for n in range(20)]
        async with gateway.database.transaction():
            await gateway.database.execute("lock table opportunity in access exclusive mode")
            streams = [await stack.enter_async_context(streaming(client, **question)) for question in questions]
            begun = clock()
            while clock() < begun + 2:
                assert (await client.get("/v1/events")).status_code == 200
        async with asyncio.timeout(20):
            for stream in streams:
                event = await stream.event()
                assert (event.name, listed(event)) == ("snapshot", ["opportunity-1"])
        await gateway.tell(opportunities_updated(Offer(ev=0.06), revision=2))
        for stream in streams:
            assert [event.name for event in await stream.events(1)] == ["opportunity.updated"]
