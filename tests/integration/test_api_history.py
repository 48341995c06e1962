"""The line history: every change of a price, in whatever order it was told, kept by day."""

import asyncio
import itertools
import random
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from bet_intel.api.projector import Projector
from bet_intel.shared.message_metrics import MessageMetrics
from bet_intel.shared.messaging import Message
from bet_intel.shared.postgres import Database
from fixtures.api_gateway import MIGRATIONS, Gateway, clock, gateway, gateway_on, served
from fixtures.api_messages import AS_OF, CLOSED, Market, Match, odds_changed
from fixtures.postgres import MakeDatabase

__all__ = ["served"]

pytestmark = pytest.mark.integration

PATH = "/v1/events/made_up:1/history"
HOME, AWAY = "Harbour City", "Riverside"


def answer(revision: int, *quotes: tuple[str, str, float], market: str = "h2h", line: float = float("nan")) -> Message:
    """One answer a minute: `revision` is the minute."""
    books = {book: 30.0 for book, _, _ in quotes}
    board = Market(market, line, quotes=quotes, seconds_old=books)
    return odds_changed(board, revision=revision, as_of=AS_OF + timedelta(minutes=revision))


def restated(revision: int, told_at: int, *quotes: tuple[str, str, float]) -> Message:
    """The board of minute `revision` told once more, as it stood at minute `told_at`."""
    books = {book: 30.0 for book, _, _ in quotes}
    board = Market(revision=revision, restated=True, quotes=quotes, seconds_old=books)
    return odds_changed(board, revision=told_at, as_of=AS_OF + timedelta(minutes=told_at))


def short(items: Sequence[Mapping[str, Any]]) -> list[tuple[Any, ...]]:
    return [(item["revision"], item["bookmaker"]["key"], item["outcome"], item["price"]) for item in items]


async def history(gateway: Gateway, **parameters: str | float) -> list[tuple[Any, ...]]:
    return short((await gateway.get(PATH, **parameters))["data"])


async def dates(gateway: Gateway) -> list[tuple[str, float | None, str]]:
    """Of what, at which price, since when."""
    entries = (await gateway.get(PATH))["data"]
    return [(entry["bookmaker"]["key"], entry["price"], entry["changed_at"][11:16]) for entry in entries]


async def test_only_what_changed_is_told_and_what_went_away_too(served: Gateway) -> None:
    await served.tell(answer(1, ("alpha", HOME, 2.2), ("beta", HOME, 2.1)))
    await served.tell(answer(2, ("alpha", HOME, 2.2), ("beta", HOME, 2.15)))
    await served.tell(answer(3, ("beta", HOME, 2.15), ("gamma", HOME, 2.0)))
    await served.tell(odds_changed(Market(status=CLOSED, quotes=(), seconds_old={}), revision=4, as_of=AS_OF))
    assert sorted(await history(served)) == [
        (1, "alpha", HOME, 2.2),
        (1, "beta", HOME, 2.1),
        (2, "beta", HOME, 2.15),
        (3, "alpha", HOME, None),
        (3, "gamma", HOME, 2.0),
        (4, "beta", HOME, None),
        (4, "gamma", HOME, None),
    ]
    answered = await served.get(PATH, bookmaker="alpha")
    assert answered["event_id"] == "made_up:1"
    assert answered["data"] == [
        {
            "changed_at": "2026-04-16T18:01:00Z",
            "market": "h2h",
            "period": "full",
            "line": None,
            "subject": None,
            "outcome": HOME,
            "side": "back",
            "bookmaker": {"key": "alpha", "title": "Alpha"},
            "price": 2.2,
            "limit": None,
            "last_update": "2026-04-16T18:00:30Z",
            "revision": 1,
            "late": False,
        },
        answered["data"][1] | {"changed_at": "2026-04-16T18:03:00Z", "price": None, "last_update": None},
    ]


async def test_american_odds(served: Gateway) -> None:
    await served.tell(answer(1, ("alpha", HOME, 2.2)), answer(2, ("beta", HOME, 1.5)))
    asked = await served.get(PATH, odds_format="american")
    assert asked["odds_format"] == "american"
    assert sorted(short(asked["data"])) == [
        (1, "alpha", HOME, 120),
        (2, "alpha", HOME, None),
        (2, "beta", HOME, -200),
    ]


