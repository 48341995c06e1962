"""Made-up boards of many bookmakers, as the engine's events."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import numpy as np

from bench.markets import FloatArray, close_prices
from bet_intel.ev_engine.domain.boards import Board, EventBoards, MarketKey, MarketStatus, SportingEvent

AS_OF = datetime(2026, 3, 1, 12, tzinfo=UTC)
_TEAMS = "Home", "Away"
_BOOKMAKERS = ("pinnacle", "smarkets", *(f"book{number}" for number in range(60)))


def events(
    count: int, books: int, seed: int = 5, priced: Callable[[int, int, int, int], FloatArray] = close_prices
) -> list[EventBoards]:
    """Events of three two-way markets each (h2h, a spread, a total), in which every bookmaker prices every outcome."""
    back = priced(2, books, 3 * count, seed)
    markets = (
        (MarketKey("h2h", "full", None, ""), _TEAMS),
        (MarketKey("spreads", "full", -1.5, ""), _TEAMS),
        (MarketKey("totals", "full", 8.5, ""), ("Over", "Under")),
    )
    updated = np.full(books, int((AS_OF - timedelta(seconds=30)).timestamp() * 1e6))
    nothing = np.full((2, books), np.nan)
    made = []
    for number in range(count):
        event = SportingEvent(
            f"made-up:{number}", "made-up", "baseball", "mlb", "MLB", AS_OF + timedelta(hours=5), *_TEAMS
        )
        boards = {
            key: Board(
                1,
                MarketStatus.OPEN,
                outcomes,
                _BOOKMAKERS[:books],
                back[:, :, 3 * number + place].copy(),  # as it comes off the wire: a market's prices lie together
                nothing,
                nothing,
                updated,
            )
            for place, (key, outcomes) in enumerate(markets)
        }
        made.append(EventBoards(event, AS_OF, 1, {}, boards))
    return made
