"""From a The Odds API v4 response to boards. Pure: no I/O, no clock."""

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

from bet_intel.odds_ingest.domain.identity import side_named
from bet_intel.odds_ingest.domain.quotes import (
    EventOdds,
    MarketBoard,
    MarketKey,
    Price,
    Rejection,
    Side,
    SportingEvent,
    offers_of,
    sport_of,
)
from bet_intel.odds_ingest.providers.the_odds_api.market_names import MarketName, market_name
from bet_intel.odds_ingest.providers.the_odds_api.odds_format import OddsFormat, PriceReader
from bet_intel.odds_ingest.providers.the_odds_api.payload import (
    BookmakerPayload,
    EventPayload,
    MarketPayload,
    OutcomePayload,
    PartialMarketPayload,
    check_text,
    decode_response,
    rejection,
)

_NO_DRAW = (
    "an outcome of it was refused, and the two that are left would pass for a market in which no draw is possible: "
    "they are not taken either"
)
_OVER_UNDER = frozenset({"Over", "Under"})


class ParsedResponse(NamedTuple):
    """A response as boards.

    `leagues` are all storable sport keys in it, also of events that were refused.
    """

    events: tuple[EventOdds, ...]
    rejections: tuple[Rejection, ...]
    leagues: frozenset[str]


def parse_response(
    payload: bytes | Sequence[Any], *, provider: str, odds_format: OddsFormat | None = None
) -> ParsedResponse:
    """Parse a v4 response, given as JSON text or as decoded objects, whose prices are in `odds_format` (None: tell it
    from the values).

    What cannot be read becomes a `Rejection` with its path (`events[3].bookmakers[unibet].markets[h2h]`); the rest is
    kept. An event, bookmaker or market that appears twice is merged; an outcome that appears twice in one line of one
    bookmaker is taken once, and not at all where its prices differ: nobody can tell which of them is offered. Where
    only the two teams are left of a market, they are not taken: that is how a market without a draw looks.
    Event ids become `{provider}:{id}`. Times are UTC.

    Raises:
        MalformedResponseError: nothing can be read (not JSON, or not an array).
    """
    decoded = decode_response(payload)
    reader = _ResponseReader(
        provider,
        PriceReader(
            (
                outcome.price
                for _, event in decoded.events
                for bookmaker in event.bookmakers
                for market in bookmaker.markets
                for outcome in market.outcomes
            ),
            odds_format,
        ),
        decoded.rejections,
    )
    for index, event in decoded.events:
        reader.read_event(event, f"events[{index}]")
    return ParsedResponse(reader.result(), tuple(reader.rejections), decoded.sport_keys)


_Place = tuple[MarketKey, str, tuple[str, Side]]
"""Where a price stands in an event: market, bookmaker, outcome and side."""


class _BookDraft(NamedTuple):
    last_update: datetime
    prices: dict[tuple[str, Side], Price]


@dataclass(slots=True)
class _EventDraft:
    """What has been read of an event so far; `conflicts` are prices that must go again."""

    event: SportingEvent
    markets: dict[MarketKey, dict[str, _BookDraft]] = field(default_factory=dict)
    bookmaker_titles: dict[str, str] = field(default_factory=dict)
    conflicts: set[_Place] = field(default_factory=set)

    def odds(self) -> EventOdds:
        for market, bookmaker, quote in self.conflicts:
            del self.markets[market][bookmaker].prices[quote]
        boards = {}
        for market, drafts in self.markets.items():
            offered = {bookmaker: draft for bookmaker, draft in drafts.items() if draft.prices}
            if offered:
                boards[market] = MarketBoard.by_bookmaker(
                    {bookmaker: offers_of(draft.prices) for bookmaker, draft in offered.items()},
                    {bookmaker: draft.last_update for bookmaker, draft in offered.items()},
                )
        return EventOdds(self.event, boards, self.bookmaker_titles)


