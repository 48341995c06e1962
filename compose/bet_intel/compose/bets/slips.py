"""Bets in a CSV file → what the gateway takes. Nothing is guessed: what cannot be read is refused with its line."""

import csv
import io
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

from bet_intel.api.domain.names import plain
from bet_intel.compose.bets.references import Identity, identity, reference
from bet_intel.compose.commands.errors import CommandError
from bet_intel.odds import american_to_decimal

_NAMES: Mapping[str, tuple[str, ...]] = {
    "bookmaker": ("bookmaker", "book", "sportsbook"),
    "market": ("market",),
    "outcome": ("outcome", "selection", "pick"),
    "side": ("side", "back_or_lay", "back_lay"),
    "price": ("price", "odds"),
    "stake": ("stake", "risk"),
    "returned": ("returned", "return", "payout"),
    "placed_at": ("placed_at", "placed", "date"),
    "period": ("period",),
    "line": ("line",),
    "point": ("point", "points", "handicap"),
    "subject": ("subject", "player"),
    "event_id": ("event_id",),
    "sport": ("sport",),
    "league": ("league",),
    "home": ("home", "home_team"),
    "away": ("away", "away_team"),
    "commence_time": ("commence_time", "start", "starts"),
    "reference": (
        *("reference", "id", "bet_id", "bet_number", "ticket", "ticket_id", "ticket_number"),
        *("slip", "slip_id", "slip_number", "bet_slip"),
    ),
    "note": ("note", "notes"),
}
_NEEDED = ("bookmaker", "market", "outcome", "price", "stake")
_AS_THEY_ARE = ("market", "period", "subject", "event_id", "sport", "league", "home", "away", "reference", "note")


_THOUSANDS = re.compile(r"[+-]?\d+,\d{3}")
_MINUS = "\N{MINUS SIGN}"
"""As spreadsheets and bookmakers' pages print it."""
_AMERICAN = 100
"""American odds begin here: a whole number without a sign from here on may be one, and a decimal price as well."""


class Slip(NamedTuple):
    """A bet and where it stands; `body` is what `POST /v1/bets` takes."""

    where: str
    body: dict[str, Any]


class Refused(NamedTuple):
    where: str
    reason: str


def read_slips(name: str, data: bytes, *, american: bool) -> tuple[list[Slip], list[Refused]]:
    """
    Raises:
        CommandError: a column that is needed is missing, there are two for one thing, or the file is no CSV.
    """
    rows = ((line, row) for line, row in _rows(name, data) if any(cell.strip() for cell in row))
    _, first = next(rows, (0, []))
    header = [_column(column) for column in first]
    places = _places(name, header)
    width = max((place for place, column in enumerate(header, start=1) if column), default=0)
    missing = [field for field in _NEEDED if field not in places]
    if "event_id" not in places:
        missing += [field for field in ("league", "home", "away", "commence_time") if field not in places]
    if missing:
        raise CommandError(
            f"{name} has no column for {', '.join(missing)}: expected a header with "
            f"{', '.join(_NEEDED)} and event_id or league, home, away, start"
        )
    slips: list[Slip] = []
    refused: list[Refused] = []
    seen: Counter[Identity] = Counter()
    for line, row in rows:
        cells = {field: row[place].strip() for field, place in places.items() if place < len(row)}
        if not any(cells.values()):
            continue
        where = f"{name}, line {line}"
        if any(cell.strip() for cell in row[width:]):
            # A decimal comma that is not quoted makes a cell of its own, and what follows it moves under other columns.
            refused.append(Refused(where, f"{len(row)} cells under {width} columns: quote a cell with a comma in it"))
            continue
        try:
            body = _body(cells, american=american)
        except ValueError as error:
            refused.append(Refused(where, str(error)))
            continue
        if "reference" not in body:
            # Two bets that are alike in everything are two bets: the second one of a file is the second one again.
            alike = identity(body)
            seen[alike] += 1
            body["reference"] = reference(alike, seen[alike])
        slips.append(Slip(where, body))
    return slips, refused


def _places(name: str, header: Sequence[str]) -> dict[str, int]:
    """Where each field's column is."""
    places = {}
    for field, names in _NAMES.items():
        found = [place for place, column in enumerate(header) if column in names]
        if len(found) > 1:
            columns = " and ".join(header[place] for place in found)
            raise CommandError(f"{name} has the columns {columns}, which both tell {field}: keep one of them")
        if found:
            places[field] = found[0]
    return places


