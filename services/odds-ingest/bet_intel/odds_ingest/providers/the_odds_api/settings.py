"""Settings of the provider The Odds API, from the environment (`BET_INTEL_ODDS_API_…`)."""

import re
from typing import Annotated
from urllib.parse import urlsplit

import httpx
from pydantic import AfterValidator, BeforeValidator, Field, SecretStr
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from bet_intel.odds_ingest.providers.the_odds_api.odds_format import OddsFormat
from bet_intel.odds_ingest.providers.the_odds_api.payload import LARGEST_RESPONSE

REAL_URL = "https://api.the-odds-api.com"

_KEY = re.compile(r"[a-z0-9_]+")


def _split(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _keys(values: tuple[str, ...]) -> tuple[str, ...]:
    for value in values:
        if not _KEY.fullmatch(value):
            raise ValueError("give keys of The Odds API, such as soccer_epl, with commas between them")
    return tuple(dict.fromkeys(values))


def _base_url(value: str) -> str:
    if not _is_base_url(value):
        raise ValueError(
            "give the address of the service alone, without /v4, such as https://api.the-odds-api.com or "
            "http://127.0.0.1:8100"
        )
    return value.rstrip("/")


def _is_base_url(value: str) -> bool:
    try:
        parts = urlsplit(value)
        _ = parts.port, httpx.URL(value)
    except (ValueError, httpx.InvalidURL):
        return False
    has_host = parts.scheme in {"http", "https"} and bool(parts.hostname)
    has_more = parts.query or parts.fragment or "@" in value or parts.path.rstrip("/").endswith("/v4")
    return has_host and not has_more and value.isascii() and value.isprintable() and " " not in value


def _no_space(value: SecretStr) -> SecretStr:
    key = SecretStr(value.get_secret_value().strip())
    if not key.get_secret_value().isascii() or any(c.isspace() for c in key.get_secret_value()):
        raise ValueError("the key holds characters that no key of The Odds API has")
    return key


Keys = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split), AfterValidator(_keys)]


class OddsApiSettings(BaseSettings):
    """What is asked of The Odds API. Times are in seconds, sizes in bytes.

    `bookmakers` are asked for besides the bookmakers of `regions`, for the least credits (see `plan`). `markets` are
    featured ones; an outright league is asked for `outrights` whatever they are.
    """

    model_config = SettingsConfigDict(env_prefix="BET_INTEL_ODDS_API_", hide_input_in_errors=True)

    key: Annotated[SecretStr, AfterValidator(_no_space)] = SecretStr("")
    url: Annotated[str, AfterValidator(_base_url)] = REAL_URL
    leagues: Annotated[Keys, Field(min_length=1)] = (
        "americanfootball_nfl",
        "baseball_mlb",
        "basketball_nba",
        "icehockey_nhl",
        "soccer_epl",
    )
    regions: Keys = ("us", "eu")
    bookmakers: Keys = ()
    markets: Annotated[Keys, Field(min_length=1)] = ("h2h", "spreads", "totals")
    odds_format: OddsFormat = OddsFormat.DECIMAL
    interval: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 3600.0

    connect_timeout: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 5.0
    read_timeout: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 10.0
    total_timeout: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 30.0
    connections: Annotated[int, Field(ge=1)] = 4
    body_limit: Annotated[int, Field(ge=1)] = LARGEST_RESPONSE
    attempts: Annotated[int, Field(ge=1)] = 3
    first_retry_after: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.5
    breaker_threshold: Annotated[int, Field(ge=1)] = 5
    breaker_rest: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 30.0
