"""What a response of The Odds API v4 is worth, from its JSON and docs/domain.md alone: the expectation of `price`.

Plain numbers, one market at a time, one price at a time, the roots by bisection; nothing of the project is imported.
Covers featured markets of whole matches and outrights, with the starting values of the profile.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from statistics import median
from typing import Any

EXCHANGES = {"smarkets": 0.02, "matchbook": 0.02, "prophetx": 0.02, "novig": 0.02}
STALE = {"main": 600.0, "alternate": 900.0, "outright": 900.0}
DIVERGENCE = {"main": 0.08, "alternate": 0.12, "outright": 0.12}
PLAUSIBLE = {"main": 0.10, "alternate": 0.20, "outright": 0.20}
BEHIND = 300.0
SKEW = 300.0

# What half a point is worth in log-odds, and over how many.
SLOPES = {
    "basketball_nba": ({"spreads": 0.06, "totals": 0.05}, 6),
    "basketball_ncaab": ({"spreads": 0.07, "totals": 0.06}, 6),
    "icehockey_nhl": ({"spreads": 0.18, "totals": 0.15}, 4),
    "baseball_mlb": ({"spreads": 0.20, "totals": 0.12}, 4),
}

LineKey = tuple[str, float | None]  # market, line


@dataclass
class Board:
    """One line of one event: (bookmaker, outcome) → price, by side; bookmaker → seconds since its last update."""

    back: dict[tuple[str, str], float] = field(default_factory=dict)
    lay: dict[tuple[str, str], float] = field(default_factory=dict)
    age: dict[str, float] = field(default_factory=dict)
    outcomes: tuple[str, ...] = ()
    others: frozenset[str] = frozenset()

    @property
    def books(self) -> list[str]:
        return sorted(self.age)

    def complete(self, book: str) -> bool:
        return book not in self.others and all((book, outcome) in self.back for outcome in self.outcomes)


@dataclass(frozen=True)
class Pool:
    probability: dict[str, float]
    share: dict[str, float]
    outliers: frozenset[str]
    dispersion: float


@dataclass(frozen=True)
class Opinion:
    """What a bookmaker is heard for: its weight, its overround, and its fair probabilities."""

    weight: float
    overround: float
    fair: dict[str, float]


@dataclass(frozen=True)
class Found:
    """An opportunity."""

    price: float
    net: float
    fair: float
    ev: float
    ev_class: str
    push: float | None


@dataclass(frozen=True)
class Line:
    """The working of one line. `pools` are by the bookmaker left out, `pushes` by the bookmaker judged (None where it
    is not known how often its stake is returned), `found` by outcome, bookmaker and side."""

    board: Board
    category: str
    opinions: dict[str, Opinion]
    consensus: Pool | None
    pools: dict[str, Pool | None]
    late: frozenset[str]
    pushes: dict[str, float | None] = field(default_factory=dict)
    found: dict[tuple[str, str, str], Found] = field(default_factory=dict)


def commission(book: str) -> float:
    return 0.05 if book == "betfair" or book.startswith("betfair_ex_") else EXCHANGES.get(book, 0.0)


def as_of(events: Sequence[Mapping[str, Any]]) -> datetime:
    """The newest time in a response that another bookmaker bears out, by one at most five minutes before; where none
    is, the newest of the bookmaker in the middle."""
    told = {(updated, book) for event in events for book, *_, updated in readable_prices(event)}
    borne_out = [
        updated
        for updated, book in told
        if any(other != book and 0 <= (updated - at).total_seconds() <= SKEW for at, other in told)
    ]
    newest = sorted(max(at for at, other in told if other == book) for book in {book for _, book in told})
    return max(borne_out, default=newest[(len(newest) - 1) // 2])


def worked(event: Mapping[str, Any], now: datetime) -> dict[LineKey, Line]:
    """Every line of an event."""
    boards: defaultdict[LineKey, Board] = defaultdict(Board)
    for book, key, side, outcome, price, updated in readable_prices(event):
        board = boards[key]
        age = (now - updated).total_seconds()
        board.age[book] = max(age, board.age.get(book, age))
        (board.lay if side == "lay" else board.back)[book, outcome] = price
    for board in boards.values():
        # A time after the answer is no time.
        board.age.update({book: math.inf for book, age in board.age.items() if age < -SKEW})
    return judged(boards, event, started=datetime.fromisoformat(event["commence_time"]) <= now)


def judged(boards: Mapping[LineKey, Board], event: Mapping[str, Any], *, started: bool) -> dict[LineKey, Line]:
    """Every line of an event, from its boards and the names of its teams."""
    for board in boards.values():
        _keep_what_is_comparable(board)
    kinds = _categories(boards)
    lines = {key: _line(board, kinds[key]) for key, board in boards.items()}
    for key, line in lines.items():
        line.pushes.update({book: _push(key, book, lines, event["home_team"]) for book in line.board.books})
        if not started:
            line.found.update(_found(key, lines, event))
    return lines


def readable_prices(event: Mapping[str, Any]) -> Iterator[tuple[str, LineKey, str, str, float, datetime]]:
    """(bookmaker, line, side, outcome, price, updated) of every price above 1 that has a time."""
    for book in event["bookmakers"]:
        for market in book["markets"]:
            stamp = market.get("last_update") or book.get("last_update")
            if not stamp:
                continue
            name = market["key"].removesuffix("_lay")
            side = "lay" if market["key"].endswith("_lay") else "back"
            for outcome in market["outcomes"]:
                line = outcome.get("point")
                # The line of a spread is the home team's.
                if name == "spreads" and outcome["name"] == event["away_team"]:
                    line = -line
                price = round(outcome["price"], 4)
                if price > 1:
                    yield book["key"], (name, line), side, outcome["name"], price, datetime.fromisoformat(stamp)


def _keep_what_is_comparable(board: Board) -> None:
    offers: defaultdict[str, set[str]] = defaultdict(set)
    for book, outcome in board.back:
        offers[book].add(outcome)
    sets = Counter(frozenset(offered) for _, offered in sorted(offers.items()) if len(offered) > 1)
    everything = {outcome for offered in offers.values() for outcome in offered}
    chosen = max(sets, key=lambda one: (sets[one], len(one))) if sets else everything
    board.outcomes = tuple(sorted(chosen))
    board.others = frozenset(book for book, offered in offers.items() if not offered <= chosen)


def _categories(boards: Mapping[LineKey, Board]) -> dict[LineKey, str]:
    kinds, lines = {}, defaultdict(list)
    for (market, line), board in boards.items():
        kinds[market, line] = "outright" if market == "outrights" else "main" if line is None else "alternate"
        if line is not None:
            fresh = [book for book in board.books if board.complete(book) and board.age[book] <= STALE["main"]]
            first = board.outcomes[0]
            fair = [
                1 / board.back[book, first] / sum(1 / board.back[book, o] for o in board.outcomes) for book in fresh
            ]
            off_even = abs(sum(fair) / len(fair) - 0.5) if fair else 1.0
            lines[market].append((-len(fresh), round(off_even, 12), line))
    for market, candidates in lines.items():
        kinds[market, min(candidates)[2]] = "main"
    return kinds


def _line(board: Board, category: str) -> Line:
    heard = {book: opinion for book in board.books if (opinion := _opinion(board, book)) is not None}
    newest = min((max(board.age[book], 0.0) for book in heard), default=0.0)
    late = frozenset(
        book for book in board.books if board.age[book] > STALE[category] or board.age[book] - newest > BEHIND
    )
    fresh = {book: opinion for book, opinion in heard.items() if book not in late}
    pools = {book: pooled({other: fresh[other] for other in fresh if other != book}) for book in board.books}
    return Line(board, category, heard, pooled(fresh), pools, late)


@dataclass(frozen=True)
class Judge:
    """What a bookmaker's prices of a line are judged by; `asked` by outcome, the median of what others ask for it."""

    probability: dict[str, float]
    references: int
    sharp: bool
    dispersion: float
    divergence: float
    asked: dict[str, float] = field(default_factory=dict)