class _ResponseReader:
    """The boards of one response while they are being built."""

    def __init__(self, provider: str, prices: PriceReader, rejections: list[Rejection]) -> None:
        self.rejections = rejections
        self._provider = provider
        self._prices = prices
        self._events: dict[str, _EventDraft] = {}
        self._market_names: dict[str, MarketName] = {}
        self._texts: set[str] = set()
        self._sides: dict[tuple[str, str], str] = {}
        # Few different ones; that each is one object makes boards of thousands quick to compare.
        self._times: dict[datetime, datetime] = {}

    def read_event(self, payload: EventPayload, where: str) -> None:
        try:
            event = self._sporting_event(payload)
        except ValueError as error:
            self.rejections.append(rejection(where, str(error)))
            return
        draft = self._events.setdefault(event.id, _EventDraft(event))
        for bookmaker in payload.bookmakers:
            self._read_bookmaker(bookmaker, draft, where)

    def result(self) -> tuple[EventOdds, ...]:
        return tuple(draft.odds() for draft in self._events.values())

    def _sporting_event(self, payload: EventPayload) -> SportingEvent:
        home, away = payload.home_team or None, payload.away_team or None
        for text in (payload.id, payload.sport_key, payload.sport_title or payload.sport_key, home, away):
            if text is not None:
                self._check_text(text)
        if (home is None) != (away is None) or (home is not None and home == away):
            raise ValueError(f"an event has two different teams or none, but these are {home!r} and {away!r}")
        return SportingEvent(
            id=f"{self._provider}:{payload.id}",
            provider=self._provider,
            sport=sport_of(payload.sport_key),
            league=payload.sport_key,
            league_title=payload.sport_title or payload.sport_key,
            commence_time=_utc(payload.commence_time),
            home=home,
            away=away,
        )

    def _read_bookmaker(self, payload: BookmakerPayload, draft: _EventDraft, where: str) -> None:
        where = f"{where}.bookmakers[{payload.key}]"
        try:
            self._check_text(payload.key)
            self._check_text(payload.title or payload.key)
        except ValueError as error:
            self.rejections.append(rejection(where, str(error)))
            return
        for market in payload.markets:
            try:
                read = self._read_market(market, payload, draft, where)
            except ValueError as error:
                self.rejections.append(rejection(f"{where}.markets[{market.key}]", str(error)))
                continue
            if read:
                draft.bookmaker_titles[payload.key] = payload.title or payload.key

    def _read_market(self, payload: MarketPayload, bookmaker: BookmakerPayload, draft: _EventDraft, where: str) -> bool:
        """Take the prices of one market; True where there was one to take."""
        self._check_text(payload.key)
        updated = payload.last_update or bookmaker.last_update
        if updated is None:
            raise ValueError(
                "neither the market nor the bookmaker has a `last_update`: the age of its prices is unknown"
            )
        updated = _utc(updated)
        updated = self._times.setdefault(updated, updated)
        name = self._market_names.get(payload.key)
        if name is None:
            name = self._market_names[payload.key] = market_name(payload.key)
        read = False
        is_partial = isinstance(payload, PartialMarketPayload)
        # One object in all boards and answers, as times and offers are: they are compared by identity first.
        key = sys.intern(bookmaker.key)
        taken: dict[str, _Place] = {}
        for outcome in payload.outcomes:
            try:
                self._check_text(outcome.name)
                named = self._side_named(outcome.name, draft.event)
                market = self._market_key(outcome, named, name, draft.event)
                offer = Price(self._prices.decimal(outcome.price), _limit(outcome))
            except ValueError as error:
                self._refuse_outcome(payload, outcome, where, str(error))
                is_partial = True
                continue
            books = draft.markets.setdefault(market, {})
            # Back and lay side of a market come as two markets with a time each: a price must not look fresher than it
            # is, so the older one stands for both.
            book = books.get(key)
            if book is None or updated < book.last_update:
                book = books[key] = _BookDraft(updated, {} if book is None else book.prices)
            quote = (named, name.side)
            if (offered := book.prices.get(quote)) is not None:
                reason = f"the outcome appears twice in one line, at {offered.decimal:g} and {offer.decimal:g}"
                self._refuse_outcome(payload, outcome, where, reason)
                if offered != offer:
                    draft.conflicts.add((market, key, quote))
                    is_partial = True
                    taken.pop(outcome.name, None)
            else:
                book.prices[quote] = offer
                if market.line is None and not market.subject:
                    taken[outcome.name] = market, key, quote
            read = True
        if is_partial and taken and taken.keys() == {draft.event.home, draft.event.away}:
            draft.conflicts.update(taken.values())
            self.rejections.append(rejection(f"{where}.markets[{payload.key}]", _NO_DRAW))
        return read

    def _side_named(self, name: str, event: SportingEvent) -> str:
        """As `side_named`; names repeat, so that each is looked at once."""
        if name == event.home or name == event.away or name in _OVER_UNDER:
            return name
        key = (event.id, name)
        named = self._sides.get(key)
        if named is None:
            named = self._sides[key] = side_named(name, event)
        return named

    def _market_key(self, outcome: OutcomePayload, named: str, name: MarketName, event: SportingEvent) -> MarketKey:
        subject = outcome.description or ""
        if subject:
            self._check_text(subject)
            subject = self._side_named(subject, event)
        line = outcome.point
        if line is None:
            if name.needs_line or outcome.name in _OVER_UNDER:
                raise ValueError("the outcome has no `point`, so that its line is unknown")
        elif not math.isfinite(line):
            raise ValueError(f"the point {line} is not finite")
        elif name.is_spread and named == event.away:
            line = 0.0 - line
        elif name.is_spread and named != event.home:
            raise ValueError(
                "the outcome is neither the home nor the away team, so that the sign of its line is unknown"
            )
        else:
            line += 0.0  # −0.0 becomes 0.0: one line, one spelling
        return MarketKey(name.market, name.period, line, subject)

    def _refuse_outcome(self, market: MarketPayload, outcome: OutcomePayload, where: str, reason: str) -> None:
        self.rejections.append(rejection(f"{where}.markets[{market.key}].outcomes[{outcome.name}]", reason))

    def _check_text(self, text: str) -> None:
        """As `check_text`; texts repeat, so that each is looked at once."""
        if text not in self._texts:
            check_text(text)
            self._texts.add(text)


def _limit(outcome: OutcomePayload) -> float | None:
    limit = outcome.bet_limit
    if limit is not None and not (math.isfinite(limit) and limit > 0):
        raise ValueError(f"the bet limit {limit:g} must be above 0")
    return limit


def _utc(time: datetime) -> datetime:
    if time.tzinfo is UTC:
        return time
    try:
        return time.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(f"the time {time.isoformat()} is out of range") from error
