"""The members of an opportunity as the API shows them, from a row of the read model or an entry of its feed."""

from collections.abc import Mapping
from typing import Any

from bet_intel.api.answers import Bookmaker, EventRef, MarketRef, Peak
from bet_intel.api.domain.explanation import OPPORTUNITY
from bet_intel.api.domain.odds_format import rendered
from bet_intel.api.domain.working import Band, PriceWorking, Working
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
        # An entry of the feed may be of before there were terms.
        "ev_per": row.get("ev_per") or "standing_stake",
        "push_probability": row.get("push"),
        "stake_fraction": row.get("stake"),
        "confidence": row.get("confidence"),
        "estimated_half_points": row.get("half_points"),
        "dispersion": row["dispersion"],
        "first_seen": row["first_seen"],
        "opened_at": row["opened_at"],
        "last_seen": row["last_seen"],
        "peak": Peak(row["peak_ev"], row["peak_at"]),
        "price_age_seconds": row["price_age"],
        "as_of": row["as_of"],
    }


def of_opportunity(row: Record, working: Working) -> PriceWorking:
    """The price of an opportunity with its working, open or closed: what its sentences are made of."""
    judged = next((one.age_seconds for one in working.bookmakers if one.judged), None)
    return PriceWorking(
        event=f"{row['home']} v {row['away']}" if row["home"] else row["league_title"],
        away=row["away"],
        profile=row["profile"],
        market=row["market"],
        period=row["period"],
        line=row["line"],
        subject=row["subject"] or None,
        outcome=row["outcome"],
        bookmaker=row["bookmaker"],
        side=row["side"],
        title=row["bookmaker_title"],
        price=row["price"],
        net_price=row["net_price"],
        age_seconds=judged,
        verdict=OPPORTUNITY,
        reason=None,
        class_=row["class"],
        fair_probability=row["fair"],
        consensus_probability=row["consensus"],
        band=Band(row["band_low"], row["band_high"]),
        ev=row["ev"],
        ev_worst=row["ev_worst"],
        ev_per=row["ev_per"],
        push_probability=row["push"],
        confidence=row["confidence"],
        estimated_half_points=row["half_points"],
        estimated_lines=working.estimated_lines,
        worst_case=working.worst_case,
        as_of=working.as_of,
        method=working.method,
        books_used=working.books_used,
        dispersion=working.dispersion,
        outcomes=working.outcomes,
        bookmakers=working.bookmakers,
        gates=working.gates,
    )