FILTERS: list[tuple[dict[str, str | float], set[int]]] = [
    ({}, {1, 2, 3, 4}),
    ({"market": "totals"}, {2, 3}),
    ({"market": "totals", "line": 8.5}, {2}),
    ({"line": 9.5}, {3}),
    ({"bookmaker": "beta,gamma"}, {4}),
    ({"outcome": "Over"}, {2, 3}),
    ({"period": "h1"}, set()),
    ({"subject": "Nobody"}, set()),
    ({"since": "2026-04-16T18:02:00Z"}, {2, 3, 4}),
    ({"until": "2026-04-16T18:02:00Z"}, {1}),
    ({"since": "2026-04-16T18:02:00Z", "until": "2026-04-16T18:04:00Z"}, {2, 3}),
    ({"market": "h2h", "bookmaker": "alpha"}, {1}),
]


async def test_every_filter_filters(served: Gateway) -> None:
    await served.tell(
        answer(1, ("alpha", HOME, 2.2)),
        answer(2, ("alpha", "Over", 1.9), market="totals", line=8.5),
        answer(3, ("alpha", "Over", 2.3), market="totals", line=9.5),
        answer(4, ("alpha", HOME, 2.2), ("beta", AWAY, 1.8)),
    )
    for parameters, revisions in FILTERS:
        assert {entry[0] for entry in await history(served, **parameters)} == revisions, parameters


async def test_pages_neither_repeat_nor_skip_and_belong_to_their_event(served: Gateway) -> None:
    books = ("alpha", "beta", "gamma", "delta")
    for revision in range(1, 8):
        await served.tell(answer(revision, *((book, HOME, 2 + revision / 10) for book in books)))
    whole = await history(served, limit=200)
    assert len(whole) == 28
    seen: list[tuple[Any, ...]] = []
    parameters: dict[str, str | float] = {"limit": 5}
    while True:
        page = await served.get(PATH, **parameters)
        seen += short(page["data"])
        if page["next_cursor"] is None:
            break
        parameters["cursor"] = page["next_cursor"]
    assert seen == whole
    assert [entry[0] for entry in whole] == sorted(entry[0] for entry in whole), "the oldest first"

    await served.tell(odds_changed(Market(), match=Match("made_up:2")))
    for wrong in (f"{PATH}?market=h2h", "/v1/events/made_up:2/history?limit=5"):
        problem = await served.problem(f"{wrong}&cursor={parameters['cursor']}", 400)
        assert problem["type"] == "/problems/invalid-cursor"


async def test_late_board_is_in_the_history_and_not_on_the_board(served: Gateway) -> None:
    await served.tell(answer(1, ("alpha", HOME, 2.0), ("beta", HOME, 2.1)))
    await served.tell(answer(3, ("alpha", HOME, 2.0), ("beta", HOME, 2.3)))
    late = answer(2, ("alpha", HOME, 2.05), ("beta", HOME, 2.2))
    for _ in range(2):
        await served.tell(late)
    entries = (await served.get(PATH))["data"]
    assert [(*entry, item["late"]) for entry, item in zip(short(entries), entries, strict=True)] == [
        (1, "alpha", HOME, 2.0, False),
        (1, "beta", HOME, 2.1, False),
        (2, "alpha", HOME, 2.05, True),
        (2, "beta", HOME, 2.2, True),
        (3, "beta", HOME, 2.3, False),
        (3, "alpha", HOME, 2.0, True),
    ], "alpha was back at 2.0 as of the third answer, which had looked like no change"
    (market,) = (await served.get("/v1/events/made_up:1/odds"))["markets"]
    assert [price["price"] for price in market["outcomes"][0]["prices"]] == [2.0, 2.3]


async def test_what_a_late_board_changed_lasts_to_the_next_board_though_that_looked_like_no_change(
    served: Gateway,
) -> None:
    await served.tell(answer(1, ("alpha", HOME, 2.0)))
    await served.tell(answer(3, ("alpha", HOME, 2.0)))
    await served.tell(answer(4, ("alpha", HOME, 2.0), ("beta", HOME, 2.3)))
    await served.tell(answer(2, ("alpha", HOME, 2.05)))
    assert await history(served) == [
        (1, "alpha", HOME, 2.0),
        (2, "alpha", HOME, 2.05),
        (3, "alpha", HOME, 2.0),
        (4, "beta", HOME, 2.3),
    ]


