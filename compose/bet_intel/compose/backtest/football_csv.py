"""Reading results and odds in the format of football-data.co.uk.

The columns are named by bookmaker, moment and outcome: `PSCH` is Pinnacle's closing price of the home side, `B365>2.5`
bet365's opening price of more than 2.5 goals. Files found in the wild are delimited by commas or semicolons, write 1.95
or 1,95, begin with a byte order mark or not, tell dates as 09/08/19, 09/08/2019 or 2019-08-09, and call `>2.5` and
`<2.5` `_2_5` and `_2_5_1`. What cannot be read is rejected with its place, never guessed: a price has no sign, and
beside American odds of the same bookmaker a number of 100 or more may be either.
"""

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import NamedTuple

import numpy as np

from bet_intel.compose.backtest.csv_rows import NoCsvError, Row, rows_of
from bet_intel.compose.backtest.sample import BEST, MEAN, RESULT, Prices, Sample
from bet_intel.odds import FloatArray

BOOKMAKERS = {
    "1XB": "onexbet",
    "B365": "bet365",
    "BF": "betfair_sb_uk",
    "BFE": "betfair_ex_uk",
    "BMGM": "betmgm",
    "BS": "bluesquare",
    "BV": "betvictor",
    "BW": "bwin",
    "CL": "coral",
    "GB": "gamebookers",
    "IW": "interwetten",
    "LB": "ladbrokes_uk",
    "P": "pinnacle",
    "PS": "pinnacle",
    "SB": "sportingbet",
    "SJ": "stanjames",
    "SO": "sportingodds",
    "SY": "stanleybet",
    "VC": "betvictor",
    "WH": "williamhill",
}
"""What the format calls a bookmaker, and the key that it has elsewhere in bet-intel."""
_OF_TOTALS, _OF_MATCH_ODDS = "P", "PS"  # Pinnacle alone has a name for each
_BEST, _MEAN = ("Max", "BbMx"), ("Avg", "BbAv")
_SPORT = "soccer"
_OUTCOMES = {"h2h": ("home", "draw", "away"), "totals 2.5": ("over", "under")}
_SUFFIXES = {"h2h": (("H",), ("D",), ("A",)), "totals 2.5": ((">2.5", "_2_5"), ("<2.5", "_2_5_1"))}
_NEEDED = {
    "the date": ("Date",),
    "the home team": ("HomeTeam", "Home"),
    "the away team": ("AwayTeam", "Away"),
    "the home side's goals": ("FTHG", "HG"),
    "the away side's goals": ("FTAG", "AG"),
}
_ABSURD = 1000
"""No side has as many goals."""
_AMERICAN = re.compile(r"[+-]?[1-9]\d{2,}([.,]\d+)?")
_SIGNS = ("+", "-")
_DATES = ("%d/%m/%Y", "%d/%m/%y", "%Y-%m-%d")


class UnreadableError(Exception):
    """A file that is not in this format; the message says what is missing."""


class Rejected(NamedTuple):
    """What was not used, and where it stands."""

    where: str
    reason: str


class _Column(NamedTuple):
    market: str
    book: str
    closing: bool
    outcome: int

    @property
    def board(self) -> tuple[str, str, bool]:
        """What it is one price of: a bookmaker's of all outcomes, written by one hand."""
        return self[:3]


def _known_columns() -> dict[str, _Column]:
    codes = BOOKMAKERS | dict.fromkeys(_BEST, BEST) | dict.fromkeys(_MEAN, MEAN)
    columns = {}
    for market, suffixes in _SUFFIXES.items():
        other = _OF_TOTALS if market == "h2h" else _OF_MATCH_ODDS
        for code, book in codes.items():
            for moment in ("", "C") if code != other else ():
                for outcome, names in enumerate(suffixes):
                    for name in names:
                        columns[code + moment + name] = _Column(market, book, bool(moment), outcome)
    return columns


