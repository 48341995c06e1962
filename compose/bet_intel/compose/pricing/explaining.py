"""Sentences about a price, made by the gateway's code of the engine's message: those of the API, word for word."""

from collections.abc import Callable
from typing import NamedTuple

from bet_intel.api.domain.explanation import explain
from bet_intel.api.domain.model import MarketKey as ToldKey
from bet_intel.api.working import SetWorking
from bet_intel.ev_engine.domain.boards import MarketKey
from bet_intel.ev_engine.domain.lives import live_on
from bet_intel.ev_engine.domain.pricing import PricedEvent
from bet_intel.ev_engine.wire_sets import opportunities_updated

_REVISION = 1


class Price(NamedTuple):
    """Whose price of what."""

    market: MarketKey
    outcome: str
    bookmaker: str
    side: str = "back"


def explainer(priced: PricedEvent) -> Callable[[Price], list[str]]:
    """What explains the prices of one event."""
    told = SetWorking(opportunities_updated((priced,), live_on({}, (priced,)), _REVISION).data)

    def explained(price: Price) -> list[str]:
        working = told.price(ToldKey(*price.market), price.outcome, price.bookmaker, priced.profile.name, price.side)
        return [] if working is None else explain(working)

    return explained
