"""How an operator wants prices to be judged: the document of a pricing profile.

What is not given has the engine's starting value. Ages are in seconds, EV per unit staked.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from bet_intel.odds import Method

PROFILES = ("consensus",)

Category = Literal["main", "alternate", "prop", "outright"]
BookmakerKey = Annotated[str, Meta(min_length=1, max_length=200)]
Seconds = Annotated[float, Meta(gt=0, le=31_536_000)]
Probability = Annotated[float, Meta(ge=0, le=1)]


class BookmakerPricing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is known of a bookmaker."""

    weight: Annotated[float, Meta(ge=0, le=1000, description="In a pool; 0 leaves it out.")] = 1.0
    commission: Annotated[float, Meta(ge=0, lt=1, description="Share of net winnings.")] = 0.0
    sharp: bool = False
    exchange: bool = False


class CategoryBounds(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Bounds of the gates for one category of market."""

    stale_seconds: Seconds | None = None
    divergence: Annotated[Probability, Meta(description="In probability.")] | None = None
    plausible_ev: Annotated[float, Meta(gt=0, le=100)] | None = None


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

    def contradiction(self) -> str | None:
        """What makes the document unusable as a whole, or None."""
        low, high = self.lowest_probability, self.highest_probability
        if low is not None and high is not None and low >= high:
            return f"lowest_probability {low} is not below highest_probability {high}: no price would be judged"
        return None