@dataclass
class Football:
    """Matches gathered from any number of files, in their order."""

    matches: list[tuple[int, int]] = field(default_factory=list)
    """Goals of the home and of the away side."""
    quotes: list[dict[_Column, float]] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    known: dict[tuple[date, str, str], str] = field(default_factory=dict)
    """Where each match stands: what is in two files is one match."""

    def read(self, name: str, data: bytes) -> None:
        """Add the matches of a file.

        Raises:
            UnreadableError: it has no columns of teams, results and odds, two for one thing, American odds for decimal
                ones, or is no CSV.
        """
        header, rows = _table(name, data)
        width = max((place for place, column in enumerate(header, start=1) if column), default=0)
        places = {what: [p for p, column in enumerate(header) if column in names] for what, names in _NEEDED.items()}
        missing = [f"{what} ({' or '.join(_NEEDED[what])})" for what, found in places.items() if not found]
        known = _known_columns()
        odds = {place: known[column] for place, column in enumerate(header) if column in known}
        if missing or not odds:
            raise UnreadableError(
                f"{name} has no column for {', '.join(missing) or 'odds (B365H, PSCD, Max>2.5, …)'}: expected a file "
                "in the format of football-data.co.uk"
            )
        _check_twins(name, header, [*places.values(), *_places_of(odds).values()])
        known_width = [row.cells for row in rows if not any(map(str.strip, row.cells[width:]))]
        american = _american_boards(name, header, known_width, odds)
        for row in rows:
            where, cells = f"{name}, line {row.line}", row.cells
            if row.last > row.line:
                reason = f"goes on to line {row.last}: a cell has a line break in it, or a quote is left open"
                self.rejected.append(Rejected(where, reason))
            elif not row.is_empty and not row.ended and len(cells) < width:
                # Its last price may be the beginning of one: 2 of 23.63.
                reason = (
                    f"the file ends without a line break after {len(cells)} of {width} columns: it may be cut there"
                )
                self.rejected.append(Rejected(where, reason))
            elif any(cell.strip() for cell in cells[width:]):
                # A decimal comma that is not quoted makes a cell of its own: what follows it is under other columns.
                reason = f"{len(cells)} cells under {width} columns: quote a cell with a comma in it"
                self.rejected.append(Rejected(where, reason))
            elif not row.is_empty:
                prices = {column: _cell(cells, place) for place, column in odds.items()}
                self._match(where, {what: _cell(cells, place) for what, (place,) in places.items()}, prices, american)

    def _match(
        self, where: str, cells: Mapping[str, str], prices: Mapping[_Column, str], american: Set[tuple[str, str, bool]]
    ) -> None:
        home, away = _goals(cells["the home side's goals"]), _goals(cells["the away side's goals"])
        teams, day = (cells["the home team"], cells["the away team"]), _date(cells["the date"])
        if not all(teams) or day is None:
            self.rejected.append(Rejected(where, "no teams, or no date"))
        elif home is None or away is None:
            self.rejected.append(Rejected(where, "no result"))
        elif (match := (day, *teams)) in self.known:
            self.rejected.append(Rejected(where, f"the match of {self.known[match]} again"))
        else:
            self.known[match] = where
            self.matches.append((home, away))
            self.quotes.append(dict(self._prices(where, prices, american)))

    def _prices(
        self, where: str, prices: Mapping[_Column, str], american: Set[tuple[str, str, bool]]
    ) -> Iterator[tuple[_Column, float]]:
        for column, text in prices.items():
            if not text:
                continue
            price = _number(text)
            if text.startswith(_SIGNS):
                self.rejected.append(Rejected(where, f"{column.book}: {text!r} has a sign, and is no decimal price"))
            elif column.board in american and _AMERICAN.fullmatch(text):
                self.rejected.append(Rejected(where, f"{column.book}: {text!r} stands beside American odds"))
            # Betfair's old files tell 0 for what was not offered.
            elif price > 1.0:
                yield column, price
            elif price != 0.0:
                self.rejected.append(Rejected(where, f"{column.book}: {text!r} is not a decimal price"))

    def samples(self) -> list[Sample]:
        """Match odds and totals of 2.5 goals, each where there are prices."""
        goals = np.array(self.matches, dtype=np.int64).reshape(-1, 2)
        difference, total = goals[:, 0] - goals[:, 1], goals.sum(axis=1)
        won = {
            "h2h": np.array([difference > 0, difference == 0, difference < 0]),
            "totals 2.5": np.array([total > 2, total < 3]),
        }
        columns = {column for quotes in self.quotes for column in quotes}
        samples = []
        for market, outcomes in _OUTCOMES.items():
            books = sorted({c.book for c in columns if c.market == market and c.book in BOOKMAKERS.values()})
            if any(column.market == market for column in columns):
                opening, closing = (self._at(market, books, len(outcomes), closing) for closing in (False, True))
                truth = won[market].astype(np.float64)
                samples.append(Sample(market, outcomes, tuple(books), RESULT, opening, closing, truth, sport=_SPORT))
        return samples

    def _at(self, market: str, books: Sequence[str], outcomes: int, closing: bool) -> Prices:
        def column(book: str) -> FloatArray:
            keys = [_Column(market, book, closing, outcome) for outcome in range(outcomes)]
            return np.array([[quotes.get(key, math.nan) for quotes in self.quotes] for key in keys])

        by_book = [column(book) for book in books]
        shape = (outcomes, 0, len(self.quotes))
        return Prices(np.stack(by_book, axis=1) if by_book else np.empty(shape), column(BEST), column(MEAN))


