"""Matches whose odds change, each with one bookmaker whose price is worth taking."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from bet_intel.odds_ingest.domain.quotes import EventOdds, MarketBoard, MarketKey, Price, QuoteKey, SportingEvent

PROVIDER = "bench"
_LEAGUE = "made_up_league"
_BOOKS = [f"book{number}" for number in range(7)]
_GENEROUS = "generous"
_FAIR, _OTHER_SIDE = 1.95, 1.80
PRICES = tuple(round(2.06 + 0.001 * step, 3) for step in range(61))
"""One after the other, against even chances: an EV of 3 to 6 %. So many that a match never comes back to a price while
changes of it are under way."""


def match_id(number: int) -> str:
    return f"{PROVIDER}:{number:05}"


def odds(number: int, change: int, as_of: datetime, *, totals: int = 0) -> EventOdds:
    """A match after so many changes of its price, with as many lines of totals beside who wins."""
    home, away = f"Home {number}", f"Away {number}"
    start = as_of.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=3, minutes=number)
    event = SportingEvent(match_id(number), PROVIDER, "made", _LEAGUE, "League", start, home, away)
    price = PRICES[change % len(PRICES)]
    markets = {MarketKey("h2h"): _board({home: price, away: _OTHER_SIDE}, (home, away), as_of)}
    for line in range(totals):
        key = MarketKey("totals", line=150.5 + line)
        markets[key] = _board({"Over": price, "Under": _OTHER_SIDE}, ("Over", "Under"), as_of)
    titles = {book: book.title() for book in (*_BOOKS, _GENEROUS)}
    return EventOdds(event, markets, titles)


def _board(generous: Mapping[str, float], outcomes: tuple[str, str], as_of: datetime) -> MarketBoard:
    prices = {QuoteKey(book, outcome): Price(_FAIR) for book in _BOOKS for outcome in outcomes}
    prices |= {QuoteKey(_GENEROUS, outcome): Price(price) for outcome, price in generous.items()}
    return MarketBoard.of(prices, dict.fromkeys((*_BOOKS, _GENEROUS), as_of))
