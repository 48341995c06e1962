"""Cursors, ids, headers and tokens made up, spoilt and cut: each is refused as what it is, and nothing breaks."""

import asyncio
import base64
from collections.abc import Callable
from urllib.parse import quote

import httpx
import pytest
from hypothesis import strategies as st
from pydantic import SecretStr

from fixtures.api_gateway import MIGRATIONS, Gateway, gateway_on, served
from fixtures.api_messages import Market, Match, Offer, odds_changed, opportunities_updated
from fixtures.postgres import MakeDatabase
from fixtures.variety import varied

__all__ = ["served"]

pytestmark = pytest.mark.integration

MANY = 150
MALFORMED = "/problems/malformed-request"
"""What is no HTTP, as control characters in a header, is answered before it is a request."""
PAGED = (
    "/v1/opportunities",
    "/v1/arbitrage",
    "/v1/events",
    "/v1/sports",
    "/v1/bookmakers",
    "/v1/markets",
    "/v1/bets",
    "/v1/subscriptions",
    "/v1/events/made_up:1/history",
)
NAMED: tuple[Callable[[str], str], ...] = (
    lambda id: f"/v1/opportunities/{id}",
    lambda id: f"/v1/events/{id}/odds",
    lambda id: f"/v1/events/{id}/history",
    lambda id: f"/v1/events/{id}/closing",
    lambda id: f"/v1/events/{id}/explain?outcome=x&bookmaker=x",
    lambda id: f"/v1/bets/{id}",
    lambda id: f"/v1/refreshes/{id}",
    lambda id: f"/v1/subscriptions/{id}",
    lambda id: f"/v1/subscriptions/{id}/deliveries/{id}",
    lambda id: f"/v1/admin/pricing/{id}",
    lambda id: f"/problems/{id}",
    lambda id: f"/docs/{id}",
    lambda id: f"/{id}",
)
texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60)
packed = st.binary(min_size=1, max_size=60).map(lambda raw: base64.urlsafe_b64encode(raw).decode())
headers = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF), max_size=60).map(
    lambda text: text.strip().encode("latin-1")
)


def clean(response: httpx.Response) -> None:
    """A refusal or an answer of ours: no server error, no word of what is behind."""
    assert response.status_code < 500, response.text
    said = response.text.lower()
    for leak in ("traceback", "asyncpg", "select ", "postgres", 'file "'):
        assert leak not in said, response.text
    if response.status_code >= 400:
        assert response.headers["content-type"] == "application/problem+json"


async def several(served: Gateway) -> str:
    """Two events; returns a cursor that was given out for the opportunities."""
    for number in (1, 2):
        match = Match(f"made_up:{number}")
        await served.tell(odds_changed(Market(), match=match))
        await served.tell(opportunities_updated(Offer(f"o{number}"), match=match))
    cursor: str = (await served.get("/v1/opportunities", limit=1))["next_cursor"]
    return cursor


async def test_cursors(served: Gateway) -> None:
    given_out = await several(served)
    raw = bytearray(base64.urlsafe_b64decode(given_out + "=="))
    spoilt = st.builds(
        lambda place, bit: base64.urlsafe_b64encode(
            bytes(byte ^ (bit if at == place else 0) for at, byte in enumerate(raw))
        ).decode(),
        st.integers(0, len(raw) - 1),
        st.integers(1, 255),
    )
    cut = st.integers(1, len(given_out) - 1).map(lambda length: given_out[:length])
    for number, cursor in enumerate(varied(st.one_of(texts, packed, spoilt, cut), MANY)):
        for path in ("/v1/opportunities", PAGED[number % len(PAGED)]):
            response = await served.client.get(path, params={"limit": 1, "cursor": cursor})
            clean(response)
            # What is spoilt in the position alone is still a position, of another place.
            assert response.status_code in (200, 400)
    for path in PAGED[1:]:
        response = await served.client.get(path, params={"cursor": given_out})
        assert (response.status_code, response.json()["type"]) == (400, "/problems/invalid-cursor")


async def test_ids(served: Gateway) -> None:
    await several(served)
    odd = st.sampled_from(["%", "..", "%2e%2e", "\x00", "a/b", "'; drop table bet; --", "☃", "\r\nX-Y: z", "{id}"])
    for id in varied(st.one_of(texts, odd), MANY // 3):
        for path in NAMED:
            response = await served.client.get(path(quote(id, safe="")))
            clean(response)
            assert response.status_code in (200, 400, 401, 403, 404, 405), (id, response.status_code)
            assert "x-y" not in response.headers


@pytest.mark.parametrize(
    ("name", "method", "path"),
    [
        ("Read-After", "GET", "/v1/bets"),
        ("If-None-Match", "GET", "/v1/opportunities"),
        ("Last-Event-ID", "GET", "/v1/opportunities"),
        ("Idempotency-Key", "POST", "/v1/bets"),
        ("If-Match", "DELETE", "/v1/subscriptions/6f1d2a34-0000-4000-8000-000000000001"),
        ("X-Request-Id", "GET", "/livez"),
        ("Accept", "GET", "/problems"),
        ("Accept-Encoding", "GET", "/docs/start.js"),
        ("Origin", "GET", "/v1/events"),
        ("Content-Type", "POST", "/v1/devig"),
        ("Host", "GET", "/v1/events"),
    ],
)
async def test_headers(served: Gateway, name: str, method: str, path: str) -> None:
    for value in varied(headers, MANY // 3):
        response = await served.client.request(method, path, headers=[(name.encode(), value)], content=b"{}")
        clean(response)
        assert MALFORMED in response.text or len(response.headers["x-request-id"]) <= 128


async def test_tokens(make_database: MakeDatabase) -> None:
    token = "of the keys"  # noqa: S105 - of this test alone
    dsn = await make_database(MIGRATIONS)
    async with gateway_on(dsn, operator_token=SecretStr(token), access="keys") as guarded:
        near = st.sampled_from([token[:-1], token + "x", token.upper(), "", " ", f"{token}, {token}", "é" * 5])
        schemes = st.sampled_from([b"Bearer ", b"bearer ", b"Basic ", b"", b"Bearer"])
        written = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=60)
        for scheme, value in varied(st.tuples(schemes, st.one_of(near, written)), MANY):
            given = (scheme + value.encode()).strip()
            response = await guarded.client.get("/v1/admin/pricing/sharp", headers=[(b"Authorization", given)])
            clean(response)
            right = given.lower().startswith(b"bearer ") and given[7:].strip() == token.encode()
            assert response.status_code == (200 if right else 401)
            assert value.strip() == "" or len(value) < 4 or value not in response.text


async def test_bodies_are_no_place_for_formats_that_grow(served: Gateway) -> None:
    deep = '{"prices": ' + "[" * 2000
    long = '{"prices": [' + "1.9," * 20_000
    number = '{"prices": [1e400, 1' + "0" * 5000 + "]}"
    for body in (deep, long, number, "\ufeff{}", "null", '"x"', '{"prices": [1.9, 1.9], "prices": []}'):
        for path in ("/v1/devig", "/v1/price", "/v1/bets", "/v1/subscriptions", "/v1/refresh"):
            response = await served.client.post(
                path, content=body.encode(), headers={"Content-Type": "application/json"}
            )
            clean(response)
            assert response.status_code in (400, 413), (path, body[:20], response.status_code)


async def test_many_at_once_are_all_answered(served: Gateway) -> None:
    await several(served)
    paths = [f"{path}?limit=1" for path in PAGED] * 5
    for response in await asyncio.gather(*(served.client.get(path) for path in paths)):
        assert response.status_code == 200
