"""What the stream tells: the events of `/v1/stream`, whose structures are the contract."""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from bet_intel.api.answers import AsOf, Combination, Opportunity

PAYLOAD, DELTA = "payload", "delta"
"""What the data of an event is: all there is, or what has changed of it."""


class OpportunitySnapshot(msgspec.Struct, frozen=True, tag_field=PAYLOAD, tag="snapshot"):
    """Event `snapshot` of the stream: every open opportunity that the filters select, in place of all that was told
    before. It comes in parts; only the last one has an id, from which the stream goes on."""

    reason: Annotated[
        str,
        Meta(
            description="start; unknown_position: the id is of another numbering of the feed, or none of ours; "
            "too_old: what followed it is not kept any more; too_slow: more happened than is kept for a reader."
        ),
    ]
    part: Annotated[int, Meta(description="1 at first.")]
    parts: int
    as_of: AsOf
    opportunities: list[Opportunity]
    combinations: Annotated[
        list[Combination], Meta(description="Of the kinds whose events were asked for; all in the last part.")
    ] = []


class Followed(msgspec.Struct, frozen=True, tag_field=PAYLOAD, tag=DELTA):
    """Events `opportunity.opened` and `opportunity.updated`: `listed` is false for one that has left the list which the
    filters give, though it is still open."""

    listed: bool
    opportunity: Opportunity


class CombinationMoved(Combination, frozen=True, tag_field=PAYLOAD, tag=DELTA):
    """Events `opened` and `updated` of several legs: the opportunity as it is now."""


class OpportunityGone(msgspec.Struct, frozen=True, tag_field=PAYLOAD, tag=DELTA):
    """Event `opportunity.closed`, and `closed` of other kinds."""

    id: str
    event_id: str
    close_reason: str
    closed_at: datetime


class OddsMoved(msgspec.Struct, frozen=True, tag_field=PAYLOAD, tag=DELTA):
    """Event `odds.changed`: prices of these markets of an event changed; `/v1/events/{id}/odds` has them."""

    event_id: str
    sport: str
    league: str
    revision: int
    markets: list[str]
    as_of: datetime


class ClosingFixed(msgspec.Struct, frozen=True, tag_field=PAYLOAD, tag=DELTA):
    """Event `closing.fixed`: closing lines of an event were fixed, or voided because its start has moved;
    `/v1/events/{id}/closing` has them."""

    event_id: str
    sport: str
    league: str
    revision: int
    voided: bool
    markets: list[str]
    as_of: datetime


class StreamHeartbeat(msgspec.Struct, frozen=True):
    """Event `heartbeat`: the stream is alive; its id stands for everything before, also what the filters left out."""

    as_of: AsOf
