"""Settings of ev-engine, from the environment (`BET_INTEL_EV_ENGINE_…`)."""

from dataclasses import asdict, replace
from decimal import Decimal
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_settings import SettingsConfigDict

from bet_intel.ev_engine.domain.profile import (
    CONSENSUS,
    STARTING,
    Bookmaker,
    Bounds,
    Category,
    Override,
    Profile,
    Slope,
)
from bet_intel.odds import Method
from bet_intel.shared.postgres.settings import DatabaseSettings
from bet_intel.shared.retention import check_retention

Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Probability = Annotated[float, Field(ge=0, le=1)]
Above0 = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Money = Annotated[Decimal, Field(gt=0, allow_inf_nan=False, max_digits=12, decimal_places=4)]
_PREFIX = "*"


class BookmakerSettings(BaseModel):
    """A bookmaker's weight in a pool, its commission on net winnings, what kind it is, and what stakes there are
    multiples of; what is not given keeps its starting value."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    weight: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    commission: Annotated[float, Field(ge=0, lt=1)] | None = None
    sharp: bool | None = None
    exchange: bool | None = None
    stake_step: Money | None = None

    def over(self, known: Bookmaker) -> Bookmaker:
        return known._replace(**self.model_dump(exclude={"stake_step"}, exclude_none=True))


class BoundsSettings(BaseModel):
    """Bounds of one category of market; what is not given keeps its starting value."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    stale_seconds: Seconds | None = None
    divergence: Probability | None = None
    plausible_ev: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None


class SlopeSettings(BaseModel):
    """What half a point is worth in log-odds, by market, and over how many half points."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    by_market: dict[str, Annotated[float, Field(gt=0, le=2)]]
    half_points: Annotated[int, Field(ge=0, le=20)] = 4


class OverrideSettings(BaseModel):
    """What is otherwise in some sports (or leagues) and markets, either of which may end in `*`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sport: str = ""
    market: str = ""
    weights: dict[str, Annotated[float, Field(ge=0, allow_inf_nan=False)]] = Field(default_factory=dict)
    stake_steps: dict[str, Money] = Field(default_factory=dict)
    bounds: dict[Category, BoundsSettings] = Field(default_factory=dict)
    min_references: Annotated[int, Field(ge=1)] | None = None
    dispersion: Above0 | None = None
    lowest_probability: Probability | None = None
    highest_probability: Probability | None = None

    def override(self) -> Override:
        bounds = {category: bound.model_dump(exclude_none=True) for category, bound in self.bounds.items()}
        return Override(**self.model_dump(exclude={"bounds"}), bounds=bounds)


