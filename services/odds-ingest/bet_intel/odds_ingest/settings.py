"""Settings of odds-ingest, from the environment (`BET_INTEL_ODDS_INGEST_…`)."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from bet_intel.shared.postgres.settings import DatabaseSettings


class OddsIngestSettings(DatabaseSettings):
    model_config = SettingsConfigDict(env_prefix="BET_INTEL_ODDS_INGEST_")

    pool_size: int = Field(default=4, ge=2)
    quota_month: int | None = Field(default=None, ge=0)
    """Most credits to spend in a UTC month, where calls cost some; None = what the provider gives."""
    quota_day: int | None = Field(default=None, ge=0)
    """Most credits to spend in a UTC day; None = the month's share."""
    events_retention: int = Field(default=3, ge=1)
    """Days for which events are kept that have closed."""
    dead_letters_retention: int = Field(default=14, ge=1)
    """Days for which messages are kept that could not be handled or published."""