def _places_of(odds: Mapping[int, _Column]) -> dict[_Column, list[int]]:
    places: dict[_Column, list[int]] = {}
    for place, column in odds.items():
        places.setdefault(column, []).append(place)
    return places


def _american_boards(
    name: str, header: Sequence[str], rows: Sequence[Sequence[str]], odds: Mapping[int, _Column]
) -> Set[tuple[str, str, bool]]:
    """The boards with American odds among their prices.

    Raises:
        UnreadableError: a board has no others.
    """
    found = set()
    for board in dict.fromkeys(column.board for column in odds.values()):
        places = [place for place, column in odds.items() if column.board == board]
        cells = [(place, text) for row in rows for place in places if _number(text := _cell(row, place) or "0")]
        known = [(place, text) for place, text in cells if _AMERICAN.fullmatch(text)]
        # Spreadsheets drop a plus: only a sign tells 150 from decimal odds of 150.
        place, signed = next((one for one in known if one[1].startswith(_SIGNS)), (0, ""))
        if signed and len(known) == len(cells):
            raise UnreadableError(
                f"{name} tells the prices of {board[1]} as American odds, {signed} for one under {header[place]}: "
                f"convert {', '.join(header[place] for place in places)} to decimal odds, or leave them out"
            )
        if signed:
            found.add(board)
    return found


def _check_twins(name: str, header: Sequence[str], places: Iterable[Sequence[int]]) -> None:
    """
    Raises:
        UnreadableError: several columns tell the same.
    """
    for twins in places:
        if len(twins) > 1:
            columns = " and ".join(header[place] for place in twins)
            raise UnreadableError(f"{name} has the columns {columns}, which tell the same: keep one of them")


def _table(name: str, data: bytes) -> tuple[list[str], list[Row]]:
    """The columns, from the first row that is not empty, and the rows below them.

    Raises:
        UnreadableError: it is no CSV.
    """
    try:
        rows = list(rows_of(data))
    except NoCsvError as error:
        raise UnreadableError(f"{name} cannot be read as CSV at {error}") from error
    head = next((place for place, row in enumerate(rows) if not row.is_empty), len(rows))
    return [column.strip() for row in rows[head : head + 1] for column in row.cells], rows[head + 1 :]


def _cell(row: Sequence[str], place: int) -> str:
    return row[place].strip() if place < len(row) else ""


def _date(text: str) -> date | None:
    for style in _DATES:
        try:
            return datetime.strptime(text, style).date()  # noqa: DTZ007 - a day, of which no time is made
        except ValueError:
            continue
    return None


def _goals(text: str) -> int | None:
    goals = _number(text)
    return int(goals) if 0 <= goals < _ABSURD and goals == int(goals) else None


def _number(text: str) -> float:
    """NaN where it is none; Python would read 2_05 as 205."""
    try:
        number = float(text.replace(",", ".").replace("_", " "))
    except ValueError:
        return math.nan
    return number if math.isfinite(number) else math.nan
