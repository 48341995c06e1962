"""Bets, which event they were on, and what the closing lines say of them."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from bet_intel.api.domain.accounts import View
from bet_intel.api.domain.closing import ClosingLines, ClosingMarket, ClosingOutcome
from bet_intel.api.domain.model import EventFacts
from bet_intel.api.domain.names import plain
from bet_intel.odds import base_market, is_alternate

PROFILE = "consensus"
"""Whose fair prices bets are judged by."""
LAY = "lay"
NOT_MATCHED = "not_matched"
NOT_CLOSED = "not_closed"
NOT_STARTED = "start_has_moved"
NO_MARKET = "market_not_offered"
NO_LINE = "line_not_offered"
NO_OUTCOME = "outcome_not_offered"
NO_FAIR_PRICE = "no_fair_price"
NOT_SEEN = "not_of_your_tier"
_WORST_CASE = "worst_case"
_SPREADS = "spreads"
_HOME, _AWAY, _OVER, _UNDER = "home", "away", "over", "under"


class Clv(NamedTuple):
    """A bet against the closing lines of `revision`. `raw` = d_bet / d_close − 1 by the same bookmaker's last price,
    `no_vig` = d_bet · p_close − 1 by the fair probability at the start (of a lay by d / (d − 1) and 1 − p_close), both
    None where the bet's line was not offered any more. `points` is how far the main line moved in the bet's favour,
    None of a bet on an alternate; `reason` says why `no_vig` is not there. `category` is that of the bet's market,
    `fixed_at` when the lines were fixed (source time): who does not see such a market, or not yet, is told nothing of
    it."""

    revision: int | None = None
    raw: float | None = None
    no_vig: float | None = None
    closing_price: float | None = None
    closing_fair: float | None = None
    closing_line: float | None = None
    points: float | None = None
    reason: str | None = None
    category: str | None = None
    fixed_at: datetime | None = None


def seen(clv: Clv, view: View, as_of: datetime | None) -> Clv:
    """What whoever sees so much is told, at the source time `as_of`."""
    if clv.fixed_at is None or view.shows([clv.category], clv.fixed_at, as_of):
        return clv
    return Clv(clv.revision, reason=NOT_SEEN)


class Bet(NamedTuple):
    """A bet to back an outcome or to lay it; the fields are the columns of its table, without those of the closing
    lines. The stake of a lay is that of who backs it: what it risks is `stake` · (`price` − 1). `own_start` is
    when its event starts as the bet says, None where it names the event by its id; `commence_time` is the event's."""

    id: str
    account: str
    reference: str | None
    created_at: datetime
    placed_at: datetime
    event_id: str | None
    unmatched_reason: str | None
    sport: str | None
    league: str | None
    home: str | None
    away: str | None
    commence_time: datetime | None
    market: str
    period: str
    line: float | None
    subject: str
    outcome: str
    bookmaker: str
    price: float
    stake: Decimal
    returned: Decimal | None
    note: str
    side: str = "back"
    own_start: datetime | None = None

    @property
    def value(self) -> float:
        """Decimal odds of what it risks: of a lay at d, whose liability wins 1, d / (d − 1)."""
        return _value(self.price, self.side)


class Matched(NamedTuple):
    event: EventFacts | None
    reason: str | None


def matching(league: str, home: str, away: str, start: datetime, events: Iterable[EventFacts]) -> Matched:
    """The one event among `events`, which start near the bet's start, of this league (its key or title) between these
    teams; of several the one that starts when the bet says. Names are the same but for case, accents and punctuation;
    nothing is guessed."""
    named = (plain(home), plain(away))
    of_league = [each for each in events if plain(league) in (plain(each.league), plain(each.league_title))]
    same = [each for each in of_league if _teams(each) == named]
    if len(same) > 1:
        same = [each for each in same if each.commence_time == start] or same
    if len(same) == 1:
        return Matched(same[0], None)
    if same:
        return Matched(None, "several events of these teams start within 12 hours of it")
    if any(_teams(each) == named[::-1] for each in of_league):
        return Matched(None, "the event that is known has home and away the other way round")
    if of_league:
        return Matched(None, "no event of these teams in this league starts within 12 hours of it")
    return Matched(None, "no event of this league starts within 12 hours of it")


def could_be(bet: Bet, event: EventFacts) -> bool:
    """Whether the event has the names that a bet gives, and starts as near to when the bet says as the one that it is
    on, if it is on one."""
    found = matching(bet.league or "", bet.home or "", bet.away or "", event.commence_time, [event])
    if found.event is None or bet.event_id is None:
        return found.event is not None
    if bet.own_start is None or bet.commence_time is None or event.id == bet.event_id:
        return False
    return abs(event.commence_time - bet.own_start) <= abs(bet.commence_time - bet.own_start)


def without_event(bet: Bet, reason: str | None) -> Bet:
    """The bet on no event that is known, which starts when the bet says."""
    start = bet.own_start or bet.commence_time
    return bet._replace(event_id=None, unmatched_reason=reason, commence_time=start)


def _teams(event: EventFacts) -> tuple[str, str]:
    return plain(event.home or ""), plain(event.away or "")


def outcome_of(event: EventFacts, outcome: str) -> str:
    """The outcome's name as the boards have it: `home` and `away` are the teams, names may be spelled otherwise."""
    named = plain(outcome)
    for side, team in ((_HOME, event.home), (_AWAY, event.away)):
        if team and named in (side, plain(team)):
            return team
    return outcome


