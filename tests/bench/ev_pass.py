"""Rows 9, 10 and 16: the pass over a board of 156,000 quotes beside data frames, SQL and objects; one event; the cost
against the size."""

import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from statistics import median, quantiles
from typing import NamedTuple

import duckdb
import numpy as np
import pandas as pd
import polars as pl

from bench.boards import events
from bench.kernel import BOOKS, MARKETS, OUTCOMES, kernel
from bench.markets import FloatArray, prices
from bench.measure import Figure, interleaved, times_faster
from bet_intel.ev_engine.domain.boards import EventBoards
from bet_intel.ev_engine.domain.pricing import price
from bet_intel.ev_engine.domain.profile import Profile

_AGREE = 1e-9
_TURN = 0.1
_EVENT_BOOKS = 11
_EVENTS = 200


_SQL = """
with r as (select *, 1 / price as r from quotes),
     s as (select market, book, sum(r) as total from r group by market, book),
     f as (select market, outcome, avg(r / total) as fair, max(price) as best
           from r join s using (market, book) group by market, outcome)
select market, outcome, fair, best, fair * best - 1 as ev, sum(1 / best) over (partition by market) as arbitrage
from f order by outcome, market
"""


def _in_polars(quotes: pl.DataFrame) -> pl.DataFrame:
    r = 1.0 / pl.col("price")
    return (
        quotes.lazy()
        .with_columns(p=r / r.sum().over("market", "book"))
        .group_by("market", "outcome")
        .agg(fair=pl.col("p").mean(), best=pl.col("price").max())
        .with_columns(ev=pl.col("fair") * pl.col("best") - 1.0, arbitrage=(1.0 / pl.col("best")).sum().over("market"))
        .sort("outcome", "market")
        .collect()
    )


def _in_pandas(quotes: pd.DataFrame) -> pd.DataFrame:
    r = 1.0 / quotes["price"]
    p = r / r.groupby([quotes["market"], quotes["book"]]).transform("sum")
    by_outcome = quotes.assign(p=p).groupby(["outcome", "market"])
    out = pd.DataFrame({"fair": by_outcome["p"].mean(), "best": by_outcome["price"].max()})
    out["ev"] = out["fair"] * out["best"] - 1.0
    out["arbitrage"] = (1.0 / out["best"]).groupby("market").transform("sum")
    return out


class _Quote(NamedTuple):
    market: int
    outcome: int
    book: int
    price: float


def _per_object(quotes: Sequence[_Quote]) -> Mapping[int, tuple[list[float], list[float], list[float], float]]:
    books: defaultdict[tuple[int, int], list[_Quote]] = defaultdict(list)
    for quote in quotes:
        books[quote.market, quote.book].append(quote)
    fair: defaultdict[tuple[int, int], list[float]] = defaultdict(list)
    best: dict[tuple[int, int], float] = {}
    for offered in books.values():
        total = sum(1.0 / quote.price for quote in offered)
        for quote in offered:
            key = quote.market, quote.outcome
            fair[key].append(1.0 / quote.price / total)
            best[key] = max(best.get(key, 0.0), quote.price)
    answer = {}
    for market in {quote.market for quote in quotes}:
        means = [sum(fair[market, o]) / len(fair[market, o]) for o in range(OUTCOMES)]
        tops = [best[market, o] for o in range(OUTCOMES)]
        evs = [mean * top - 1.0 for mean, top in zip(means, tops, strict=True)]
        answer[market] = (means, tops, evs, sum(1.0 / top for top in tops))
    return answer


def run_kernel(rounds: int) -> Iterable[Figure]:
    odds = prices(OUTCOMES, BOOKS, MARKETS)
    outcome, book, market = (axis.ravel() for axis in np.indices(odds.shape))
    columns = {"market": market, "outcome": outcome, "book": book, "price": odds.ravel()}
    in_polars, in_pandas = pl.DataFrame(columns), pd.DataFrame(columns)
    objects = [
        _Quote(*row)
        for row in zip(market.tolist(), outcome.tolist(), book.tolist(), odds.ravel().tolist(), strict=True)
    ]
    with duckdb.connect() as connection:
        connection.execute("create table quotes as select * from in_pandas")

        def in_duckdb() -> Mapping[str, FloatArray]:
            answer: Mapping[str, FloatArray] = connection.execute(_SQL).fetchnumpy()
            return answer

        ours = kernel(odds)
        for name, ev in (
            ("polars", _in_polars(in_polars)["ev"].to_numpy()),
            ("duckdb", in_duckdb()["ev"]),
            ("pandas", _in_pandas(in_pandas)["ev"].to_numpy()),
            ("per object", np.array([one[2] for _, one in sorted(_per_object(objects).items())]).T.ravel()),
        ):
            if not np.abs(ours.ev.ravel() - ev).max() <= _AGREE:
                raise AssertionError(f"{name} and ours do not compute the same")
        taken = interleaved(
            {
                "ours": lambda: kernel(odds),
                "polars": lambda: _in_polars(in_polars),
                "duckdb": in_duckdb,
                "pandas": lambda: _in_pandas(in_pandas),
                "per object": lambda: _per_object(objects),
            },
            rounds,
            turn=_TURN,
        )
    for name, goal in (("polars", 12), ("duckdb", 12), ("pandas", 20), ("per object", 100)):
        yield Figure(f"kernel faster than {name}", times_faster(taken[name], taken["ours"]), goal, at_least=True)
    grown = subprocess.run(
        [sys.executable, "-c", "from bench.kernel import memory; print(memory())"],
        check=True,
        capture_output=True,
        text=True,
    )
    yield Figure("memory above the imports, prices included", float(grown.stdout), 20, at_least=False, unit="MB")


