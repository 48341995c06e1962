"""The life of an opportunity: opened, seen, closed, opened again."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

from bet_intel.ev_engine.domain.boards import MarketKey
from bet_intel.ev_engine.domain.pricing import Priced, PricedEvent, PricedMarket

KIND_EV = "ev"
BACK = "back"


class OpportunityKey(NamedTuple):
    """What makes two sightings the same opportunity. `legs` are sorted (outcome, bookmaker, side)."""

    event_id: str
    market: MarketKey
    profile: str
    kind: str
    legs: tuple[tuple[str, str, str], ...]

    def text(self) -> str:
        line = "" if self.market.line is None else repr(self.market.line)
        legs = [part for leg in self.legs for part in leg]
        parts = [self.event_id, self.market.market, self.market.period, line, self.market.subject]
        return "\x1f".join([*parts, self.profile, self.kind, *legs])


@dataclass(frozen=True, slots=True)
class Life:
    """One opportunity over time, all in source time. `opening` counts how often it has opened."""

    id: str
    key: str
    event_id: str
    opening: int
    opened: datetime
    first_seen: datetime
    last_seen: datetime
    ev: float
    peak_ev: float
    peak_at: datetime
    closed: datetime | None = None
    close_reason: str | None = None

    @property
    def open(self) -> bool:
        return self.closed is None


class Sighting(NamedTuple):
    """A price that is an opportunity now, within the market it belongs to."""

    market: PricedMarket
    priced: Priced


class Change(NamedTuple):
    """What a pass made of an event's opportunities: the lives open now with their sightings, those that ended, and
    which of the open ones opened (`opening` 1) or opened again in this pass."""

    open: list[tuple[Life, Sighting]]
    closed: list[Life]
    opened: list[Life]


def live_on(lives: Mapping[str, Life], priced: PricedEvent, reopen_seconds: float) -> Change:
    """The lives after a pass. `lives` holds, by key, those open and those closed within `reopen_seconds`.

    One that comes back within that time keeps its id and first-seen: feeds flap.
    """
    as_of = priced.boards.as_of
    sightings = {key.text(): sighting for key, sighting in _sightings(priced)}
    open_now: list[tuple[Life, Sighting]] = []
    opened: list[Life] = []
    for key, sighting in sightings.items():
        known = lives.get(key)
        life = _seen(known, key, priced.boards.event.id, as_of, sighting.priced.ev, reopen_seconds)
        open_now.append((life, sighting))
        if known is None or not known.open:
            opened.append(life)
    ended = [life for key, life in lives.items() if life.open and key not in sightings]
    reasons = _reasons(priced) if ended else {}
    closed = [replace(life, closed=as_of, close_reason=reasons.get(life.key, _gone(priced))) for life in ended]
    return Change(open_now, closed, opened)


def _seen(known: Life | None, key: str, event_id: str, as_of: datetime, ev: float, reopen_seconds: float) -> Life:
    if known is None or (known.closed and (as_of - known.closed).total_seconds() > reopen_seconds):
        return Life(_id(key, as_of), key, event_id, 1, as_of, as_of, as_of, ev, ev, as_of)
    peak_ev, peak_at = (ev, as_of) if ev > known.peak_ev else (known.peak_ev, known.peak_at)
    if known.open:
        return replace(known, last_seen=as_of, ev=ev, peak_ev=peak_ev, peak_at=peak_at)
    return replace(
        known,
        opening=known.opening + 1,
        opened=as_of,
        last_seen=as_of,
        ev=ev,
        peak_ev=peak_ev,
        peak_at=peak_at,
        closed=None,
        close_reason=None,
    )


def _id(key: str, opened: datetime) -> str:
    return hashlib.blake2b(f"{key}\x1e{opened.isoformat()}".encode(), digest_size=10).hexdigest()


def _key(priced: PricedEvent, market: MarketKey, outcome: str, bookmaker: str) -> OpportunityKey:
    return OpportunityKey(priced.boards.event.id, market, priced.profile.name, KIND_EV, ((outcome, bookmaker, BACK),))


def _sightings(priced: PricedEvent) -> Iterable[tuple[OpportunityKey, Sighting]]:
    for market in priced.markets:
        for one in market.opportunities:
            outcome, bookmaker = market.board.outcomes[one.outcome], market.board.bookmakers[one.bookmaker]
            yield _key(priced, market.key, outcome, bookmaker), Sighting(market, one)


def _reasons(priced: PricedEvent) -> dict[str, str]:
    """Why what is still priced is no opportunity: the gate that refused it, else that its price is no longer better."""
    reasons = {}
    for market in priced.markets:
        for b, bookmaker in enumerate(market.board.bookmakers):
            for o, outcome in enumerate(market.board.outcomes):
                if market.board.back[o, b] > 1:
                    reason = market.refused.get((outcome, bookmaker)) or market.reason or "no_ev"
                    reasons[_key(priced, market.key, outcome, bookmaker).text()] = reason
    return reasons


def _gone(priced: PricedEvent) -> str:
    return "withdrawn" if priced.boards.as_of < priced.boards.event.commence_time else "event_started"
