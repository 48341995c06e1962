"""The members of an opportunity as the API shows them, from a row of the read model or an entry of its feed."""

from collections.abc import Mapping
from typing import Any

from bet_intel.api.answers import Bookmaker, EventRef, MarketRef, Peak
from bet_intel.api.domain.odds_format import rendered
from bet_intel.api.domain.working import Band
from bet_intel.api.query import OddsFormat
from bet_intel.api.read_model import Record


def members(row: Record | Mapping[str, Any], odds_format: OddsFormat) -> dict[str, Any]:
    """The members of `answers.Opportunity`. An entry of the feed has its times as text, as they are shown."""
    american = odds_format == "american"
    return {
        "id": row["id"],
        "kind": row["kind"],
        "class_": row["class"],
        "profile": row["profile"],
        "event": EventRef(
            row["event_id"],
            row["sport"],
            row["league"],
            row["league_title"],
            row["home"],
            row["away"],
            row["commence_time"],
        ),
        "market": MarketRef(row["market"], row["period"], row["line"], row["subject"] or None, row["category"]),
        "outcome": row["outcome"],
        "bookmaker": Bookmaker(row["bookmaker"], row["bookmaker_title"]),
        "side": row["side"],
        "odds_format": odds_format,
        "price": rendered(row["price"], american=american),
        "net_price": rendered(row["net_price"], american=american),
        "limit": row["stake_limit"],
        "fair_probability": row["fair"],
        "fair_odds": rendered(1.0 / row["fair"], american=american),
        "consensus_probability": row["consensus"],
        "band": Band(row["band_low"], row["band_high"]),
        "ev": row["ev"],
        "ev_worst": row["ev_worst"],
        "dispersion": row["dispersion"],
        "first_seen": row["first_seen"],
        "opened_at": row["opened_at"],
        "last_seen": row["last_seen"],
        "peak": Peak(row["peak_ev"], row["peak_at"]),
        "price_age_seconds": row["price_age"],
        "as_of": row["as_of"],
    }
