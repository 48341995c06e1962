"""What a set tells of prices that no fair price is held against. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from bet_intel.api.domain.explanation import DIFFERENT_OUTCOMES, NOT_JUDGED
from bet_intel.api.domain.working import Band, PriceWorking
from bet_intel.api.wire_values import number

Table = Mapping[str, Sequence[Any]]


class Unjudged:
    """Of a set whose tables have their columns as lists. A set of before these were told has none of either."""

    def __init__(self, tables: Mapping[str, Table], strings: Sequence[str]) -> None:
        self._strings = strings
        references, others, reasons = tables["references"], tables["other_prices"], tables["unjudged"]
        self._pairs = list(zip(references["market"], references["bookmaker"], strict=True))
        self._reasons = dict(zip(reasons["reference"], reasons["reason_s"], strict=True))
        rows = zip(others["reference"], others["outcome_s"], others["back"], others["lay"], strict=True)
        self._others = {
            (*self._pairs[reference], strings[outcome]): {"back": number(back), "lay": number(lay)}
            for reference, outcome, back, lay in rows
        }

    def reason(self, market: int, bookmaker: int) -> str | None:
        """Why the engine found no fair price for what a bookmaker asks in `market`, the row that tells its references;
        None where it found one, or the set does not tell."""
        if (market, bookmaker) not in self._pairs:
            return None
        row = self._reasons.get(self._pairs.index((market, bookmaker)))
        return None if row is None else self._strings[row]

    def other_price(self, market: int, bookmaker: int, outcome: str, side: str) -> float | None:
        """What a bookmaker asks for an outcome of another market under the name of this one."""
        return self._others.get((market, bookmaker, outcome), {}).get(side)

    def offered(self, market: int, outcome: str) -> bool:
        """Whether anybody offers the outcome in another market under the name of this one."""
        return any((row, name) == (market, outcome) for row, _, name in self._others)


def working_elsewhere(working: PriceWorking, price: float, net: float) -> PriceWorking:
    """That of a price of another market under the name of the one of `working`, whose fair prices are of another bet:
    without what the market's bookmakers think, and its own price as it is offered."""
    return replace(
        working,
        price=price,
        net_price=net,
        verdict=NOT_JUDGED,
        reason=DIFFERENT_OUTCOMES,
        fair_probability=None,
        consensus_probability=None,
        band=Band(None, None),
        ev=None,
        ev_worst=None,
        gates=[],
        estimated_half_points=None,
        estimated_lines=[],
    )