async def test_the_next_board_is_known_whichever_process_was_told_of_it(make_database: MakeDatabase) -> None:
    dsn = await make_database(MIGRATIONS)
    async with gateway_on(dsn) as one, gateway_on(dsn) as other:
        await one.tell(answer(1, ("alpha", HOME, 2.0)))
        await one.tell(answer(3, ("alpha", HOME, 2.0)))
        await one.tell(answer(4, ("alpha", HOME, 2.0), ("beta", HOME, 2.3)))
        await one.tell(answer(5, ("alpha", HOME, 2.0), ("beta", HOME, 2.3)))
        await other.tell(answer(2, ("alpha", HOME, 2.05)))
        assert await history(other) == [
            (1, "alpha", HOME, 2.0),
            (2, "alpha", HOME, 2.05),
            (3, "alpha", HOME, 2.0),
            (4, "beta", HOME, 2.3),
        ]
        await other.database.execute("delete from sporting_event")
        assert await other.database.fetchval("select count(*) from quiet_board") == 0


async def test_a_late_board_that_changed_nothing_ends_what_comes_later_still(served: Gateway) -> None:
    for revision, price in ((1, 2.0), (5, 2.0), (3, 2.0), (2, 2.2)):
        await served.tell(answer(revision, ("alpha", HOME, price)))
    assert await history(served) == [(1, "alpha", HOME, 2.0), (2, "alpha", HOME, 2.2), (3, "alpha", HOME, 2.0)]


async def test_a_board_that_is_told_again_before_it_came_the_first_time_is_dated_back(served: Gateway) -> None:
    await served.tell(answer(1, ("alpha", HOME, 2.0), ("beta", HOME, 2.1)))
    quotes = (("beta", HOME, 2.1),)
    await served.tell(restated(2, 3, *quotes))
    for _ in range(2):
        await served.tell(answer(2, *quotes))
    assert await dates(served) == [("alpha", 2.0, "18:01"), ("beta", 2.1, "18:01"), ("alpha", None, "18:02")]


async def test_it_is_dated_back_though_the_board_behind_it_came_too(served: Gateway) -> None:
    await served.tell(answer(1, ("alpha", HOME, 2.0)))
    await served.tell(restated(2, 4, ("alpha", HOME, 2.2)))
    await served.tell(answer(5, ("alpha", HOME, 2.3)))
    await served.tell(answer(2, ("alpha", HOME, 2.2)))
    assert await dates(served) == [("alpha", 2.0, "18:01"), ("alpha", 2.2, "18:02"), ("alpha", 2.3, "18:05")]


Board = dict[tuple[str, str], float]


def boards(rng: random.Random, count: int) -> dict[int, Board]:
    """Boards of prices that come, go and repeat; some are the one before the last again, or the last: told late or
    early, they seem to change nothing."""
    offers = list(itertools.product(("alpha", "beta"), (HOME, AWAY)))
    found: dict[int, Board] = {}
    for revision in range(1, count + 1):
        before = [found[number] for number in (revision - 1, revision - 2) if number in found]
        again = bool(before) and rng.random() < 0.5
        found[revision] = (
            rng.choice(before)
            if again
            else {offer: rng.choice((1.8, 2.0, 2.2)) for offer in offers if rng.random() < 0.7}
            | {("delta", HOME): 3 + revision / 100}
        )
    return found


def as_of_revision(entries: Sequence[tuple[Any, ...]], revision: int) -> Board:
    """The prices that hold after the entries up to a revision."""
    standing: dict[tuple[str, str], float | None] = {}
    for its_revision, bookmaker, outcome, price in entries:
        if its_revision <= revision:
            standing[bookmaker, outcome] = price
    return {offer: price for offer, price in standing.items() if price is not None}


