"""Bets whose event nobody knew when they were kept, or knew only another of its teams: each is matched when its event
comes, or its closing lines."""

from collections.abc import Sequence
from datetime import datetime

from bet_intel.api import bet_store, closing_store
from bet_intel.api.domain.bets import PROFILE, Bet, clv, could_be, matching, placed_on, without_event
from bet_intel.api.domain.model import EventFacts
from bet_intel.api.wire_closing import closing_lines
from bet_intel.shared.postgres import Writer


async def match_waiting(connection: Writer, events: Sequence[EventFacts]) -> None:
    """Match what may be on one of these events, by the same rule as a bet that is kept now, and judge it by the closing
    lines that there are. Of one that cannot be matched still, or not any more, the reason is told anew. What closing
    lines have judged moves only to an event that starts just when the bet says."""
    if not events:
        return
    unsettled = await bet_store.unsettled(connection, [event.commence_time for event in events])
    told = {event.id for event in events}
    near: dict[datetime, list[EventFacts]] = {}
    matched: list[Bet] = []
    for bet, is_judged in unsettled:
        if not any(could_be(bet, event) for event in events):
            continue
        start = bet.own_start or bet.commence_time
        if start is None or bet.league is None or bet.home is None or bet.away is None:
            raise AssertionError("a bet that names no event by its id names it by league, teams and start")
        if start not in near:
            near[start] = await bet_store.events_near(connection, start)
        event, reason = matching(bet.league, bet.home, bet.away, start, near[start])
        if event is None and not is_judged:
            matched.append(without_event(bet, reason))
        elif (
            event is not None and event.id in told - {bet.event_id} and not (is_judged and event.commence_time != start)
        ):
            matched.append(placed_on(bet, event))
    if not matched:
        return
    ids = {bet.event_id for bet in matched if bet.event_id is not None}
    # As who keeps a bet: closing lines that arrive meanwhile look for bets when these are stored.
    await closing_store.lock(connection, ids)
    bodies = {id: await closing_store.body(connection, id) for id in ids}
    lines = {id: closing_lines(body) for id, body in bodies.items() if body is not None}
    await bet_store.place(connection, matched)
    await bet_store.judge(connection, [(bet.id, clv(bet, lines.get(bet.event_id or ""), PROFILE)) for bet in matched])
