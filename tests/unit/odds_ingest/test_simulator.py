"""The simulated market keeps what it promises: the same for a seed and a time, always busy, with mistakes to find."""

import math
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from statistics import mean, median
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bet_intel.odds import expected_value, fair_prices
from bet_intel.odds_ingest.domain.quotes import EventOdds, MarketBoard, QuoteKey, Side
from bet_intel.odds_ingest.providers.port import OddsProvider
from bet_intel.odds_ingest.providers.replay.client import ReplayProvider
from bet_intel.odds_ingest.providers.simulator.client import SimulatorProvider
from bet_intel.odds_ingest.providers.simulator.model import Simulation, snapshot
from bet_intel.odds_ingest.providers.simulator.recording import write_recording
from bet_intel.odds_ingest.providers.the_odds_api.parse import parse_response
from fixtures.odds_payloads import prices

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
LEAGUES = {
    "soccer_simulated_premier",
    "basketball_simulated_league",
    "baseball_simulated_league",
    "tennis_simulated_open",
}
EXCHANGES = {"betfair_ex_eu", "smarkets"}
PROPS = {
    "basketball": {"player_points", "player_rebounds"},
    "baseball": {"pitcher_strikeouts", "batter_total_bases"},
}

moments = st.datetimes(datetime(2024, 1, 1), datetime(2034, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - bounds
seeds = st.integers(0, 2**63)


def boards(seed: int, at: datetime) -> tuple[EventOdds, ...]:
    parsed = parse_response(snapshot(seed, at), provider="simulator")
    assert parsed.rejections == ()
    return parsed.events


def played(
    step: timedelta, count: int, kept: Callable[[dict[str, Any]], dict[str, Any]]
) -> Iterator[tuple[EventOdds, ...]]:
    """What is `kept` of every event, at moments that follow each other: the simulation remembers what is the same."""
    simulation = Simulation(7)
    for index in range(count):
        parsed = parse_response(list(map(kept, simulation.snapshot(NOON + index * step))), provider="simulator")
        assert parsed.rejections == ()
        yield parsed.events


def test_seed_and_time_decide_everything() -> None:
    assert snapshot(7, NOON) == snapshot(7, NOON)
    assert snapshot(7, NOON) != snapshot(8, NOON)
    elsewhere = NOON.astimezone(datetime.fromisoformat("2026-01-31T00:00:00+05:30").tzinfo)
    assert snapshot(7, elsewhere) == snapshot(7, NOON)


@settings(max_examples=25, deadline=None)
@given(seed=seeds, at=moments)
def test_any_moment_is_busy_and_readable(seed: int, at: datetime) -> None:
    events = boards(seed, at)

    assert len(events) >= 40
    assert {odds.event.league for odds in events} == LEAGUES
    assert len({title for odds in events for title in odds.bookmaker_titles}) >= 12
    assert all("(simulated)" in title for odds in events for title in odds.bookmaker_titles.values())
    teams = [team for odds in events for team in (odds.event.home, odds.event.away)]
    assert len(set(teams)) == len(teams), "no team plays two matches at a time"
    assert all(at - timedelta(minutes=6) < odds.event.commence_time for odds in events)
    for odds in events:
        markets = {key.market for key in odds.markets}
        assert markets <= {"soccer": {"h2h", "totals"}, "tennis": {"h2h"}}.get(
            odds.event.sport, {"h2h", "spreads", "totals"} | PROPS.get(odds.event.sport, set())
        )
        for board in odds.markets.values():
            assert all(updated <= at for updated in board.last_update.values())
            assert set(board.last_update) == {quote.bookmaker for quote in board.prices}


@settings(max_examples=25, deadline=None)
@given(seed=seeds, at=moments)
def test_every_bookmaker_keeps_its_margin_and_the_exchange_its_spread(seed: int, at: datetime) -> None:
    overrounds: dict[str, list[float]] = defaultdict(list)
    for odds in boards(seed, at):
        for key, board in odds.markets.items():
            outcomes = {quote.outcome for quote in board.prices}
            assert len(outcomes) == (3 if (odds.event.sport, key.market) == ("soccer", "h2h") else 2)
            for bookmaker in board.last_update:
                quoted = [board.prices[QuoteKey(bookmaker, outcome)].decimal for outcome in outcomes]
                overrounds[bookmaker].append(sum(1 / price for price in quoted) - 1)
            for quote, price in board.prices.items():
                if quote.side is Side.LAY:
                    assert quote.bookmaker in EXCHANGES
                    assert price.decimal > board.prices[QuoteKey(quote.bookmaker, quote.outcome)].decimal

    typical = {bookmaker: sorted(values)[len(values) // 2] for bookmaker, values in overrounds.items()}
    assert 0.01 < typical["pinnacle"] < 0.035
    assert all(abs(typical[exchange]) < 0.015 for exchange in EXCHANGES)
    soft = [value for bookmaker, value in typical.items() if bookmaker not in EXCHANGES | {"pinnacle"}]
    assert all(0.03 < value < 0.08 for value in soft)


@settings(max_examples=25, deadline=None)
@given(seed=seeds, at=moments)
def test_players_are_priced_over_and_under_by_a_few_bookmakers_near_the_start(seed: int, at: datetime) -> None:
    markets: dict[str, set[str]] = defaultdict(set)
    by_event: dict[str, set[str]] = defaultdict(set)
    of_matches: dict[str, set[str]] = defaultdict(set)
    for odds in boards(seed, at):
        event = odds.event
        for key, board in odds.markets.items():
            books = set(board.last_update)
            if not key.subject:
                assert key.market not in PROPS.get(event.sport, set())
                of_matches[event.id] |= books
                continue
            markets[event.sport].add(key.market)
            by_event[event.id] |= books
            assert event.commence_time - at < timedelta(minutes=92)
            assert event.home is not None
            assert event.away is not None
            assert key.subject.startswith((event.home, event.away)), "a player is named by team and role"
            assert key.line is not None
            assert key.line % 1 == 0.5
            assert {quote.outcome for quote in board.prices} == {"Over", "Under"}
    assert markets == PROPS
    assert max(map(len, by_event.values())) >= 4, "enough for a fair price"
    assert all(len(books) <= 5 < len(of_matches[event_id]) for event_id, books in by_event.items())


@settings(max_examples=10, deadline=None)
@given(seed=seeds, at=moments)
def test_every_price_has_a_limit_that_tells_who_is_sharp(seed: int, at: datetime) -> None:
    limits: dict[str, set[float]] = defaultdict(set)
    for odds in boards(seed, at):
        left = odds.event.commence_time - at
        for key, board in odds.markets.items():
            for quote, price in board.prices.items():
                assert price.limit is not None
                assert price.limit >= 10
                fresh = at - board.last_update[quote.bookmaker] < timedelta(minutes=4)
                if not key.subject and fresh and left < timedelta(minutes=10):
                    limits[quote.bookmaker].add(price.limit)
                if key.subject:
                    assert price.limit <= 500
    assert all(len(values) == 1 for values in limits.values()), "near the start everything is taken up to one limit"
    (sharpest,) = limits["pinnacle"]
    assert all(sharpest > value for bookmaker, values in limits.items() for value in values if bookmaker != "pinnacle")


def test_limits_grow_as_the_start_comes_near() -> None:
    seen: dict[str, list[float]] = defaultdict(list)
    for minute in range(0, 120, 10):
        for odds in boards(7, NOON + timedelta(minutes=minute)):
            taken = {
                price.limit
                for key, board in odds.markets.items()
                for quote, price in board.prices.items()
                if key.market == "h2h" and quote.bookmaker == "pinnacle" and price.limit is not None
            }
            seen[odds.event.id] += taken
    assert all(limits == sorted(limits) for limits in seen.values())
    assert any(len(set(limits)) == 3 for limits in seen.values())


@settings(max_examples=10, deadline=None)
@given(seed=seeds, at=moments, steps=st.lists(st.integers(-90, 90), min_size=1, max_size=6))
def test_what_a_simulation_remembers_changes_nothing(seed: int, at: datetime, steps: list[int]) -> None:
    simulation = Simulation(seed)
    for seconds in steps:
        at += timedelta(seconds=seconds)
        assert simulation.snapshot(at) == snapshot(seed, at)


def test_matches_come_and_go_every_few_minutes_and_never_jump() -> None:
    seen: dict[str, list[int]] = defaultdict(list)
    starts: dict[str, set[datetime]] = defaultdict(set)
    minutes = 240
    # Of its prices nothing is asked here.
    listed = played(timedelta(minutes=1), minutes, lambda event: {**event, "bookmakers": []})
    for minute, events in enumerate(listed):
        for odds in events:
            seen[odds.event.id].append(minute)
            starts[odds.event.id].add(odds.event.commence_time)

    assert all(when == list(range(when[0], when[-1] + 1)) for when in seen.values()), "listed without a gap"
    assert all(len(times) == 1 for times in starts.values())
    came = sorted(when[0] for when in seen.values() if when[0] > 0)
    went = sorted(when[-1] for when in seen.values() if when[-1] < minutes - 1)
    for changes in (came, went):
        assert max(b - a for a, b in zip([0, *changes], [*changes, minutes], strict=True)) <= 10
        assert len(changes) > minutes / 6
    in_play = [
        NOON + timedelta(minutes=when[-1]) - max(starts[event_id])
        for event_id, when in seen.items()
        if when[-1] < minutes - 1
    ]
    assert all(timedelta(minutes=2) <= length <= timedelta(minutes=5) for length in in_play)
    whole = [when for when in seen.values() if when[0] > 0 and when[-1] < minutes - 1]
    assert all(60 <= len(when) <= 180 for when in whole)


def _only_h2h(event: dict[str, Any]) -> dict[str, Any]:
    books = [
        {**book, "markets": [market for market in book["markets"] if market["key"] == "h2h"]}
        for book in event["bookmakers"]
    ]
    return {**event, "bookmakers": books}


def test_lines_move_smoothly_and_slow_bookmakers_follow() -> None:
    step, count = timedelta(seconds=20), 120
    home = {
        odds.event.id: odds.event.home
        for odds in boards(7, NOON)
        if odds.event.commence_time > NOON + count * step and odds.event.sport != "basketball"
    }
    series: dict[tuple[str, str], list[float]] = defaultdict(list)
    for events in played(step, count, _only_h2h):
        for (event_id, key, quote), price in prices(events).items():
            if key.market == "h2h" and quote.side is Side.BACK and home.get(event_id) == quote.outcome:
                series[event_id, quote.bookmaker].append(math.log(price))
    whole = {key: values for key, values in series.items() if len(values) == count}
    sharp = {event_id: values for (event_id, bookmaker), values in whole.items() if bookmaker == "pinnacle"}
    assert len(sharp) >= 5

    steps = [abs(now - before) for values in sharp.values() for before, now in pairwise(values)]
    assert sum(size > 0.03 for size in steps) < 0.01 * len(steps), "nothing but a mistake jumps"
    assert all(max(values) - min(values) > 0.02 for values in sharp.values()), "every line moves"

    def distance(behind: int) -> float:
        """How far Bovada is, on the median, from Pinnacle `behind` steps before; its lasting margin left out."""
        distances = []
        for event_id, values in sharp.items():
            if (soft := whole.get((event_id, "bovada"))) is not None:
                apart = [soft[index] - values[index - behind] for index in range(20, count)]
                distances += [abs(size - median(apart)) for size in apart]
        return median(distances)

    assert distance(behind=10) < 0.8 * distance(behind=0)


def positive_expected_values(at: datetime, odds: EventOdds, board: MarketBoard) -> set[tuple[str, QuoteKey]]:
    """The back prices with an EV of 1 % or more against three or more other bookmakers, all of them fresh."""
    books = [book for book, updated in board.last_update.items() if at - updated <= timedelta(minutes=10)]
    outcomes = sorted({quote.outcome for quote in board.prices})
    if len(books) < 4 or odds.event.commence_time <= at:
        return set()
    back = np.array([[board.prices[QuoteKey(book, name)].decimal for book in books] for name in outcomes])
    mids = {
        (quote.bookmaker, quote.outcome): (1 / price.decimal + 1 / board.prices[quote._replace(side=Side.BACK)].decimal)
        / 2
        for quote, price in board.prices.items()
        if quote.side is Side.LAY
    }
    implied = np.array(
        [[mids.get((book, name), 1 / back[i, j]) for j, book in enumerate(books)] for i, name in enumerate(outcomes)]
    )
    is_mid = np.array([[(book, outcomes[0]) in mids] for book in books])
    fair = fair_prices(implied[:, :, np.newaxis], np.ones((len(books), 1)), is_mid=is_mid, band_methods=())
    judged = expected_value(fair.leave_one_out.probability[:, :, 0].T, back)
    return {(odds.event.id, QuoteKey(books[j], outcomes[i])) for i, j in np.argwhere(judged >= 0.01)}


@pytest.mark.parametrize("seed", [7, 2026])
def test_a_handful_of_opportunities_is_open_at_any_time_and_changes(seed: int) -> None:
    open_at = []
    for step in range(16):
        at = NOON + timedelta(minutes=6 * step)
        found = [
            (key, *opportunity)
            for odds in boards(seed, at)
            for key, board in odds.markets.items()
            for opportunity in positive_expected_values(at, odds, board)
        ]
        open_at.append(set(found))

    assert 5 <= mean(map(len, open_at)) <= 20
    assert min(map(len, open_at)) >= 1
    assert any(key.subject for found in open_at for key, *_ in found), "of players too"
    assert all(len(before & now) < len(before) / 2 for before, now in zip(open_at, open_at[3:], strict=False))


async def test_the_provider_goes_on_where_the_clock_is() -> None:
    now = NOON

    def clock() -> datetime:
        return now

    provider: OddsProvider = SimulatorProvider(7, clock, interval=1.5)
    first = await provider.fetch(0)
    now += timedelta(minutes=1)
    second = await SimulatorProvider(7, clock).fetch(41)

    assert first is not None
    assert second is not None
    assert (provider.name, provider.total) == ("simulator", None)
    assert (first.as_of, first.position, first.due_in) == (NOON, 1, 1.5)
    assert (second.as_of, second.position, second.due_in) == (now, 42, 2.0)
    assert first.leagues == LEAGUES
    assert first.events == boards(7, NOON)
    same = {odds.event.id for odds in first.events} & {odds.event.id for odds in second.events}
    assert len(same) >= 40, "a restart shows the same matches going on"
    assert all(event_id.startswith("simulator:") for event_id in same)


@pytest.mark.parametrize("interval", [0, -1, float("nan"), float("inf")])
def test_a_senseless_interval_is_refused(interval: float) -> None:
    with pytest.raises(ValueError, match="interval"):
        SimulatorProvider(7, lambda: NOON, interval)


async def test_a_recording_of_the_simulator_plays_back_as_it_was(tmp_path: Path) -> None:
    path, step = tmp_path / "simulated.jsonl.gz", timedelta(seconds=30)
    write_recording(path, 7, NOON, step, 5)
    written = path.read_bytes()
    write_recording(path, 7, NOON, step, 5)
    assert path.read_bytes() == written, "the same arguments give the same bytes"

    provider = ReplayProvider(path, speed=10)
    assert provider.total == 5
    for position in range(5):
        answer = await provider.fetch(position)
        assert answer is not None
        assert answer.as_of == NOON + position * step
        assert answer.due_in == (3.0 if position < 4 else 0.0)
        assert answer.leagues == LEAGUES
        expected = parse_response(snapshot(7, answer.as_of), provider="the_odds_api")
        assert (answer.events, answer.rejections) == (expected.events, ())
    assert await provider.fetch(5) is None


def test_a_recording_with_senseless_arguments_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="time zone"):
        write_recording(tmp_path / "a.jsonl.gz", 7, NOON.replace(tzinfo=None), timedelta(seconds=1), 1)
    with pytest.raises(ValueError, match="step"):
        write_recording(tmp_path / "a.jsonl.gz", 7, NOON, timedelta(0), 1)
    with pytest.raises(ValueError, match=r"\.jsonl\.gz"):
        write_recording(tmp_path / "a.json", 7, NOON, timedelta(seconds=1), 1)