def _found(
    key: LineKey, lines: Mapping[LineKey, Line], event: Mapping[str, Any]
) -> Iterator[tuple[tuple[str, str, str], Found]]:
    line = lines[key]
    board, category, consensus = line.board, line.category, line.consensus
    for book in board.books:
        judge = _judge(key, book, lines, event)
        if judge is None or consensus is None or book in line.late:
            continue
        enough = judge.references >= 3 or judge.sharp
        # Half the stake of a quarter line is at the whole line beside it, and only that half is ever returned.
        returned = (line.pushes[book] or 0.0) * (1.0 if _is_whole(key[1]) else 0.5)
        for side, prices in (("back", board.back), ("lay", board.lay)):
            if book in board.others or not all((book, outcome) in prices for outcome in board.outcomes):
                continue
            for outcome in board.outcomes:
                price, fair = prices[book, outcome], judge.probability[outcome]
                profit = price - 1 if side == "back" else 1 / (price - 1)
                net = 1 + profit * (1 - commission(book))
                wins = fair if side == "back" else 1 - fair
                ev = (1 - returned) * (wins * net - 1)
                middle = median(line.opinions[other].fair[outcome] for other in consensus.share)
                near = abs(fair - middle) <= judge.divergence and judge.dispersion <= 0.20
                against = outcome if side == "back" else next(o for o in board.outcomes if o != outcome)
                near = near and wins <= judge.asked.get(against, 1.0)
                if ev > 0 and enough and near and 0.02 <= fair <= 0.98:
                    ev_class = "suspect" if ev > PLAUSIBLE[category] else "take" if ev >= 0.045 else "marginal"
                    yield (outcome, book, side), Found(price, net, fair, ev, ev_class, line.pushes[book])


