"""Which known event each event of an answer is: a provider's ids, sides and names change, and what they mean must not.

An event keeps the sides and names that it was first told with, because lines are read against its home side and prices
are kept by its teams' names. Where an answer tells them the other way round, or spelled otherwise, it is read so that
each price stands where it stood. What cannot be the same match is another event, also under the same id.
"""

import itertools
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import Enum

from bet_intel.odds_ingest.domain.names import folded, same_team
from bet_intel.odds_ingest.domain.quotes import (
    EventOdds,
    MarketBoard,
    MarketKey,
    Price,
    Rejection,
    SportingEvent,
    is_spread,
    offers_of,
)
from bet_intel.odds_ingest.domain.state import EventState

TWIN_WITHIN = timedelta(hours=1)
"""Two events of the same two teams that start no further apart are one match: no two teams meet twice so quickly, and
the games of a double-header are further apart."""


class Sides(Enum):
    """How an event's sides are told, against those it is known by."""

    SAME = "same"
    TURNED = "turned"


@dataclass(slots=True)
class Identified:
    """An answer's events by the ids they are known by, with their sides and names.

    `told_ids` maps such an id to the one the provider uses now. `rejections` are those that are left out, `notes` what
    was settled: where it stood, and how.
    """

    shown: dict[str, EventOdds] = field(default_factory=dict)
    told_ids: dict[str, str] = field(default_factory=dict)
    rejections: list[Rejection] = field(default_factory=list)
    notes: list[Rejection] = field(default_factory=list)


def sides(known: SportingEvent, told: SportingEvent) -> Sides | None:
    """Whether `told` is the match of `known`, and which way round; None where it is not, or nobody can tell."""
    if known.home is None or known.away is None or told.home is None or told.away is None:
        return Sides.SAME if known.home is known.away is told.home is told.away is None else None
    if (known.home, known.away) == (told.home, told.away):
        return Sides.SAME
    straight = same_team(known.home, told.home) and same_team(known.away, told.away)
    crossed = same_team(known.home, told.away) and same_team(known.away, told.home)
    if straight is crossed:
        return None
    return Sides.SAME if straight else Sides.TURNED


def as_known(odds: EventOdds, known: SportingEvent, told: Sides) -> EventOdds:
    """`odds` under the id, sides and names of `known`; everything else, such as the start, as it is told now."""
    event = replace(odds.event, id=known.id, home=known.home, away=known.away)
    if (odds.event.home, odds.event.away) == (known.home, known.away):
        return EventOdds(event, odds.markets, odds.bookmaker_titles)
    names = _names(odds.event, known, told)
    markets = {_market(key, names, told): _renamed(board, names) for key, board in odds.markets.items()}
    return EventOdds(event, markets, odds.bookmaker_titles)


def identify(
    events: Sequence[EventOdds],
    known: Iterable[EventState],
    leagues: Collection[str],
    others: Iterable[EventState] = (),
) -> Identified:
    """Find the known event of each of `events`, which carry the provider's ids.

    `known` are the events last told under these ids, and every open one of `leagues`, for which the answer speaks;
    `others` are further open events of the same provider that an event under a new id may be. Ids may change for the
    same match: an event under a new id goes on as the one that an answer for its league no longer shows. While both are
    told, the new one is left out, because nobody can tell which of the prices hold.
    """
    known = list(known)
    identified = Identified()
    of_told: defaultdict[str, list[EventState]] = defaultdict(list)
    for state in known:
        of_told[state.told_id].append(state)
    taken = {state.event.id for state in known}
    new: list[EventOdds] = []
    for odds in events:
        if odds.event.id in of_told:
            _continue(identified, odds, of_told[odds.event.id], taken)
        else:
            new.append(odds)
    # Those that this answer does not show under the id it had.
    unseen = [state for state in known if state.open and state.event.id not in identified.shown]
    unseen += [state for state in others if state.event.id not in taken]
    for odds in sorted(new, key=_fullest_first):
        _begin(identified, odds, unseen, taken, leagues)
    return identified


