"""The life of an opportunity: opened, seen, closed, opened again."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple, Self

from bet_intel.ev_engine.domain.boards import MarketKey, MarketStatus
from bet_intel.ev_engine.domain.combinations import Combination, Kind
from bet_intel.ev_engine.domain.legs import Leg
from bet_intel.ev_engine.domain.priced import Priced, PricedMarket, Side
from bet_intel.ev_engine.domain.pricing import PricedEvent

_UNIT = "\x1f"
_LEG = 3


class OpportunityKey(NamedTuple):
    """What makes two sightings the same opportunity. `legs` are sorted (outcome, bookmaker, side).

    A leg at another line than `market`'s, one of a middle, names its line behind its outcome.
    """

    event_id: str
    market: MarketKey
    profile: str
    kind: str
    legs: tuple[tuple[str, str, str], ...]

    def text(self) -> str:
        line = "" if self.market.line is None else repr(self.market.line)
        legs = [part for leg in self.legs for part in leg]
        parts = [self.event_id, self.market.market, self.market.period, line, self.market.subject]
        return _UNIT.join([*parts, self.profile, self.kind, *legs])

    @classmethod
    def read(cls, text: str) -> Self:
        event_id, market, period, line, subject, profile, kind, *legs = text.split(_UNIT)
        key = MarketKey(market, period, float(line) if line else None, subject)
        starts = range(0, len(legs), _LEG)
        return cls(event_id, key, profile, kind, tuple((legs[at], legs[at + 1], legs[at + 2]) for at in starts))


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
    """A price that is an opportunity now, within the market it belongs to, as a profile judges it."""

    profile: str
    market: PricedMarket
    priced: Priced

    @property
    def ev(self) -> float:
        return self.priced.ev


class Combined(NamedTuple):
    """A combination that is on offer now, as a profile judges it."""

    profile: str
    combination: Combination

    @property
    def ev(self) -> float:
        return self.combination.ev


class Change(NamedTuple):
    """What a pass made of an event's opportunities: the lives open now with their sightings, those that ended, which
    of the open ones opened (`opening` 1) or opened again in this pass, and the open ones of several legs."""

    open: list[tuple[Life, Sighting]]
    closed: list[Life]
    opened: list[Life]
    combined: list[tuple[Life, Combined]]

    @property
    def living(self) -> list[Life]:
        """Every life that is open now."""
        return [life for life, _ in self.open] + [life for life, _ in self.combined]


def live_on(lives: Mapping[str, Life], side_by_side: Sequence[PricedEvent]) -> Change:
    """The lives after a pass over one event, priced by each profile. `lives` holds, by key, those open and those closed
    within the longest time of any profile after which they may open again.

    One that comes back within its profile's time keeps its id and first-seen: feeds flap.
    """
    boards = side_by_side[0].boards
    change = Change([], [], [], [])
    seen = set()
    for priced in side_by_side:
        for key, sighting in _sightings(priced):
            text = key.text()
            known = lives.get(text)
            reopen_seconds = priced.profile.reopen_seconds
            life = _seen(known, text, boards.event.id, boards.as_of, sighting.ev, reopen_seconds)
            seen.add(text)
            if isinstance(sighting, Combined):
                change.combined.append((life, sighting))
            else:
                change.open.append((life, sighting))
            if known is None or not known.open:
                change.opened.append(life)
    ended = [life for text, life in lives.items() if life.open and text not in seen]
    if ended:
        why = _Reasons(side_by_side)
        change.closed.extend(replace(life, closed=boards.as_of, close_reason=why.of(life.key)) for life in ended)
    return change


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


def _sightings(priced: PricedEvent) -> Iterable[tuple[OpportunityKey, Sighting | Combined]]:
    event, profile = priced.boards.event.id, priced.profile.name
    for market in priced.markets:
        for one in market.opportunities:
            leg = market.board.outcomes[one.outcome], market.board.bookmakers[one.bookmaker], one.side.value
            yield OpportunityKey(event, market.key, profile, Kind.EV.value, (leg,)), Sighting(profile, market, one)
    for found in priced.combinations:
        legs = tuple(sorted(_leg(leg, found.market.key) for leg in found.legs))
        key = OpportunityKey(event, found.market.key, profile, found.kind.value, legs)
        yield key, Combined(profile, found)


def _leg(leg: Leg, key: MarketKey) -> tuple[str, str, str]:
    board = leg.market.board
    own = "" if leg.market.key == key else f" {leg.market.key.market} {leg.market.key.line!r}"
    return board.outcomes[leg.outcome] + own, board.bookmakers[leg.bookmaker], leg.side.value


class _Reasons:
    """Why what was an opportunity is none any more."""

    def __init__(self, side_by_side: Sequence[PricedEvent]) -> None:
        self._boards = side_by_side[0].boards
        self._markets = {(each.profile.name, market.key): market for each in side_by_side for market in each.markets}
        self._profiles = {each.profile.name for each in side_by_side}

    def of(self, text: str) -> str:
        key = OpportunityKey.read(text)
        market = self._markets.get((key.profile, key.market))
        if key.profile not in self._profiles or market is None:
            return self._gone()
        if key.kind == Kind.EV:
            return self._of_price(market, key)
        return self._of_combination(market, key)

    def _of_price(self, market: PricedMarket, key: OpportunityKey) -> str:
        """The gate that refused it, else that its price is no longer better."""
        ((outcome, bookmaker, side),) = key.legs
        if not _is_offered(market, outcome, bookmaker, Side(side)):
            return self._gone()
        refused = market.refused if side == Side.BACK else market.refused_lays
        return refused.get((outcome, bookmaker)) or market.fair.reason or "no_ev"

    def _of_combination(self, market: PricedMarket, key: OpportunityKey) -> str:
        if self._boards.as_of >= self._boards.event.commence_time:
            return "event_started"
        if market.board.status is not MarketStatus.OPEN:
            return "market_suspended"
        for outcome, bookmaker, side in key.legs:
            if outcome in market.board.outcomes and not _is_offered(market, outcome, bookmaker, Side(side)):
                return "withdrawn"
        return "prices_moved"

    def _gone(self) -> str:
        return "withdrawn" if self._boards.as_of < self._boards.event.commence_time else "event_started"


def _is_offered(market: PricedMarket, outcome: str, bookmaker: str, side: Side) -> bool:
    board = market.board
    if outcome not in board.outcomes or bookmaker not in board.bookmakers:
        return False
    prices = board.back if side is Side.BACK else board.lay
    return bool(prices[board.outcomes.index(outcome), board.bookmakers.index(bookmaker)] > 1)
