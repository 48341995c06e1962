"""Settings of the notifier, from the environment (`BET_INTEL_NOTIFIER_…`)."""

from typing import Annotated, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    field_validator,
    model_validator,
)
from pydantic_settings import NoDecode, SettingsConfigDict

from bet_intel.notifier.domain.rules import Rule
from bet_intel.shared.postgres.settings import DatabaseSettings
from bet_intel.shared.retention import check_retention
from bet_intel.shared.secret_box import Keys

Name = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]


class RuleSettings(BaseModel):
    """One rule, as it is written in `BET_INTEL_NOTIFIER_RULES`. EVs are per unit staked: .045 is 4.5 %."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Name
    channel: Literal["log"] = "log"
    sports: frozenset[Name] = frozenset()
    leagues: frozenset[Name] = frozenset()
    markets: frozenset[Name] = frozenset()
    bookmakers: frozenset[Name] = frozenset()
    profile: Literal["consensus", "sharp", "conservative"] = "consensus"
    classes: frozenset[Literal["take", "marginal", "suspect"]] = Field(default=frozenset({"take"}), min_length=1)
    min_ev: float = Field(default=0.045, ge=0, le=1, allow_inf_nan=False)
    realert_step: float = Field(default=0.02, gt=0, le=1, allow_inf_nan=False)
    kinds: frozenset[Literal["ev", "arbitrage", "middle"]] = Field(default=frozenset({"ev"}), min_length=1)

    def rule(self) -> Rule:
        return Rule(
            id=self.id,
            channel=self.channel,
            sports=self.sports,
            leagues=self.leagues,
            markets=self.markets,
            bookmakers=self.bookmakers,
            profile=self.profile,
            classes=frozenset(self.classes),
            min_ev=self.min_ev,
            realert_step=self.realert_step,
            kinds=frozenset(self.kinds),
        )


_RULES = TypeAdapter(tuple[RuleSettings, ...])


class NotifierSettings(DatabaseSettings):
    """`rules` is a JSON list; without it there is one rule: every `take` of the consensus profile, to the log.

    `concurrency` deliveries are sent at a time, and each attempt may take `send_timeout` seconds.
    """

    model_config = SettingsConfigDict(env_prefix="BET_INTEL_NOTIFIER_")

    pool_size: int = Field(default=16, ge=5)
    """At least `concurrency` and eight more."""
    rules: Annotated[tuple[RuleSettings, ...], NoDecode] = (RuleSettings(id="take"),)
    concurrency: int = Field(default=8, ge=1, le=64)
    send_timeout: float = Field(default=10.0, gt=0, le=300)
    retry_seconds: tuple[Annotated[float, Field(gt=0, le=86_400)], ...] = (5, 60, 300, 1800, 7200, 18_000, 36_000)
    """Seconds from each attempt that failed to the next, as a JSON list; after as many and one more it is given up."""
    sweep_seconds: float = Field(default=1.0, gt=0, le=60)
    """How often it is looked for deliveries whose next attempt is due."""
    resync_seconds: float = Field(default=10.0, gt=0, le=3600)
    """How often it is looked whether the state is there, or has to be asked for."""
    secrets_key: Keys | None = None
    """Opens the secrets of webhooks; the gateway has the same."""
    webhook_allow_loopback: bool = False
    """Whether webhooks may lead to this machine: for receivers that run here."""
    deliveries_retention: int = Field(default=30, ge=1)
    """Days for which deliveries are kept."""
    events_retention: int = Field(default=14, ge=1)
    """Days for which it is kept what was last heard and alerted of an event that has no opportunities any more."""
    dead_letters_retention: int = Field(default=14, ge=1)
    """Days for which messages and tasks are kept that could not be handled or published."""

    @model_validator(mode="after")
    def _letters_go_first(self) -> Self:
        check_retention(events=self.events_retention, dead_letters=self.dead_letters_retention)
        return self

    @field_validator("rules", mode="before")
    @classmethod
    def _from_json(cls, value: object) -> object:
        return _RULES.validate_json(value) if isinstance(value, str | bytes) else value

    @field_validator("rules")
    @classmethod
    def _unique_ids(cls, rules: tuple[RuleSettings, ...]) -> tuple[RuleSettings, ...]:
        ids = [rule.id for rule in rules]
        repeated = sorted({id for id in ids if ids.count(id) > 1})
        if repeated:
            raise ValueError(f"each rule needs an id of its own, these are used twice: {', '.join(repeated)}")
        return rules
