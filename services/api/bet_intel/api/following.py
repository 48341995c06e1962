"""What one follower of the feed is told: entries against the filters, and the frames they become. Pure."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, get_args

import msgspec
from sse_starlette import ServerSentEvent

from bet_intel.api import date_format
from bet_intel.api.answers import Opportunity
from bet_intel.api.combination_members import Staking, is_one, shown
from bet_intel.api.domain.accounts import View
from bet_intel.api.feed import Entry, FeedId
from bet_intel.api.members import members
from bet_intel.api.query import DateFormat, OddsFormat
from bet_intel.api.read_model import OpportunityFilter
from bet_intel.api.stream_events import ClosingFixed, CombinationMoved, Followed, OddsMoved, OpportunityGone

EventKind = Literal[
    "opportunity.opened",
    "opportunity.updated",
    "opportunity.closed",
    "arbitrage.opened",
    "arbitrage.updated",
    "arbitrage.closed",
    "low_hold.opened",
    "low_hold.updated",
    "low_hold.closed",
    "middle.opened",
    "middle.updated",
    "middle.closed",
    "odds.changed",
    "closing.fixed",
]
COMBINATIONS = ("arbitrage", "low_hold", "middle")
BY_DEFAULT: tuple[EventKind, ...] = tuple(
    kind for kind in get_args(EventKind) if not kind.startswith(("low_hold.", "middle."))
)
ODDS_CHANGED = "odds.changed"
CLOSING_FIXED = "closing.fixed"
CLOSED = "opportunity.closed"
ROUNDED_AWAY, OUT_OF_VIEW = "rounded_away", "out_of_view"
"""Why an arbitrage closes that the stakes turn into a loss, and what has a leg that the follower does not see."""
_WINNING = ("winning",)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a follower asked for."""

    which: OpportunityFilter
    kinds: frozenset[str]
    odds_format: OddsFormat
    least_combined_ev: float | None = None
    """Of what has several legs."""
    times: DateFormat = "iso"


def frame(event: str, data: msgspec.Struct, id: FeedId | None, times: DateFormat) -> bytes:
    """An event of the stream."""
    text = date_format.encoded(data, times).decode()
    return ServerSentEvent(text, event=event, id=None if id is None else str(id), sep="\n").encode()


def told(entry: Entry, epoch: int, wanted: Wanted) -> bytes | None:
    """The frame of `entry` for a follower; None where it is none of his business.

    An update is told when the opportunity is, or was until now, in the list that the filters give; `listed` says
    whether it is. One that closes is told when it was in the list. Frames are kept with the entry: many followers ask
    for the same.
    """
    which, odds_format, times = wanted.which, wanted.odds_format, wanted.times
    if entry.kind.partition(".")[0] in COMBINATIONS:
        return _combination(entry, epoch, wanted)
    if entry.kind not in wanted.kinds:
        return None
    if entry.kind in (ODDS_CHANGED, CLOSING_FIXED):
        return _of_event(entry, epoch, which, times)
    payload = entry.payload
    if not _selects(
        which, payload, payload["event_id"], [payload["market"]], [payload["bookmaker"]], payload["profile"]
    ):
        return None
    before = payload.get("before")
    was_listed = before is not None and _numbers(which, before)
    listed = entry.kind != CLOSED and _numbers(which, payload)
    if not (listed or was_listed):
        return None
    key = (listed, odds_format, times)
    if key not in entry.frames:
        data: msgspec.Struct
        if entry.kind == CLOSED:
            data = OpportunityGone(payload["id"], payload["event_id"], payload["close_reason"], payload["closed_at"])
        else:
            data = Followed(listed, Opportunity(**members(payload, odds_format)))
        entry.frames[key] = _framed(entry, epoch, entry.kind, data, times)
    return entry.frames[key]


def _combination(entry: Entry, epoch: int, wanted: Wanted) -> bytes | None:
    """By what is not a number of one price: EV and odds of the filters are those of single prices."""
    which, odds_format, least_ev = wanted.which, wanted.odds_format, wanted.least_combined_ev
    payload = entry.payload
    if not any(kind.startswith(f"{payload['kind']}.") for kind in wanted.kinds):
        return None
    kind, reason = _as_listed(entry, which.view)
    if kind not in wanted.kinds:
        return None
    # As one of one price: also when it leaves the list that the filters give. One that closes is as it was.
    legs = [*payload["legs"], *payload.get("legs_before", ())]
    markets, bookmakers = {payload["market"], *(leg["market"] for leg in legs)}, {leg["bookmaker"] for leg in legs}
    if not _selects(which, payload, payload["event_id"], markets, bookmakers, payload["profile"]):
        return None
    # A low hold is of no class that is asked for; what holds a price too good to be true is told to those who ask.
    is_suspect = {payload["class"], payload.get("class_before", payload["class"])} == {"suspect"}
    if is_suspect and which.classes and "suspect" not in which.classes:
        return None
    if least_ev is not None and max(payload["ev"], payload.get("ev_before", payload["ev"])) < least_ev:
        return None
    key = (kind, reason, odds_format, wanted.times)
    if key not in entry.frames:
        data: msgspec.Struct
        combination = None if reason else shown(payload, odds_format, Staking())
        if combination is None:
            at = payload.get("closed_at") or payload["as_of"]
            data = OpportunityGone(payload["id"], payload["event_id"], reason, at)
        else:
            data = CombinationMoved(**msgspec.structs.asdict(combination))
        entry.frames[key] = _framed(entry, epoch, kind, data, wanted.times)
    return entry.frames[key]


