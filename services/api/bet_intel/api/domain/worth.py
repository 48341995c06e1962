"""What a price is worth against a fair probability, or against other bookmakers' prices of the same market. Pure."""

import math
from decimal import ROUND_DOWN, Decimal
from typing import Annotated, Literal, NamedTuple

import msgspec
import numpy as np
from msgspec import Meta

from bet_intel.api.domain.calculator import CalculationError, Format, Written, decimal_odds, shown_odds
from bet_intel.api.domain.working import Band, Probability
from bet_intel.odds import (
    DEFAULT_RULE,
    BoolArray,
    DevigStatus,
    FairPrices,
    Method,
    Settlement,
    decimal_to_american,
    fair_prices,
    free_bet_expected_value,
    kelly_settled,
    lay_as_back,
    maker_back_price,
    maker_lay_price,
    more_outcomes_win,
    net_price,
    scaled_stakes,
)

_CENT = Decimal("0.01")
_PLACES = 1e4
_MOST_BOOKS = 50
_MOST_OUTCOMES = 100
_MOST_PRICES = 1000
_OUTLIER, _SEVERAL_WIN, _EXCESSIVE = "outlier_excluded", "not_mutually_exclusive", "excessive_overround"
Share = Annotated[float, Meta(ge=0, lt=1)]


