"""What a response says: its readable prices, the time it is judged at, and the boards of what can be compared.

Plain numbers; nothing of the project is imported.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

SKEW = 300.0

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


def boards_of(event: Mapping[str, Any], now: datetime) -> dict[LineKey, Board]:
    """Every line of an event, as its bookmakers price it."""
    boards: defaultdict[LineKey, Board] = defaultdict(Board)
    for book, key, side, outcome, price, updated in readable_prices(event):
        board = boards[key]
        age = (now - updated).total_seconds()
        board.age[book] = max(age, board.age.get(book, age))
        (board.lay if side == "lay" else board.back)[book, outcome] = price
    for board in boards.values():
        # A time after the answer is no time.
        board.age.update({book: math.inf for book, age in board.age.items() if age < -SKEW})
    return boards


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


def house(book: str) -> str:
    """Who it is: an exchange has a key for each country."""
    return "betfair_ex_" if book.startswith("betfair_ex_") else book


def with_a_say(board: Board, books: Iterable[str], stale: float) -> list[str]:
    """Of `books` the fresh ones, an exchange once, by the newest of its keys."""
    of_house: dict[str, str] = {}
    for book in sorted(books, key=lambda book: board.age[book]):
        if board.age[book] <= stale:
            of_house.setdefault(house(book), book)
    return sorted(of_house.values())


def keep_what_is_comparable(board: Board, stale: float) -> None:
    offers: defaultdict[str, set[str]] = defaultdict(set)
    for book, outcome in board.back:
        offers[book].add(outcome)
    several = sorted(book for book, offered in offers.items() if len(offered) > 1)
    asked = with_a_say(board, several, stale) or several
    sets = Counter(frozenset(offers[book]) for book in asked)
    priced = Counter(outcome for book in asked for outcome in offers[book])
    chosen = {outcome for offered in offers.values() for outcome in offered}
    if sets and (len(sets) == 1 or max(sets.values()) > 1):
        first = min(sets, key=lambda one: (-sets[one], -len(one), -sum(priced[o] for o in one), sorted(one)))
        chosen = set(first)
    elif len(halves := {outcome for outcome in priced if 2 * priced[outcome] >= len(asked)}) > 1:
        chosen = halves
    board.outcomes = tuple(sorted(chosen))
    board.others = frozenset(book for book, offered in offers.items() if not offered <= chosen)
