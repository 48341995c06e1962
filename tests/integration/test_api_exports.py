"""Exports of opportunities and price changes: whole, filtered, safe to open, and never in memory as a whole."""

import csv
import io
import json
import tracemalloc
from datetime import timedelta
from typing import Any

import httpx
import pytest

from fixtures.api_gateway import MIGRATIONS, Gateway, gateway_on, served
from fixtures.api_messages import AS_OF, Market, Match, Offer, odds_changed, opportunities_updated
from fixtures.postgres import MakeDatabase

__all__ = ["served"]

pytestmark = pytest.mark.integration

OPPORTUNITIES, HISTORY = "/v1/exports/opportunities", "/v1/exports/history"
LATER = AS_OF + timedelta(minutes=5)


async def rows(gateway: Gateway, path: str, **parameters: str | float) -> list[dict[str, str]]:
    response = await gateway.client.get(path, params=parameters)
    assert response.status_code == 200, response.text
    return list(csv.DictReader(io.StringIO(response.text)))


async def objects(gateway: Gateway, path: str, **parameters: str | float) -> list[dict[str, Any]]:
    response = await gateway.client.get(path, params={"format": "ndjson", **parameters})
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/x-ndjson"
    return [json.loads(line) for line in response.text.splitlines()]


async def three_opportunities(served: Gateway) -> None:
    first = (Offer("a", ev=0.02), Offer("b", ev=0.08, bookmaker="beta"), Offer("c", ev=0.05, outcome="Riverside"))
    await served.tell(odds_changed(Market()), opportunities_updated(*first))
    await served.tell(opportunities_updated(first[0], revision=2, as_of=LATER, closed={"b": "moved", "c": "started"}))


async def test_open_and_closed_opportunities_with_the_filters_of_the_list(served: Gateway) -> None:
    await three_opportunities(served)
    (still,) = await rows(served, OPPORTUNITIES)
    assert (still["id"], still["state"], still["closed_at"], still["price"]) == ("a", "open", "", "2.2")
    over = await rows(served, OPPORTUNITIES, state="closed", min_ev=-1)
    assert [(row["id"], row["close_reason"], row["closed_at"]) for row in over] == [
        ("b", "moved", "2026-04-16T18:05:00Z"),
        ("c", "started", "2026-04-16T18:05:00Z"),
    ]
    assert [row["id"] for row in await rows(served, OPPORTUNITIES, state="closed", bookmaker="beta")] == ["b"]
    assert [row["id"] for row in await rows(served, OPPORTUNITIES, state="closed", min_ev=0.06)] == ["b"]
    assert await rows(served, OPPORTUNITIES, state="closed", until=AS_OF.timestamp()) == []
    (american,) = await objects(served, OPPORTUNITIES, odds_format="american")
    listed = (await served.get("/v1/opportunities", odds_format="american"))["data"][0]
    assert {name: american[name] for name in ("id", "price", "ev", "first_seen", "fair_odds")} == {
        name: listed[name] for name in ("id", "price", "ev", "first_seen", "fair_odds")
    }
    assert (american["event_id"], american["bookmaker_title"]) == (listed["event"]["id"], "Alpha")


async def test_history_event_by_event(served: Gateway) -> None:
    for minute, price in ((1, 2.2), (2, 2.3)):
        for id in ("made_up:2", "made_up:1"):
            board = Market(quotes=(("alpha", "Harbour City", price),), seconds_old={"alpha": 30.0})
            moment = AS_OF + timedelta(minutes=minute)
            await served.tell(odds_changed(board, revision=minute, as_of=moment, match=Match(id)))
    whole = await objects(served, HISTORY)
    assert [(one["event_id"], one["price"]) for one in whole] == [
        ("made_up:1", 2.2),
        ("made_up:1", 2.3),
        ("made_up:2", 2.2),
        ("made_up:2", 2.3),
    ]
    assert await objects(served, HISTORY, event="made_up:2", since="2026-04-16T18:02:00Z") == whole[3:]
    assert [row["price"] for row in await rows(served, HISTORY, event="made_up:1", odds_format="american")] == [
        "120",
        "130",
    ]
    assert await rows(served, HISTORY, market="totals") == []


