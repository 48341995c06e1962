"""When each league is asked for next, with the credits there are.

A league wishes looks as its next event comes nearer (`urgency`), fewer where nobody asks for it, fewer or more as its
prices stand still or move. Where the wishes of the rest of the day cost more than the day's allowance, every league
waits until it has `stretch` wishes instead of one; `stretch` is the smallest with which the day fits.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bet_intel.odds_ingest.domain.budget import Left, periods_of
from bet_intel.odds_ingest.domain.urgency import looks_between, time_of_looks

IDLE = 0.25
"""Weight of a league that nobody asked for within `DEMAND_LASTS`."""
DEMAND_LASTS = timedelta(minutes=5)
TYPICAL_CHANGES = 1.0
"""Changes of a price in an hour at which a league gets the looks its events wish."""
LEAST_ADAPTED, MOST_ADAPTED = 0.5, 2.0
_NEVER_POLLED = timedelta(days=1)
_OFF_THE_EDGE = 1e-9
_HALVINGS = 60


@dataclass(frozen=True, slots=True)
class League:
    """What is known of a league. Times are aware UTC.

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
    """When each league is due: those that are not to be asked for before `ends` are missing.

    `stretch` is how many wished looks one call stands for (1 = every wish is met). `allowance` are the credits the plan
    may cost until `ends`, None where there is no bound.
    """

    due: dict[str, datetime]
    stretch: float
    ends: datetime
    allowance: int | None

    def next(self) -> tuple[str, datetime] | None:
        """The league that is due first; of several at one time the first by name."""
        return min(self.due.items(), key=lambda each: (each[1], each[0]), default=None)


@dataclass(frozen=True, slots=True)
class _Wish:
    """A league's looks: `carried` were wished since it was last asked for, `ahead` are until the plan's end.

    `starts` are in seconds from now, ascending, those ahead alone.
    """

    league: League
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


def weight_of(league: League, now: datetime) -> float:
    """How many looks the league gets for each that its next event wishes."""
    asked_for = league.asked_for_at is not None and now - league.asked_for_at <= DEMAND_LASTS
    return (1.0 if asked_for else IDLE) * adapted(league.changes_per_hour)


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


def plan(now: datetime, leagues: Sequence[League], left: Left, spent_today: int = 0) -> Plan:
    """The plan for the rest of the UTC day. What it costs is at most the allowance."""
    ends = periods_of(now)[0].ends
    horizon = (ends - now).total_seconds()
    wishes = [_wish(league, now, horizon) for league in leagues]
    bound = allowance(left, spent_today, now)
    stretch = _stretch(wishes, bound)
    due = {}
    for wish in wishes:
        seconds = wish.due(stretch) if wish.calls(stretch) else None
        if seconds is not None:
            due[wish.league.key] = now + timedelta(seconds=min(seconds, horizon))
    return Plan(due, stretch, ends, bound)


def _wish(league: League, now: datetime, horizon: float) -> _Wish:
    weight = weight_of(league, now)
    starts = sorted(seconds for start in league.starts if (seconds := (start - now).total_seconds()) > 0)
    since = now - league.polled_at if league.polled_at else _NEVER_POLLED
    # What has started while nobody looked makes no look more urgent now.
    carried = weight * looks_between(starts, min(0.0, -since.total_seconds()), 0.0)
    return _Wish(league, weight, starts, carried, weight * looks_between(starts, 0.0, horizon))


def _stretch(wishes: Sequence[_Wish], bound: int | None) -> float:
    """The smallest stretch, at least 1, with which all calls cost at most `bound`."""

    def cost(stretch: float) -> int:
        return sum(wish.league.cost * wish.calls(stretch) for wish in wishes)

    if bound is None or cost(1.0) <= bound:
        return 1.0
    # So far stretched, no league is due at all.
    low, high = 1.0, 2.0 * max(wish.carried + wish.ahead for wish in wishes)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if cost(middle) <= bound else (middle, high)
    # Off the very edge of the step, where a rounding of floats could let one call more into the day.
    return high * (1 + _OFF_THE_EDGE)
