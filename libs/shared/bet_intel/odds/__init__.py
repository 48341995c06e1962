"""The pure mathematics of the field: odds conversion, devig, pooling, band over methods, EV, lines, stakes, arbitrage.

Arrays are float64 and outcome-major: outcomes first, markets last. NaN stands for what is missing; it is never filled.
"""

from bet_intel.odds.arbitrage import (
    Stakes,
    lay_as_back,
    liability_step,
    rounded_stakes,
    stake_shares,
    survives_rounding,
)
from bet_intel.odds.arrays import BoolArray, FloatArray, IntArray, StatusArray
from bet_intel.odds.band import Band
from bet_intel.odds.conversion import (
    american_to_decimal,
    american_to_probability,
    decimal_price,
    decimal_to_american,
    implied_probability,
    net_price,
)
from bet_intel.odds.devig import (
    DISTINCT_MODELS,
    MODELS,
    PARAMETER_NAMES,
    Devigged,
    DevigStatus,
    Method,
    devig,
    devig_each,
)
from bet_intel.odds.ev import (
    exchange_mid,
    expected_value,
    expected_value_with_push,
    free_bet_expected_value,
    kelly_fraction,
    lay_expected_value,
)
from bet_intel.odds.fair import DeviggedBooks, FairPrices, devigged_books, fair_prices, fair_prices_of
from bet_intel.odds.kelly import kelly_exclusive, kelly_settled, scaled_stakes
from bet_intel.odds.kelly_results import kelly_results
from bet_intel.odds.maker import maker_back_price, maker_lay_price
from bet_intel.odds.markets import base_market, is_alternate, returns_stake_on_draw
from bet_intel.odds.pooling import Pool, consensus, leave_one_out
from bet_intel.odds.scalar import DeviggedMarket, MethodBand, bands, devig_market
from bet_intel.odds.settlement import (
    ResultBand,
    Settlement,
    Split,
    Threshold,
    line_probability,
    push_probability,
    settlement,
    threshold,
    winning_band,
)
from bet_intel.odds.weighing import DEFAULT_RULE, PoolingRule
from bet_intel.odds.winners import more_outcomes_win

__all__ = [
    "DEFAULT_RULE",
    "DISTINCT_MODELS",
    "MODELS",
    "PARAMETER_NAMES",
    "Band",
    "BoolArray",
    "DevigStatus",
    "Devigged",
    "DeviggedBooks",
    "DeviggedMarket",
    "FairPrices",
    "FloatArray",
    "IntArray",
    "Method",
    "MethodBand",
    "Pool",
    "PoolingRule",
    "ResultBand",
    "Settlement",
    "Split",
    "Stakes",
    "StatusArray",
    "Threshold",
    "american_to_decimal",
    "american_to_probability",
    "bands",
    "base_market",
    "consensus",
    "decimal_price",
    "decimal_to_american",
    "devig",
    "devig_each",
    "devig_market",
    "devigged_books",
    "exchange_mid",
    "expected_value",
    "expected_value_with_push",
    "fair_prices",
    "fair_prices_of",
    "free_bet_expected_value",
    "implied_probability",
    "is_alternate",
    "kelly_exclusive",
    "kelly_fraction",
    "kelly_results",
    "kelly_settled",
    "lay_as_back",
    "lay_expected_value",
    "leave_one_out",
    "liability_step",
    "line_probability",
    "maker_back_price",
    "maker_lay_price",
    "more_outcomes_win",
    "net_price",
    "push_probability",
    "returns_stake_on_draw",
    "rounded_stakes",
    "scaled_stakes",
    "settlement",
    "stake_shares",
    "survives_rounding",
    "threshold",
    "winning_band",
]
