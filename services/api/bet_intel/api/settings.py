"""Settings of the api service, from the environment (`BET_INTEL_API_…`)."""

from typing import Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import SettingsConfigDict

from bet_intel.shared.postgres.settings import DatabaseSettings
from bet_intel.shared.retention import check_retention


class ApiSettings(DatabaseSettings):
    """`dsn` is the read model's database. Times are in seconds."""

    model_config = SettingsConfigDict(env_prefix="BET_INTEL_API_", frozen=True)

    feed_poll_seconds: float = Field(default=0.25, gt=0)
    """How often the position of the feed is looked up when nothing wakes the tail before."""
    feed_kept: int = Field(default=10_000, ge=1)
    """How many entries of the feed each gateway keeps for its followers."""
    stream_heartbeat_seconds: float = Field(default=10.0, gt=0)
    stream_followers: int = Field(default=1000, ge=1)
    """How many streams a gateway serves at once."""
    cache_seconds: float = Field(default=5.0, gt=0)
    """How long an answer may be kept; a newer read model replaces it sooner."""
    resync_seconds: float = Field(default=10.0, gt=0, le=3600)
    """How often it is looked whether the read model is there, or has to be asked for."""
    operator_token: SecretStr | None = None
    """What an operator's requests carry."""
    operator_open_on_loopback: bool = False
    """Where there is no token: whether an operator's requests are taken from this machine."""
    secrets_key: SecretStr | None = None
    """Encrypts the secrets of webhooks; the notifier has the same."""
    subscriptions: int = Field(default=100, ge=0)
    """How many subscriptions an account may have."""
    deliveries_retention: int = Field(default=30, ge=1)
    """Days for which the log of deliveries is kept."""
    refresh_burst: int = Field(default=3, ge=1)
    """How many refreshes a caller may ask for at once."""
    refresh_seconds: float = Field(default=20.0, gt=0)
    """After how long it may ask for another."""
    history_retention: int = Field(default=30, ge=1)
    """Days for which the line history is kept."""
    opportunities_retention: int = Field(default=90, ge=1)
    """Days for which opportunities that have closed are kept."""
    events_retention: int = Field(default=14, ge=1)
    """Days for which events are kept that have closed."""
    closings_retention: int = Field(default=90, ge=1)
    """Days for which closing lines are kept: bets that are entered later find none."""
    feed_retention: int = Field(default=2, ge=1)
    """Days for which a follower may be away and still go on where it was."""
    dead_letters_retention: int = Field(default=14, ge=1)
    """Days for which messages are kept that could not be handled or published."""

    @model_validator(mode="after")
    def _letters_go_first(self) -> Self:
        check_retention(events=self.events_retention, dead_letters=self.dead_letters_retention)
        return self
