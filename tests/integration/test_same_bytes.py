"""Requests that come in the same bytes are not parsed again, and are answered as if they were."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import NamedTuple, NoReturn

import pytest

from bet_intel.api.protocol import Protocol
from fixtures.api_gateway import MIGRATIONS, Gateway, gateway_on
from fixtures.api_messages import Market, odds_changed
from fixtures.postgres import MakeDatabase
from fixtures.ready_offers import FOREVER, LIST, OPERATOR, TOKEN, made_anew, offers
from fixtures.waiting import until

pytestmark = pytest.mark.integration


async def key_of(closed: Gateway, requests_per_minute: int) -> str:
    """Of an account that may ask so often, of which the gateway has heard."""
    quota = {"requests_per_minute": requests_per_minute + 1, "delay_seconds": 0, "streams": 0, "subscriptions": 0}
    tier = {**quota, "categories": [], "features": []}
    assert (await closed.client.put("/v1/admin/tiers/premium", json=tier, headers=OPERATOR)).is_success
    asked = {"name": "reader", "tier": "premium"}
    account = await closed.client.post("/v1/admin/accounts", json=asked, headers=OPERATOR)
    made = await closed.client.post(f"/v1/admin/accounts/{account.json()['id']}/keys", json={}, headers=OPERATOR)
    key = {"X-API-Key": str(made.json()["key"])}

    async def is_known() -> bool:
        return (await closed.client.get("/v1/me", headers=key)).is_success

    await until(is_known)  # which is one request of the quota
    return key["X-API-Key"]


class Raw:
    """A connection on which requests are written as bytes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    @asynccontextmanager
    async def to(cls, gateway: Gateway) -> "AsyncIterator[Raw]":
        address = gateway.client.base_url
        reader, writer = await asyncio.open_connection(address.host, address.port)
        try:
            yield cls(reader, writer)
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    def write(self, data: bytes) -> None:
        self._writer.write(data)

    async def send_on(self, data: bytes) -> NoReturn:
        """The same again and again, whenever there is room for it."""
        while True:
            self._writer.write(data)
            await self._writer.drain()

    async def rest(self) -> bytes:
        """What comes until it is closed."""
        return await self._reader.read()

    async def answer(self) -> tuple[str, bytes]:
        """Head and body of the next one."""
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode()
        found = re.search(r"content-length: (\d+)", head, re.IGNORECASE)
        return head, await self._reader.readexactly(int(found[1]) if found else 0)

    async def ask(self, data: bytes) -> tuple[str, bytes]:
        self.write(data)
        return await self.answer()


class Caller(NamedTuple):
    """A gateway, and the list as the caller with the key asks it for."""

    gateway: Gateway
    key: str
    asked: bytes


@asynccontextmanager
async def caller(make_database: MakeDatabase, requests_per_minute: int, number: int = 3) -> AsyncIterator[Caller]:
    """Of a gateway that has so many offers to show."""
    async with gateway_on(await make_database(MIGRATIONS), access="keys", operator_token=TOKEN) as closed:
        await closed.tell(odds_changed(Market()), offers(1, number))
        key = await key_of(closed, requests_per_minute)
        yield Caller(closed, key, f"GET {LIST} HTTP/1.1\r\nHost: test\r\nX-API-Key: {key}\r\n\r\n".encode())


def left(head: str) -> int:
    return int(re.findall(r";r=(\d+)", head)[0])


def names(head: str) -> set[str]:
    return {line.partition(":")[0].lower() for line in head.split("\r\n")[1:]}


async def test_the_same_bytes_are_the_same_request(make_database: MakeDatabase) -> None:
    """Whoever sends them, in whatever pieces, and whatever has become of the odds or of the key meanwhile."""
    async with gateway_on(
        await make_database(MIGRATIONS), access="keys", operator_token=TOKEN, ready_stale_seconds=FOREVER
    ) as closed:
        await closed.tell(odds_changed(Market()), offers(1, 3))
        key = await key_of(closed, 10)
        asked = f"GET {LIST} HTTP/1.1\r\nHost: test\r\nX-API-Key: {key}\r\n\r\n".encode()
        async with Raw.to(closed) as one, Raw.to(closed) as other:
            first = await one.ask(asked)
            again = [await connection.ask(asked) for connection in (one, one, other, one)]
            assert [body for _, body in again] == [first[1]] * 4
            assert [left(head) for head, _ in again] == [8, 7, 6, 5]
            assert all(names(head) == names(first[0]) for head, _ in again)
            ids = [re.findall(r"x-request-id: (.*)\r", head)[0] for head, _ in again]
            assert len(set(ids)) == 4

            one.write(asked[:40])
            assert (await other.ask(asked))[1] == first[1]
            one.write(asked[40:] + asked)
            assert [(left(head), body) for head, body in (await one.answer(), await one.answer())] == [
                (3, first[1]),
                (2, first[1]),
            ]

            anew = await made_anew(closed, **OPERATOR)
            await closed.tell(offers(2, 1))

            async def is_made() -> bool:
                return await made_anew(closed, **OPERATOR) > anew

            await until(is_made)
            shown = (await one.ask(asked))[1]
            assert shown != first[1]
            assert left((await other.ask(asked))[0]) == 0
            refused = [await connection.ask(asked) for connection in (one, other)]
            assert [head[:12] for head, _ in refused] == ["HTTP/1.1 429"] * 2


