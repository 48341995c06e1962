"""What a play has come to, and what is wrong with it. Pure: rows and answers in, sentences out.

Sets are state, not steps. So the end is compared with that of the undisturbed play, and of the way there only what
somebody outside was told: each alert once, each write kept, each stream whole.
"""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, NamedTuple

from bet_intel.notifier.domain.opportunities import EV, OpportunitySet

_SHOWN = 3
_PROFILE = "consensus"
_ROUNDING = 1e-9
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)")


@dataclass(frozen=True, slots=True)
class Ending:
    """A play's end without its day and marks: board, open opportunities, and every price at every time (`steps`)."""

    board: Mapping[Any, Any]
    opportunities: Mapping[Any, Any]
    history: frozenset[tuple[str, ...]]


def unmarked(value: Any, mark: str, shift: timedelta) -> Any:
    """A value without the mark in its ids, and with its times as in the first play."""
    if isinstance(value, dict):
        return {unmarked(key, mark, shift): unmarked(part, mark, shift) for key, part in value.items()}
    if isinstance(value, tuple | list):
        return type(value)(unmarked(part, mark, shift) for part in value)
    if isinstance(value, datetime):
        return value - shift
    if isinstance(value, str):
        if _TIME.fullmatch(value):
            return (datetime.fromisoformat(value) - shift).isoformat()
        return value.replace(mark, "")
    return value


def steps(rows: Iterable[tuple[str, ...]]) -> frozenset[tuple[str, ...]]:
    """The line history as the prices that held at each time: rows in the order of revisions, each of an offer, and at
    its end a time and a price. An entry that repeats the price before it, as one made for a late board may, is none."""
    held: dict[tuple[str, ...], str] = {}
    found = set()
    for *offer, at, price in rows:
        if held.get(tuple(offer), "") != price:
            held[tuple(offer)] = price
            found.add((*offer, at, price))
    return frozenset(found)


def differences(found: Ending, expected: Ending) -> list[str]:
    """(a) Where a play ended otherwise than the undisturbed one."""
    return [
        *_mapping("prices on the board", dict(found.board), dict(expected.board)),
        *_mapping("open opportunities", dict(_flat(found.opportunities)), dict(_flat(expected.opportunities))),
        *_set("changes in the line history", found.history, expected.history),
    ]


def _mapping(what: str, found: Mapping[Any, Any], expected: Mapping[Any, Any]) -> list[str]:
    said = _set(what, found.keys(), expected.keys())
    other = [key for key, value in expected.items() if key in found and not _same(found[key], value)]
    if other:
        shown = "; ".join(f"{key}: {found[key]!r}, not {expected[key]!r}" for key in other[:_SHOWN])
        said.append(f"{len(other)} {what} are others: {shown}")
    return said


def _set(what: str, found: Any, expected: Any) -> list[str]:
    said = []
    for word, rows in (("missing", expected - found), ("too many", found - expected)):
        if rows:
            shown = "; ".join(str(row) for row in sorted(rows, key=str)[:_SHOWN])
            said.append(f"{len(rows)} {what} {word}: {shown}")
    return said


def _same(one: Any, other: Any) -> bool:
    # The last bit of a float may depend on how many markets were priced in one pass.
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-12)
    return bool(one == other)


