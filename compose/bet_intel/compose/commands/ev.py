"""`bet-intel ev`: what a price is worth, given the fair probability."""

from typing import Annotated, NamedTuple

import msgspec
from cyclopts import Parameter
from msgspec.structs import replace

from bet_intel.compose.commands.errors import UsageError
from bet_intel.compose.commands.output import odds, percent, print_json
from bet_intel.compose.commands.prices import OddsFormat, read_positive_share, read_prices, read_probability, read_share
from bet_intel.odds import (
    Settlement,
    expected_value,
    free_bet_expected_value,
    kelly_fraction,
    kelly_settled,
    lay_expected_value,
    net_price,
    scaled_stakes,
)


class Worth(msgspec.Struct, frozen=True):
    """`ev` is per unit of `per`: `stake`, `free_bet` or `liability`. `breakeven_probability` is where it is 0, and
    `kelly_fraction` the stake (of a lay bet the liability) of the largest expected growth, as a share of the bankroll;
    `stake_fraction` is the part of it that was asked for, within the cap. Null where it is not defined.
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
    half_won_probability: float
    half_lost_probability: float
    stake_fraction: float | None


class _Bet(NamedTuple):
    """A bet as it was asked about, in plain numbers."""

    price: float
    probability: float
    commission: float
    push: float
    half_won: float
    half_lost: float


def ev_command(
    price: str,
    *,
    probability: str | None = None,
    fair_odds: str | None = None,
    commission: str = "0",
    push: str = "0",
    half_won: str = "0",
    half_lost: str = "0",
    kelly: str = "25%",
    cap: str = "5%",
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
    half_won:
        Probability that half the stake wins and half comes back (quarter lines); the probability is then of the rest.
    half_lost:
        Probability that half the stake loses and half comes back.
    kelly:
        The part of the Kelly stake that is staked: 0.25, 25%, or 1.
    cap:
        The largest share of the bankroll that is staked.
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
    bet = _Bet(
        price=read_prices([price], odds_format)[0][0],
        probability=_probability(probability, fair_odds, odds_format),
        commission=read_share(commission, "--commission"),
        push=read_share(push, "--push"),
        half_won=read_share(half_won, "--half-won"),
        half_lost=read_share(half_lost, "--half-lost"),
    )
    if sum((lay, free_bet, bet.push > 0, bet.half_won > 0, bet.half_lost > 0)) > 1:
        raise UsageError(
            "--lay, --free-bet, --push, --half-won and --half-lost are not worked out together: choose one"
        )
    returned = bet.push + bet.half_won + bet.half_lost
    if bet.probability + returned > 1:
        raise UsageError(f"winning ({bet.probability:g}) and the push ({returned:g}) together exceed probability 1")
    full = _worth(bet, lay=lay, free_bet=free_bet)
    staked = read_positive_share(kelly, "--kelly"), read_positive_share(cap, "--cap")
    worth = full if full.kelly_fraction is None else replace(full, stake_fraction=_scaled(full.kelly_fraction, *staked))
    if json:
        print_json(worth)
    else:
        _show(worth)
    return 0


def _probability(probability: str | None, fair_odds: str | None, odds_format: OddsFormat) -> float:
    if probability is not None:
        return read_probability(probability, "--probability")
    return 1.0 / read_prices([fair_odds or ""], odds_format)[0][0]


def _scaled(stake: float, fraction: float, cap: float) -> float:
    return scaled_stakes([stake], fraction, cap)[0]


def _worth(bet: _Bet, *, lay: bool, free_bet: bool) -> Worth:
    d, p, commission = bet.price, bet.probability, bet.commission
    net = net_price(d, commission)

    def worth(kind: str, per: str, ev: float, breakeven: float | None, stake: float | None) -> Worth:
        return Worth(
            bet=kind,
            price=round(d, 4),
            net_price=None if lay else round(net, 4),
            commission=commission,
            probability=p,
            push_probability=bet.push,
            fair_odds=round(1.0 / p, 4),
            per=per,
            ev=ev,
            breakeven_probability=breakeven,
            kelly_fraction=stake,
            half_won_probability=bet.half_won,
            half_lost_probability=bet.half_lost,
            stake_fraction=None,
        )

    if lay:
        # EV = 0 at (1 − p)(1 − c) = p(d − 1). To lay is to back the opposite, the liability for stake.
        against = 1.0 + (1.0 - commission) / (d - 1.0)
        breakeven = (1.0 - commission) / (d - commission)
        ev = lay_expected_value(p, d, commission)
        return worth("lay", "liability", ev, breakeven, kelly_fraction(1.0 - p, against))
    if free_bet:
        return worth("free_bet", "free_bet", free_bet_expected_value(p, net), None, None)
    split = bet.push + bet.half_won + bet.half_lost
    if split:
        ways = Settlement(p, bet.half_won, bet.push, bet.half_lost, 1.0 - split - p)
        # EV = 0 at p(d' − 1) + half_won(d' − 1)/2 − half_lost/2 = 1 − split − p.
        breakeven = (1.0 - split + 0.5 * bet.half_lost - 0.5 * bet.half_won * (net - 1.0)) / net
        kind = "back_with_push" if bet.push else "back_at_quarter_line"
        return worth(kind, "stake", ways.expected_value(net), breakeven, kelly_settled(ways, net))
    return worth("back", "stake", expected_value(p, net), 1.0 / net, kelly_fraction(p, net))


def _show(worth: Worth) -> None:
    print(f"EV               {percent(worth.ev)} per unit of {worth.per.replace('_', ' ')}")
    net = f", {odds(worth.net_price)} after commission" if worth.commission and worth.net_price else ""
    print(f"price            {odds(worth.price)}{net}")
    print(f"fair odds        {odds(worth.fair_odds)} (probability {worth.probability:.6f})")
    if worth.breakeven_probability is not None:
        print(f"breaks even at   probability {worth.breakeven_probability:.6f}")
    if worth.kelly_fraction is not None:
        what = "liability" if worth.bet == "lay" else "stake"
        print(f"Kelly {what:<11}{worth.kelly_fraction:.2%} of the bankroll; {worth.stake_fraction:.2%} as asked")
