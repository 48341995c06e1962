"""`/v1/stream`: what changes, as it changes (server-sent events)."""

from typing import Annotated

from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response

from bet_intel.api.auth import caller_of
from bet_intel.api.demand import Demand
from bet_intel.api.domain.accounts import STREAM
from bet_intel.api.following import BY_DEFAULT, EventKind, Wanted
from bet_intel.api.operation import Operation
from bet_intel.api.query import DateFormatChoice, Ev, parse
from bet_intel.api.routes.opportunities import OpportunityFilters
from bet_intel.api.stream import Streams
from bet_intel.api.stream_events import (
    ClosingFixed,
    CombinationMoved,
    Followed,
    OddsMoved,
    OpportunityGone,
    OpportunitySnapshot,
    StreamHeartbeat,
)
from bet_intel.api.stream_response import StreamResponse

_DESCRIPTION = """\
Server-sent events. It begins with `snapshot`: the open opportunities that the filters select, in parts. Then comes what
changes: `opportunity.opened`, `opportunity.updated`, `opportunity.closed`; `odds.changed` for an event whose prices
moved; `closing.fixed` for one whose closing lines were fixed or voided; `heartbeat` every few seconds. `arbitrage.` \
`opened`, `updated` and `closed` tell of several legs; so do, where `type` asks, those of `low_hold.` and `middle.`. \
Those that are open are in the snapshot. Their least EV is `min_combined_ev`; filters of EV and odds, and of class but \
for `suspect`, do not look at them. An arbitrage that rounded stakes turn into a loss closes, `rounded_away`, and \
what has a leg that your tier does not see any more, `out_of_view`; it opens when that is over. The filters are those \
of /v1/opportunities; an update is told as long as the opportunity is in the list they give, and once more, with \
`listed` false, when it leaves it; one of several legs too, without `listed`. `odds.changed` and \
`closing.fixed` look at sport, league, event, market and starts_before alone. `payload` says of each what its data is: \
`snapshot`, all there is, or `delta`, what has changed of it.

The id of an event, given as Last-Event-ID, goes on behind it on any gateway, without gap or repeat. Where that is not
possible another `snapshot` comes, and says why. A reader that is too slow is given one too, and one that takes nothing
for half a minute is disconnected."""


class StreamQuery(OpportunityFilters, frozen=True):
    date_format: DateFormatChoice = "iso"
    type: Annotated[
        tuple[EventKind, ...],
        Meta(
            max_length=14,
            description="Which events, separated by commas; by default all but those of low holds and middles.",
        ),
    ] = BY_DEFAULT
    min_combined_ev: (
        Annotated[
            Ev, Meta(description="Least EV per unit staked of what has several legs, as min_ev of /v1/arbitrage.")
        ]
        | None
    ) = None


def operations(streams: Streams, demand: Demand) -> tuple[Operation, ...]:
    async def stream(request: Request) -> Response:
        asked = parse(request.url.query, StreamQuery)
        demand.asked_for(asked.sport, asked.league)
        caller = caller_of(request)
        which, kinds = asked.which(caller.view), frozenset(asked.type)
        wanted = Wanted(which, kinds, asked.odds_format, asked.min_combined_ev, asked.times)
        return StreamResponse(streams.follow(wanted, request.headers.get("last-event-id"), caller))

    return (
        Operation(
            "/v1/stream",
            "streamChanges",
            "opportunities",
            "What changes, as it changes",
            stream,
            _DESCRIPTION,
            StreamQuery,
            media_type="text/event-stream",
            headers={"Last-Event-ID": "Id of the last event that was read: the stream goes on behind it."},
            structures=(
                OpportunitySnapshot,
                Followed,
                CombinationMoved,
                OpportunityGone,
                OddsMoved,
                ClosingFixed,
                StreamHeartbeat,
            ),
            problems=(400, 429),
            need=STREAM,
        ),
    )
