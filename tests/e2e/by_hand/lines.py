"""The working of one line: what kind it is, who is heard, who is late, and the pools that leave one bookmaker out.

Plain numbers; nothing of the project is imported.
"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from e2e.by_hand.boards import Board, LineKey, house, with_a_say
from e2e.by_hand.pooling import Opinion, Pool, opinion_of, pooled

STALE = {"main": 600.0, "alternate": 900.0, "outright": 900.0}
BEHIND = 300.0


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
    is not known how often its stake is returned), `found` by outcome, bookmaker and side; `newest` is the age of the
    newest opinion, infinite where there is none."""

    board: Board
    category: str
    opinions: dict[str, Opinion]
    consensus: Pool | None
    pools: dict[str, Pool | None]
    late: frozenset[str]
    newest: float
    pushes: dict[str, float | None] = field(default_factory=dict)
    found: dict[tuple[str, str, str], Found] = field(default_factory=dict)


def categories(boards: Mapping[LineKey, Board]) -> dict[LineKey, str]:
    """Of the lines of a market, the one that most bookmakers price freshly is its main one, where none does the one
    that most price; then the most even."""
    kinds, lines = {}, defaultdict(list)
    for (market, line), board in boards.items():
        kinds[market, line] = "outright" if market == "outrights" else "main" if line is None else "alternate"
        if line is not None:
            lines[market].append((line, board))
    for market, candidates in lines.items():
        complete = [[book for book in board.books if board.complete(book)] for _, board in candidates]
        fresh = [
            with_a_say(board, books, STALE["main"]) for (_, board), books in zip(candidates, complete, strict=True)
        ]
        counted = fresh if any(fresh) else complete
        ranked = [
            (-len(books), _off_even(board, books), line)
            for (line, board), books in zip(candidates, counted, strict=True)
        ]
        kinds[market, min(ranked)[2]] = "main"
    return kinds


def _off_even(board: Board, books: Sequence[str]) -> float:
    first = board.outcomes[0]
    fair = [1 / board.back[book, first] / sum(1 / board.back[book, o] for o in board.outcomes) for book in books]
    return round(abs(sum(fair) / len(fair) - 0.5), 12) if fair else 1.0


def line_of(board: Board, category: str) -> Line:
    heard = {book: opinion for book in board.books if (opinion := opinion_of(board, book)) is not None}
    of_house: dict[str, str] = {}
    for book in sorted(heard, key=lambda book: board.age[book]):
        of_house.setdefault(house(book), book)  # the newest counts
    heard = {book: opinion for book, opinion in heard.items() if of_house[house(book)] == book}
    newest = min((max(board.age[book], 0.0) for book in heard), default=math.inf)
    since = newest if heard else 0.0
    late = frozenset(
        book for book in board.books if board.age[book] > STALE[category] or board.age[book] - since > BEHIND
    )
    fresh = {book: opinion for book, opinion in heard.items() if book not in late}
    pools = {
        book: pooled({other: fresh[other] for other in fresh if house(other) != house(book)}) for book in board.books
    }
    return Line(board, category, heard, pooled(fresh), pools, late, newest)
