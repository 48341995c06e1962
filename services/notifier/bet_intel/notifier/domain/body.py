"""What a message to a program says: JSON as Standard Webhooks have it (type, timestamp, data)."""

from datetime import datetime
from typing import Any

import msgspec

from bet_intel.notifier.domain.opportunities import Leg, Opportunity, SportingEvent
from bet_intel.notifier.domain.text import alert_line

ALERT = "opportunity.alert"
TEST = "subscription.test"


def alert_body(
    subscription_id: str, level: int, event: SportingEvent, opportunity: Opportunity, as_of: datetime, at: datetime
) -> str:
    """An alert, as of the source time `as_of`, sent at `at`. Odds are decimal, EV per unit staked."""
    return _body(
        ALERT,
        at,
        {
            "subscription_id": subscription_id,
            "text": alert_line(event, opportunity, as_of),
            "level": level,
            "as_of": as_of,
            "opportunity": {
                "id": opportunity.id,
                "kind": opportunity.kind,
                "opening": opportunity.opening,
                "profile": opportunity.profile,
                "class": opportunity.class_,
                "market": {
                    "market": opportunity.market,
                    "period": opportunity.period,
                    "line": opportunity.line,
                    "subject": opportunity.subject or None,
                },
                "outcome": opportunity.outcome,
                "side": opportunity.side.name.lower(),
                "bookmaker": {"key": opportunity.bookmaker, "title": opportunity.bookmaker_title},
                "price": opportunity.price,
                "fair_probability": opportunity.fair or None,
                "ev": opportunity.ev,
                "legs": [_leg(leg) for leg in opportunity.legs],
            },
            "event": {
                "id": event.id,
                "sport": event.sport,
                "league": event.league,
                "league_title": event.league_title,
                "home": event.home or None,
                "away": event.away or None,
                "commence_time": event.commence_time,
            },
        },
    )


def _leg(leg: Leg) -> dict[str, Any]:
    return {
        "outcome": leg.outcome,
        "line": leg.line,
        "side": leg.side.name.lower(),
        "bookmaker": {"key": leg.bookmaker, "title": leg.bookmaker_title},
        "price": leg.price,
        "share": leg.share,
    }


def test_text() -> str:
    return "This is a test: messages of this subscription arrive here."


def test_body(subscription_id: str, at: datetime) -> str:
    return _body(TEST, at, {"subscription_id": subscription_id, "text": test_text()})


def _body(type_: str, at: datetime, data: dict[str, Any]) -> str:
    return msgspec.json.encode({"type": type_, "timestamp": at, "data": data}).decode()
