"""The pool of a backtest is the one the engine makes."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from bet_intel.compose.backtest.football_csv import Football
from bet_intel.compose.backtest.probabilities import pooled
from bet_intel.compose.backtest.recorded import Recorded
from bet_intel.compose.backtest.study import Question, study
from bet_intel.ev_engine.domain.boards import Board, EventBoards, MarketKey, MarketStatus, SportingEvent
from bet_intel.ev_engine.domain.priced import Side
from bet_intel.ev_engine.domain.pricing import PricedEvent, price
from bet_intel.ev_engine.domain.profile import STARTING, Override, Profile
from bet_intel.odds import Method
from fixtures.engine_boards import board

AS_OF = datetime(2024, 8, 16, 12, tzinfo=UTC)
START = datetime(2024, 8, 16, 20, tzinfo=UTC)
CODES = ("B365", "BW", "IW", "PS", "WH", "BFE")
KEY = MarketKey("h2h", "full", None, "")


def made_up() -> Football:
    rng = np.random.default_rng(4)
    header = [
        "Date",
        "HomeTeam",
        "AwayTeam",
        "FTHG",
        "FTAG",
        *(code + outcome for code in CODES for outcome in ("H", "D", "A")),
    ]
    lines = [",".join(header)]
    for match in range(40):
        fair = rng.dirichlet((4, 3, 3))
        quotes = [1 / (fair * np.exp(rng.normal(0, 0.03, 3)) * 1.05) for _ in CODES]
        prices = [f"{price:.2f}" if price < 100 else "" for price in np.concatenate(quotes)]
        lines.append(",".join(["16/08/2024", f"H{match}", f"A{match}", "1", "0", *prices]))
    football = Football()
    football.read("made up", "\n".join(lines).encode())
    return football


_OTHERWISE = Override(sport="soccer", market="h2h", weights={"bet365": 9.0, "pinnacle": 0.0})
PROFILES = {
    **STARTING,
    "overridden": Profile(overrides=(_OTHERWISE,)),
    "worst case": Profile(method=Method.WORST_CASE),
}


@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)
def test_a_profile_gives_what_the_engine_gives(profile: Profile) -> None:
    (sample,) = made_up().samples()
    fair = pooled(sample.opening.by_book, sample, profile)
    events = []
    for m in range(sample.size):
        back = sample.opening.by_book[..., m]
        nothing = np.full(back.shape, np.nan)
        updated = np.full(len(sample.bookmakers), int(AS_OF.timestamp() * 1e6))
        told = Board(1, MarketStatus.OPEN, sample.outcomes, sample.bookmakers, back, nothing, nothing, updated)
        event = SportingEvent(f"{m:03}", "made_up", "soccer", "soccer_epl", "EPL", START, "Home", "Away")
        events.append(EventBoards(event, AS_OF, 1, {}, {KEY: told}))
    engine = np.stack([priced.markets[0].fair.consensus for priced in price(events, profile)], axis=1)
    np.testing.assert_allclose(fair, engine, rtol=0, atol=1e-12)


def recorded(key: MarketKey, *seen: Board, profile: Profile = STARTING["consensus"]) -> Recorded:
    """One market of as many events, each seen once, hours before its start."""
    found = Recorded(profile, 0.02, {f"{number:03}": START for number in range(len(seen))})
    for number, one in enumerate(seen):
        event = SportingEvent(f"{number:03}", "made_up", "soccer", "soccer_epl", "EPL", START, "Home", "Away")
        state = EventBoards(event, AS_OF, 1, {}, {key: one})
        for priced in price([state], found.profile):
            found.take_priced(priced)
    return found


def test_the_pool_of_a_recording_knows_ages_limits_and_lay_prices() -> None:
    prices = {name: {"A": 1.9, "B": 1.9} for name in ("alpha", "beta", "gamma")}
    back = {**prices, "stale": {"A": 1.7, "B": 2.15}, "rich": {"A": 1.95, "B": 1.86}, "smarkets": {"A": 1.8, "B": 2.0}}
    told = board(back, {"smarkets": {"A": 1.85, "B": 2.06}}, ages={"stale": 5000}, as_of=AS_OF)
    told.limit[:] = 100.0
    told.limit[:, told.bookmakers.index("rich")] = 10_000.0
    key = MarketKey("h2h", "full", None, "")
    found = recorded(key, told)
    (sample,) = found.samples()
    for profile in PROFILES.values():
        (engine,) = price([replace(found.boards["000", key])], profile)
        np.testing.assert_array_equal(
            pooled(sample.opening.by_book, sample, profile)[:, 0], engine.markets[0].fair.consensus
        )


@pytest.mark.parametrize(
    ("favourite", "even"),
    [
        ({"Away": 6.0, "Draw": 4.0, "Home": 1.5}, {"Away": 2.9, "Draw": 2.9, "Home": 2.9}),
        # Neither price is left.
        ({"Away": 1.9, "Home": 1.9}, {"Away": 2.0, "Home": 1.96}),
    ],
)
def test_where_an_error_takes_an_outcome_there_is_no_consensus_and_the_others_have_theirs(
    favourite: dict[str, float], even: dict[str, float]
) -> None:
    (sample,) = recorded(KEY, board({"alpha": favourite}, as_of=AS_OF), board({"alpha": even}, as_of=AS_OF)).samples()
    by_book = np.where(sample.opening.by_book < 1.95, np.nan, sample.opening.by_book)
    without, whole = pooled(by_book, sample, Profile()).T
    assert np.isnan(without).all()
    np.testing.assert_array_equal(whole, pooled(sample.opening.by_book, sample, Profile())[:, 1])
    assert whole.sum() == pytest.approx(1.0)
    question = Question({"consensus": Profile()}, "alpha", Method.POWER, 0.02, errors=0.5, resamples=10, seed=1)
    differences = study(sample, question, None, lambda _: None).differences
    assert {one.error for one in differences} >= {"none", "American read as decimal"}


def test_of_an_event_no_more_is_priced_than_the_lines_of_the_market_that_is_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    even = board({name: {"Over": 1.9, "Under": 1.9} for name in ("alpha", "beta", "gamma")}, as_of=AS_OF)
    winner = board({name: {"Away": 1.9, "Home": 1.9} for name in ("alpha", "beta", "gamma")}, as_of=AS_OF)
    lines = {MarketKey("totals", "full", line, ""): even for line in (8.0, 8.5)}
    found = Recorded(Profile(), 0.02, {"1": START})
    event = SportingEvent("1", "made_up", "baseball", "baseball_mlb", "MLB", START, "Home", "Away")
    for priced in price([EventBoards(event, AS_OF, 1, {}, {KEY: winner, **lines})], found.profile):
        found.take_priced(priced)
    head_to_head, totals = found.samples()
    asked: list[set[MarketKey]] = []

    def noted(events: Sequence[EventBoards], profile: Profile) -> list[PricedEvent]:
        asked.append({key for one in events for key in one.boards})
        return price(events, profile)

    monkeypatch.setattr("bet_intel.compose.backtest.recorded.price", noted)
    for sample in (head_to_head, totals):
        assert pooled(sample.opening.by_book, sample, Profile()) == pytest.approx(0.5)
    assert asked == [{KEY}, set(lines)]


@pytest.mark.parametrize("still_there", [True, False])
def test_by_the_worst_case_a_lay_is_held_against_the_highest_probability_at_the_start(still_there: bool) -> None:
    others = {name: {"Away": 1.20, "Home": 4.60} for name in ("alpha", "beta", "gamma", "delta")}
    back = {**others, "smarkets": {"Away": 1.26, "Home": 3.50}}
    told = board(back, {"smarkets": {"Away": 1.28, "Home": 3.60}}, as_of=AS_OF)
    worst = Profile(method=Method.WORST_CASE)
    found = recorded(KEY, told, profile=worst)
    if not still_there:
        event = SportingEvent("000", "made_up", "soccer", "soccer_epl", "EPL", START, "Home", "Away")
        for priced in price([EventBoards(event, AS_OF, 2, {}, {KEY: board(others, as_of=AS_OF)})], worst):
            found.take_priced(priced)
    (usual,) = price([found.boards["000", KEY]], Profile())
    (one,) = (one for one in usual.markets[0].opportunities if one.side is Side.LAY)
    bets = found.bets("h2h", 2, resamples=10, seed=1)
    assert bets.bets == 1
    assert bets.closing_ev.value == pytest.approx(3.60 / 2.60 * (1.0 - one.band_high) - 1.0)


def test_where_two_outcomes_win_probabilities_add_up_to_two() -> None:
    two = board({name: {"A": 1.28, "B": 1.38, "C": 1.52} for name in ("alpha", "beta", "gamma")}, as_of=AS_OF)
    (sample,) = recorded(MarketKey("double_chance", "full", None, ""), two).samples()
    question = Question({"consensus": Profile()}, "alpha", Method.POWER, 0.02, 0.0, resamples=10, seed=1)
    of_pool = {
        (one.kind, one.method): one.log_loss.value for one in study(sample, question, None, lambda _: None).scores
    }
    assert pooled(sample.opening.by_book, sample, Profile()).sum() == pytest.approx(2.0)
    # Alike in opinion, a bookmaker is no worse than the pool that it makes.
    assert of_pool["bookmaker", "power"] == pytest.approx(of_pool["profile", "power"])