def _enough(pool: Pool | None) -> bool:
    return pool is not None and (len(pool.share) >= 3 or "pinnacle" in pool.share)


def _judge(key: LineKey, book: str, lines: Mapping[LineKey, Line], event: Mapping[str, Any]) -> Judge | None:
    """By the pool of the others; where too few of them price the line, by the lines beside it."""
    line, pool = lines[key], lines[key].pools[book]
    own = DIVERGENCE[line.category]
    if not _enough(pool) and (found := _by_other_lines(key, book, lines, event)) is not None:
        above, near = found
        over = event["home_team"] if key[0] == "spreads" else "Over"
        under = next(outcome for outcome in line.board.outcomes if outcome != over)
        asked = {
            outcome: median(prices)
            for outcome in line.board.outcomes
            if (
                prices := [
                    1 / price
                    for (other, o), price in line.board.back.items()
                    if o == outcome and other != book and other not in line.late and other not in line.board.others
                ]
            )
        }
        return Judge(
            {over: above, under: 1 - above},
            min(len(one.share) for one in near),
            all("pinnacle" in one.share for one in near),
            max(one.dispersion for one in near),
            min(own, 0.07),
            asked,
        )
    if pool is None:
        return None
    return Judge(pool.probability, len(pool.share), "pinnacle" in pool.share, pool.dispersion, own)


def _returns(one: float, other: float, rarely: bool) -> bool:
    """Whether two lines return the stake alike: halves never, wholes and quarters each in their way."""
    ways = {one % 1, other % 1}
    return len(ways) == 1 or (rarely and ways == {0.0, 0.5})


def _by_other_lines(
    key: LineKey, book: str, lines: Mapping[LineKey, Line], event: Mapping[str, Any]
) -> tuple[float, list[Pool]] | None:
    """The probability of the side that wins above the line, by the nearest lines, and their pools."""
    market, line = key
    over = event["home_team"] if market == "spreads" else "Over"
    if line is None or len(lines[key].board.outcomes) != 2 or over not in lines[key].board.outcomes:
        return None
    slopes, reach = SLOPES.get(event["sport_key"], ({}, 4))
    sign = -1 if market == "spreads" else 1
    beside: dict[float, Pool] = {}
    for (name, other), one in lines.items():
        away = 0.0 if other is None else sign * (other - line) * 2
        pool = one.pools.get(book, one.consensus)
        two_way = len(one.board.outcomes) == 2 and over in one.board.outcomes
        alike = other is not None and _returns(sign * other, sign * line, event["sport_key"] in SLOPES)
        if name == market and two_way and alike and 0 < abs(away) <= reach and pool is not None and _enough(pool):
            beside[away] = pool
    lam = {away: math.log(pool.probability[over] / (1 - pool.probability[over])) for away, pool in beside.items()}
    low = max((away for away in lam if away < 0), default=None)
    high = min((away for away in lam if away > 0), default=None)
    if low is not None and high is not None:
        if lam[low] < lam[high]:
            return None
        value, near = (lam[low] * high - lam[high] * low) / (high - low), [beside[low], beside[high]]
    elif (nearest := low if low is not None else high) is not None and market in slopes:
        value, near = lam[nearest] + nearest * slopes[market], [beside[nearest]]
    else:
        return None
    return 1 / (1 + math.exp(-value)), near