def _framed(entry: Entry, epoch: int, kind: str, data: msgspec.Struct, times: DateFormat) -> bytes:
    # The times of an entry are text, as ISO-8601 has them.
    timed = data if times == "iso" else msgspec.convert(msgspec.to_builtins(data), type(data))
    return frame(kind, timed, FeedId(epoch, entry.seq), times)


def _as_listed(entry: Entry, view: View) -> tuple[str, str]:
    """The kind of what `entry` is for a follower, "" where it is nothing, and why it closes for him: what the stakes
    turn into a loss is no arbitrage, and what he does not see is not there, so that it closes when it becomes such and
    opens when it is so no more."""
    payload = entry.payload
    of, _, what = entry.kind.partition(".")
    # Of one that closes the legs are those that it had; an entry of before these were told is taken for a listed one.
    before = payload["legs"] if what == "closed" else payload.get("legs_before")
    won, wins = _winning(entry, of, before)
    sees = _sees(view, payload["legs"])
    was = what != "opened" and won and (sees if before is None else _sees(view, before))
    if what != "closed" and wins and sees:
        return (f"{of}.updated" if was else f"{of}.opened"), ""
    reason = payload.get("close_reason") or (OUT_OF_VIEW if wins else ROUNDED_AWAY)
    return (f"{of}.closed", reason) if was else ("", "")


def _winning(entry: Entry, of: str, before: Any) -> tuple[bool, bool]:
    """Whether it was, and is, with the stakes of the list what it is called. Kept with the entry, as frames are."""
    if _WINNING not in entry.frames:
        won = before is None or is_one(of, before, Staking())
        entry.frames[_WINNING] = bytes((won, is_one(of, entry.payload["legs"], Staking())))
    verdicts = entry.frames[_WINNING]
    return bool(verdicts[0]), bool(verdicts[1])


def _sees(view: View, legs: Any) -> bool:
    return all(view.has(leg["category"]) for leg in legs)


def _of_event(entry: Entry, epoch: int, which: OpportunityFilter, times: DateFormat) -> bytes | None:
    payload = entry.payload
    if not _selects(which, payload, entry.event_id, payload["markets"]):
        return None
    if (times,) not in entry.frames:
        which_event = (entry.event_id, payload["sport"], payload["league"], payload["revision"])
        data: msgspec.Struct
        if entry.kind == CLOSING_FIXED:
            data = ClosingFixed(*which_event, payload["voided"], payload["markets"], entry.as_of)
        else:
            data = OddsMoved(*which_event, payload["markets"], entry.as_of)
        entry.frames[times,] = _framed(entry, epoch, entry.kind, data, times)
    return entry.frames[times,]


def _selects(
    which: OpportunityFilter,
    payload: Mapping[str, Any],
    event_id: str,
    markets: Collection[str],
    bookmakers: Collection[str] = (),
    profile: str | None = None,
) -> bool:
    """By what does not change. Odds are of no profile, and of all the bookmakers of a market."""
    return (
        (profile is None or profile == which.profile)
        and (not which.sports or payload["sport"] in which.sports)
        and (not which.leagues or payload["league"] in which.leagues)
        and (which.event is None or event_id == which.event)
        and (not which.markets or not set(which.markets).isdisjoint(markets))
        and (not which.bookmakers or not bookmakers or not set(which.bookmakers).isdisjoint(bookmakers))
        and (which.starts_before is None or _time(payload["commence_time"]) < which.starts_before)
    )


def _time(text: str) -> datetime:
    return msgspec.convert(text, type=datetime)


def _numbers(which: OpportunityFilter, numbers: Mapping[str, Any]) -> bool:
    ev, price = numbers["ev"], numbers["price"]
    return (
        # An entry of before there were views does not say of which category it was.
        which.view.has(numbers.get("category"))
        and (not which.classes or numbers["class"] in which.classes)
        and (which.min_ev is None or ev >= which.min_ev)
        and (which.max_ev is None or ev <= which.max_ev)
        and (which.min_odds is None or price >= which.min_odds)
        and (which.max_odds is None or price <= which.max_odds)
    )
