"""How the bet of a price is settled, and how sure its judgement is, from what a set tells. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from bet_intel.api.domain.model import MarketKey
from bet_intel.api.wire_values import number
from bet_intel.odds import returns_stake_on_draw

Table = Mapping[str, Sequence[Any]]


class Terms(NamedTuple):
    """How often a bet's stake is returned, what its EV is per unit of, how sure it is, and how far the lines are that
    it was judged by."""

    push: float | None
    per: str
    confidence: float | None = None
    half_points: float | None = None


def terms_of(
    tables: Mapping[str, Table], strings: Sequence[str], key: MarketKey, opportunity: int | None, side: str
) -> Terms:
    """What is told of opportunities: of other prices nothing but whether the line can return a stake."""
    terms = tables["terms"]
    if opportunity is not None and opportunity in terms["opportunity"]:
        row = terms["opportunity"].index(opportunity)
        sure = tables["certainties"]
        at = sure["opportunity"].index(opportunity) if opportunity in sure["opportunity"] else None
        confidence, away = (None if at is None else number(sure[name][at]) for name in ("confidence", "half_points"))
        return Terms(number(terms["push"][row]), strings[terms["per_s"][row]], confidence, away)
    if returns_stake_on_draw(key.market) or (key.line is not None and key.line * 2 % 2 != 1):
        return Terms(None, "standing_stake")
    return Terms(0.0, "liability" if side == "lay" else "stake")
