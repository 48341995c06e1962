"""Settings of ev-engine, from the environment (`BET_INTEL_EV_ENGINE_…`)."""

from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class EvEngineSettings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="BET_INTEL_EV_ENGINE_")

    dsn: SecretStr
    pool_size: int = 4
