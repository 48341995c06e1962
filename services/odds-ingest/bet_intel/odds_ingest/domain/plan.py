"""When each target, a league or one event of it, is asked for next, with the credits there are.

A target wishes looks as its next event comes nearer (`urgency`), fewer where nobody asks for it, fewer or more as its
prices stand still or move. Where the wishes of the rest of the day cost more than the day's allowance, every target
waits until it has `stretch` wishes instead of one; `stretch` is the smallest with which the day fits. Events have one
of their own, so that their props take no look at a league away.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bet_intel.odds_ingest.domain.budget import Left, periods_of
from bet_intel.odds_ingest.domain.urgency import looks_between, time_of_looks

IDLE = 0.25
"""Weight of a target that nobody asked for within `DEMAND_LASTS`."""
DEMAND_LASTS = timedelta(minutes=5)
TYPICAL_CHANGES = 1.0
"""Changes of a price in an hour at which a target gets the looks its events wish."""
LEAST_ADAPTED, MOST_ADAPTED = 0.5, 2.0
EVENTS_SHARE = 0.5
"""Most of the allowance that is kept for single events."""
_SMOOTHING = 0.3
_NEVER_POLLED = timedelta(days=1)
_OFF_THE_EDGE = 1e-7
_TRIFLE = 1e-6
_HALVINGS = 60


@dataclass(frozen=True, slots=True)
class Target:
    """What is known of a league or of one event of it. Times are aware UTC.

    `cost` is the most that a call costs; `changes_per_hour` how often a price changes, None where that is not known
    yet.
    """

    key: str
    cost: int
    starts: Sequence[datetime]
    polled_at: datetime | None = None
    asked_for_at: datetime | None = None
    changes_per_hour: float | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """When each target is due: those that are not to be asked for before `ends` are missing.

    `stretch` is how many wished looks one call for a league stands for (1 = every wish is met). `allowance` are the
    credits the plan may cost until `ends`, None where there is no bound.
    """

    due: dict[str, datetime]
    stretch: float
    ends: datetime
    allowance: int | None

    def next(self) -> tuple[str, datetime] | None:
        """The target that is due first; of several at one time the first by name."""
        return min(self.due.items(), key=lambda each: (each[1], each[0]), default=None)


@dataclass(frozen=True, slots=True)
class _Wish:
    """A target's looks: `carried` were wished since it was last asked for, `ahead` are until the plan's end.

    `starts` are in seconds from now, ascending, those ahead alone.
    """

    target: Target
    weight: float
    starts: list[float]
    carried: float
    ahead: float

    def calls(self, stretch: float) -> int:
        """Calls until the plan's end, if each stands for `stretch` looks: what is overdue is asked for once."""
        missing = max(0.0, stretch - self.carried)
        return 0 if missing > self.ahead or not self.starts else 1 + math.floor((self.ahead - missing) / stretch)

    def due(self, stretch: float) -> float | None:
        missing = max(0.0, stretch - self.carried)
        return time_of_looks(self.starts, 0.0, missing / self.weight)


def weight_of(target: Target, now: datetime) -> float:
    """How many looks the target gets for each that its next event wishes."""
    asked_for = target.asked_for_at is not None and now - target.asked_for_at <= DEMAND_LASTS
    return (1.0 if asked_for else IDLE) * adapted(target.changes_per_hour)


def adapted(changes_per_hour: float | None) -> float:
    """More looks where prices move fast, fewer where they stand still."""
    if changes_per_hour is None:
        return 1.0
    return min(max(changes_per_hour / TYPICAL_CHANGES, LEAST_ADAPTED), MOST_ADAPTED)


def rate_of_changes(changed: int, prices: int, hours: float) -> float | None:
    """Changes of a price in an hour, from the share of `prices` that differ after `hours`; one that changed twice is
    seen once (Poisson: 1 − e^(−rate·hours) of them differ). None where that tells nothing."""
    if prices == 0 or hours <= 0:
        return None
    return -math.log1p(-min(changed / prices, 0.99)) / hours