def differing(kept: Bet, told: Bet) -> str | None:
    """In what a bet that is told again is another than the one that was kept, None where it is the same: what it is on
    may be named otherwise, and what came back and the note are nothing of the bet's own."""
    own = next((name for name in _OWN if getattr(kept, name) != getattr(told, name)), None)
    if own is not None:
        return own
    if not _is_on_the_same(kept, told):
        return "event"
    if plain(kept.subject) != plain(told.subject):
        return "subject"
    teams = (kept.home, kept.away)
    return None if _team_or(kept.outcome, teams) == _team_or(told.outcome, teams) else "outcome"


_OWN = ("bookmaker", "market", "period", "line", "side", "price", "stake")


def _is_on_the_same(kept: Bet, told: Bet) -> bool:
    if kept.event_id is not None and kept.event_id == told.event_id:
        return True
    named = [[plain(bet.home or ""), plain(bet.away or "")] for bet in (kept, told)]
    if all(map(all, named)):
        return named[0] == named[1]
    return kept.event_id is None or told.event_id is None


def _team_or(outcome: str, teams: tuple[str | None, str | None]) -> str:
    named = plain(outcome) or outcome
    return next((side for side, team in zip((_HOME, _AWAY), teams, strict=True) if named == plain(team or "")), named)


def placed_on(bet: Bet, event: EventFacts) -> Bet:
    """The bet with its event."""
    return bet._replace(
        event_id=event.id,
        unmatched_reason=None,
        sport=event.sport,
        league=event.league,
        home=event.home,
        away=event.away,
        commence_time=event.commence_time,
        outcome=outcome_of(event, bet.outcome),
    )


def clv(bet: Bet, lines: ClosingLines | None, profile: str) -> Clv:
    """What the closing lines of the bet's event say of it."""
    if bet.event_id is None:
        return Clv(reason=NOT_MATCHED)
    if lines is None:
        return Clv(reason=NOT_CLOSED)
    if lines.voided:
        return Clv(lines.revision, reason=NOT_STARTED)
    asked = (profile, base_market(bet.market), bet.period, bet.subject)
    offered = [
        market
        for market in lines.markets
        # One without outcomes only says why it has not closed.
        if (market.profile, base_market(market.key.market), market.key.period, market.key.subject) == asked
        and market.outcomes
    ]
    # A line may have closed under the other name: that of the bet is looked at first.
    offered.sort(key=lambda market: market.key.market != bet.market)
    if not offered:
        return Clv(lines.revision, reason=NO_MARKET)
    closing_line = _main(offered).key.line
    points = _points(bet, closing_line)
    told = Clv(lines.revision, closing_line=closing_line, points=points, category="main", fixed_at=lines.as_of)
    at_line = next((market for market in offered if market.key.line == bet.line), None)
    if at_line is None:
        return told._replace(reason=NO_LINE)
    told = told._replace(category=at_line.category)
    outcome = next((each for each in at_line.outcomes if plain(each.outcome) == plain(bet.outcome)), None)
    if outcome is None:
        return told._replace(reason=NO_OUTCOME)
    return _against(bet, outcome, at_line.method, told)


def _against(bet: Bet, outcome: ClosingOutcome, method: str, told: Clv) -> Clv:
    lays = bet.side == LAY
    prices = (each.lay if lays else each.back for each in outcome.prices if each.bookmaker == bet.bookmaker)
    # By the worst case the consensus is the lowest probability, which would flatter a lay: the highest is its own.
    price, fair = next(prices, None), outcome.band_high if lays and method == _WORST_CASE else outcome.consensus
    wins = None if fair is None else 1.0 - fair if lays else fair
    return told._replace(
        raw=None if price is None else bet.value / _value(price, bet.side) - 1.0,
        no_vig=None if wins is None else bet.value * wins - 1.0,
        closing_price=price,
        closing_fair=fair,
        reason=NO_FAIR_PRICE if fair is None else None,
    )


def _value(price: float, side: str) -> float:
    return price / (price - 1.0) if side == LAY else price


def _main(offered: Sequence[ClosingMarket]) -> ClosingMarket:
    """The main line, as the engine names it; else that which most bookmakers are pooled for, of no alternate if there
    is another."""
    named = [each for each in offered if not is_alternate(each.key.market)] or offered
    return next((each for each in offered if each.category == "main"), max(named, key=lambda each: each.books_used))


def _points(bet: Bet, closing_line: float | None) -> float | None:
    """By how much the line moved in the bet's favour: what is better for who backs is worse for who lays."""
    # A line that was an alternate when it was bet on was some points from the main line then already: from how many
    # nobody has kept, so what it is from the last one is no movement.
    if bet.line is None or closing_line is None or is_alternate(bet.market):
        return None
    backed = _points_backed(bet, bet.line - closing_line)
    if backed is None:
        return None
    # Where it did not move it is 0, whoever looks: not −0.
    return (-backed if bet.side == LAY else backed) + 0.0


def _points_backed(bet: Bet, more: float) -> float | None:
    """Of the outcome's own side: more points are better on a spread and under a total, fewer over one."""
    outcome = plain(bet.outcome)
    if bet.market.startswith(_SPREADS) or bet.market.endswith(_SPREADS):
        if bet.home and outcome == plain(bet.home):
            return more
        return -more if bet.away and outcome == plain(bet.away) else None
    if outcome == _UNDER:
        return more
    return -more if outcome == _OVER else None