async def test_the_same_bytes_within_another_request_are_no_request(make_database: MakeDatabase) -> None:
    async with caller(make_database, 50) as (closed, key, asked), Raw.to(closed) as connection:
        known = [await connection.ask(asked) for _ in range(3)][-1]
        head = (
            f"POST /v1/devig HTTP/1.1\r\nHost: test\r\nX-API-Key: {key}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(asked)}\r\n\r\n"
        )
        connection.write(head.encode())
        # The gateway has its head before the body comes, in a piece of its own.
        assert (await closed.client.get(LIST, headers={"X-API-Key": key})).status_code == 200
        assert (await connection.ask(asked))[0].startswith("HTTP/1.1 4")
        assert (await connection.ask(asked))[1] == known[1]


async def test_the_same_bytes_as_the_body_of_what_is_answered_are_no_request(make_database: MakeDatabase) -> None:
    async with caller(make_database, 50) as (closed, _, asked), Raw.to(closed) as connection:
        known = [await connection.ask(asked) for _ in range(3)][-1]
        head = f"POST {LIST} HTTP/1.1\r\nHost: test\r\nContent-Length: {len(asked)}\r\n\r\n"
        assert (await connection.ask(head.encode()))[0].startswith("HTTP/1.1 4")
        connection.write(asked)  # its body, which nobody waits for
        again = await connection.ask(asked)
        assert again[1] == known[1]
        assert left(again[0]) == left(known[0]) - 1, "one of the two was a request"


async def test_who_asks_in_the_same_bytes_stays_as_long_as_he_asks(
    make_database: MakeDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Protocol, "keep_alive_seconds", 0.3)
    async with caller(make_database, 10**5) as (closed, _, asked), Raw.to(closed) as connection:
        begin = time.monotonic()
        while time.monotonic() < begin + 1.0:
            assert (await connection.ask(asked))[0].startswith("HTTP/1.1 200")
        async with asyncio.timeout(10):
            assert await connection.rest() == b""


async def test_who_does_not_read_what_he_is_sent_does_not_stay(
    make_database: MakeDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Protocol, "unread_seconds", 0.05)
    async with caller(make_database, 10**5, number=30) as (closed, _, asked), Raw.to(closed) as connection:
        await connection.ask(asked)
        async with asyncio.timeout(30):
            with pytest.raises(ConnectionError):
                await connection.send_on(100 * asked)


async def test_the_same_bytes_with_a_key_that_was_revoked(make_database: MakeDatabase) -> None:
    async with caller(make_database, 5000) as (closed, key, asked), Raw.to(closed) as connection:
        assert [(await connection.ask(asked))[0][:12] for _ in range(3)] == ["HTTP/1.1 200"] * 3
        account = (await closed.client.get("/v1/me", headers={"X-API-Key": key})).json()["account"]
        assert (await closed.client.delete(f"/v1/admin/accounts/{account}", headers=OPERATOR)).is_success

        async def is_refused() -> bool:
            return (await connection.ask(asked))[0].startswith("HTTP/1.1 401")

        await until(is_refused)


async def test_who_shows_a_key_is_answered_the_same_and_counted_once(make_database: MakeDatabase) -> None:
    """Also where several questions come in one piece, some of which are ready and some are not."""
    async with gateway_on(await make_database(MIGRATIONS), access="keys", operator_token=TOKEN) as closed:
        await closed.tell(odds_changed(Market()), offers(1, 3))
        key = {"Authorization": f"Bearer {await key_of(closed, 9)}"}
        first, second = [await closed.client.get(LIST, headers=key) for _ in range(2)]
        assert (second.status_code, second.content) == (200, first.content)
        assert set(second.headers) == set(first.headers)
        paths = [LIST, f"{LIST}?limit=1", LIST, LIST, "/v1/me", LIST]
        asked = b"".join(
            f"GET {path} HTTP/1.1\r\nHost: test\r\nX-Request-Id: id-{number}\r\n"
            f"Authorization: {key['Authorization']}\r\n\r\n".encode()
            for number, path in enumerate(paths)
        )
        async with Raw.to(closed) as connection:
            connection.write(asked)
            heads = [(await connection.answer())[0] for _ in paths]
        refused = [await closed.client.get(LIST, headers=key) for _ in range(2)]
    assert [re.findall(r"x-request-id: (.*)\r", head) for head in heads] == [[f"id-{n}"] for n in range(len(paths))]
    assert [head[:12] for head in heads] == ["HTTP/1.1 200"] * len(paths)
    assert [left(head) for head in heads] == [6, 5, 4, 3, 2, 1]
    assert [answer.status_code for answer in refused] == [200, 429]
