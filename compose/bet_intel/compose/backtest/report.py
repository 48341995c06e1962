"""What a backtest answers: the structure of its JSON."""

import msgspec

from bet_intel.compose.backtest.scoring import Estimate


class Figure(msgspec.Struct, frozen=True):
    """A mean and its 95 % confidence interval; null where there was nothing to take it from."""

    value: float | None
    low: float | None
    high: float | None

    @classmethod
    def of(cls, estimate: Estimate) -> "Figure":
        return cls(*(number if number == number else None for number in estimate))


class Score(msgspec.Struct, frozen=True):
    """How good some fair probabilities were. `kind` is bookmaker, mean (of bookmakers), or profile; `moment` opening or
    closing; `markets` how many had probabilities and were judged."""

    kind: str
    name: str
    method: str
    moment: str
    markets: int
    log_loss: Figure
    brier: Figure


class Difference(msgspec.Struct, frozen=True):
    """Log loss of a profile's pool less that of the reference, over the markets that have both. `error` is what was put
    into a share of the quotes of the pool (`none`: nothing), the same `draws` times over with other quotes."""

    profile: str
    moment: str
    error: str
    draws: int
    markets: int
    log_loss: Figure


class ValueBets(msgspec.Struct, frozen=True):
    """Bets on prices that beat the fair price of their moment, on so many `matches`. EVs per unit staked; `closing_ev`
    is no-vig CLV, price × fair probability at the start − 1, `raw_clv` is price / closing price − 1, `beat_the_close`
    the share of `judged` bets with a positive closing EV, `roi` the profit per unit staked, null without results."""

    rule: str
    bets: int
    matches: int
    judged: int
    ev: Figure
    closing_ev: Figure
    raw_clv: Figure
    beat_the_close: float | None
    roi: Figure


class Bin(msgspec.Struct, frozen=True):
    """Outcomes with a probability from `low` to `high`: how many, their mean probability, and the share that won."""

    low: float
    high: float
    outcomes: int
    probability: float
    won: float


class Calibration(msgspec.Struct, frozen=True):
    name: str
    bins: list[Bin]


class MarketReport(msgspec.Struct, frozen=True):
    """A kind of market. `judged_by` is result, or closing (the consensus at the start) where results are not known.
    `matches` is how many the markets are of, `unclosed` of recordings how many more were seen and have no consensus at
    the start."""

    market: str
    outcomes: int
    markets: int
    matches: int
    unclosed: int
    judged_by: str
    reference: str
    scores: list[Score]
    differences: list[Difference]
    value_bets: ValueBets | None
    calibration: list[Calibration]


class Rejection(msgspec.Struct, frozen=True):
    where: str
    reason: str


class Report(msgspec.Struct, frozen=True):
    """`not_started`: events of recordings that had not started when these end, and are left out."""

    files: list[str]
    resamples: int
    seed: int
    markets: list[MarketReport]
    not_started: int
    rejected: list[Rejection]