def _rows(name: str, data: bytes) -> Iterator[tuple[int, list[str]]]:
    """Each row with the line of the file on which it begins."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CommandError(f"{name} is not UTF-8 ({error}): save it as such") from error
    first = next((line for line in text.splitlines() if line.strip(" \t,;")), "")
    delimiter = ";" if first.count(";") > first.count(",") else ","
    # Not strict, a quote that is never closed would take everything below it as one cell.
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    while True:
        line = rows.line_num + 1
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            open_quote = " (is a quote left open there?)" if rows.line_num > line else ""
            raise CommandError(f"{name} cannot be read as CSV at line {line}: {error}{open_quote}") from error
        yield line, row


def _column(name: str) -> str:
    return name.strip().casefold().replace(" ", "_")


def _body(cells: Mapping[str, str], *, american: bool) -> dict[str, Any]:
    for field in _NEEDED:
        if not cells.get(field):
            raise ValueError(f"no {field}")
    body: dict[str, Any] = {field: cells[field] for field in _AS_THEY_ARE if cells.get(field)}
    outcome = _outcome(cells["outcome"])
    body |= {
        "bookmaker": cells["bookmaker"].casefold(),
        "outcome": outcome,
        "price": _price(cells["price"], american=american),
        "stake": str(_money("stake", cells["stake"])),
    }
    if cells.get("side"):
        body["side"] = _side(cells["side"])
    if cells.get("returned"):
        body["returned"] = str(_money("returned", cells["returned"]))
    for field in ("placed_at", "commence_time"):
        if cells.get(field):
            body[field] = _time(field, cells[field])
    line = _line(cells, outcome)
    if line is not None:
        body["line"] = line
    return body


def _side(text: str) -> str:
    side = {"b": "back", "l": "lay"}.get(text.casefold(), text.casefold())
    if side not in ("back", "lay"):
        raise ValueError(f"side {text!r} is neither back nor lay")
    return side


def _outcome(text: str) -> str:
    """Over and under as the boards write them; `draw` and teams are told apart by the gateway."""
    known = {"over": "Over", "under": "Under", "draw": "Draw", "x": "Draw"}
    return known.get(text.casefold(), text)


def _line(cells: Mapping[str, str], outcome: str) -> float | None:
    """A line is the home side's; a point is the bet's own. Where both are given they say the same."""
    line = _number("line", cells["line"]) if cells.get("line") else None
    if not cells.get("point"):
        return line
    point = _number("point", cells["point"])
    sides = _signs(cells, outcome)
    if line is not None:
        if line not in [sign * point for sign in sides]:
            raise ValueError(f"line {cells['line']} and point {cells['point']} are not of one bet: keep the right one")
        return line
    if len(sides) > 1:
        raise ValueError(
            f"the point of {outcome!r} could be either side's: say home or away, or give the home side's line"
        )
    return sides[0] * point + 0.0  # away at 0 is 0 as well, not −0


def _signs(cells: Mapping[str, str], outcome: str) -> Sequence[int]:
    """By which a bet's own point becomes a line; both, where nobody can say whose it is."""
    home, away = ({side, plain(cells.get(side, "")) or side} for side in ("home", "away"))
    if "spread" not in cells["market"].casefold():
        return [1]
    if plain(outcome) in away:
        return [-1]
    return [1] if plain(outcome) in home else [1, -1]


def _price(text: str, *, american: bool) -> float:
    text = text.replace(_MINUS, "-")
    if american:
        return float(american_to_decimal(_number("odds", text)))
    if text.startswith(("+", "-")) or (number := _number("price", text)) <= 1:
        raise ValueError(f"{text!r} is not a decimal price: American odds need --american")
    if number >= _AMERICAN and text.isdecimal():
        raise ValueError(
            f"{text} could be a decimal price or American odds: write {text}.0, or +{text} with --american"
        )
    return number


def _money(field: str, text: str) -> Decimal:
    if _THOUSANDS.fullmatch(text):
        raise ValueError(f"{field} {text!r} could be thousands or thousandths: write it without the comma")
    try:
        amount = Decimal(_with_point(text))
    except (InvalidOperation, ValueError) as error:
        raise ValueError(f"{field} {text!r} is not a number") from error
    if not amount.is_finite():
        raise ValueError(f"{field} {text!r} is not a finite number")
    return amount


def _number(field: str, text: str) -> float:
    try:
        number = float(_with_point(text.replace(_MINUS, "-")))
    except ValueError as error:
        raise ValueError(f"{field} {text!r} is not a number") from error
    if not math.isfinite(number):
        raise ValueError(f"{field} {text!r} is not a finite number")
    return number


def _with_point(text: str) -> str:
    """1,95 is 1.95; with a point as well, or more commas, nobody can say what it is.

    Raises:
        ValueError: it is 1_95, which Python would read as 195.
    """
    if "_" in text:
        raise ValueError(text)
    return text.replace(",", ".") if text.count(",") == 1 and "." not in text else text


def _time(field: str, text: str) -> str:
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"{field} {text!r} is not a time such as 2026-01-31T15:00:00Z") from error
    if time.tzinfo is None:
        raise ValueError(f"{field} {text!r} has no zone: write 2026-01-31T15:00:00Z, or +01:00 at its end")
    return time.astimezone(UTC).isoformat()