def _flat(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    if isinstance(value, Mapping):
        for key, part in value.items():
            yield from _flat(part, (*path, key))
    else:
        yield path, value


class Delivery(NamedTuple):
    """A row of the notifier's deliveries."""

    key: str
    opportunity: str
    opening: int
    state: str
    reason: str


class Told(NamedTuple):
    """A webhook that came: its id, what it was about, and when, in seconds since the epoch."""

    key: str
    opportunity: str
    opening: int
    at: float


class Applied(NamedTuple):
    """A set that the notifier made alerts of: the engine's revision, which is a time in microseconds; when that was."""

    event: str
    revision: int
    at: float

    @property
    def delay(self) -> float:
        return self.at - self.revision / 1e6


class Opening(NamedTuple):
    """An opening that a rule covers, and the revisions from and to which it did; the last end is None where it still
    does."""

    event: str
    opportunity: str
    number: int
    spans: tuple[tuple[int, int | None], ...]

    @property
    def lifetime(self) -> float:
        """The longest time in seconds that it could be seen."""
        return max(math.inf if gone is None else (gone - told) / 1e6 for told, gone in self.spans)

    def is_in(self, revision: int) -> bool:
        return any(told <= revision and (gone is None or revision < gone) for told, gone in self.spans)


@dataclass(slots=True)
class Alerts:
    """What became of the openings. `superseded` are those that were over before the notifier saw them."""

    openings: int = 0
    delivered: int = 0
    skipped: int = 0
    repeated: int = 0
    doubled: int = 0
    lost: int = 0
    superseded: list[Opening] = field(default_factory=list)
    delay: float = 0.0
    on_the_way: list[tuple[float, float]] = field(default_factory=list)
    """Of each alert: when it came, and how many seconds after the opening was told by the engine."""
    faults: list[str] = field(default_factory=list)


def openings(sets: Mapping[str, Mapping[int, OpportunitySet]], classes: frozenset[str], min_ev: float) -> list[Opening]:
    """Every opening that a rule of these classes and least EV would tell of, by event in the order of revisions. A rule
    that names no kinds is about single prices."""
    found: list[Opening] = []
    for event, told in sets.items():
        spans: dict[tuple[str, int], list[tuple[int, int | None]]] = defaultdict(list)
        open_: dict[tuple[str, int], int] = {}
        for revision in sorted(told):
            now = {
                (one.id, one.opening)
                for one in told[revision].opportunities
                if one.kind == EV and one.profile == _PROFILE and one.class_ in classes and one.ev >= min_ev - _ROUNDING
            }
            for key in open_.keys() - now:
                spans[key].append((open_.pop(key), revision))
            open_ |= dict.fromkeys(now - open_.keys(), revision)
        for key, since in open_.items():
            spans[key].append((since, None))
        found += [Opening(event, *key, tuple(of_it)) for key, of_it in spans.items()]
    return found


def alerts(
    expected: Sequence[Opening],
    deliveries: Sequence[Delivery],
    received: Sequence[Told],
    applied: Sequence[Applied],
) -> Alerts:
    """(b) Openings against deliveries and what the receiver got.

    An opening in a set that was applied has one delivery. Of the others none may have been there for longer than the
    queue was long: than a set took to be applied, and than there was nothing applied.
    """
    pauses = [other - one for one, other in pairwise(sorted(one.at for one in applied))]
    delay = max([*pauses, *(one.delay for one in applied)], default=0.0)
    result = Alerts(openings=len(expected), delay=delay)
    seen: dict[str, list[int]] = defaultdict(list)
    for one in applied:
        seen[one.event].append(one.revision)
    by_opening: dict[tuple[str, int], list[Delivery]] = defaultdict(list)
    for row in deliveries:
        by_opening[row.opportunity, row.opening].append(row)
    got = Counter(one.key for one in received)
    result.repeated = sum(number - 1 for number in got.values())
    known = {(one.opportunity, one.number): one for one in expected}
    for key, rows in by_opening.items():
        if len(rows) > 1:
            result.doubled += len(rows) - 1
            result.faults.append(f"{key} has {len(rows)} deliveries")
        if key not in known:
            result.faults.append(f"a delivery tells of {key}, which was not told to have opened")
        for row in rows:
            _delivered(result, row, got)
    ids: dict[tuple[str, int], set[str]] = defaultdict(set)
    for told in received:
        ids[told.opportunity, told.opening].add(told.key)
    for key, different in ids.items():
        if len(different) > 1:
            result.doubled += len(different) - 1
            result.faults.append(f"{key} was told under {len(different)} ids")
    result.on_the_way = sorted(_on_the_way(known, received))
    for opening in expected:
        if (opening.opportunity, opening.number) not in by_opening:
            _not_delivered(result, opening, seen[opening.event])
    return result


def _on_the_way(known: Mapping[tuple[str, int], Opening], received: Sequence[Told]) -> Iterator[tuple[float, float]]:
    first: dict[tuple[str, int], float] = {}
    for told in received:
        key = (told.opportunity, told.opening)
        first[key] = min(told.at, first.get(key, math.inf))
    for key, at in first.items():
        if key in known:
            yield at, max(0.0, at - known[key].spans[0][0] / 1e6)


def _delivered(result: Alerts, row: Delivery, got: Counter[str]) -> None:
    if row.state == "delivered":
        result.delivered += 1
        if not got[row.key]:
            result.lost += 1
            result.faults.append(f"{row.key} counts as delivered and did not arrive")
    elif row.state == "skipped":
        result.skipped += 1
    else:
        result.lost += 1
        result.faults.append(f"{row.key} is {row.state}: {row.reason}")


def _not_delivered(result: Alerts, one: Opening, applied: Sequence[int]) -> None:
    what = f"opening {one.number} of {one.opportunity}"
    was_seen = [revision for revision in applied if one.is_in(revision)]
    if was_seen:
        result.lost += 1
        result.faults.append(f"{what} was in set {was_seen[0]}, which the notifier applied, and nobody was told")
        return
    result.superseded.append(one)
    if one.lifetime > result.delay:
        result.lost += 1
        how = "to the end" if math.isinf(one.lifetime) else f"for {one.lifetime:.2f} s"
        result.faults.append(f"{what} was open {how}, and no set with it was applied (delay {result.delay:.2f} s)")


def writes(acknowledged: Mapping[str, str], kept: Sequence[tuple[str, str]], copied: frozenset[str]) -> list[str]:
    """(c) Acknowledged writes (id by key) against the rows kept (key, id), and the copies that the notifier has."""
    by_key: dict[str, list[str]] = defaultdict(list)
    for key, id in kept:
        by_key[key].append(id)
    lost = [key for key, id in acknowledged.items() if id not in by_key.get(key, [])]
    twice = [key for key, ids in by_key.items() if len(ids) > 1]
    untold = [id for id in acknowledged.values() if id not in copied]
    said = []
    if lost:
        said.append(f"{len(lost)} acknowledged writes are lost: {', '.join(lost[:_SHOWN])}")
    if twice:
        said.append(f"{len(twice)} writes were done twice: {', '.join(twice[:_SHOWN])}")
    if untold:
        said.append(f"{len(untold)} acknowledged writes did not reach the notifier: {', '.join(untold[:_SHOWN])}")
    return said


def left_over(outboxes: Mapping[str, int], dead: Mapping[str, int], letters: Mapping[str, int]) -> list[str]:
    """(e) What is left in an outbox, a dead queue, a table of dead letters."""
    return [
        f"{where} holds {number} {what}"
        for what, found in (("unconfirmed rows", outboxes), ("messages", dead), ("dead letters", letters))
        for where, number in found.items()
        if number
    ]
