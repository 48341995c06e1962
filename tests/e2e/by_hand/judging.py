"""What a response of The Odds API v4 is worth, from its JSON and docs/domain.md alone: the expectation of `price`.

Plain numbers, one market at a time, one price at a time; nothing of the project is imported. Covers featured markets of
whole matches and outrights, with the starting values of the profile.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from statistics import median
from typing import Any

from e2e.by_hand.boards import Board, LineKey, boards_of, keep_what_is_comparable
from e2e.by_hand.lines import BEHIND, STALE, Found, Line, categories, line_of
from e2e.by_hand.neighbours import by_other_lines, enough, is_whole, push_of
from e2e.by_hand.pooling import commission

PLAUSIBLE = {"main": 0.10, "alternate": 0.20, "outright": 0.20}
_DIVERGENCE = {"main": 0.08, "alternate": 0.12, "outright": 0.12}


def worked(event: Mapping[str, Any], now: datetime) -> dict[LineKey, Line]:
    """Every line of an event."""
    return judged(boards_of(event, now), event, started=datetime.fromisoformat(event["commence_time"]) <= now)


def judged(boards: Mapping[LineKey, Board], event: Mapping[str, Any], *, started: bool) -> dict[LineKey, Line]:
    """Every line of an event, from its boards and the names of its teams."""
    for (market, _), board in boards.items():
        keep_what_is_comparable(board, STALE["outright" if market == "outrights" else "main"])
    kinds = categories(boards)
    lines = {key: line_of(board, kinds[key]) for key, board in boards.items()}
    for key, line in lines.items():
        line.pushes.update({book: push_of(key, book, lines, event) for book in line.board.books})
        if not started:
            line.found.update(_found(key, lines, event))
    return lines


@dataclass(frozen=True)
class Judge:
    """What a bookmaker's prices of a line are judged by; `asked` by outcome, the median of what others ask for it;
    `late` where the price is far behind the lines that judge it."""

    probability: dict[str, float]
    references: int
    sharp: bool
    dispersion: float
    divergence: float
    asked: dict[str, float] = field(default_factory=dict)
    late: bool = False


def _found(
    key: LineKey, lines: Mapping[LineKey, Line], event: Mapping[str, Any]
) -> Iterator[tuple[tuple[str, str, str], Found]]:
    line = lines[key]
    board, category, consensus = line.board, line.category, line.consensus
    for book in board.books:
        judge = _judge(key, book, lines, event)
        if judge is None or book in line.late or judge.late:
            continue
        enough = judge.references >= 3 or judge.sharp
        # Half the stake of a quarter line is at the whole line beside it, and only that half is ever returned.
        returned = (line.pushes[book] or 0.0) * (1.0 if is_whole(key[1]) else 0.5)
        for side, prices in (("back", board.back), ("lay", board.lay)):
            if book in board.others or not all((book, outcome) in prices for outcome in board.outcomes):
                continue
            for outcome in board.outcomes:
                price, fair = prices[book, outcome], judge.probability[outcome]
                profit = price - 1 if side == "back" else 1 / (price - 1)
                net = 1 + profit * (1 - commission(book))
                wins = fair if side == "back" else 1 - fair
                ev = (1 - returned) * (wins * net - 1)
                near = judge.dispersion <= 0.20
                if consensus is not None:
                    middle = median(line.opinions[other].fair[outcome] for other in consensus.share)
                    near = near and abs(fair - middle) <= judge.divergence
                against = outcome if side == "back" else next(o for o in board.outcomes if o != outcome)
                near = near and wins <= judge.asked.get(against, 1.0)
                if ev > 0 and enough and near and 0.02 <= fair <= 0.98:
                    ev_class = "suspect" if ev > PLAUSIBLE[category] else "take" if ev >= 0.045 else "marginal"
                    yield (outcome, book, side), Found(price, net, fair, ev, ev_class, line.pushes[book])


def _judge(key: LineKey, book: str, lines: Mapping[LineKey, Line], event: Mapping[str, Any]) -> Judge | None:
    """By the pool of the others; where too few of them price the line, by the lines beside it."""
    line, pool = lines[key], lines[key].pools[book]
    own = _DIVERGENCE[line.category]
    if not enough(pool) and (found := by_other_lines(key, book, lines, event)) is not None:
        above, near, newest = found
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
            line.board.age[book] - newest > BEHIND,
        )
    if pool is None:
        return None
    return Judge(pool.probability, len(pool.share), "pinnacle" in pool.share, pool.dispersion, own)
