"""How an operator wants prices to be judged: the document of a pricing profile.

What is not given has the engine's starting value. Ages are in seconds, EV per unit staked.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Annotated, Literal, NamedTuple, get_args

import msgspec
from msgspec import Meta

from bet_intel.odds import Method

Profile = Literal["consensus", "sharp", "conservative"]
PROFILES: tuple[Profile, ...] = get_args(Profile)

Category = Literal["main", "alternate", "prop", "outright"]
BookmakerKey = Annotated[str, Meta(min_length=1, max_length=200)]
Seconds = Annotated[float, Meta(gt=0, le=31_536_000)]
Probability = Annotated[float, Meta(ge=0, le=1)]
Money = Decimal
"""JSON text or number."""
_MOST_MONEY = Decimal(10_000_000)
_PLACES = -4
_ANY = "*"


class Starting(NamedTuple):
    """The engine's starting values of what must not contradict what is given (docs/adr/0119)."""

    lowest_probability: float = 0.02
    highest_probability: float = 0.98
    stake: Decimal = Decimal(1000)
    stake_step: Decimal = Decimal(1)


STARTING: Mapping[Profile, Starting] = {
    "consensus": Starting(),
    "sharp": Starting(),
    "conservative": Starting(lowest_probability=0.05, highest_probability=0.95),
}