def _continue(
    identified: Identified, odds: EventOdds, generations: Sequence[EventState], taken: Collection[str]
) -> None:
    """An event under a known id: the newest of the matches told under it that it can be, else another match."""
    where = odds.event.id
    for state in sorted(generations, key=lambda state: (state.open, state.as_of), reverse=True):
        told = sides(state.event, odds.event)
        if told is None:
            continue
        if told is Sides.TURNED:
            identified.notes.append(
                Rejection(where, f"home and away are told the other way round: {_now(odds, state)}")
            )
        elif (state.event.home, state.event.away) != (odds.event.home, odds.event.away):
            identified.notes.append(Rejection(where, f"a team is spelled otherwise: {_now(odds, state)}"))
        _keep(identified, as_known(odds, state.event, told), where)
        return
    newest = max(generations, key=lambda state: state.as_of)
    reason = f"the id is given to another match, which is another event: {_now(odds, newest)}"
    identified.notes.append(Rejection(where, reason))
    _keep(identified, _under_free_id(odds, taken), where)


def _begin(
    identified: Identified,
    odds: EventOdds,
    unseen: Sequence[EventState],
    taken: Collection[str],
    leagues: Collection[str],
) -> None:
    """An event under an id that was never told: a new one, or one of `unseen` under another id."""
    where = odds.event.id
    shown = [identified.told_ids[id] for id, one in identified.shown.items() if _are_twins(one.event, odds.event)]
    twins = [
        state for state in unseen if state.event.id not in identified.shown and _are_twins(state.event, odds.event)
    ]
    if not shown and not twins:
        _keep(identified, _under_free_id(odds, taken), where)
        return
    if shown or len(twins) > 1 or twins[0].event.league not in leagues:
        names = ", ".join([*shown, *(state.told_id for state in twins)])
        identified.rejections.append(Rejection(where, f"the same match is told under another id: {names}"))
        return
    [twin] = twins
    told = sides(twin.event, odds.event) or Sides.SAME
    identified.notes.append(Rejection(where, f"the id of a known match has changed: it was {twin.told_id}"))
    _keep(identified, as_known(odds, twin.event, told), where)


def _keep(identified: Identified, odds: EventOdds, told_id: str) -> None:
    identified.shown[odds.event.id] = odds
    identified.told_ids[odds.event.id] = told_id


def _under_free_id(odds: EventOdds, taken: Collection[str]) -> EventOdds:
    """The id is the provider's; where another match has it already, with the number of the match behind it."""
    told_id = odds.event.id
    ids = itertools.chain([told_id], (f"{told_id}~{number}" for number in itertools.count(2)))
    event = replace(odds.event, id=next(id for id in ids if id not in taken))
    return EventOdds(event, odds.markets, odds.bookmaker_titles)


def _are_twins(one: SportingEvent, other: SportingEvent) -> bool:
    # Outright competitions have no teams to tell them by.
    return (
        one.home is not None
        and one.league == other.league
        and abs(one.commence_time - other.commence_time) <= TWIN_WITHIN
        and sides(one, other) is not None
    )


def _fullest_first(odds: EventOdds) -> tuple[int, str]:
    return -sum(board.size for board in odds.markets.values()), odds.event.id


def _now(odds: EventOdds, state: EventState) -> str:
    told, known = odds.event, state.event
    return f"{told.home} v {told.away}, known as {known.home} v {known.away}"


def _names(told: SportingEvent, known: SportingEvent, way: Sides) -> Mapping[str, str]:
    """The known name of each told one."""
    home, away = (known.home, known.away) if way is Sides.SAME else (known.away, known.home)
    return {was: now for was, now in ((told.home, home), (told.away, away)) if was and now}


def _market(key: MarketKey, names: Mapping[str, str], way: Sides) -> MarketKey:
    turned = way is Sides.TURNED and key.line is not None and is_spread(key.market)
    line = 0.0 - key.line if turned and key.line is not None else key.line
    return key._replace(line=line, subject=names.get(key.subject, key.subject))


def _renamed(board: MarketBoard, names: Mapping[str, str]) -> MarketBoard:
    offers = {
        bookmaker: offers_of(
            {(names.get(one.outcome, one.outcome), one.side): Price(one.decimal, one.limit) for one in told}
        )
        for bookmaker, told in board.offers.items()
    }
    return MarketBoard.by_bookmaker(offers, board.last_update)


def side_named(name: str, event: SportingEvent) -> str:
    """The name of the side of `event` that a bookmaker's outcome means: its own where it is spelled otherwise, and
    `name` where it means neither or nobody can tell."""
    if event.home is None or event.away is None or name in (event.home, event.away):
        return name
    if not folded(name):
        return name
    meant = [side for side in (event.home, event.away) if same_team(name, side)]
    return meant[0] if len(meant) == 1 else name
