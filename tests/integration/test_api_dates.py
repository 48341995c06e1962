"""Times in the format that is asked for, of everything that is read."""

import csv
import re
from collections.abc import AsyncIterator, Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import Any, get_args

import pytest
from pydantic import SecretStr

from bet_intel.api.following import EventKind
from fixtures.api_gateway import MIGRATIONS, Gateway, gateway_on
from fixtures.api_messages import AS_OF, Market, Offer, odds_changed, opportunities_updated
from fixtures.api_world import QUERIES, SECRETS_KEY, World, furnish, low_holds, named
from fixtures.closing_messages import closing_line_fixed
from fixtures.combination_messages import ARBITRAGE, LOW_HOLD, Engine
from fixtures.engine_boards import H2H
from fixtures.postgres import MakeDatabase
from fixtures.sse import streaming

pytestmark = pytest.mark.integration

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
AS_WRITTEN = frozenset({"detail"})
"""What an act of an administrator was, as it was written down."""


@pytest.fixture
async def furnished(make_database: MakeDatabase) -> AsyncIterator[tuple[Gateway, World]]:
    dsn = await make_database(MIGRATIONS)
    async with gateway_on(dsn, secrets_key=SecretStr(SECRETS_KEY), access="local") as gateway:
        world = await furnish(gateway)
        await low_holds(gateway)
        yield gateway, world


def in_seconds(value: Any) -> Any:
    """An answer as it is to be with `date_format=unix`, from what it is without."""
    if isinstance(value, dict):
        return {name: part if name in AS_WRITTEN else in_seconds(part) for name, part in value.items()}
    if isinstance(value, list):
        return [in_seconds(part) for part in value]
    return datetime.fromisoformat(value).timestamp() if _is_time(value) else value


def times(value: Any) -> Iterator[str]:
    """The times that an answer has as text."""
    if isinstance(value, dict | list):
        parts = (value[name] for name in value if name not in AS_WRITTEN) if isinstance(value, dict) else value
        for part in parts:
            yield from times(part)
    elif _is_time(value):
        yield value


def _is_time(value: Any) -> bool:
    return isinstance(value, str) and TIME.fullmatch(value) is not None


async def test_every_read_in_seconds_says_the_same(furnished: tuple[Gateway, World]) -> None:
    gateway, world = furnished
    document = await gateway.get("/openapi.json")
    asked = set()
    for path, operations in document["paths"].items():
        read = operations.get("get", {"parameters": []})
        if path.startswith(("/v1/exports", "/v1/stream")) or all(
            one["name"] != "date_format" for one in read["parameters"]
        ):
            continue
        where, more = path.format(**named(world, path)), QUERIES.get(read["operationId"], {})
        iso, unix = await gateway.get(where, **more), await gateway.get(where, **more, date_format="unix")
        assert unix == in_seconds(iso), path
        assert not list(times(unix)), path
        if list(times(iso)):
            asked.add(read["operationId"])
    assert len(asked) > 20, asked


async def test_exports_in_seconds(furnished: tuple[Gateway, World]) -> None:
    gateway, _ = furnished
    for path in ("/v1/exports/opportunities", "/v1/exports/history"):
        rows = {}
        for date_format in ("iso", "unix"):
            answer = await gateway.client.get(path, params={"date_format": date_format})
            rows[date_format] = list(csv.DictReader(answer.text.splitlines()))
        assert rows["iso"]
        for iso, unix in zip(rows["iso"], rows["unix"], strict=True):
            for name, text in iso.items():
                assert unix[name] == (f"{in_seconds(text):.0f}" if _is_time(text) else text), (path, name)


async def test_a_stream_in_seconds_tells_the_same(make_database: MakeDatabase) -> None:
    """Also who hears it from the same entry, or comes back with an id."""
    engine, kinds = Engine(), ",".join(get_args(EventKind))
    async with gateway_on(await make_database(MIGRATIONS), stream_heartbeat_seconds=0.1) as gateway:
        followed = partial(streaming, gateway.client, type=kinds, min_ev=-1)
        await gateway.tell(odds_changed(Market()), opportunities_updated(Offer()), engine.tells({H2H: ARBITRAGE}))
        async with (
            followed() as iso,
            followed(date_format="unix") as unix,
        ):
            (begun,), (dated,) = await iso.events(1), await unix.events(1)
            assert dated.data == in_seconds(begun.data)
            assert begun.data["opportunities"]
            assert begun.data["combinations"]
            later = AS_OF + timedelta(seconds=1)
            await gateway.tell(
                odds_changed(Market(), revision=2, as_of=later),
                opportunities_updated(Offer(ev=0.07), Offer("opportunity-2"), revision=2, as_of=later),
                opportunities_updated(closed={"opportunity-1": "no_ev"}, revision=3, as_of=later),
                engine.tells({H2H: LOW_HOLD}),
                closing_line_fixed(),
            )
            told = await iso.events(10)
            names = {event.name for event in told}
            assert names >= {"odds.changed", "arbitrage.closed", "low_hold.opened", "closing.fixed"}
            assert names >= {f"opportunity.{what}" for what in ("opened", "updated", "closed")}
            dated_told = await unix.events(len(told))
            async with followed(dated.id, date_format="unix") as back:
                for again in (dated_told, await back.events(len(told))):
                    assert [one.data for one in again] == [in_seconds(one.data) for one in told]
            while (beat := await unix.event()).name != "heartbeat":
                pass
            assert isinstance(beat.data["as_of"], int | float)


async def test_a_list_in_seconds_goes_on_in_seconds(furnished: tuple[Gateway, World]) -> None:
    gateway, _ = furnished
    first = await gateway.client.get("/v1/events", params={"limit": 1, "date_format": "unix"})
    following = await gateway.client.get(first.links["next"]["url"])
    assert isinstance(following.json()["data"][0]["commence_time"], int)


async def test_each_format_has_a_tag_of_its_own(furnished: tuple[Gateway, World]) -> None:
    client, path, unix = furnished[0].client, "/v1/opportunities", {"date_format": "unix"}
    plain, dated = await client.get(path), await client.get(path, params=unix)
    assert plain.headers["ETag"] != dated.headers["ETag"]
    for tag, status in ((dated, 304), (plain, 200)):
        again = await client.get(path, params=unix, headers={"If-None-Match": tag.headers["ETag"]})
        assert again.status_code == status


async def test_another_format_is_refused(furnished: tuple[Gateway, World]) -> None:
    refused = await furnished[0].client.get("/v1/opportunities", params={"date_format": "julian"})
    assert (refused.status_code, refused.json()["parameter"]) == (400, "date_format")