@pytest.mark.parametrize("seed", range(6))
async def test_history_gives_every_board_in_whatever_order_they_came(make_database: MakeDatabase, seed: int) -> None:
    rng = random.Random(seed)
    wanted = boards(rng, 12)
    messages = [
        answer(revision, *((*offer, price) for offer, price in board.items())) for revision, board in wanted.items()
    ]
    again = [
        restated(revision, rng.randint(revision, 12), *((*offer, price) for offer, price in wanted[revision].items()))
        for revision in rng.sample(sorted(wanted), 4)
    ]
    told = [*messages, *rng.sample(messages, 4), *again]
    rng.shuffle(told)
    async with gateway(make_database) as served:
        while told:
            # Batches of several messages, as they come when the projector is behind.
            await served.tell(*[told.pop() for _ in range(min(len(told), rng.randint(1, 4)))])
        listed = (await served.get(PATH, limit=200))["data"]
        for revision, board in wanted.items():
            assert as_of_revision(short(listed), revision) == board, revision
        for entry in listed:
            assert entry["changed_at"] == f"2026-04-16T18:{entry['revision']:02}:00Z", entry


async def test_history_outlives_the_read_model(served: Gateway) -> None:
    first, second = answer(1, ("alpha", HOME, 2.0)), answer(2, ("alpha", HOME, 2.0), ("beta", HOME, 2.1))
    await served.tell(first, second)
    before = await history(served)
    await served.database.execute("truncate sporting_event cascade")
    await served.tell(answer(9, ("alpha", "Over", 2.0), market="totals", line=8.5))
    assert await history(served, market="h2h") == before
    await served.tell(second)
    await served.tell(answer(3, ("alpha", HOME, 2.0), ("beta", HOME, 2.2)))
    assert await history(served, market="h2h") == [*before, (3, "beta", HOME, 2.2)]
    await served.database.execute("truncate sporting_event cascade")
    assert await history(served, market="h2h"), "what is known of an event that is gone is still told"


async def partitions(served: Gateway) -> dict[str, int]:
    """The rows of each partition."""
    names = await served.database.fetch(
        "select inhrelid::regclass::text as name from pg_inherits where inhparent = 'price_history'::regclass"
    )
    return {
        row["name"]: await served.database.fetchval(f"select count(*) from {row['name']}")  # noqa: S608 - a table's own name
        for row in names
    }


async def test_days_are_partitions_made_ahead_that_can_be_dropped(served: Gateway) -> None:
    for days in range(3):
        at = AS_OF + timedelta(days=days)
        await served.tell(odds_changed(Market(quotes=[("alpha", HOME, 2 + days)]), revision=days + 1, as_of=at))
    assert await partitions(served) == {
        "price_history_20260416": 1,
        "price_history_20260417": 1,
        "price_history_20260418": 1,
        "price_history_20260419": 0,
        "price_history_default": 0,
    }
    await served.database.execute("drop table price_history_20260416")
    assert await history(served) == [(2, "alpha", HOME, 3.0), (3, "alpha", HOME, 4.0)]
    midnight = AS_OF.replace(hour=0) + timedelta(days=3)
    await served.tell(odds_changed(Market(quotes=[("alpha", HOME, 5.0)]), revision=9, as_of=midnight))
    assert (await partitions(served))["price_history_20260419"] == 1


async def test_rows_of_the_default_partition_stay_where_they_are(served: Gateway) -> None:
    await served.database.execute(
        """
        insert into price_history (event_id, market, period, line, subject, bookmaker, outcome, side, as_of, revision,
            price, late)
        values ('made_up:1', 'h2h', 'full', 'NaN', '', 'alpha', $1, 'back', $2, 1, 2.0, false)
        """,
        HOME,
        AS_OF,
    )
    await served.tell(odds_changed(Market(quotes=[("alpha", HOME, 2.1)]), revision=2, as_of=AS_OF))
    assert await partitions(served) == {"price_history_default": 2, "price_history_20260417": 0}
    assert await history(served) == [(1, "alpha", HOME, 2.0), (2, "alpha", HOME, 2.1)]


async def test_projectors_side_by_side_make_a_day_once(make_database: MakeDatabase) -> None:
    dsn = await make_database(MIGRATIONS)
    async with Database.open(dsn, name="test") as database:
        metrics = MessageMetrics(CollectorRegistry())
        projectors = [Projector(database, CollectorRegistry(), lambda: None, clock, metrics) for _ in range(4)]
        messages = [odds_changed(Market(), match=Match(f"made_up:{number}")) for number in range(4)]
        await asyncio.gather(
            *(projector.odds_changed([message]) for projector, message in zip(projectors, messages, strict=True))
        )
        async with database.snapshot() as connection:
            assert await connection.fetchval("select count(*) from price_history_20260416") == 8
