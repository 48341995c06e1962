"""Settings of ev-engine, from the environment (`BET_INTEL_EV_ENGINE_…`)."""

from dataclasses import asdict
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_settings import SettingsConfigDict

from bet_intel.ev_engine.domain.profile import Bookmaker, Bounds, Category, Profile
from bet_intel.odds import Method
from bet_intel.shared.postgres.settings import DatabaseSettings
from bet_intel.shared.retention import check_retention

Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Probability = Annotated[float, Field(ge=0, le=1)]
_STARTING = Profile()
_PREFIX = "*"


class BookmakerSettings(BaseModel):
    """A bookmaker's weight in a pool, its commission on net winnings, and what kind it is."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    weight: float = Field(default=1.0, ge=0, allow_inf_nan=False)
    commission: float = Field(default=0.0, ge=0, lt=1)
    sharp: bool = False
    exchange: bool = False


class BoundsSettings(BaseModel):
    """Bounds of one category of market; what is not given keeps its starting value."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    stale_seconds: Seconds | None = None
    divergence: Probability | None = None
    plausible_ev: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None


class ProfileSettings(BaseModel):
    """The pricing profile, as JSON in `BET_INTEL_EV_ENGINE_PROFILE`; what is not given keeps its starting value.

    `bookmakers` go by key, or by the beginning of one with a `*` behind it: {"betfair_ex_*": {"weight": 2}}.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    method: Method = _STARTING.method
    bookmakers: dict[str, BookmakerSettings] = Field(default_factory=dict)
    bounds: dict[Category, BoundsSettings] = Field(default_factory=dict)
    behind_newest_seconds: Seconds = _STARTING.behind_newest_seconds
    min_references: int = Field(default=_STARTING.min_references, ge=1)
    dispersion: float = Field(default=_STARTING.dispersion, gt=0, allow_inf_nan=False)
    lowest_probability: Probability = _STARTING.lowest_probability
    highest_probability: Probability = _STARTING.highest_probability
    take_ev: float = Field(default=_STARTING.take_ev, gt=0, le=1)
    reopen_seconds: float = Field(default=_STARTING.reopen_seconds, ge=0, allow_inf_nan=False)

    def profile(self) -> Profile:
        given = {key: Bookmaker(**book.model_dump()) for key, book in self.bookmakers.items()}
        exact = {key: book for key, book in given.items() if not key.endswith(_PREFIX)}
        prefixes = {key.removesuffix(_PREFIX): book for key, book in given.items() if key.endswith(_PREFIX)}
        bounds = {
            category: Bounds(**asdict(starting) | self.bounds[category].model_dump(exclude_none=True))
            if category in self.bounds
            else starting
            for category, starting in _STARTING.bounds.items()
        }
        return Profile(
            method=self.method,
            bookmakers={**_STARTING.bookmakers, **exact},
            bookmaker_prefixes={**_STARTING.bookmaker_prefixes, **prefixes},
            bounds=bounds,
            **self.model_dump(exclude={"method", "bookmakers", "bounds"}),
        )


class EvEngineSettings(DatabaseSettings):
    model_config = SettingsConfigDict(env_prefix="BET_INTEL_EV_ENGINE_")

    pool_size: int = Field(default=8, ge=2)
    profile: ProfileSettings = ProfileSettings()
    """What prices are judged by until the gateway tells pricing settings."""
    calc_concurrency: int = Field(default=4, ge=1, le=64)
    calc_shards: int = Field(default=8, ge=1, le=1024)
    """Into how many tasks pricing everything anew is cut."""
    resync_seconds: float = Field(default=10.0, gt=0, le=3600)
    """How often it is looked whether the state is there, or has to be asked for."""
    events_retention: int = Field(default=14, ge=1)
    """Days for which boards and line candidates of an event are kept that has no prices any more."""
    lives_retention: int = Field(default=30, ge=1)
    """Days for which opportunities that have closed are kept."""
    dead_letters_retention: int = Field(default=14, ge=1)
    """Days for which messages are kept that could not be handled or published."""

    @model_validator(mode="after")
    def _letters_go_first(self) -> Self:
        check_retention(events=self.events_retention, dead_letters=self.dead_letters_retention)
        return self