class BookmakerPricing(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What is otherwise of a bookmaker; what is not given keeps its starting value."""

    weight: Annotated[float, Meta(ge=0, le=1000, description="In a pool; 0 leaves it out.")] | None = None
    commission: Annotated[float, Meta(ge=0, lt=1, description="Share of net winnings.")] | None = None
    sharp: bool | None = None
    exchange: bool | None = None
    stake_step: (
        Annotated[Money, Meta(description="Stakes there are multiples of it; of a lay, those of who backs it.")] | None
    ) = None


class CategoryBounds(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Bounds of the gates for one category of market."""

    stale_seconds: Seconds | None = None
    divergence: Annotated[Probability, Meta(description="In probability.")] | None = None
    plausible_ev: Annotated[float, Meta(gt=0, le=100)] | None = None


class LineSlope(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a line that too few price is judged by others: what half a point is worth."""

    by_market: Annotated[
        dict[str, Annotated[float, Meta(gt=0, le=2)]],
        Meta(max_length=50, description="In log-odds, for each half point: spreads, totals."),
    ]
    half_points: Annotated[int, Meta(ge=0, le=20, description="Over how many it is believed.")] = 4


class PricingOverride(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What is otherwise in some sports and markets; of several that concern a market the last one stands."""

    sport: Annotated[str, Meta(max_length=200, description="Sport or league; may end in *.")] = ""
    market: Annotated[str, Meta(max_length=200, description="Market; may end in *.")] = ""
    weights: Annotated[
        dict[BookmakerKey, Annotated[float, Meta(ge=0, le=1000)]],
        Meta(max_length=500, description="By bookmaker, whose key may end in *; the closest holds, the profile's too."),
    ] = {}
    stake_steps: Annotated[
        dict[BookmakerKey, Money],
        Meta(max_length=500, description="What stakes are multiples of, by bookmaker, whose key may end in *."),
    ] = {}
    bounds: dict[Category, CategoryBounds] = {}
    min_references: Annotated[int, Meta(ge=1, le=1000)] | None = None
    dispersion: Annotated[float, Meta(gt=0, le=100)] | None = None
    lowest_probability: Probability | None = None
    highest_probability: Probability | None = None

    def covers(self, other: "PricingOverride") -> bool:
        """Whether this one concerns every market that `other` does, as far as their patterns say."""
        return _covers(self.sport, other.sport) and _covers(self.market, other.market)


class PricingSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A pricing profile. Keys of `bookmakers` may end in `*` and then stand for every key that begins so."""

    method: Annotated[Method, Meta(description="Devig method.")] | None = None
    bookmakers: Annotated[dict[BookmakerKey, BookmakerPricing], Meta(max_length=500)] = {}
    bounds: dict[Category, CategoryBounds] = {}
    behind_newest_seconds: Seconds | None = None
    min_references: Annotated[int, Meta(ge=1, le=1000)] | None = None
    dispersion: Annotated[float, Meta(gt=0, le=100)] | None = None
    lowest_probability: Probability | None = None
    highest_probability: Probability | None = None
    take_ev: Annotated[float, Meta(gt=0, le=1)] | None = None
    reopen_seconds: Annotated[float, Meta(ge=0, le=31_536_000)] | None = None
    low_hold: (
        Annotated[Probability, Meta(description="How far above 1 the inverse net prices of a low hold may add up.")]
        | None
    ) = None
    middle_cost: Annotated[Probability, Meta(description="The same of a middle.")] | None = None
    stake: Annotated[Money, Meta(description="What an arbitrage must profit from after rounding.")] | None = None
    stake_step: (
        Annotated[Money, Meta(description="What stakes are rounded to at bookmakers without a step of their own.")]
        | None
    ) = None
    sharp_references: (
        Annotated[
            bool,
            Meta(
                description="Judge against sharp bookmakers and exchanges alone, where there are enough; prices of the "
                "only one are then judged by nobody."
            ),
        ]
        | None
    ) = None
    worst_case: Annotated[bool, Meta(description="Judge by the lower end of the band, a lay by the higher.")] | None = (
        None
    )
    kelly_fraction: Annotated[float, Meta(gt=0, le=1, description="The part of the Kelly stake staked.")] | None = None
    stake_cap: (
        Annotated[float, Meta(gt=0, le=1, description="The largest share of the bankroll on one event.")] | None
    ) = None
    limit_weight: (
        Annotated[Probability, Meta(description="Power of a bookmaker's limit by which its weight grows; 0: not.")]
        | None
    ) = None
    estimate_divergence: (
        Annotated[Probability, Meta(description="Bound of near_median_book for lines that are judged by others.")]
        | None
    ) = None
    slopes: Annotated[dict[BookmakerKey, LineSlope], Meta(max_length=200, description="By sport or league.")] = {}
    overrides: Annotated[list[PricingOverride], Meta(max_length=200)] = []

    def contradiction(self, profile: Profile) -> str | None:
        """What makes the document unusable as a whole, or None; what it does not give is `profile`'s starting value."""
        starting = STARTING[profile]
        steps = list(self._stake_steps())
        for name, amount in [("stake", self.stake), *steps]:
            if amount is not None and not _is_money(amount):
                return f"{name} is {amount}: give an amount above 0, at most {_MOST_MONEY}, with up to four decimals"
        stake = _Value.of("stake", self.stake, starting.stake)
        for name, amount in steps:
            step = _Value.of(name, amount, starting.stake_step)
            if stake.value < step.value:
                there = "" if name == "stake_step" else " there"
                return (
                    f"{stake} is less than one {step}: nothing could be placed{there}; "
                    f"give a stake of one step or more, or a smaller {name}"
                )
        return self._empty_range(starting)

    def _empty_range(self, starting: Starting) -> str | None:
        """Where no price could be judged: everywhere, or in the markets of an override with what else concerns them."""
        lowest = _Value.of("lowest_probability", self.lowest_probability, starting.lowest_probability)
        highest = _Value.of("highest_probability", self.highest_probability, starting.highest_probability)
        given = [
            (f"overrides[{place}].", one)
            for place, one in enumerate(self.overrides)
            if one.lowest_probability is not None or one.highest_probability is not None
        ]
        for case in (PricingOverride(), *self.overrides):
            low, high = lowest, highest
            for where, one in given:
                if one.covers(case):
                    low = low.replaced_by(one.lowest_probability, where)
                    high = high.replaced_by(one.highest_probability, where)
            if low.value >= high.value:
                return (
                    f"{low} is not below {high}: no price would be judged; "
                    "give a lower lowest_probability, or a higher highest_probability"
                )
        return None

    def _stake_steps(self) -> Iterator[tuple[str, Decimal | None]]:
        """Every step, by where it is in the document; None is the profile's starting one."""
        yield "stake_step", self.stake_step
        for key, one in self.bookmakers.items():
            if one.stake_step is not None:
                yield f"bookmakers.{key}.stake_step", one.stake_step
        for place, override in enumerate(self.overrides):
            for key, step in override.stake_steps.items():
                yield f"overrides[{place}].stake_steps.{key}", step


class _Value(NamedTuple):
    """A setting with what is not given filled in; as a decimal, which is written and compared as it was given."""

    name: str
    value: Decimal
    is_starting: bool

    @classmethod
    def of(cls, name: str, given: float | Decimal | None, starting: float | Decimal) -> "_Value":
        return cls(name, Decimal(str(starting if given is None else given)), given is None)

    def replaced_by(self, given: float | None, where: str) -> "_Value":
        return self if given is None else self.of(where + self.name.rpartition(".")[2], given, given)

    def __str__(self) -> str:
        return f"{self.name} {self.value}{' (its starting value)' if self.is_starting else ''}"


def _covers(pattern: str, other: str) -> bool:
    if pattern.endswith(_ANY):
        return other.startswith(pattern.removesuffix(_ANY))
    return pattern in ("", other)


def _is_money(amount: Decimal) -> bool:
    exponent = amount.as_tuple().exponent
    return isinstance(exponent, int) and exponent >= _PLACES and 0 < amount <= _MOST_MONEY
