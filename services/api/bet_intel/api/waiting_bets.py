"""Bets whose event nobody knew when they were kept: each is matched when its event comes, or its closing lines."""

from collections.abc import Sequence
from datetime import datetime

from bet_intel.api import bet_store, closing_store
from bet_intel.api.domain.bets import PROFILE, Bet, clv, could_be, matching, placed_on
from bet_intel.api.domain.model import EventFacts
from bet_intel.api.wire_closing import closing_lines
from bet_intel.shared.postgres import Writer


async def match_waiting(connection: Writer, events: Sequence[EventFacts]) -> None:
    """Match what has waited for one of these events, by the same rule as a bet that is kept now, and judge it by the
    closing lines that there are. Of one that cannot be matched still, the reason is told anew."""
    if not events:
        return
    waiting = await bet_store.waiting(connection, [event.commence_time for event in events])
    named = [bet for bet in waiting if any(could_be(bet, event) for event in events)]
    if not named:
        return
    told = {event.id for event in events}
    near: dict[datetime | None, list[EventFacts]] = {}
    matched: list[Bet] = []
    for bet in named:
        if bet.commence_time is None or bet.league is None or bet.home is None or bet.away is None:
            raise AssertionError("a bet without an event names it by league, teams and start")
        if bet.commence_time not in near:
            near[bet.commence_time] = await bet_store.events_near(connection, bet.commence_time)
        found = matching(bet.league, bet.home, bet.away, bet.commence_time, near[bet.commence_time])
        if found.event is None:
            matched.append(bet._replace(unmatched_reason=found.reason))
        elif found.event.id in told:
            matched.append(placed_on(bet, found.event))
    ids = {bet.event_id for bet in matched if bet.event_id is not None}
    # As who keeps a bet: closing lines that arrive meanwhile look for bets when these are stored.
    await closing_store.lock(connection, ids)
    bodies = {id: await closing_store.body(connection, id) for id in ids}
    lines = {id: closing_lines(body) for id, body in bodies.items() if body is not None}
    await bet_store.place(connection, matched)
    await bet_store.judge(connection, [(bet.id, clv(bet, lines.get(bet.event_id or ""), PROFILE)) for bet in matched])
