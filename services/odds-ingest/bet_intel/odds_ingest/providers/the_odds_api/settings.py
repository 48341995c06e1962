"""Settings of the provider The Odds API, from the environment (`BET_INTEL_ODDS_API_…`)."""

import re
from typing import Annotated, Self
from urllib.parse import urlsplit

import httpx
from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, model_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from bet_intel.odds_ingest.providers.the_odds_api.odds_format import OddsFormat
from bet_intel.odds_ingest.providers.the_odds_api.payload import LARGEST_RESPONSE
from bet_intel.odds_ingest.providers.the_odds_api.requests import OUTRIGHTS
from bet_intel.shared.settings import Settings

REAL_URL = "https://api.the-odds-api.com"

_KEY = re.compile(r"[a-z0-9_]+")
_KEY_OF = re.compile(r"([a-z0-9_]+:)?[a-z0-9_]+")


def _split(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _keys(values: tuple[str, ...]) -> tuple[str, ...]:
    for value in values:
        if not _KEY.fullmatch(value):
            raise ValueError("give keys of The Odds API, such as soccer_epl, with commas between them")
    return tuple(dict.fromkeys(values))


def _keys_of(values: tuple[str, ...]) -> tuple[str, ...]:
    for value in values:
        if not _KEY_OF.fullmatch(value):
            raise ValueError(
                "give markets of The Odds API with commas between them, each of every league or with the sport or "
                "league before it, such as alternate_totals,basketball:player_points"
            )
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

KeysOf = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split), AfterValidator(_keys_of)]


class OddsApiSettings(Settings):
    """What is asked of The Odds API. Times are in seconds, sizes in bytes.

    `bookmakers` are asked for besides the bookmakers of `regions`, for the least credits (see `plan`). `markets` are
    featured ones; an outright league is asked for `outrights` whatever they are. `event_markets` are asked for one
    event at a time, where it starts within `event_within`; `sport:market` or `league:market` is of that one alone.
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
    event_markets: KeysOf = ()
    event_within: Annotated[float, Field(ge=0, le=31_536_000)] = 86_400.0
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

    @model_validator(mode="after")
    def _asked_for_once(self) -> Self:
        twice = {of.rpartition(":")[2] for of in self.event_markets} & {*self.markets, OUTRIGHTS}
        if twice:
            names = ", ".join(sorted(twice))
            raise ValueError(f"{names}: asked for with the whole league already, leave it out of the event markets")
        return self

    def event_markets_of(self, league: str) -> tuple[str, ...]:
        """The markets asked for of single events of `league`."""
        named = [of.rpartition(":") for of in self.event_markets]
        of_league = {"", league, league.partition("_")[0]}
        return tuple(dict.fromkeys(market for where, _, market in named if where in of_league))
