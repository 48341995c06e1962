"""Bad input, case by case and by each way in: what is said of it, and what it does to its neighbours.

`MATRIX` has a cell for each case and way; docs/operations/bad-input.md is compared with it.
"""

import json
import socket
from pathlib import Path
from typing import NamedTuple

from bet_intel.compose.embedded_postgres import open_data_folder
from fixtures.bad_input import ERROR_ANSWERS, GOOD_ID, PIECES
from fixtures.command import Ran
from fixtures.system import System, opportunities

WAYS = ("HTTP", "replay", "price FILE", "price -", "command line", "settings")
CASES = (
    *("malformed JSON", "price ≤ 1", "one-sided book", "duplicate outcomes", "unknown sport"),
    *("no such source, or not with these options", "absent file"),
    *("truncated gz", "port in use", "data folder of another version", "wrong key", "spent key", "429", "5xx"),
    *("hanging server", "half a body", "50 MB body"),
)


class Status(NamedTuple):
    """`/v1/status` is degraded by `kind` and says `said`; after it, the feed goes on."""

    kind: str
    said: str
    fault: str


class Named(NamedTuple):
    """The piece is refused with its place and the reason; what is beside it is taken."""

    where: str
    reason: str


class Refused(NamedTuple):
    """The command ends with `code` and a sentence that says each of `said`."""

    code: int
    said: tuple[str, ...]


class Taken(NamedTuple):
    """It is no mistake of the form: it is shown, and makes no opportunity."""


Cell = Status | Named | Refused | Taken

_PIECES: dict[str, Cell] = {
    case: Named(piece.where, piece.reason) if piece.where else Taken()
    for case, piece in PIECES.items()
    if case in CASES
}
_NO_JSON = Refused(1, ("is not JSON", "give a response of The Odds API v4"))
_CUT = Refused(1, ("gzip stream breaks off", "fetch the file again"))
_TOO_LARGE = Refused(1, ("larger than 32 MiB", "fewer events"))
_SAVED: dict[str, Cell] = {case: Refused(1, (code, "error answer")) for case, (code, _) in ERROR_ANSWERS.items()}
PRICE: dict[str, Cell] = {
    **_PIECES,
    **_SAVED,
    "malformed JSON": _NO_JSON,
    "truncated gz": _CUT,
    "5xx": _NO_JSON,
    "half a body": _NO_JSON,
    "50 MB body": _TOO_LARGE,
}
MATRIX: dict[str, dict[str, Cell]] = {
    "HTTP": {
        **_PIECES,
        "malformed JSON": Status("transient", "not JSON", "not-json"),
        "unknown sport": Status("validation", "did you mean soccer_made_up_league?", ""),
        "truncated gz": Status("transient", "the gzip stream breaks off", "cut-gzip"),
        "5xx": Status("transient", "status 500", "500"),
        "429": Status("rate", "EXCEEDED_FREQ_LIMIT", "429"),
        "hanging server": Status("transient", "no complete answer within the time allowed", "hang"),
        "half a body": Status("transient", "the connection was lost", "half"),
        "50 MB body": Status("transient", "larger than 33,554,432 bytes", "huge"),
        "spent key": Status("quota", "credits of The Odds API are spent until 2026-02-01", "spent"),
        "wrong key": Status("auth", "check BET_INTEL_ODDS_API_KEY", "invalid-key"),
    },
    "replay": {
        **_PIECES,
        "malformed JSON": Named("line 2", "not a recorded response"),
        "50 MB body": Named("line 3", "larger than 32 MiB"),
        "absent file": Refused(1, ("absent.jsonl cannot be read", "name an existing")),
        "truncated gz": Refused(1, ("gzip stream breaks off", "fetch the file again")),
        "data folder of another version": Refused(1, ("has layout 0", "--fresh")),
        "port in use": Refused(1, ("is in use", "--port")),
    },
    "price FILE": {**PRICE, "absent file": Refused(1, ("absent.json cannot be read", "give a response"))},
    "price -": {**PRICE, "absent file": Refused(1, ("standard input is empty", "give a response"))},
    "command line": {
        "malformed JSON": Refused(1, ("is not a pricing profile", "Invalid JSON")),
        "price ≤ 1": Refused(2, ("1.0",)),
        "one-sided book": Refused(2, ("at least two",)),
        "no such source, or not with these options": Refused(2, ("unknown source 'betfair'", "replay:PATH")),
        "absent file": Refused(1, ("absent.jsonl cannot be read", "name an existing")),
        "truncated gz": Refused(1, ("gzip stream breaks off", "fetch the file again")),
        "port in use": Refused(1, ("is in use", "--port")),
        "data folder of another version": Refused(1, ("layout 0", "--fresh")),
        "50 MB body": Refused(1, ("larger than 32 MiB", "fewer events")),
    },
    "settings": {
        "malformed JSON": Refused(1, ("BET_INTEL_EV_ENGINE_PROFILE", "not JSON")),
        "duplicate outcomes": Refused(1, ("BET_INTEL_NOTIFIER_RULES", "used twice")),
        "unknown sport": Refused(1, ("BET_INTEL_ODDS_API_LEAGUES", "soccer_epl")),
        "wrong key": Refused(1, ("BET_INTEL_ODDS_API_KEY", "no key of The Odds API has")),
    },
}


def cells(way: str, *kinds: type[Cell]) -> list[str]:
    return [case for case, cell in MATRIX[way].items() if isinstance(cell, kinds)]


def assert_refused(ran: Ran, cell: Cell) -> None:
    assert isinstance(cell, Refused)
    assert ran.code == cell.code, ran.err
    assert "Traceback" not in ran.err
    for said in cell.said:
        assert said in ran.err


def good_is_shown(system: System) -> bool:
    (market,) = system.get(f"/v1/events/the_odds_api:{GOOD_ID}/odds")["markets"]
    books = {price["bookmaker"]["key"] for outcome in market["outcomes"] for price in outcome["prices"]}
    return books == {"pinnacle", "alpha", "beta", "gamma", "soft"}


def assert_piece(system: System, cell: Cell, case: str) -> None:
    assert good_is_shown(system)
    told = [json.loads(text) for text in system.said().splitlines() if '"could not be read"' in text]
    if isinstance(cell, Named):
        assert any(cell.where in one["where"] and cell.reason in one["reason"] for one in told)
    else:
        # The piece is there, with the price of the crooked bookmaker.
        (market,) = system.get(f"/v1/events/the_odds_api:{PIECES[case].event['id']}/odds")["markets"]
        assert "crooked" in json.dumps(market)
    found = opportunities(system)
    assert {key[-2] for key in found} == {"soft"}, "the good price is an opportunity, and no other"


class TakenPort:
    """A port that somebody listens on, during the block."""

    def __enter__(self) -> int:
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self._socket.listen()
        return int(self._socket.getsockname()[1])

    def __exit__(self, *_: object) -> None:
        self._socket.close()


def age(folder: Path) -> None:
    """Make `folder` one of another version."""
    with open_data_folder(folder, "recording"):
        pass
    stamp = folder / "source.json"
    stamp.write_text(json.dumps(json.loads(stamp.read_text()) | {"layout": 0}))