def _is_whole(line: float | None) -> bool:
    return line is not None and line == math.floor(line)


def _push(key: LineKey, book: str, lines: Mapping[LineKey, Line], home: str) -> float | None:
    """How often the whole number that a line is at, or beside, comes: by the half lines around it, without `book`.

    With Q the probability of the side that wins above the line where the stake stands, H and L those of the half lines
    above and below the whole number: whole Q = H/(1 − push); ¼ below it, where the whole number wins half,
    Q = (H + push/2)/(1 − push/2); ¼ above it, where it loses half, Q = H/(1 − push/2). L = H + push.
    """
    market, line = key
    pool = lines[key].pools[book]
    if line is None or line * 2 % 2 == 1:
        return 0.0
    if pool is None:
        return None
    sign = -1 if market == "spreads" else 1
    side = home if market == "spreads" else "Over"
    at = sign * line
    whole = round(at)
    own = pool.probability[side]

    def beside(threshold: float) -> float | None:
        other = lines.get((market, sign * threshold))
        if other is None:
            return None
        others = other.pools.get(book, other.consensus)
        return others.probability[side] if others is not None else None

    below, above = beside(whole - 0.5), beside(whole + 0.5)

    def by_the_curve(push: float, high: float) -> float:
        if at == whole:
            return high / (1 - push)
        return (high + (push / 2 if at < whole else 0)) / (1 - push / 2)

    if below is not None and above is not None:
        push = below - above
        if not 0 <= push < 1 or abs(by_the_curve(push, above) - own) > 0.05:
            return None
    elif above is None and below is None:
        return None
    else:
        # Of what is one half line the other is the push away: by bisection on what Q it would have.
        def off(push: float) -> float:
            high = above if above is not None else (below or 0.0) - push
            return by_the_curve(push, high) - own

        ends = off(0.0), off(1 - 1e-12)
        if ends[0] * ends[1] > 0:
            return None
        low, high = 0.0, 1 - 1e-12
        for _ in range(100):
            middle = (low + high) / 2
            low, high = (middle, high) if off(middle) * ends[0] > 0 else (low, middle)
        push = low
    win = own * (1 - push * (1.0 if at == whole else 0.5))
    lose = (1 - own) * (1 - push * (1.0 if at == whole else 0.5))
    impossible = (at < whole and win < push / 2) or (at > whole and lose < push / 2)
    return None if impossible else push


def _opinion(board: Board, book: str) -> Opinion | None:
    """None where it gives no fair price, by its prices alone."""
    if not board.complete(book):
        return None
    backs = {outcome: board.back[book, outcome] for outcome in board.outcomes}
    lays = {outcome: board.lay[book, outcome] for outcome in board.outcomes if (book, outcome) in board.lay}
    weight = 4.0 if book == "pinnacle" else 1.0
    if commission(book) > 0 and not lays:
        return None  # One side of a book says nothing of the other.
    if commission(book) > 0:
        if len(lays) < len(backs) or not all(0 <= 1 / backs[o] - 1 / lays[o] <= 0.10 for o in backs):
            return None
        mids = {o: (1 / backs[o] + 1 / lays[o]) / 2 for o in backs}
        total = sum(mids.values())
        return Opinion(2.0, total - 1, {o: r / total for o, r in mids.items()}) if abs(total - 1) <= 0.10 else None
    total = sum(1 / price for price in backs.values())
    return Opinion(weight, total - 1, power([1 / price for price in backs.values()], backs)) if total > 1 else None


