"""The calls of The Odds API v4: their paths and parameters, and what they cost at most. Pure.

Source: The Odds API v4 guide, and docs/providers/the_odds_api.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import quote

from bet_intel.odds_ingest.providers.the_odds_api.odds_format import OddsFormat
from bet_intel.odds_ingest.providers.the_odds_api.plan import Selection

OUTRIGHTS = "outrights"
SPORTS, EVENTS, ODDS, EVENT_ODDS = "sports", "events", "odds", "event_odds"
"""Kinds of call."""
FEATURED = frozenset({"h2h", "spreads", "totals", OUTRIGHTS, "h2h_lay", "outrights_lay"})
"""The markets `/odds` knows; all others are asked for one event at a time."""


@dataclass(frozen=True, slots=True)
class Call:
    """One GET: `cost` is what it takes at most, in credits; 0 is free. `kind` is what metrics call it."""

    path: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    cost: int = 0
    kind: str = ODDS


@dataclass(frozen=True, slots=True)
class OddsRequest:
    """The featured `markets` of every event of a league, or of those that the filters let through.

    `commence_from` and `commence_to` are aware.
    """

    league: str
    selection: Selection
    markets: tuple[str, ...]
    odds_format: OddsFormat
    event_ids: tuple[str, ...] = ()
    commence_from: datetime | None = None
    commence_to: datetime | None = None

    def call(self) -> Call:
        parameters = _odds_parameters(self.selection, self.markets, self.odds_format)
        if self.event_ids:
            parameters["eventIds"] = ",".join(self.event_ids)
        if self.commence_from:
            parameters["commenceTimeFrom"] = _iso(self.commence_from)
        if self.commence_to:
            parameters["commenceTimeTo"] = _iso(self.commence_to)
        return Call(f"/v4/sports/{_segment(self.league)}/odds", parameters, _cost(self.selection, self.markets))


@dataclass(frozen=True, slots=True)
class EventOddsRequest:
    """Any `markets` of one event: player props, alternate lines, periods, the featured ones. `event_id` is the
    provider's own."""

    league: str
    event_id: str
    selection: Selection
    markets: tuple[str, ...]
    odds_format: OddsFormat

    def call(self) -> Call:
        """The cost is that of every market asked for; those that come back are charged."""
        return Call(
            f"/v4/sports/{_segment(self.league)}/events/{_segment(self.event_id)}/odds",
            {
                **_odds_parameters(self.selection, self.markets, self.odds_format),
                "includeMultipliers": "true",
            },
            _cost(self.selection, self.markets),
            EVENT_ODDS,
        )


def sports() -> Call:
    """Every league the provider knows, also those out of season."""
    return Call("/v4/sports", {"all": "true"}, kind=SPORTS)


def events(league: str) -> Call:
    """The events of a league without prices."""
    return Call(f"/v4/sports/{_segment(league)}/events", {"dateFormat": "iso"}, kind=EVENTS)


def _odds_parameters(selection: Selection, markets: tuple[str, ...], odds_format: OddsFormat) -> dict[str, str]:
    whose = {"regions": selection.regions} if selection.regions else {"bookmakers": selection.bookmakers}
    return {
        **{name: ",".join(keys) for name, keys in whose.items()},
        "markets": ",".join(markets),
        "oddsFormat": odds_format.value,
        "dateFormat": "iso",
        "includeBetLimits": "true",
    }


def _cost(selection: Selection, markets: tuple[str, ...]) -> int:
    return len(set(markets)) * selection.regions_charged


def _segment(text: str) -> str:
    return quote(text, safe="")


def _iso(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
