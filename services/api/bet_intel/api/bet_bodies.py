"""Bodies of bets: what is none is refused, the rest becomes a bet."""

from datetime import UTC, datetime
from decimal import Decimal
from uuid import uuid4

from msgspec.structs import replace

from bet_intel.api import bet_store
from bet_intel.api.answers.bets import BetBody
from bet_intel.api.bodies import decoded
from bet_intel.api.domain.bets import LAY, Bet, Matched, placed_on
from bet_intel.api.domain.calculator import CalculationError, decimal_odds
from bet_intel.api.problems import BodyError

_EXAMPLE = '{"event_id": "…", "bookmaker": "pinnacle", "market": "h2h", "outcome": "home", "price": 2.1, "stake": "10"}'
_WITHOUT_LINE = ("h2h", "h2h_3_way", "draw_no_bet", "btts", "double_chance", "outrights")
_PLACES = Decimal("0.0001")
_MOST = Decimal(10) ** 12


def checked(body: bytes) -> BetBody:
    asked = decoded(body, BetBody, _EXAMPLE)
    for name, money, least in (("stake", asked.stake, _PLACES), ("returned", asked.returned, Decimal(0))):
        if money is None:
            continue
        if not money.is_finite() or not least <= money < _MOST or money != money.quantize(_PLACES):
            raise BodyError(f"The body cannot be used: {name} is {money}; expected money with at most 4 places.")
    if asked.line is not None and asked.market in _WITHOUT_LINE:
        raise BodyError(f"The body cannot be used: line is {asked.line:g}; a bet on {asked.market} has none.")
    if asked.event_id is None and None in (asked.league, asked.home, asked.away, asked.commence_time):
        raise BodyError("The body cannot be used: name the event by event_id, or by league, home, away, commence_time.")
    try:
        (price,) = decimal_odds([asked.price], asked.odds_format)
        times = {name: moment(getattr(asked, name)) for name in ("placed_at", "commence_time")}
        if (start := times["commence_time"]) is not None:
            bet_store.near(start)
    except (CalculationError, ValueError, OverflowError) as error:
        raise BodyError(f"The body cannot be used: {error}.") from error
    price = round(price, 4)  # as it is kept
    if asked.side == LAY and asked.stake * (Decimal(str(price)) - 1) < _PLACES / 2:
        raise BodyError(f"The body cannot be used: a lay of {asked.stake} at {price:g} risks 0 in 4 places.")
    return replace(asked, price=price, **times)


def moment(value: datetime | float | None) -> datetime | None:
    """A time as it was given, in UTC; near the years 1 and 9999 there may be none."""
    if value is None:
        return None
    return value.astimezone(UTC) if isinstance(value, datetime) else datetime.fromtimestamp(value, UTC)


def bet_of(asked: BetBody, found: Matched, account: str, now: datetime) -> Bet:
    bet = Bet(
        str(uuid4()),
        account,
        asked.reference,
        now,
        moment(asked.placed_at) or now,
        None,
        found.reason,
        asked.sport,
        asked.league,
        asked.home,
        asked.away,
        moment(asked.commence_time),
        asked.market,
        asked.period,
        asked.line,
        asked.subject,
        asked.outcome,
        asked.bookmaker,
        asked.price,
        asked.stake,
        asked.returned,
        asked.note,
        asked.side,
        None if found.event is not None and found.event.id == asked.event_id else moment(asked.commence_time),
    )
    return bet if found.event is None else placed_on(bet, found.event)
