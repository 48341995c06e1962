"""The part of what was recorded that a call asks for, in the formats it asks for. Pure."""

import math
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from bet_intel.compose.fake_odds_api.query import OddsQuery
from bet_intel.compose.fake_odds_api.tape import Event, Showing
from bet_intel.odds import american_to_decimal, decimal_to_american
from bet_intel.odds_ingest.providers.the_odds_api.bookmakers import REGIONS
from bet_intel.odds_ingest.providers.the_odds_api.odds_format import OddsFormat

_LISTED = frozenset().union(*REGIONS.values())
UPCOMING = 8
"""How many games that have not begun `upcoming` shows."""
_HEADER = ("id", "sport_key", "sport_title", "commence_time", "home_team", "away_team")


def fixtures(showing: Showing, *, unix_times: bool) -> list[Event]:
    """The events without their prices."""
    return [_header(event, unix_times=unix_times) for event in showing.events]


def odds(showing: Showing, query: OddsQuery) -> list[Event]:
    """The events with the prices asked for; one without any is shown all the same."""
    return [
        {
            **_header(event, unix_times=query.unix_times),
            "bookmakers": list(_bookmakers(event, showing.odds_format, query, in_market=False)),
        }
        for event in showing.events
        if _is_asked_for(event, query)
    ]


def upcoming(showings: Iterable[Showing], query: OddsQuery, now: datetime) -> list[Showing]:
    """Of all that is asked for the games that have begun and the next `UPCOMING`, each alone, in the order of their
    starts."""
    games = sorted(
        (
            (start, Showing([event], showing.odds_format))
            for showing in showings
            for event in showing.events
            if (start := _start(event)) is not None and _is_asked_for(event, query)
        ),
        key=lambda game: game[0],
    )
    begun = sum(start <= now for start, _ in games)
    return [showing for _, showing in games[: begun + UPCOMING]]


def event_odds(event: Event, recorded: OddsFormat, query: OddsQuery) -> Event:
    """One event with the prices asked for; the time of a price stands at its market alone."""
    return {
        **_header(event, unix_times=query.unix_times),
        "bookmakers": list(_bookmakers(event, recorded, query, in_market=True)),
    }


def markets_returned(event: Event) -> int:
    """How many markets one event shows, over all bookmakers; a lay market comes with its back market."""
    return len({_back(market["key"]) for bookmaker in event["bookmakers"] for market in bookmaker["markets"]})


def _is_asked_for(event: Event, query: OddsQuery) -> bool:
    if query.event_ids is not None and event.get("id") not in query.event_ids:
        return False
    if query.commence_from is None and query.commence_to is None:
        return True
    start = datetime.fromisoformat(event["commence_time"])
    return (query.commence_from is None or start >= query.commence_from) and (
        query.commence_to is None or start <= query.commence_to
    )


def _start(event: Event) -> datetime | None:
    """None where none can be read: nobody knows whether such an event is near."""
    try:
        start = datetime.fromisoformat(event["commence_time"])
    except (KeyError, TypeError, ValueError):
        return None
    return start if start.tzinfo else start.replace(tzinfo=UTC)


def _header(event: Event, *, unix_times: bool) -> Event:
    header = {name: event.get(name) for name in _HEADER}
    header["commence_time"] = _time(header["commence_time"], unix_times=unix_times)
    return header


def _bookmakers(event: Event, recorded: OddsFormat, query: OddsQuery, *, in_market: bool) -> Iterable[dict[str, Any]]:
    for bookmaker in event.get("bookmakers", ()):
        updated = bookmaker.get("last_update")
        markets = [
            _market(market, recorded, query, updated if in_market else None)
            for market in bookmaker.get("markets", ())
            if _back(market["key"]) in query.markets or market["key"] in query.markets
        ]
        if markets and _is_selected(bookmaker["key"], query):
            shown = {"key": bookmaker["key"], "title": bookmaker.get("title")}
            if not in_market:
                shown["last_update"] = _time(updated, unix_times=query.unix_times)
            yield {**shown, **_extras(bookmaker, query), "markets": markets}


def _is_selected(bookmaker: str, query: OddsQuery) -> bool:
    """A bookmaker that no list names is shown in every region: it was recorded in one of them."""
    if query.selection.bookmakers:
        return bookmaker in query.selection.bookmakers
    return bookmaker not in _LISTED or any(bookmaker in REGIONS[region] for region in query.selection.regions)


def _market(
    market: dict[str, Any], recorded: OddsFormat, query: OddsQuery, bookmaker_updated: str | None
) -> dict[str, Any]:
    updated = market.get("last_update", bookmaker_updated)
    return {
        "key": market["key"],
        **({"last_update": _time(updated, unix_times=query.unix_times)} if updated is not None else {}),
        **_extras(market, query),
        "outcomes": [_outcome(outcome, recorded, query) for outcome in market.get("outcomes", ())],
    }


def _outcome(outcome: dict[str, Any], recorded: OddsFormat, query: OddsQuery) -> dict[str, Any]:
    shown: dict[str, Any] = {
        name: outcome[name] for name in ("name", "description", "price", "point") if name in outcome
    }
    shown["price"] = _price(outcome.get("price"), recorded, query.odds_format)
    if query.bet_limits and "bet_limit" in outcome:
        shown["bet_limit"] = outcome["bet_limit"]
    if query.multipliers and "multiplier" in outcome:
        shown["multiplier"] = outcome["multiplier"]
    return {**shown, **_extras(outcome, query)}


def _extras(thing: dict[str, Any], query: OddsQuery) -> dict[str, Any]:
    asked = {"link": query.links, "sid": query.sids}
    return {name: thing.get(name) for name, is_asked in asked.items() if is_asked}


def _price(price: Any, recorded: OddsFormat, asked: OddsFormat) -> Any:
    """The price in the format asked for. What is no price is served as it was recorded."""
    if recorded is asked or not isinstance(price, int | float):
        return price
    try:
        return _decimal(int(price)) if asked is OddsFormat.DECIMAL else decimal_to_american(float(price))
    except ValueError:
        return price


def _decimal(american: int) -> float:
    """Two places as the service writes them; more where two would leave nothing to win."""
    price = float(american_to_decimal(american))
    places = max(2, 1 - math.floor(math.log10(price - 1)))
    return round(price, places)


def _time(text: Any, *, unix_times: bool) -> Any:
    return int(datetime.fromisoformat(text).timestamp()) if unix_times and isinstance(text, str) else text


def _back(key: str) -> str:
    return key.removesuffix("_lay")
