"""Pieces that messages share → values of the read model. Pure."""

import math
from collections.abc import Mapping, Sequence
from datetime import datetime

from bet_intel.api.domain.model import EventFacts, MarketKey
from bet_intel.events.v1.common_pb2 import SportingEvent
from bet_intel.shared.columns import Columns
from bet_intel.shared.times import from_us

SIDES = ("back", "lay")


def event_facts(event: SportingEvent) -> EventFacts:
    return EventFacts(
        event.id,
        event.provider,
        event.sport,
        event.league,
        event.league_title,
        event.home or None,
        event.away or None,
        from_us(event.commence_time_us),
    )


def market_keys(markets: Columns, strings: Sequence[str]) -> list[MarketKey]:
    return [
        MarketKey(strings[market], strings[period], number(line), strings[subject])
        for market, period, line, subject in zip(
            markets["market_s"].tolist(),
            markets["period_s"].tolist(),
            markets["line"].tolist(),
            markets["subject_s"].tolist(),
            strict=True,
        )
    ]


def pools_of(tables: Mapping[str, Columns], markets: int) -> list[int]:
    """For each row of `markets` the row whose references and prices stand for it: mostly its own."""
    rows = list(range(markets))
    same = tables["same_pools"]
    for market, pooled_as in zip(same["market"].tolist(), same["pooled_as"].tolist(), strict=True):
        rows[market] = pooled_as
    return rows


def number(value: float) -> float | None:
    """NaN, the wire's "absent", as None."""
    return None if math.isnan(value) else value


def time(us: int) -> datetime | None:
    """0, the wire's "unknown", as None."""
    return from_us(us) if us else None


def bookmakers_of(bookmakers: Columns, strings: Sequence[str]) -> list[tuple[str, str]]:
    """Key and title of each bookmaker, in the order of the message's rows."""
    return [
        (strings[key], strings[title] or strings[key])
        for key, title in zip(bookmakers["key_s"].tolist(), bookmakers["title_s"].tolist(), strict=True)
    ]
