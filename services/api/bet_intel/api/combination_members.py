"""A combination as the API shows it, from a row of the read model or an entry of its feed. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

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
from bet_intel.api.query import OddsFormat
from bet_intel.api.read_model import Record
from bet_intel.odds import Stakes, liability_step, rounded_stakes

_CENT = Decimal("0.01")
_ARBITRAGE = "arbitrage"


class Staking(NamedTuple):
    """How much on all legs together, and in which steps."""

    stake: Decimal = Decimal(1000)
    step: Decimal = Decimal(1)


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


def _rounded(legs: Sequence[Leg], staking: Staking) -> Stakes:
    steps = [liability_step(staking.step, leg.price) if leg.side == LAY else staking.step for leg in legs]
    return rounded_stakes([leg.net_price for leg in legs], staking.stake, steps, [leg.limit for leg in legs])


def _shown(
    row: Record | Mapping[str, Any], legs: Sequence[Leg], placed: Stakes, odds_format: OddsFormat, staking: Staking
) -> Combination:
    newest = _time(row["newest"] if "newest" in row.keys() else row["as_of"])  # noqa: SIM118 - a Record is no mapping
    window = None
    if row["window_low"] is not None:
        window = (row["window_low"], row["window_high"], row["window_probability"])
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
        window=_window(window, placed),
        legs=[
            _leg(row, leg, stake, profit, newest, american=odds_format == "american")
            for leg, stake, profit in zip(legs, placed.stakes, placed.profits, strict=True)
        ],
        stakes=PlacedStakes(_money(placed.total), _placed(staking.step), _money(placed.worst)),
        opening=row["opening"],
        first_seen=_time(row["first_seen"]),
        opened_at=_time(row["opened_at"]),
        last_seen=_time(row["last_seen"]),
        peak=Peak(row["peak_ev"], _time(row["peak_at"])),
        as_of=_time(row["as_of"]),
        explanation=explain_legs(row["kind"], legs, row["cost"], row["ev"], window, row["away"]),
    )


def _leg(
    row: Record | Mapping[str, Any], leg: Leg, stake: Decimal, profit: Decimal, newest: datetime, *, american: bool
) -> CombinationLeg:
    return CombinationLeg(
        market=MarketRef(leg.market, row["period"], leg.line, row["subject"] or None, leg.category),
        outcome=leg.outcome,
        bookmaker=Bookmaker(leg.bookmaker, leg.title),
        side=leg.side,
        price=rendered(leg.price, american=american),
        net_price=rendered(leg.net_price, american=american),
        limit=leg.limit,
        share=leg.share,
        stake=_placed(stake),
        profit=_money(profit),
        fair_probability=leg.fair,
        last_update=leg.last_update,
        age_seconds=None if leg.last_update is None else (newest - leg.last_update).total_seconds(),
    )


def _window(window: tuple[float, float, float] | None, placed: Stakes) -> Window | None:
    if window is None:
        return None
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
