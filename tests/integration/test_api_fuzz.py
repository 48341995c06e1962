"""Cursors, ids, headers and tokens made up, spoilt and cut: each is refused as what it is, and nothing breaks."""

import asyncio
import base64
import json
import re
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import asyncpg
import httpx
import pytest
from hypothesis import strategies as st
from pydantic import SecretStr

from bet_intel.api.operation import Operation
from fixtures.api_accounts import ACCOUNTS, KEYS, OPERATOR, TOKEN, ask, holder
from fixtures.api_gateway import MIGRATIONS, Gateway, gateway_on
from fixtures.api_messages import Offer, opportunities_updated
from fixtures.api_routes import NAMED, OPERATIONS, PAGED, address, addresses, question
from fixtures.api_world import SECRETS_KEY, World, two_of_everything
from fixtures.postgres import MakeDatabase
from fixtures.sse import Stream, streaming
from fixtures.variety import varied

pytestmark = pytest.mark.integration

MANY = 150
MALFORMED = "/problems/malformed-request"
"""What is no HTTP, as control characters in a header, is answered before it is a request."""
ME = "/v1/me"
texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60)
packed = st.binary(min_size=1, max_size=60).map(lambda raw: base64.urlsafe_b64encode(raw).decode())
headers = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF), max_size=60).map(
    lambda text: text.strip().encode("latin-1")
)


@pytest.fixture
async def filled(make_database: MakeDatabase) -> AsyncIterator[tuple[Gateway, World]]:
    """A gateway that takes whoever asks for an administrator, with two of everything."""
    dsn = await make_database(MIGRATIONS)
    async with gateway_on(dsn, secrets_key=SecretStr(SECRETS_KEY), access="local") as gateway:
        world, _ = await two_of_everything(gateway)
        yield gateway, world


def clean(response: httpx.Response) -> None:
    """A refusal or an answer of ours: no server error, no word of what is behind."""
    assert response.status_code < 500, response.text
    said = response.text.lower()
    for leak in ("traceback", "asyncpg", "select ", "postgres", 'file "'):
        assert leak not in said, response.text
    if response.status_code >= 400:
        assert response.headers["content-type"] == "application/problem+json"


def spoilt(text: str, alphabet: str) -> st.SearchStrategy[str]:
    """`text` with another character in one place, cut short, or with more behind it."""
    return st.one_of(
        st.builds(
            lambda place, other: text[:place] + other + text[place + 1 :],
            st.integers(0, len(text) - 1),
            st.sampled_from(alphabet),
        ),
        st.integers(1, len(text) - 1).map(lambda length: text[:length]),
        st.text(alphabet, min_size=1, max_size=3).map(lambda more: text + more),
    )


def flipped(given_out: str) -> st.SearchStrategy[str]:
    """A cursor with other bits in one of its bytes."""
    raw = bytes(base64.urlsafe_b64decode(given_out + "=="))

    def with_other(place: int, bits: int) -> str:
        return base64.urlsafe_b64encode(raw[:place] + bytes([raw[place] ^ bits]) + raw[place + 1 :]).decode()

    return st.builds(with_other, st.integers(0, len(raw) - 1), st.integers(1, 255))


