"""Settings of odds-ingest, from the environment (`BET_INTEL_ODDS_INGEST_…`)."""

from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class OddsIngestSettings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="BET_INTEL_ODDS_INGEST_")

    dsn: SecretStr
    pool_size: int = 4
