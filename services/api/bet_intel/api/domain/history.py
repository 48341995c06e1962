"""What a market's new board changes in the prices on offer: the entries of the line history."""

import math
from collections.abc import Container, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from bet_intel.api.domain.model import MarketChange, MarketKey, OddsUpdate, Quote

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


Offer = tuple[str, str, str]
"""What a price is of, within a market: bookmaker, outcome, side."""
Offers = Mapping[Offer, Quote]


class KnownMarket(NamedTuple):
    """What was on offer in a market as of its newest board."""

    revision: int
    as_of: datetime
    offers: Offers


class PriceChange(NamedTuple):
    """A price that was another before, or is no longer offered (None); the fields are the table's columns, in order.

    `late` tells that it was entered after newer boards of the market: this one, or the one before, came late.
    """

    event_id: str
    market: str
    period: str
    line: float
    subject: str
    bookmaker: str
    outcome: str
    side: str
    as_of: datetime
    revision: int
    price: float | None
    stake_limit: float | None
    last_update: datetime | None
    late: bool


def offers(quotes: Iterable[Quote]) -> dict[Offer, Quote]:
    return {quote[:3]: quote for quote in quotes}


def changes(
    before: Offers, now: Offers, update: OddsUpdate, change: MarketChange, *, late: bool = False
) -> list[PriceChange]:
    """What of a board (`now`) has another price than `before`, and what of `before` it does not offer any more."""
    moved: list[tuple[Offer, Quote | None]] = [
        (offer, quote)
        for offer, quote in now.items()
        if (known := before.get(offer)) is None or known.price != quote.price
    ]
    moved += [(offer, None) for offer in before if offer not in now]
    confirmed = change.board.last_updates
    return _entries(update.event.id, change.key, moved, (update.as_of, change.revision), confirmed, late=late)


def restored(
    late: Sequence[PriceChange],
    before: Offers,
    key: MarketKey,
    following: tuple[datetime, int],
    changed: Container[Offer],
) -> list[PriceChange]:
    """What holds again from the board that follows a late one: it was compared with `before`, not with the late one.

    `following` is that board's source time and revision, `changed` what it is known to have changed.
    """
    moved = [(each.bookmaker, each.outcome, each.side) for each in late]
    again = [(offer, before.get(offer)) for offer in moved if offer not in changed]
    return _entries(late[0].event_id, key, again, following, {}, late=True) if again else []


def _entries(
    event_id: str,
    key: MarketKey,
    moved: Sequence[tuple[Offer, Quote | None]],
    at: tuple[datetime, int],
    confirmed: Mapping[str, int],
    *,
    late: bool,
) -> list[PriceChange]:
    market = (event_id, key.market, key.period, math.nan if key.line is None else key.line, key.subject)
    # A board's bookmakers were mostly confirmed at the same few times.
    times = {us: _time(us) for us in {0, *confirmed.values()}}
    return [
        PriceChange._make(
            (*market, *offer, *at, None, None, None, late)
            if quote is None
            else (*market, *offer, *at, quote.price, quote.limit, times[confirmed.get(quote.bookmaker, 0)], late)
        )
        for offer, quote in moved
    ]


def _time(us: int) -> datetime | None:
    return _EPOCH + timedelta(microseconds=us) if us else None