async def test_cursors(filled: tuple[Gateway, World]) -> None:
    gateway, world = filled
    for operation in PAGED:
        path = address(world, operation)
        given_out: str = (await gateway.get(path, limit=1))["next_cursor"]
        near = st.one_of(flipped(given_out), spoilt(given_out, "-_=A "))
        for cursor in varied(st.one_of(texts, packed, near), MANY // 6):
            response = await gateway.client.get(path, params={"limit": 1, "cursor": cursor})
            clean(response)
            # What is spoilt in the position alone is still a position, of another place.
            assert response.status_code in (200, 400), (path, cursor)


def asked_with(world: World, operation: Operation) -> dict[str, Any]:
    """Parameters and a body that it takes, so that what is wrong is the name alone."""
    written = world.writes.get(operation.id)
    if written is None or not written.request.content:
        return {"params": question(operation)}
    return {"params": question(operation), "json": json.loads(written.request.content)}


async def test_ids(filled: tuple[Gateway, World]) -> None:
    gateway, world = filled
    odd = st.sampled_from(["%", "..", "%2e%2e", "\x00", "a/b", "'; drop table bet; --", "☃", "\r\nX-Y: z", "{id}"])
    names = varied(st.one_of(texts, odd), MANY // 5)
    for operation in NAMED:
        rest = asked_with(world, operation)
        for name in names:
            for path in addresses(world, operation, name):
                response = await gateway.client.request(operation.method, path, **rest)
                clean(response)
                # A slash in it makes it an address that there is not, or another's.
                assert response.status_code in (400, 404, 405), (operation.method, path, response.status_code)
                assert "x-y" not in response.headers
    for path in ("/docs/{}", "/{}"):
        for name in names:
            clean(await gateway.client.get(path.format(quote(name, safe=""))))
    # What there was is there still.
    assert [one for one in NAMED if one.method == "GET" and not await is_there(gateway, world, one)] == []


async def is_there(gateway: Gateway, world: World, operation: Operation) -> bool:
    answer = await gateway.client.get(address(world, operation), params=question(operation))
    return answer.status_code == 200


ASKED_WITH = {
    "Read-After": ("GET", "/v1/bets"),
    "If-None-Match": ("GET", "/v1/opportunities"),
    "Idempotency-Key": ("POST", "/v1/bets"),
    "If-Match": ("DELETE", "/v1/subscriptions/6f1d2a34-0000-4000-8000-000000000001"),
    "X-Request-Id": ("GET", "/livez"),
    "Accept": ("GET", "/problems"),
    "Accept-Encoding": ("GET", "/docs/start.js"),
    "Origin": ("GET", "/v1/events"),
    "Content-Type": ("POST", "/v1/devig"),
    "Host": ("GET", "/v1/events"),
}
"""Where each header is read that is read. Of Last-Event-ID see below: its answer has no end."""


def test_no_header_that_the_contract_names_is_left_out() -> None:
    assert {name for one in OPERATIONS for name in one.headers} - {*ASKED_WITH} == {"Last-Event-ID"}


@pytest.mark.parametrize("name", ASKED_WITH)
async def test_headers(filled: tuple[Gateway, World], name: str) -> None:
    gateway, _ = filled
    method, path = ASKED_WITH[name]
    for value in varied(headers, MANY // 3):
        response = await gateway.client.request(method, path, headers=[(name.encode(), value)], content=b"{}")
        clean(response)
        assert MALFORMED in response.text or len(response.headers["x-request-id"]) <= 128


async def test_last_event_ids(filled: tuple[Gateway, World]) -> None:
    """Whatever is sent as one begins a stream: behind an entry that there is, or with a snapshot that says why."""
    gateway, _ = filled
    async with streaming(gateway.client) as stream:
        last = (await stream.events(1))[0].id
    assert last is not None
    at = position(last)
    assert at is not None
    await gateway.tell(opportunities_updated(Offer(ev=0.09), revision=20))
    of_others = st.tuples(st.integers(0, at[0] - 1), st.integers(0, 10**18 - 1)).map(lambda one: f"{one[0]}-{one[1]}")
    # What is ahead of this gateway it waits for: see the tests of the stream.
    near = spoilt(last, "-0.x+").filter(lambda id: (position(id) or (0, 0)) <= at)
    for value in varied(st.one_of(headers, st.one_of(of_others, near).map(str.encode)), MANY):
        async with gateway.client.stream("GET", "/v1/stream", headers=[(b"Last-Event-ID", value)]) as answer:
            if answer.status_code != 200:
                await answer.aread()
                clean(answer)
                assert MALFORMED in answer.text, value
                continue
            event = await Stream(answer.aiter_lines()).event()
        given, told = position(value.decode("latin-1").strip()), position(event.id or "")
        if event.name == "snapshot":
            assert event.data["reason"] in ("unknown_position", "too_old"), value
            assert given is None or given[0] != at[0], value
        else:
            assert given is not None, value
            assert told is not None, value
            assert told > given, value


def position(id: str) -> tuple[int, int] | None:
    """Epoch and number of an id of the stream; None where it is none."""
    found = re.fullmatch(r"([0-9]{1,18})-([0-9]{1,18})", id)
    return None if found is None else (int(found[1]), int(found[2]))


PRINTABLE = st.characters(min_codepoint=0x20, max_codepoint=0x7E)
DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


async def test_tokens(make_database: MakeDatabase) -> None:
    """Of an operator and of an account: as it was given out it opens, and nothing that is like it does."""
    dsn = await make_database(MIGRATIONS)
    database = await asyncpg.connect(dsn)
    await database.execute("update tier set requests_per_minute = null")
    await database.close()
    async with gateway_on(dsn, **KEYS) as guarded:
        owner = await holder(guarded, "premium")
        for right in (owner.key, TOKEN):
            near = st.one_of(
                spoilt(right, DIGITS),
                st.sampled_from(
                    [right, right.upper(), right.swapcase(), right[::-1], f"{right}, {right}", f"{right} {right}"]
                ),
            )
            written = st.one_of(near, st.text(PRINTABLE, min_size=1, max_size=60), st.sampled_from(["", " ", "é" * 5]))
            schemes = st.sampled_from(["Bearer ", "bearer ", "Basic ", "", "Bearer", "X-API-Key"])
            for scheme, value in varied(st.tuples(schemes, written), MANY):
                await refused_unless(guarded, scheme, value, right)
            # Each of its characters counts.
            for place in range(len(right)):
                other = right[:place] + ("0" if right[place] != "0" else "1") + right[place + 1 :]
                await refused_unless(guarded, "Bearer ", other, right)
        both = [(b"Authorization", f"Bearer {owner.key}".encode()), (b"X-API-Key", TOKEN.encode())]
        assert (await guarded.client.get(ME, headers=both)).status_code == 401
        gone = await ask(guarded, "DELETE", f"{ACCOUNTS}/{owner.account}/keys/{owner.key_id}", OPERATOR)
        assert gone.status_code == 204
        await guarded.api.keys.look()
        assert (await guarded.client.get(ME, headers=owner.headers)).status_code == 401


async def refused_unless(guarded: Gateway, scheme: str, value: str, right: str) -> None:
    """Whether `value`, sent so, lets in just where it is `right`."""
    sent = (value if scheme == "X-API-Key" else scheme + value).strip().encode()
    name = b"X-API-Key" if scheme == "X-API-Key" else b"Authorization"
    response = await guarded.client.get(ME, headers=[(name, sent)])
    clean(response)
    given = sent if scheme == "X-API-Key" else sent[7:] if sent.lower().startswith(b"bearer ") else b""
    assert response.status_code == (200 if given.strip() == right.encode() else 401), (name, sent)
    assert len(value.strip()) < 4 or response.status_code == 200 or value.strip() not in response.text


async def test_bodies_are_no_place_for_formats_that_grow(filled: tuple[Gateway, World]) -> None:
    gateway, _ = filled
    deep = '{"prices": ' + "[" * 2000
    long = '{"prices": [' + "1.9," * 20_000
    number = '{"prices": [1e400, 1' + "0" * 5000 + "]}"
    for body in (deep, long, number, "\ufeff{}", "null", '"x"', '{"prices": [1.9, 1.9], "prices": []}'):
        for path in ("/v1/devig", "/v1/price", "/v1/bets", "/v1/subscriptions", "/v1/refresh"):
            response = await gateway.client.post(
                path, content=body.encode(), headers={"Content-Type": "application/json"}
            )
            clean(response)
            assert response.status_code in (400, 413), (path, body[:20], response.status_code)


async def test_many_at_once_are_all_answered(filled: tuple[Gateway, World]) -> None:
    gateway, world = filled
    paths = [f"{address(world, one)}?limit=1" for one in PAGED] * 5
    for response in await asyncio.gather(*(gateway.client.get(path) for path in paths)):
        assert response.status_code == 200
