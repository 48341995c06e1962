"""`bet-intel maker`: the odds to offer on an exchange for a wanted EV after commission."""

import math
from collections.abc import Callable
from typing import Annotated

import msgspec
from cyclopts import Parameter

from bet_intel.compose.commands.errors import UsageError
from bet_intel.compose.commands.output import odds, percent, print_json
from bet_intel.compose.commands.prices import OddsFormat, read_ev, read_prices, read_probability, read_share
from bet_intel.odds import Settlement, maker_back_price, maker_lay_price

_PLACES = 1e4


class Offer(msgspec.Struct, frozen=True):
    """`price` has the wanted EV exactly; `offer` is it in 4 places, rounded to the side on which the EV is no less."""

    price: float
    offer: float


class Maker(msgspec.Struct, frozen=True):
    """`back` is per unit staked, `lay` per unit of liability; null where no price above 1 has the wanted EV."""

    probability: float
    push_probability: float
    half_won_probability: float
    half_lost_probability: float
    commission: float
    ev: float
    fair_odds: float
    back: Offer | None
    lay: Offer | None


def maker_command(
    *,
    probability: str | None = None,
    fair_odds: str | None = None,
    ev: str = "0",
    commission: str = "0",
    push: str = "0",
    half_won: str = "0",
    half_lost: str = "0",
    odds_format: OddsFormat = "auto",
    json: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """The odds to offer on an exchange, to back and to lay, for a wanted EV after commission.

    Parameters
    ----------
    probability:
        Fair probability that the outcome wins: 0.5 or 50%. Or give fair odds.
    fair_odds:
        Fair odds, as from `bet-intel devig`, in place of the probability.
    ev:
        The wanted EV if the offer is taken: 0.02 or 2%. Of a lay bet per unit of liability.
    commission:
        Taken from the profit: 0.02 or 2%.
    push:
        Probability that the stakes come back, as on a whole line; the rest of 1 loses.
    half_won:
        Probability that half the stake wins and half comes back, as on some quarter lines.
    half_lost:
        Probability that half the stake loses and half comes back, as on the others.
    odds_format:
        How to read the fair odds; auto takes whole numbers of 100 or more for American.
    json:
        Print the answer as JSON.
    """
    if (probability is None) == (fair_odds is None):
        raise UsageError("give either --probability or --fair-odds: an offer is made around the fair price")
    if probability is not None:
        p = read_probability(probability, "--probability")
    else:
        p = 1.0 / read_prices([fair_odds or ""], odds_format)[0][0]
    shared, wanted = read_share(commission, "--commission"), read_ev(ev, "--ev")
    ways = _ways(
        p, read_share(push, "--push"), read_share(half_won, "--half-won"), read_share(half_lost, "--half-lost")
    )
    maker = Maker(
        probability=p,
        push_probability=ways.returned,
        half_won_probability=ways.half_won,
        half_lost_probability=ways.half_lost,
        commission=shared,
        ev=wanted,
        fair_odds=round(1.0 + (ways.lost + 0.5 * ways.half_lost) / (ways.won + 0.5 * ways.half_won), 4),
        back=_offer(maker_back_price(ways, shared, wanted), math.ceil),
        lay=_offer(maker_lay_price(ways, shared, wanted), math.floor),
    )
    if json:
        print_json(maker)
    else:
        _show(maker)
    return 0


def _ways(won: float, returned: float, half_won: float, half_lost: float) -> Settlement:
    if sum(part > 0.0 for part in (returned, half_won, half_lost)) > 1:
        raise UsageError("a line splits the stake one way: give one of --push, --half-won and --half-lost")
    split = returned + half_won + half_lost
    # A bet that loses half its stake at worst still has something to lose.
    if won + split > 1 or (won + split == 1 and not half_lost):
        what = "half-won" if half_won else "half-lost" if half_lost else "push"
        raise UsageError(f"winning ({won:g}) and the {what} ({split:g}) together leave nothing to lose")
    return Settlement(won, half_won, returned, half_lost, max(1.0 - split - won, 0.0))


def _offer(price: float | None, rounded: Callable[[float], int]) -> Offer | None:
    if price is None:
        return None
    # A price that is exact in 4 places stays as it is: rounding noise is no reason for the next one.
    nearest = round(price, 4)
    offer = nearest if math.isclose(nearest, price, rel_tol=1e-12) else rounded(price * _PLACES) / _PLACES
    return Offer(price, offer) if offer > 1.0 else None


def _show(maker: Maker) -> None:
    after = f" after {maker.commission:.1%} commission" if maker.commission else ""
    print(f"wanted EV        {percent(maker.ev)}{after}")
    print(f"fair odds        {odds(maker.fair_odds)} (probability {maker.probability:.6f})")
    print(f"offer to back at {_shown(maker.back, 'or higher')}")
    print(f"offer to lay at  {_shown(maker.lay, 'or lower')}")


def _shown(offer: Offer | None, beyond: str) -> str:
    return "no price has that EV" if offer is None else f"{offer.offer:.4f} {beyond}"
