"""A combination as the API shows it, from a row of the read model or an entry of its feed. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

import msgspec

from bet_intel.api.answers import (
    Bookmaker,
    Combination,
    CombinationLeg,
    EventRef,
    MarketRef,
    Peak,
    PlacedStakes,
    Window,
)
from bet_intel.api.domain.explanation import LAY, explain_legs
from bet_intel.api.domain.model import Leg
from bet_intel.api.domain.odds_format import rendered
from bet_intel.api.domain.single_legs import about_legs, why_suspect
from bet_intel.api.domain.working import Band
from bet_intel.api.query import OddsFormat
from bet_intel.api.read_model import Record
from bet_intel.odds import Stakes, liability_step, rounded_stakes

_CENT = Decimal("0.01")
_ARBITRAGE, _MIDDLE, _SUSPECT = "arbitrage", "middle", "suspect"


class Staking(NamedTuple):
    """How much on all legs together, and in which steps: None is each bookmaker's own."""

    stake: Decimal = Decimal(1000)
    step: Decimal | None = None

    def steps(self, legs: Sequence[Leg]) -> list[Decimal]:
        """Of each leg, a lay's being that of who backs it."""
        return [leg.step if self.step is None else self.step for leg in legs]


def listed(rows: Iterable[Record], odds_format: OddsFormat, staking: Staking) -> list[Combination]:
    """Those of `rows` that are what they are called with these stakes too: an arbitrage that rounding, or a limit,
    turns into a loss is none."""
    return [one for row in rows if (one := shown(row, odds_format, staking)) is not None]


def shown(row: Record | Mapping[str, Any], odds_format: OddsFormat, staking: Staking) -> Combination | None:
    """None where it is none with these stakes (`listed`)."""
    legs = _legs(row)
    placed = _rounded(legs, staking)
    # Not as it is shown, in cents: less than half a cent that is won is no loss.
    if row["kind"] == _ARBITRAGE and placed.worst <= 0:
        return None
    return _shown(row, legs, placed, odds_format, staking)


def is_one(kind: str, legs: Any, staking: Staking) -> bool:
    """Whether `legs`, as a row or an entry tells them, are with these stakes what they are called (`listed`)."""
    return kind != _ARBITRAGE or _rounded(_legs({"legs": legs}), staking).worst > 0


def _legs(row: Record | Mapping[str, Any]) -> list[Leg]:
    """A row has its legs as JSON text and its times as times; an entry of the feed is decoded JSON."""
    told = row["legs"]
    return msgspec.json.decode(told, type=list[Leg]) if isinstance(told, str) else msgspec.convert(told, list[Leg])


def _stakable(legs: Sequence[Leg], staking: Staking) -> list[Decimal]:
    """What the stake of each leg is a multiple of; of a lay its liability."""
    each = zip(legs, staking.steps(legs), strict=True)
    return [liability_step(step, leg.price) if leg.side == LAY else step for leg, step in each]


def _rounded(legs: Sequence[Leg], staking: Staking) -> Stakes:
    prices, limits = [leg.net_price for leg in legs], [leg.limit for leg in legs]
    return rounded_stakes(prices, staking.stake, _stakable(legs, staking), limits, legs[0].winning)


def _unplaced(legs: Sequence[Leg], placed: Stakes, staking: Staking) -> str | None:
    """Why a leg has no stake: the others alone are not what the combination is."""
    for leg, step in zip(legs, _stakable(legs, staking), strict=True):
        if leg.limit is not None and leg.limit < step:
            on = f"of liability against {leg.outcome}" if leg.side == LAY else f"on {leg.outcome}"
            return (
                f"{leg.title} takes at most {leg.limit:g} {on}, less than one step of "
                f"{step.normalize():f}: choose a smaller step"
            )
    for leg, stake in zip(legs, placed.stakes, strict=True):
        if not stake:
            return (
                f"nothing is left for {leg.outcome} with {leg.title} of {staking.stake.normalize():f} in all, within "
                "the limits and in whole steps: choose a smaller step, or a larger stake"
            )
    return None


def _worst(kind: str, legs: Sequence[Leg], placed: Stakes) -> Decimal:
    """The least that is won at any result, also at one that returns stakes."""
    # Of a middle one leg is won in full at every result: the other's being returned is no worse than its being lost.
    returned = None if kind == _MIDDLE else placed.where_split([leg.split for leg in legs])
    return placed.worst if returned is None else min(placed.worst, returned)