def smoothed(rate: float | None, newest: float | None) -> float | None:
    """`rate` with the `newest` one taken in (exponential smoothing); None is one that is not known."""
    if rate is None or newest is None:
        return rate if newest is None else newest
    return rate + _SMOOTHING * (newest - rate)


def allowance(left: Left, spent_today: int, now: datetime) -> int | None:
    """Credits for the rest of the UTC day: the month's are spread evenly over its days, today's share less what today
    has spent. None where there is no bound."""
    bounds = [bound for bound in (left.month, left.provider) if bound is not None]
    if bounds:
        day, month = periods_of(now)
        days = (month.ends - day.starts) // timedelta(days=1)
        bounds.append(max(0, math.ceil((min(bounds) + spent_today) / days) - spent_today))
    if left.day is not None:
        bounds.append(left.day)
    return min(bounds, default=None)


def plan(
    now: datetime, leagues: Sequence[Target], left: Left, spent_today: int = 0, events: Sequence[Target] = ()
) -> Plan:
    """The plan for the rest of the UTC day. What it costs is at most the allowance.

    Of the allowance `events` get what they wish, at most `EVENTS_SHARE`, and what the leagues leave.
    """
    ends = periods_of(now)[0].ends
    horizon = (ends - now).total_seconds()
    of_leagues = [_wish(target, now, horizon) for target in leagues]
    of_events = _apart([_wish(target, now, horizon) for target in events])
    bound = allowance(left, spent_today, now)
    if bound is None:
        stretch = event_stretch = 1.0
    else:
        stretch = _stretch(of_leagues, bound - min(_cost(of_events, 1.0), math.floor(bound * EVENTS_SHARE)))
        rest = bound - _cost(of_leagues, stretch)
        # One that is too dear for what is left holds up no other.
        of_events = [wish for wish in of_events if wish.target.cost <= rest]
        event_stretch = _stretch(of_events, rest)
    due = {}
    for wishes, wishes_stretch in ((of_leagues, stretch), (of_events, event_stretch)):
        for wish in wishes:
            seconds = wish.due(wishes_stretch) if wish.calls(wishes_stretch) else None
            if seconds is not None:
                due[wish.target.key] = now + timedelta(seconds=min(seconds, horizon))
    return Plan(due, stretch, ends, bound)


def _wish(target: Target, now: datetime, horizon: float) -> _Wish:
    weight = weight_of(target, now)
    starts = sorted(seconds for start in target.starts if (seconds := (start - now).total_seconds()) > 0)
    since = now - target.polled_at if target.polled_at else _NEVER_POLLED
    # What has started while nobody looked makes no look more urgent now.
    carried = weight * looks_between(starts, min(0.0, -since.total_seconds()), 0.0)
    return _Wish(target, weight, starts, carried, weight * looks_between(starts, 0.0, horizon))


def _apart(wishes: Sequence[_Wish]) -> list[_Wish]:
    """Events that start together wish the same, and credits may do for some: the first by start and name wish a trifle
    more than the next."""
    ordered = sorted(wishes, key=lambda wish: (wish.starts, wish.target.key))
    return [
        replace(wish, weight=wish.weight * less, carried=wish.carried * less, ahead=wish.ahead * less)
        for number, wish in enumerate(ordered)
        for less in (1.0 / (1.0 + number * _TRIFLE),)
    ]


def _cost(wishes: Sequence[_Wish], stretch: float) -> int:
    return sum(wish.target.cost * wish.calls(stretch) for wish in wishes)


def _stretch(wishes: Sequence[_Wish], bound: int) -> float:
    """The smallest stretch, at least 1, with which all calls cost at most `bound`."""
    if _cost(wishes, 1.0) <= bound:
        return 1.0
    # So far stretched, no target is due at all.
    low, high = 1.0, 2.0 * max(wish.carried + wish.ahead for wish in wishes)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if _cost(wishes, middle) <= bound else (middle, high)
    # Off the very edge of the step, where rounding hundreds of calls to microseconds could let one more into the day.
    return high * (1 + _OFF_THE_EDGE)