class ReferenceBook(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Another bookmaker's prices of all outcomes of the market, margin included."""

    bookmaker: Annotated[str, Meta(min_length=1, max_length=200)]
    prices: Annotated[tuple[Written, ...], Meta(min_length=2, max_length=_MOST_OUTCOMES)]
    weight: Annotated[float, Meta(gt=0, le=1000, description="In the pool.")] = 1.0


class PriceBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A price on offer, and what it is held against: one of `fair_probability`, `fair_odds` and `references`."""

    price: Written
    odds_format: Format = "decimal"
    side: Annotated[Literal["back", "lay"], Meta(description="EV of a lay is per unit of its liability.")] = "back"
    commission: Annotated[Share, Meta(description="Taken from the profit: 0.02 is 2 %.")] = 0.0
    fair_probability: (
        Annotated[float, Meta(ge=0.000001, le=0.9999, description="That the outcome wins, margin removed.")] | None
    ) = None
    fair_odds: Annotated[Written, Meta(description="1 / fair_probability.")] | None = None
    references: Annotated[
        tuple[ReferenceBook, ...],
        Meta(max_length=_MOST_BOOKS, description="Other bookmakers: their margin is removed, and they are pooled."),
    ] = ()
    outcome: Annotated[
        int,
        Meta(ge=0, lt=_MOST_OUTCOMES, description="Which of the references' prices is of the same outcome, from 0."),
    ] = 0
    method: Annotated[Method, Meta(description="Devig method for the references.")] = Method.POWER
    winners: Annotated[
        int,
        Meta(
            ge=1,
            lt=_MOST_OUTCOMES,
            description="How many of the references' outcomes win: 2 where two reach the final.",
        ),
    ] = 1
    push_probability: Annotated[Share, Meta(description="That the stake comes back; what is left of 1 loses.")] = 0.0
    half_won_probability: Annotated[
        Share, Meta(description="That half the stake of who backs wins, and half comes back.")
    ] = 0.0
    half_lost_probability: Annotated[
        Share, Meta(description="That half the stake of who backs loses, and half comes back.")
    ] = 0.0
    kelly_fraction: Annotated[float, Meta(gt=0, le=1, description="The part of the Kelly stake to be staked.")] = 0.25
    stake_cap: Annotated[float, Meta(gt=0, le=1, description="The largest share of the bankroll to be staked.")] = 0.05
    bankroll: (
        Annotated[Decimal, Meta(description='Money at hand, as text so that no digit is lost: "2500.00".')] | None
    ) = None
    wanted_ev: Annotated[float, Meta(ge=0, le=10, description="Of the offers in `maker`, after commission.")] = 0.0


class ReferenceAnswer(msgspec.Struct, frozen=True):
    """What a reference contributed."""

    bookmaker: str
    status: Annotated[
        str,
        Meta(
            description=(
                "ok, or why it is not in the pool: outlier_excluded, excessive_overround, no_overround, negative, …"
            )
        ),
    ]
    overround: float | None
    fair_probability: Annotated[float | None, Meta(description="Of the outcome, by this bookmaker alone.")]
    share: Annotated[float, Meta(description="Of the pool; 0 where left out, as an outlier say.")]


class MakerOdds(msgspec.Struct, frozen=True):
    """Odds to offer on an exchange for `wanted_ev` if they are taken, rounded to the side on which EV is no less; null
    where no price above 1 has that EV."""

    back: Annotated[float | None, Meta(description="Ask for it or more.")]
    lay: Annotated[float | None, Meta(description="Offer it or less.")]


class PriceAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A price and its worth."""

    odds_format: str
    side: str
    price: float | None
    net_price: Annotated[float | None, Meta(description="After commission; null of a lay.")]
    implied_probability: Annotated[float, Meta(description="1 / price.")]
    fair_probability: Probability
    fair_odds: Annotated[float | None, Meta(description="The odds whose EV is 0 without commission.")]
    band: Annotated[Band | None, Meta(description="Of fair_probability over the devig methods, with references.")]
    ev: Annotated[float, Meta(description="Expected value per unit of ev_per: 0.05 is +5 %.")]
    ev_worst: Annotated[float | None, Meta(description="EV at the unfavourable end of the band.")]
    ev_per: Annotated[str, Meta(description="stake, or liability of a lay.")]
    breakeven_probability: Annotated[float, Meta(description="At which the EV would be 0, all else as given.")]
    free_bet_ev: Annotated[
        float | None, Meta(description="Per unit of a free bet, whose stake is not returned; null of other than backs.")
    ]
    kelly: Annotated[float, Meta(description="Share of the bankroll of the largest expected growth.")]
    stake_fraction: Annotated[float, Meta(description="kelly × kelly_fraction, at most stake_cap.")]
    stake: Annotated[Decimal | None, Meta(description="stake_fraction of the bankroll, rounded down to cents.")]
    maker: MakerOdds
    references: list[ReferenceAnswer]


class _Fair(NamedTuple):
    """What a price is held against: `probability` to back, `laid` to lay."""

    probability: float
    laid: float
    band: Band | None
    references: list[ReferenceAnswer]


class _Worth(NamedTuple):
    ev: float
    breakeven: float
    kelly: float


def worth(asked: PriceBody) -> PriceAnswer:
    """
    Raises:
        CalculationError: a price that is none, nothing or more than one thing to hold it against, probabilities that
            together exceed 1, or references that give no fair price.
    """
    (price,) = decimal_odds([asked.price], asked.odds_format)
    stake_money = _bankroll(asked)
    fair = _fair(asked)
    lay = asked.side == "lay"
    probability = fair.laid if lay else fair.probability
    ways = _ways(asked, probability)
    is_plain = ways.returned == ways.half_won == ways.half_lost == 0.0
    judged = _lay(asked, price, ways) if lay else _back(asked, price, ways)
    # Rounding may bring what is scaled down to the cap a little above it.
    stake = min(scaled_stakes([judged.kelly], asked.kelly_fraction, asked.stake_cap)[0], asked.stake_cap)
    return PriceAnswer(
        odds_format=asked.odds_format,
        side=asked.side,
        price=shown_odds(price, asked.odds_format),
        net_price=None if lay else shown_odds(net_price(price, asked.commission), asked.odds_format),
        implied_probability=1.0 / price,
        fair_probability=probability,
        fair_odds=shown_odds(_fair_odds(ways), asked.odds_format),
        band=fair.band,
        ev=judged.ev,
        ev_worst=_worst(asked, price, fair.band),
        ev_per="liability" if lay else "stake",
        breakeven_probability=judged.breakeven,
        free_bet_ev=free_bet_expected_value(ways.won, net_price(price, asked.commission))
        if is_plain and not lay
        else None,
        kelly=judged.kelly,
        stake_fraction=stake,
        stake=None if stake_money is None else (stake_money * Decimal(stake)).quantize(_CENT, ROUND_DOWN),
        maker=_maker(asked, fair),
        references=fair.references,
    )


def _fair(asked: PriceBody) -> _Fair:
    given = [asked.fair_probability is not None, asked.fair_odds is not None, bool(asked.references)]
    if sum(given) != 1:
        raise CalculationError("give one of fair_probability, fair_odds and references to hold the price against")
    if asked.fair_probability is not None:
        return _Fair(asked.fair_probability, asked.fair_probability, None, [])
    if asked.fair_odds is not None:
        probability = 1.0 / decimal_odds([asked.fair_odds], asked.odds_format)[0]
        return _Fair(probability, probability, None, [])
    return _pooled(asked)


def _pooled(asked: PriceBody) -> _Fair:
    outcomes = len(asked.references[0].prices)
    for book in asked.references:
        if len(book.prices) != outcomes:
            raise CalculationError(
                f"{book.bookmaker} has {len(book.prices)} prices and {asked.references[0].bookmaker} {outcomes}: "
                "each reference needs a price of every outcome, in the same order"
            )
    if len(asked.references) * outcomes > _MOST_PRICES:
        raise CalculationError(f"the references have more than {_MOST_PRICES} prices together: give fewer of them")
    if asked.outcome >= outcomes:
        raise CalculationError(f"outcome is {asked.outcome}, and the references have 0 to {outcomes - 1}")
    if asked.winners >= outcomes:
        raise CalculationError(f"winners is {asked.winners}, and must be below the {outcomes} outcomes")
    _refuse_twice(asked.references)
    decimal = [decimal_odds(book.prices, asked.odds_format) for book in asked.references]
    implied = 1.0 / np.array(decimal).T[:, :, np.newaxis]
    if more_outcomes_win(implied, asked.winners)[0]:
        raise CalculationError(
            f"the references give no fair price ({_SEVERAL_WIN}: most of them are priced as if more outcomes win than "
            f"{asked.winners}): say in winners how many do"
        )
    placeholders = implied.sum(axis=0) > DEFAULT_RULE.most_implied(outcomes, asked.winners)
    weight = np.where(placeholders, 0.0, [[book.weight] for book in asked.references])
    prices = fair_prices(implied, weight, method=asked.method, target=float(asked.winners))
    row = asked.outcome
    probability = float(prices.consensus.probability[row, 0])
    references = [
        ReferenceAnswer(
            book.bookmaker,
            _status(prices, placeholders, number),
            _number(prices.overround[number, 0]),
            _number(prices.devigged[row, number, 0]),
            float(prices.consensus.share[number, 0]),
        )
        for number, book in enumerate(asked.references)
    ]
    if not 0.0 < probability < 1.0:
        why = ", ".join(f"{one.bookmaker}: {one.status}" for one in references)
        raise CalculationError(f"the references give no fair price ({why[:200]})")
    band = Band(
        _number(prices.consensus_band.lowest[row, 0]),
        _number(prices.consensus_band.highest[row, 0]),
    )
    # The worst case of a lay is that the outcome is as likely as any method says.
    laid = float(prices.consensus_band.highest[row, 0]) if asked.method is Method.WORST_CASE else probability
    return _Fair(probability, laid, band, references)


def _status(prices: FairPrices, placeholders: BoolArray, number: int) -> str:
    """In the order in which an event's bookmakers are told why they are left out."""
    if prices.consensus.outlier[number, 0]:
        return _OUTLIER
    if placeholders[number, 0]:
        return _EXCESSIVE
    return DevigStatus(int(prices.status[number, 0])).name.lower()


def _refuse_twice(references: tuple[ReferenceBook, ...]) -> None:
    """A bookmaker has one opinion: it would count for two, and `max_share` bound neither."""
    known: set[str] = set()
    for book in references:
        name = book.bookmaker.strip().casefold()
        if name in known:
            raise CalculationError(f"{book.bookmaker} is given twice: give each bookmaker's prices once")
        known.add(name)


def _ways(asked: PriceBody, probability: float) -> Settlement:
    returned, half_won, half_lost = asked.push_probability, asked.half_won_probability, asked.half_lost_probability
    if sum(part > 0.0 for part in (returned, half_won, half_lost)) > 1:
        raise CalculationError("a line splits the stake one way: give one of push, half_won and half_lost")
    split = returned + half_won + half_lost
    if split and asked.references:
        raise CalculationError(
            "references say nothing of a push: give fair_probability with push, half_won or half_lost"
        )
    if probability + split > 1.0:
        raise CalculationError(
            f"winning ({probability:g}) and what returns the stake ({split:g}) together exceed probability 1"
        )
    return Settlement(probability, half_won, returned, half_lost, max(1.0 - split - probability, 0.0))


def _back(asked: PriceBody, price: float, ways: Settlement) -> _Worth:
    net = net_price(price, asked.commission)
    split = ways.half_won + ways.returned + ways.half_lost
    # EV = 0 at p(d' − 1) + half_won(d' − 1)/2 − half_lost/2 = 1 − split − p.
    breakeven = (1.0 - split + 0.5 * ways.half_lost - 0.5 * ways.half_won * (net - 1.0)) / net
    return _Worth(ways.expected_value(net), breakeven, kelly_settled(ways, net))


def _lay(asked: PriceBody, price: float, ways: Settlement) -> _Worth:
    # To lay is to back the opposite, the liability for stake: what wins half for who backs loses half here.
    net = lay_as_back(price, asked.commission)
    laid = Settlement(ways.lost, ways.half_lost, ways.returned, ways.half_won, ways.won)
    # EV = 0 at (L + half_lost/2)(d′ − 1) = p + half_won/2, with L = 1 − split − p.
    split = ways.half_won + ways.returned + ways.half_lost
    breakeven = ((1.0 - split + 0.5 * ways.half_lost) * (net - 1.0) - 0.5 * ways.half_won) / net
    return _Worth(laid.expected_value(net), breakeven, kelly_settled(laid, net))


def _worst(asked: PriceBody, price: float, band: Band | None) -> float | None:
    end = None if band is None else band.low if asked.side == "back" else band.high
    if end is None:
        return None
    return (_lay if asked.side == "lay" else _back)(asked, price, _ways(asked, end)).ev


def _fair_odds(ways: Settlement) -> float | None:
    won, lost = ways.won + 0.5 * ways.half_won, ways.lost + 0.5 * ways.half_lost
    return 1.0 + lost / won if lost > 0.0 else None


def _maker(asked: PriceBody, fair: _Fair) -> MakerOdds:
    back, lay = _ways(asked, fair.probability), _ways(asked, fair.laid)
    terms = asked.commission, asked.wanted_ev
    return MakerOdds(
        _offered(maker_back_price(back, *terms), asked.odds_format, up=True),
        _offered(maker_lay_price(lay, *terms), asked.odds_format, up=False),
    )


def _offered(price: float | None, odds_format: str, *, up: bool) -> float | None:
    """The price in its format, rounded up or down; None where that is none."""
    if price is None or shown_odds(price, odds_format) is None:
        return None
    rounded = math.ceil if up else math.floor
    if odds_format == "american":
        nearest = decimal_to_american(price)
        profit = price - 1.0
        exact = profit * 100.0 if profit >= 1.0 else -100.0 / profit
        if math.isclose(nearest, exact, rel_tol=1e-12):
            return nearest
        whole = rounded(exact)
        # Between −100 and +100 there is no price: both are even money.
        return 100 if whole == -100 else whole
    nearest_decimal = round(price, 4)
    # A price that is exact in 4 places stays as it is: rounding noise is no reason for the next one.
    if math.isclose(nearest_decimal, price, rel_tol=1e-12):
        return nearest_decimal
    offer = rounded(price * _PLACES) / _PLACES
    return offer if offer > 1.0 else None


def _bankroll(asked: PriceBody) -> Decimal | None:
    money = asked.bankroll
    if money is not None and not (money.is_finite() and 0 < money <= Decimal(10) ** 12):
        raise CalculationError(f"bankroll is {money}: give an amount of money above 0")
    return money


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
