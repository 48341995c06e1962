"""By what a bet of a file that has no name of its own is known again."""

import hashlib
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from bet_intel.api.domain.names import plain

Identity = tuple[str, ...]


def identity(body: Mapping[str, Any]) -> Identity:
    """What makes it this bet, however it is written: not what came back, nor a note, which are filled in later."""
    names = {field: plain(body.get(field, "")) for field in ("league", "home", "away", "subject")}
    event = [body["event_id"]] if "event_id" in body else [names["league"], names["home"], names["away"]]
    outcome = plain(body["outcome"]) or body["outcome"]
    side = next((side for side in ("home", "away") if outcome == names[side]), outcome)
    return (
        *event,
        "" if "event_id" in body else body.get("commence_time", ""),
        body["market"],
        body.get("period", "full"),
        f"{body['line'] + 0.0:g}" if "line" in body else "",
        names["subject"],
        side,
        body.get("side", "back"),
        body["bookmaker"],
        f"{body['price']:.4f}",  # as the gateway keeps it
        format(Decimal(body["stake"]).normalize(), "f"),
        body.get("placed_at", ""),
    )


def reference(of: Identity, occurrence: int) -> str:
    """The same each time the bet is imported; `occurrence` tells bets of one file that are alike, from 1 on."""
    text = "\x1f".join([*of, str(occurrence)])
    return "import-" + hashlib.blake2b(text.encode(), digest_size=12).hexdigest()