async def test_a_file_with_its_name_and_its_columns(served: Gateway) -> None:
    answer = await served.client.get(HISTORY)
    assert answer.headers["content-type"] == "text/csv; charset=utf-8; header=present"
    assert answer.headers["content-disposition"] == 'attachment; filename="history.csv"'
    assert answer.text.startswith("event_id,changed_at,market,period,line,")
    head = await served.client.head(HISTORY)
    assert (head.status_code, head.content) == (200, b"")


@pytest.mark.parametrize("outcome", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", " =1", "＝1", '=HYPERLINK("x","y")'])
async def test_no_cell_is_a_formula(served: Gateway, outcome: str) -> None:
    await served.tell(odds_changed(Market("totals", -3.5, quotes=(("alpha", outcome, 2.2),))))
    (row,) = await rows(served, HISTORY)
    assert row["outcome"] == f"'{outcome}"
    # A number below 0 is one, and is kept.
    assert row["line"] == "-3.5"
    (one,) = await objects(served, HISTORY)
    assert one["outcome"] == outcome


async def test_what_cannot_be_asked_for(served: Gateway) -> None:
    for path, says in (
        (f"{OPPORTUNITIES}?since=2026-04-16T18:00:00Z", "state=closed"),
        (f"{OPPORTUNITIES}?format=xlsx", "one of csv, ndjson"),
        (f"{OPPORTUNITIES}?limit=5", "Unknown parameter 'limit'"),
        (f"{HISTORY}?since=20&until=10", "nothing can match"),
    ):
        assert says in (await served.problem(path, 400))["detail"]


async def test_more_rows_than_one_may_have_are_refused_before_the_first(make_database: MakeDatabase) -> None:
    async with gateway_on(await make_database(MIGRATIONS), export_rows=2) as small:
        await three_opportunities(small)
        assert len(await rows(small, HISTORY)) == 2
        await small.tell(odds_changed(Market("totals", 8.5), revision=9))
        problem = await small.problem(HISTORY, 422)
        assert problem["type"] == "/problems/export-too-large"
        assert len(await rows(small, HISTORY, market="totals")) == 2


async def test_one_that_takes_too_long_is_not_taken_for_the_whole(make_database: MakeDatabase) -> None:
    async with gateway_on(await make_database(MIGRATIONS), export_seconds=0.5, exports=1) as hasty:
        await _fill(hasty, 200_000)
        async with hasty.client.stream("GET", HISTORY) as answer:
            assert answer.status_code == 200
            # Nobody reads: the server's buffers are full, and there is one place.
            refused = await hasty.client.get(HISTORY)
            assert (refused.status_code, refused.json()["type"]) == (429, "/problems/no-place")
            with pytest.raises(httpx.RemoteProtocolError):
                await answer.aread()
        assert len(await rows(hasty, HISTORY, event="1", until=AS_OF.isoformat())) == 0


async def test_memory_does_not_grow_with_the_rows(served: Gateway) -> None:
    peaks, sizes = [], []
    for rows_in_all in (5_000, 50_000):
        await _fill(served, rows_in_all)
        tracemalloc.start()
        try:
            size = 0
            async with served.client.stream("GET", HISTORY) as answer:
                async for chunk in answer.aiter_raw():
                    size += len(chunk)
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
        sizes.append(size)
    assert sizes[1] > 9 * sizes[0]
    assert peaks[1] < 1.2 * peaks[0] + 500_000, peaks


async def _fill(gateway: Gateway, rows_in_all: int) -> None:
    await gateway.database.execute("truncate price_history")
    await gateway.database.execute(
        """
        insert into price_history
            (id, event_id, market, period, line, subject, bookmaker, outcome, side, as_of, revision, price, late)
        select n, (n % 50)::text, 'h2h', 'full', 'NaN', '', 'alpha', 'Harbour City', 'back',
            $1::timestamptz + n * interval '1 second', n, 2.0, false
        from generate_series(1, $2::integer) as n
        """,
        AS_OF,
        rows_in_all,
    )