class ProfileSettings(BaseModel):
    """A pricing profile, as JSON in `BET_INTEL_EV_ENGINE_PROFILE`; what is not given keeps its starting value.

    `bookmakers` go by key, or by the beginning of one with a `*` behind it: {"betfair_ex_*": {"weight": 2}}.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    method: Method | None = None
    bookmakers: dict[str, BookmakerSettings] = Field(default_factory=dict)
    bounds: dict[Category, BoundsSettings] = Field(default_factory=dict)
    behind_newest_seconds: Seconds | None = None
    min_references: Annotated[int, Field(ge=1)] | None = None
    dispersion: Above0 | None = None
    lowest_probability: Probability | None = None
    highest_probability: Probability | None = None
    take_ev: Annotated[float, Field(gt=0, le=1)] | None = None
    reopen_seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    kelly_fraction: Annotated[float, Field(gt=0, le=1)] | None = None
    stake_cap: Annotated[float, Field(gt=0, le=1)] | None = None
    sharp_references: bool | None = None
    worst_case: bool | None = None
    low_hold: Probability | None = None
    middle_cost: Probability | None = None
    stake: Money | None = None
    stake_step: Money | None = None
    limit_weight: Probability | None = None
    estimate_divergence: Probability | None = None
    slopes: dict[str, SlopeSettings] = Field(default_factory=dict)
    overrides: list[OverrideSettings] = Field(default_factory=list)

    def profile(self, starting: Profile) -> Profile:
        """`starting` with what is given here in place of its own values."""
        # Shorter beginnings first: a longer one, and a key, says what is otherwise than by those.
        prefixes, exact = dict(starting.bookmaker_prefixes), dict(starting.bookmakers)
        for key in sorted(self.bookmakers, key=lambda key: (not key.endswith(_PREFIX), len(key))):
            known = replace(starting, bookmakers=exact, bookmaker_prefixes=prefixes)
            name = key.removesuffix(_PREFIX)
            if name == key:
                exact[name] = self.bookmakers[key].over(known.bookmaker(name))
            else:
                prefixes[name] = self.bookmakers[key].over(known.by_prefix(name))
        steps = {key: one.stake_step for key, one in self.bookmakers.items() if one.stake_step is not None}
        bounds = {
            category: Bounds(**asdict(bound) | self.bounds[category].model_dump(exclude_none=True))
            if category in self.bounds
            else bound
            for category, bound in starting.bounds.items()
        }
        return replace(
            starting,
            bookmakers=exact,
            bookmaker_prefixes=prefixes,
            stake_steps={**starting.stake_steps, **steps},
            bounds=bounds,
            slopes={**starting.slopes, **{key: Slope(**slope.model_dump()) for key, slope in self.slopes.items()}},
            overrides=starting.overrides + tuple(one.override() for one in self.overrides),
            **self.model_dump(exclude={"bookmakers", "bounds", "slopes", "overrides"}, exclude_none=True),
        )


class EvEngineSettings(DatabaseSettings):
    model_config = SettingsConfigDict(env_prefix="BET_INTEL_EV_ENGINE_")

    pool_size: int = Field(default=8, ge=2)
    profile: ProfileSettings = ProfileSettings()
    """What the profile `consensus` judges prices by until the gateway tells pricing settings."""
    sharp_profile: ProfileSettings = ProfileSettings()
    """The same for the profile `sharp`."""
    conservative_profile: ProfileSettings = ProfileSettings()
    """The same for the profile `conservative`."""
    calc_concurrency: int = Field(default=4, ge=1, le=64)
    calc_shards: int = Field(default=8, ge=1, le=1024)
    """Into how many tasks pricing everything anew is cut."""
    sweep_seconds: float = Field(default=60.0, gt=0, le=3600)
    """How often it is looked for events that are not told of any more."""
    silent_seconds: float = Field(default=180.0, ge=120, le=86400)
    """For how long an event may go untold, in source time; then time passes for it all the same."""
    resync_seconds: float = Field(default=10.0, gt=0, le=3600)
    """How often it is looked whether the state is there, or has to be asked for."""
    events_retention: int = Field(default=14, ge=1)
    """Days for which boards and line candidates of an event are kept that has no prices any more."""
    lives_retention: int = Field(default=30, ge=1)
    """Days for which opportunities that have closed are kept."""
    dead_letters_retention: int = Field(default=14, ge=1)
    """Days for which messages are kept that could not be handled or published."""

    def profiles(self) -> tuple[Profile, ...]:
        """The profiles that prices are judged by side by side."""
        given = {"sharp": self.sharp_profile, "conservative": self.conservative_profile, CONSENSUS: self.profile}
        return tuple(given[name].profile(starting) for name, starting in STARTING.items())

    @model_validator(mode="after")
    def _profiles_can_be_used(self) -> Self:
        for profile in self.profiles():
            if (contradiction := profile.contradiction) is not None:
                raise ValueError(f"profile {profile.name}: {contradiction}")
        return self

    @model_validator(mode="after")
    def _letters_go_first(self) -> Self:
        check_retention(events=self.events_retention, dead_letters=self.dead_letters_retention)
        return self