def power(implied: Sequence[float], names: Mapping[str, float]) -> dict[str, float]:
    """r^k with Σr^k = 1."""
    low, high = 1.0, 2.0
    while sum(r**high for r in implied) > 1:
        high *= 2
    # Until no number lies between them.
    while low < (k := (low + high) / 2) < high:
        low, high = (k, high) if sum(r**k for r in implied) > 1 else (low, k)
    return dict(zip(names, (r**low for r in implied), strict=True))


def pooled(opinions: Mapping[str, Opinion]) -> Pool | None:
    """docs/domain.md, Pooling, 1 to 4."""
    if not opinions:
        return None
    books, outcomes = list(opinions), list(next(iter(opinions.values())).fair)
    lam = {b: [math.log(p / (1 - p)) for p in opinions[b].fair.values()] for b in books}
    weights = {b: opinions[b].weight for b in books}
    far, dispersion = _distances(lam, weights)
    outliers: set[str] = set()
    kept, spare = weights, (len(weights) - 1) // 2
    while len(kept) >= 4 and (named := _furthest(lam, kept, far, spare - len(outliers))):
        outliers |= named
        kept = {b: w for b, w in kept.items() if b not in named}
        far, _ = _distances(lam, kept)
    share = capped(kept, 0.40 if len(kept) >= 3 else 1.0)
    raw = []
    for o in range(len(outcomes)):
        centre = weighted_median([(lam[b][o], s) for b, s in share.items()])
        reach = far[o] / 20 if len(kept) >= 3 else math.inf
        mean = centre + sum(s * max(-reach, min(reach, lam[b][o] - centre)) for b, s in share.items())
        raw.append(1 / (1 + math.exp(-mean)))
    return Pool({o: p / sum(raw) for o, p in zip(outcomes, raw, strict=True)}, share, frozenset(outliers), dispersion)


def _furthest(
    lam: Mapping[str, Sequence[float]], weights: Mapping[str, float], far: Sequence[float], most: int
) -> set[str]:
    """The bookmakers beyond the limit of any outcome, the furthest in limits where these are more than `most`."""
    times = {b: max(apart / far[o] for o, apart in _apart(lam, weights, b)) for b in weights}
    return {b for b in sorted(times, key=lambda b: -times[b])[:most] if times[b] > 1}


def _distances(lam: Mapping[str, Sequence[float]], weights: Mapping[str, float]) -> tuple[list[float], float]:
    """By outcome how far from the median an outlier is, and the largest MAD."""
    if not weights:
        return [], 0.0
    outcomes = range(len(next(iter(lam.values()))))
    apart = [dict(_apart(lam, weights, b)) for b in weights]
    mads = [median(of_book[o] for of_book in apart) for o in outcomes]
    return [max(3 * 1.4826 * mad, 0.20) for mad in mads], max(mads)


def _apart(lam: Mapping[str, Sequence[float]], weights: Mapping[str, float], book: str) -> Iterator[tuple[int, float]]:
    """How far a bookmaker is from the median of each outcome."""
    counted = capped(weights, max(0.15, 1 / len(weights)))
    for o, own in enumerate(lam[book]):
        yield o, abs(own - weighted_median([(lam[b][o], counted[b]) for b in weights]))


def capped(weights: Mapping[str, float], ceiling: float) -> dict[str, float]:
    """Shares in proportion to the weights, none above the ceiling."""
    at_ceiling: set[str] = set()
    while True:
        rest = sum(w for b, w in weights.items() if b not in at_ceiling)
        left = 1 - ceiling * len(at_ceiling)
        share = {b: ceiling if b in at_ceiling else w / rest * left for b, w in weights.items()}
        above = {b for b, s in share.items() if s > ceiling + 1e-12}
        if not above:
            return share
        at_ceiling |= above


def weighted_median(values: Sequence[tuple[float, float]]) -> float:
    """Where half the weight is reached; the middle of the gap where exactly half lies below one."""
    ordered = sorted(values)
    below = 0.0
    for (value, weight), (following, _) in pairwise([*ordered, ordered[-1]]):
        below += weight
        if abs(below - 0.5) <= 1e-12:
            return (value + following) / 2
        if below > 0.5:
            return value
    return ordered[-1][0]
