"""The query parameters of the odds calls, refused as the service refuses them."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from bet_intel.compose.fake_odds_api.problems import invalid
from bet_intel.odds_ingest.providers.the_odds_api.bookmakers import REGIONS
from bet_intel.odds_ingest.providers.the_odds_api.odds_format import OddsFormat
from bet_intel.odds_ingest.providers.the_odds_api.plan import Selection
from bet_intel.odds_ingest.providers.the_odds_api.requests import FEATURED, OUTRIGHTS

_EVENT_ID = re.compile(r"[0-9a-f]{32}")
_KEY = re.compile(r"[a-z0-9_]+")
_TIME = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True, slots=True)
class OddsQuery:
    """What an odds call asks for. Times are aware; `event_ids` is None where all are asked for."""

    selection: Selection
    markets: tuple[str, ...]
    odds_format: OddsFormat
    unix_times: bool
    links: bool
    sids: bool
    bet_limits: bool
    multipliers: bool
    event_ids: frozenset[str] | None
    commence_from: datetime | None
    commence_to: datetime | None


def odds_query(parameters: Mapping[str, str], *, one_event: bool, is_outright: bool) -> OddsQuery:
    """Read and check the parameters of an odds call.

    Raises:
        ApiError: 422, with the code of the first parameter that is wrong.
    """
    markets = _list(parameters, "markets") or (OUTRIGHTS if is_outright else "h2h",)
    for market in markets:
        if not _KEY.fullmatch(market) or (market not in FEATURED and not one_event):
            raise invalid("INVALID_MARKET", f"Invalid markets: {market}")
    if not one_event and is_outright != any(market.startswith(OUTRIGHTS) for market in markets):
        raise invalid("INVALID_MARKET_COMBO", f"Markets {','.join(markets)} do not fit this sport")
    commence_from = _time(parameters, "commenceTimeFrom", "INVALID_COMMENCE_TIME_FROM")
    commence_to = _time(parameters, "commenceTimeTo", "INVALID_COMMENCE_TIME_TO")
    if commence_from and commence_to and commence_to <= commence_from:
        raise invalid("INVALID_COMMENCE_TIME_RANGE", "commenceTimeTo must be later than commenceTimeFrom")
    return OddsQuery(
        selection=_selection(parameters),
        markets=tuple(dict.fromkeys(markets)),
        odds_format=OddsFormat(
            _one_of(parameters, "oddsFormat", ("decimal", "american"), "INVALID_ODDS_FORMAT"),
        ),
        unix_times=unix_times(parameters),
        links=_flag(parameters, "includeLinks", "INVALID_INCLUDE_LINKS"),
        sids=_flag(parameters, "includeSids", "INVALID_INCLUDE_SIDS"),
        bet_limits=_flag(parameters, "includeBetLimits", "INVALID_INCLUDE_BET_LIMITS"),
        multipliers=_flag(parameters, "includeMultipliers", "INVALID_INCLUDE_MULTIPLIERS"),
        event_ids=_event_ids(parameters),
        commence_from=commence_from,
        commence_to=commence_to,
    )


def unix_times(parameters: Mapping[str, str]) -> bool:
    """Whether times are asked for as seconds since 1970."""
    return _one_of(parameters, "dateFormat", ("iso", "unix"), "INVALID_DATE_FORMAT") == "unix"


def all_sports(parameters: Mapping[str, str]) -> bool:
    """Whether sports out of season are asked for too."""
    return _flag(parameters, "all", "INVALID_ALL_SPORTS_PARAM")


def is_event_id(text: str) -> bool:
    return _EVENT_ID.fullmatch(text) is not None


def _selection(parameters: Mapping[str, str]) -> Selection:
    # The service takes `bookmakers` where both are given.
    bookmakers = _list(parameters, "bookmakers")
    if bookmakers:
        for key in bookmakers:
            if not _KEY.fullmatch(key):
                raise invalid("INVALID_BOOKMAKERS", f"Invalid bookmakers: {key}")
        return Selection(bookmakers=tuple(dict.fromkeys(bookmakers)))
    regions = _list(parameters, "regions")
    if not regions:
        raise invalid("MISSING_REGION", "Missing regions parameter")
    for region in regions:
        if region not in REGIONS:
            raise invalid("INVALID_REGION", f"Invalid region {region}. Valid regions are {', '.join(REGIONS)}")
    return Selection(regions=tuple(dict.fromkeys(regions)))


def _list(parameters: Mapping[str, str], name: str) -> tuple[str, ...]:
    return tuple(part for part in parameters.get(name, "").split(",") if part)


def _one_of(parameters: Mapping[str, str], name: str, allowed: Collection[str], code: str) -> str:
    value = parameters.get(name) or next(iter(allowed))
    if value not in allowed:
        raise invalid(code, f"Invalid {name} {value}. Valid values are {', '.join(allowed)}")
    return value


def _flag(parameters: Mapping[str, str], name: str, code: str) -> bool:
    return _one_of(parameters, name, ("false", "true"), code) == "true"


def _event_ids(parameters: Mapping[str, str]) -> frozenset[str] | None:
    ids = _list(parameters, "eventIds")
    if not all(is_event_id(id) for id in ids):
        raise invalid("INVALID_EVENT_IDS", "Invalid eventIds: each is 32 hexadecimal digits, with commas between them")
    return frozenset(ids) or None


def _time(parameters: Mapping[str, str], name: str, code: str) -> datetime | None:
    text = parameters.get(name)
    if not text:
        return None
    try:
        return datetime.strptime(text, _TIME).replace(tzinfo=UTC)
    except ValueError as error:
        raise invalid(code, f"Invalid {name} parameter. The format must be YYYY-MM-DDTHH:MM:SSZ") from error
