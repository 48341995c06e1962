"""Settings of the api service, from the environment (`BET_INTEL_API_…`)."""

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class ApiSettings(BaseSettings):
    """`dsn` is the read model's database. Times are in seconds."""

    model_config = SettingsConfigDict(env_prefix="BET_INTEL_API_", frozen=True)

    dsn: SecretStr
    pool_size: int = Field(default=8, ge=2)
    feed_poll_seconds: float = Field(default=0.25, gt=0)
    """How often the position of the feed is looked up when nothing wakes the tail before."""
    cache_seconds: float = Field(default=5.0, gt=0)
    """How long an answer may be kept; a newer read model replaces it sooner."""
    refresh_burst: int = Field(default=3, ge=1)
    """How many refreshes a caller may ask for at once."""
    refresh_seconds: float = Field(default=20.0, gt=0)
    """After how long it may ask for another."""