def run_one_event(rounds: int) -> Iterable[Figure]:
    """One whose bookmakers are as close as on a recorded day, where every other event has a price that beats its fair
    price; and beside it, not judged, one where they disagree four times as much: four prices have to be looked at then,
    and outliers are named four times as often."""
    close, apart = events(_EVENTS, _EVENT_BOOKS), events(_EVENTS, _EVENT_BOOKS, priced=prices)
    taken, far = _each(close, rounds), _each(apart, rounds)
    p99, p99_far = (quantiles(each, n=100)[98] for each in (taken, far))
    detail = (
        f"p50 {median(taken):.2f} ms; three two-way markets, {_EVENT_BOOKS} bookmakers, as close as on a recorded day; "
        f"four times as far apart p50 {median(far):.2f}, p99 {p99_far:.2f} ms"
    )
    yield Figure("one event, default pipeline, p99", p99, 1, at_least=False, unit="ms", detail=detail, is_latency=True)


def _each(made: Sequence[EventBoards], rounds: int) -> list[float]:
    """Milliseconds of each event in each round."""
    profile = Profile()
    for one in made[:20]:
        price([one], profile)
    taken = []
    for _ in range(rounds):
        for one in made:
            begin = time.perf_counter()
            price([one], profile)
            taken.append((time.perf_counter() - begin) * 1e3)
    return taken


def run_size(rounds: int) -> Iterable[Figure]:
    sizes = (1_000, 10_000, 100_000, 1_000_000)
    odds = {size: prices(OUTCOMES, BOOKS, size // (OUTCOMES * BOOKS)) for size in sizes}
    repeats = {size: max(1, sizes[-1] // size // 10) for size in sizes}

    def passes(size: int) -> None:
        for _ in range(repeats[size]):
            kernel(odds[size])

    taken = interleaved({str(size): lambda size=size: passes(size) for size in sizes}, rounds)  # type: ignore[misc]  # a lambda's default has no type
    each = {size: median(taken[str(size)]) / (repeats[size] * size) for size in sizes}
    detail = ", ".join(f"{size:,}: {1e9 * seconds:.0f} ns" for size, seconds in each.items())
    what = "kernel, cost of a quote against itself at any smaller size, worst"
    yield Figure(what, _growth(each), 1.25, at_least=False, detail=detail)

    yield _pipeline_size(sizes, rounds)
    yield _pipeline_width(rounds)


def _growth(each: Mapping[int, float]) -> float:
    """The most that one costs of any size against what it costs of any smaller one. Of the smallest the calls of NumPy
    cost most: that is not flat, and no growth."""
    return max(each[large] / each[small] for small, large in combinations(sorted(each), 2))


def _pipeline_size(sizes: Sequence[int], rounds: int) -> Figure:
    profile, quotes_of_one = Profile(), 2 * 3 * _EVENT_BOOKS
    every = events(sizes[-1] // quotes_of_one, _EVENT_BOOKS)
    boards = {size: every[: size // quotes_of_one] for size in sizes}
    taken = interleaved({str(size): lambda size=size: price(boards[size], profile) for size in sizes}, rounds)  # type: ignore[misc]  # as above
    each = {size: median(taken[str(size)]) / len(boards[size]) for size in sizes}
    detail = ", ".join(f"{size:,}: {1e6 * seconds:.0f} µs" for size, seconds in each.items())
    what = "pipeline, cost of an event against itself at any smaller size, worst"
    return Figure(what, _growth(each), 1.25, at_least=False, detail=detail)


def _pipeline_width(rounds: int) -> Figure:
    """Pools without each bookmaker are as many numbers as the square of the bookmakers: one market of many must not
    make them of the others as many."""
    profile, narrow, wide = Profile(), events(255, 5), events(1, 60)
    taken = interleaved(
        {
            "together": lambda: price([*narrow, *wide], profile),
            "apart": lambda: (price(narrow, profile), price(wide, profile)),
        },
        rounds,
    )
    return Figure(
        "pipeline, 255 events of 5 bookmakers with one of 60, against apart",
        1.0 / times_faster(taken["apart"], taken["together"]),
        1.25,
        at_least=False,
    )
