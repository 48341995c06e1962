"""The pool of a backtest is the one the engine makes."""

from datetime import UTC, datetime

import numpy as np
import pytest

from bet_intel.compose.backtest.football_csv import Football
from bet_intel.compose.backtest.probabilities import pooled
from bet_intel.ev_engine.domain.boards import Board, EventBoards, MarketKey, MarketStatus, SportingEvent
from bet_intel.ev_engine.domain.pricing import price
from bet_intel.ev_engine.domain.profile import STARTING, Profile

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


@pytest.mark.parametrize("profile", STARTING.values(), ids=STARTING)
def test_a_profile_gives_what_the_engine_gives(profile: Profile) -> None:
    (sample,) = made_up().samples()
    fair = pooled(sample.opening.by_book, sample, profile)
    events = []
    for m in range(sample.size):
        back = sample.opening.by_book[..., m]
        nothing = np.full(back.shape, np.nan)
        updated = np.full(len(sample.bookmakers), int(AS_OF.timestamp() * 1e6))
        board = Board(1, MarketStatus.OPEN, sample.outcomes, sample.bookmakers, back, nothing, nothing, updated)
        event = SportingEvent(f"{m:03}", "made_up", "soccer", "soccer_epl", "EPL", START, "Home", "Away")
        events.append(EventBoards(event, AS_OF, 1, {}, {KEY: board}))
    engine = np.stack([priced.markets[0].fair.consensus for priced in price(events, profile)], axis=1)
    np.testing.assert_allclose(fair, engine, rtol=0, atol=1e-12)
