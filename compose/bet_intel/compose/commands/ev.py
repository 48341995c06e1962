"""`bet-intel ev`: what a price is worth, given the fair probability."""

from typing import Annotated

import msgspec
from cyclopts import Parameter

from bet_intel.compose.commands.errors import UsageError
from bet_intel.compose.commands.output import odds, percent, print_json
from bet_intel.compose.commands.prices import OddsFormat, read_prices, read_probability, read_share
from bet_intel.odds import (
    expected_value,
    expected_value_with_push,
    free_bet_expected_value,
    kelly_fraction,
    lay_expected_value,
    net_price,
)


class Worth(msgspec.Struct, frozen=True):
    """`ev` is per unit of `per`: `stake`, `free_bet` or `liability`. `breakeven_probability` is where it is 0, and
    `kelly_fraction` the stake of the largest expected growth, as a share of the bankroll; null where it is not defined.
    """

    bet: str
    price: float
    net_price: float | None
    commission: float
    probability: float
    push_probability: float
    fair_odds: float
    per: str
    ev: float
    breakeven_probability: float | None
    kelly_fraction: float | None


def ev_command(
    price: str,
    *,
    probability: str | None = None,
    fair_odds: str | None = None,
    commission: str = "0",
    push: str = "0",
    lay: Annotated[bool, Parameter(negative=())] = False,
    free_bet: Annotated[bool, Parameter(negative=())] = False,
    odds_format: OddsFormat = "auto",
    json: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """Expected value and Kelly stake of a price, given the fair probability.

    Parameters
    ----------
    price:
        The price on offer, decimal (2.10) or American (+110).
    probability:
        Fair probability that the outcome wins: 0.5 or 50%. Or give fair odds.
    fair_odds:
        Fair odds, as from `bet-intel devig`, in place of the probability.
    commission:
        Taken from the profit: 0.02 or 2%.
    push:
        Probability that the stake comes back; the rest of 1 loses.
    lay:
        The price is laid, not backed; EV is per unit of liability.
    free_bet:
        The stake is a free bet, which is not returned.
    odds_format:
        How to read the prices; auto takes whole numbers of 100 or more for American.
    json:
        Print the answer as JSON.
    """
    if (probability is None) == (fair_odds is None):
        raise UsageError("give either --probability or --fair-odds: EV is the price against the fair probability")
    shared = read_share(commission, "--commission")
    returned = read_share(push, "--push")
    if sum((lay, free_bet, returned > 0)) > 1:
        raise UsageError("--lay, --free-bet and --push are not worked out together: choose one")
    offered = read_prices([price], odds_format)[0][0]
    if probability is not None:
        p = read_probability(probability, "--probability")
    else:
        p = 1.0 / read_prices([fair_odds or ""], odds_format)[0][0]
    if p + returned > 1:
        raise UsageError(f"winning ({p:g}) and the push ({returned:g}) together exceed probability 1")
    worth = _worth(offered, p, shared, returned, lay=lay, free_bet=free_bet)
    if json:
        print_json(worth)
    else:
        _show(worth)
    return 0


def _worth(d: float, p: float, commission: float, push: float, *, lay: bool, free_bet: bool) -> Worth:
    net = net_price(d, commission)
    shown = round(d, 4), None if lay else round(net, 4), commission, p, push, round(1.0 / p, 4)
    if lay:
        # EV = 0 at (1 − p)(1 − c) = p(d − 1).
        breakeven = (1.0 - commission) / (d - commission)
        return Worth("lay", *shown, "liability", lay_expected_value(p, d, commission), breakeven, None)
    if free_bet:
        return Worth("free_bet", *shown, "free_bet", free_bet_expected_value(p, net), None, None)
    if push:
        # EV = 0 at p(d' − 1) = 1 − push − p.
        ev = expected_value_with_push(p, 1.0 - push - p, net)
        return Worth("back_with_push", *shown, "stake", ev, (1.0 - push) / net, None)
    return Worth("back", *shown, "stake", expected_value(p, net), 1.0 / net, kelly_fraction(p, net))


def _show(worth: Worth) -> None:
    print(f"EV               {percent(worth.ev)} per unit of {worth.per.replace('_', ' ')}")
    net = f", {odds(worth.net_price)} after commission" if worth.commission and worth.net_price else ""
    print(f"price            {odds(worth.price)}{net}")
    print(f"fair odds        {odds(worth.fair_odds)} (probability {worth.probability:.6f})")
    if worth.breakeven_probability is not None:
        print(f"breaks even at   probability {worth.breakeven_probability:.6f}")
    if worth.kelly_fraction is not None:
        print(f"Kelly stake      {worth.kelly_fraction:.2%} of the bankroll")