def _shown(
    row: Record | Mapping[str, Any], legs: Sequence[Leg], placed: Stakes, odds_format: OddsFormat, staking: Staking
) -> Combination:
    newest = _time(row["newest"] if "newest" in row.keys() else row["as_of"])  # noqa: SIM118 - a Record is no mapping
    steps = staking.steps(legs)
    window = None
    if row["window_low"] is not None:
        window = (row["window_low"], row["window_high"], row["window_probability"])
    reason = _unplaced(legs, placed, staking)
    if reason is None:
        stakes = PlacedStakes(
            _money(placed.total), _placed(max(steps)), _money(_worst(row["kind"], legs, placed)), None
        )
        amounts = zip(steps, map(_placed, placed.stakes), map(_money, placed.profits), strict=True)
        bets = [_Bet(*each) for each in amounts]
    else:
        stakes = PlacedStakes(None, _placed(max(steps)), None, reason)
        bets = [_Bet(step) for step in steps]
    return Combination(
        id=row["id"],
        kind=row["kind"],
        class_=row["class"],
        profile=row["profile"],
        event=EventRef(
            row["event_id"],
            row["sport"],
            row["league"],
            row["league_title"],
            row["home"],
            row["away"],
            _time(row["commence_time"]),
        ),
        odds_format=odds_format,
        cost=row["cost"],
        ev=row["ev"],
        window=_window(window, placed if reason is None else None),
        legs=[
            _leg(row, leg, bet, newest, american=odds_format == "american") for leg, bet in zip(legs, bets, strict=True)
        ],
        stakes=stakes,
        opening=row["opening"],
        first_seen=_time(row["first_seen"]),
        opened_at=_time(row["opened_at"]),
        last_seen=_time(row["last_seen"]),
        peak=Peak(row["peak_ev"], _time(row["peak_at"])),
        as_of=_time(row["as_of"]),
        explanation=_explanation(row, legs, steps, window, newest),
    )


def _explanation(
    row: Record | Mapping[str, Any],
    legs: Sequence[Leg],
    steps: Sequence[Decimal],
    window: tuple[float, float, float] | None,
    newest: datetime,
) -> list[str]:
    bets, *whole = explain_legs(row["kind"], legs, steps, (row["cost"], row["ev"]), window, row["away"])
    doubt = why_suspect(legs, row["ev"]) if row["class"] == _SUSPECT else []
    return [bets, *about_legs(legs, [_age(leg, newest) for leg in legs]), *doubt, *whole]


class _Bet(NamedTuple):
    """What is staked on a leg, in steps of what, and what all legs win when this one does; None where nothing is."""

    step: Decimal
    stake: Decimal | None = None
    profit: Decimal | None = None


def _leg(row: Record | Mapping[str, Any], leg: Leg, bet: _Bet, newest: datetime, *, american: bool) -> CombinationLeg:
    return CombinationLeg(
        market=MarketRef(leg.market, row["period"], leg.line, row["subject"] or None, leg.category),
        outcome=leg.outcome,
        bookmaker=Bookmaker(leg.bookmaker, leg.title),
        side=leg.side,
        price=rendered(leg.price, american=american),
        net_price=rendered(leg.net_price, american=american),
        limit=leg.limit,
        share=leg.share,
        step=_placed(bet.step),
        stake=bet.stake,
        profit=bet.profit,
        fair_probability=leg.fair,
        band=Band(leg.band_low, leg.band_high),
        ev=leg.ev,
        plausible_ev=leg.plausible,
        left_out_reason=leg.left_out,
        refused_reason=leg.refused,
        explain=_explain(row, leg),
        last_update=leg.last_update,
        age_seconds=_age(leg, newest),
    )


def _age(leg: Leg, newest: datetime) -> float | None:
    return None if leg.last_update is None else (newest - leg.last_update).total_seconds()


def _explain(row: Record | Mapping[str, Any], leg: Leg) -> str:
    """The path of the explanation of a leg's price."""
    asked = {
        "market": leg.market,
        "period": row["period"],
        "line": None if leg.line is None else f"{leg.line:g}",
        "subject": row["subject"],
        "outcome": leg.outcome,
        "bookmaker": leg.bookmaker,
        "side": leg.side,
        "profile": row["profile"],
    }
    query = urlencode({name: value for name, value in asked.items() if value}, quote_via=quote)
    return f"/v1/events/{quote(row['event_id'], safe=':')}/explain?{query}"


def _window(window: tuple[float, float, float] | None, placed: Stakes | None) -> Window | None:
    if window is None:
        return None
    if placed is None:
        return Window(*window, profit=None)
    # Both legs win: each returns its stake and wins, and nothing is lost.
    both = sum(placed.profits, Decimal(0)) + placed.total
    return Window(*window, profit=_money(both))


def _money(amount: Decimal) -> Decimal:
    return amount.quantize(_CENT)


def _placed(amount: Decimal) -> Decimal:
    """In cents, unless the step is finer."""
    cents = _money(amount)
    return cents if cents == amount else amount


def _time(value: datetime | str) -> datetime:
    return value if isinstance(value, datetime) else msgspec.convert(value, datetime)
