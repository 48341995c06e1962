"""Bad input, case by case and by each way in: a message that names the thing and the remedy, and the rest goes on.

`MATRIX` has a cell for each case and way; docs/operations/bad-input.md is compared with it.
"""

import json
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from bet_intel.compose.embedded_postgres import open_data_folder
from e2e.test_fake_odds_api import Service, serving
from fixtures.bad_input import (
    ERROR_ANSWERS,
    GOOD,
    GOOD_ID,
    LEAGUE,
    PIECES,
    error_answer,
    fifty_megabytes,
    line,
    recording,
    response,
    truncated_gz,
)
from fixtures.command import Ran, bet_intel
from fixtures.system import System, data_folder, opportunities, running

pytestmark = pytest.mark.e2e
over_http = pytest.mark.xdist_group("bad input over HTTP")
by_replay = pytest.mark.xdist_group("bad input by replay")

DOCUMENT = Path(__file__).parents[2] / "docs/operations/bad-input.md"
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
_PRICE: dict[str, Cell] = {
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
    "price FILE": {**_PRICE, "absent file": Refused(1, ("absent.json cannot be read", "give a response"))},
    "price -": {**_PRICE, "absent file": Refused(1, ("standard input is empty", "give a response"))},
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


def test_the_document_has_each_cell() -> None:
    rows = re.findall(r"^\| ([^|]+) \| (.*) \|$", DOCUMENT.read_text(), re.MULTILINE)
    shown = {case.strip(): [cell.strip() != "–" for cell in cells.split(" | ")] for case, cells in rows}
    assert shown.pop("case") == [True] * len(WAYS)
    assert shown == {case: [case in MATRIX[way] for way in WAYS] for case in CASES}
    assert list(MATRIX) == list(WAYS)


# --- HTTP: the adapter, polled by `bet-intel up` --------------------------------------------------------------------


class Polled(NamedTuple):
    system: System
    service: Service


@contextmanager
def polling(path: Path) -> Iterator[Polled]:
    with pytest.MonkeyPatch.context() as env, serving(str(path), "--speed", "max") as service, data_folder() as folder:
        for name, value in {
            "KEY": "local",
            "URL": service.url,
            "LEAGUES": f"soccer_made_up_leage,{LEAGUE}",
            "INTERVAL": "0.2",
            "ATTEMPTS": "1",
            "READ_TIMEOUT": "0.5",
            "BREAKER_THRESHOLD": "100",
        }.items():
            env.setenv(f"BET_INTEL_ODDS_API_{name}", value)
        with running(folder) as system:
            system.until_ready()
            system.until(service.at_end, "at the end of the recording")
            yield Polled(system, service)


@pytest.fixture(scope="module")
def polled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Polled]:
    with polling(recording(tmp_path_factory.mktemp("served") / "bad.jsonl.gz")) as polled:
        yield polled


def failing(system: System, cell: Status) -> bool:
    (provider,) = system.get("/v1/status")["providers"]
    return (provider["error_kind"], provider["state"]) == (cell.kind, "failing") and cell.said in provider["message"]


def going_on(system: System) -> bool:
    (provider,) = system.get("/v1/status")["providers"]
    return bool(provider["state"] == "polling")


# Spent credits pause the feed: they come last.
@over_http
@pytest.mark.parametrize("case", [one for one in cells("HTTP", Status) if one not in {"unknown sport", "wrong key"}])
def test_http_failure_is_in_the_status_and_the_feed_goes_on(polled: Polled, case: str) -> None:
    cell = MATRIX["HTTP"][case]
    assert isinstance(cell, Status)
    system, service = polled
    system.until(lambda: going_on(system), "going on")
    service.client.post("/fake/faults", params={"fail": cell.fault}).raise_for_status()
    system.until(lambda: failing(system, cell), f"degraded by {case}")
    assert good_is_shown(system)
    if case != "spent key":
        system.until(lambda: going_on(system), f"going on after {case}")


@over_http
def test_http_wrong_key_ends_the_feed_and_the_gateway_goes_on(tmp_path: Path) -> None:
    cell = MATRIX["HTTP"]["wrong key"]
    assert isinstance(cell, Status)
    with polling(recording(tmp_path / "bad.jsonl.gz")) as (system, service):
        service.client.post("/fake/faults", params={"fail": cell.fault}).raise_for_status()
        system.until(lambda: failing(system, cell), "degraded by a wrong key")
        assert good_is_shown(system)


@over_http
def test_http_unknown_sport_is_named_once_and_the_others_are_polled(polled: Polled) -> None:
    cell = MATRIX["HTTP"]["unknown sport"]
    assert isinstance(cell, Status)
    assert polled.system.said().count(cell.said) == 1
    assert good_is_shown(polled.system)


@over_http
def test_http_calls_are_in_the_metrics(polled: Polled) -> None:
    shown = polled.system.request("/metrics").text
    assert 'bet_intel_provider_calls_total{call="odds",error_kind="none",outcome="answered"' in shown
    assert 'bet_intel_provider_breaker_state{provider="the_odds_api",state="closed"}' in shown
    assert "bet_intel_provider_credits_left{" in shown


@over_http
@pytest.mark.parametrize("case", cells("HTTP", Named, Taken))
def test_http_piece_is_named_and_hides_nothing(polled: Polled, case: str) -> None:
    assert_piece(polled.system, MATRIX["HTTP"][case], case)


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


# --- replay: `bet-intel up --source replay:FILE` -------------------------------------------------------------------


@pytest.fixture(scope="module")
def replayed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    path = recording(tmp_path_factory.mktemp("recorded") / "bad.jsonl.gz")
    with data_folder() as folder, running(folder, "--source", f"replay:{path}", "--speed", "max") as system:
        system.until_ready()
        system.until_played(60)
        yield system


@by_replay
@pytest.mark.parametrize("case", cells("replay", Named, Taken))
def test_replay_piece_is_named_and_hides_nothing(replayed: System, case: str) -> None:
    cell = MATRIX["replay"][case]
    if "line " in getattr(cell, "where", ""):
        assert isinstance(cell, Named)
        told = [json.loads(text) for text in replayed.said().splitlines() if '"could not be read"' in text]
        assert [one["where"] for one in told if cell.reason in one["reason"]] == [cell.where]
        assert good_is_shown(replayed)
    else:
        assert_piece(replayed, cell, case)


def up(path: Path, *more: str, port: int = 0) -> Ran:
    return bet_intel("up", "--source", f"replay:{path}", "--port", str(port), *more)


@pytest.mark.parametrize("case", cells("replay", Refused))
def test_replay_that_cannot_be_is_refused(tmp_path: Path, case: str) -> None:
    recorded = tmp_path / "good.jsonl"
    recorded.write_bytes(line(GOOD))
    folder = tmp_path / "data"
    more = ("--data-dir", str(folder))
    if case == "absent file":
        ran = up(tmp_path / "absent.jsonl", *more)
    elif case == "truncated gz":
        cut = tmp_path / "cut.jsonl.gz"
        cut.write_bytes(truncated_gz())
        ran = up(cut, *more)
    elif case == "port in use":
        with TakenPort() as port:
            ran = up(recorded, *more, port=port)
    else:
        age(folder)
        ran = up(recorded, *more)
    assert_refused(ran, MATRIX["replay"][case])


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


# --- price ---------------------------------------------------------------------------------------------------------

CONTENTS = {
    "malformed JSON": b'[{"id": "x", ',
    "absent file": b"",
    "truncated gz": truncated_gz(),
    "5xx": b"<html>502 Bad Gateway</html>",
    "half a body": response(GOOD)[:200],
    **{case: error_answer(case) for case in ERROR_ANSWERS},
    **{case: response(piece.event, GOOD) for case, piece in PIECES.items()},
}


@pytest.mark.parametrize("way", ["price FILE", "price -"])
@pytest.mark.parametrize("case", sorted(_PRICE))
def test_price(tmp_path: Path, case: str, way: str) -> None:
    cell = MATRIX[way][case]
    content = CONTENTS[case] if case in CONTENTS else fifty_megabytes()
    path = tmp_path / "given.json"
    path.write_bytes(content)
    ran = (
        bet_intel("price", "-", "--json", stdin=content)
        if way == "price -"
        else bet_intel("price", str(path), "--json")
    )
    if isinstance(cell, Refused):
        assert_refused(ran, cell)
        assert ("standard input" if way == "price -" else str(path)) in ran.err
        assert ran.answer["error"]["kind"] == "failed"
        return
    assert ran.code == 0
    opportunities = [
        (event["id"], one["bookmaker"])
        for event in ran.answer["events"]
        for market in event["markets"]
        for one_line in market["lines"]
        for outcome in one_line["outcomes"]
        for one in outcome["opportunities"]
    ]
    assert opportunities == [(f"the_odds_api:{GOOD_ID}", "soft")]
    told = ran.answer["rejections"]
    if isinstance(cell, Named):
        assert all(cell.where in one["where"] and cell.reason in one["reason"] for one in told)
    assert bool(told) == isinstance(cell, Named)


@pytest.mark.parametrize("way", ["price FILE", "price -"])
def test_price_of_nothing(tmp_path: Path, way: str) -> None:
    cell = MATRIX[way]["absent file"]
    assert_refused(bet_intel("price", "-" if way == "price -" else str(tmp_path / "absent.json")), cell)


# --- command line and settings ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", cells("command line", Refused))
def test_command_line(tmp_path: Path, case: str) -> None:
    good, cut, huge = tmp_path / "good.jsonl", tmp_path / "cut.jsonl.gz", tmp_path / "huge.json"
    good.write_bytes(line(GOOD))
    arguments: tuple[str, ...]
    with TakenPort() as port:
        if case == "malformed JSON":
            (tmp_path / "profile.json").write_text("{")
            arguments = ("price", str(good), "--profile", str(tmp_path / "profile.json"))
        elif case == "price ≤ 1":
            arguments = ("devig", "1.0", "2.0")
        elif case == "one-sided book":
            arguments = ("devig", "2.0")
        elif case == "no such source, or not with these options":
            arguments = ("up", "--source", "betfair", "--port", "0", "--data-dir", str(tmp_path / "data"))
        elif case == "absent file":
            arguments = ("fake-odds-api", str(tmp_path / "absent.jsonl"), "--port", "0")
        elif case == "truncated gz":
            cut.write_bytes(truncated_gz())
            arguments = ("fake-odds-api", str(cut), "--port", "0")
        elif case == "50 MB body":
            huge.write_bytes(fifty_megabytes())
            arguments = ("fake-odds-api", str(huge), "--port", "0")
        elif case == "port in use":
            arguments = ("fake-odds-api", str(good), "--port", str(port))
        else:
            age(tmp_path / "data")
            arguments = ("doctor", "--port", "0", "--data-dir", str(tmp_path / "data"))
        ran = bet_intel(*arguments)
    assert_refused(ran._replace(err=ran.err + ran.out), MATRIX["command line"][case])


@pytest.mark.parametrize(
    ("case", "variable", "value"),
    [
        ("malformed JSON", "EV_ENGINE_PROFILE", "{"),
        ("duplicate outcomes", "NOTIFIER_RULES", '[{"id": "a"}, {"id": "a"}]'),
        ("unknown sport", "ODDS_API_LEAGUES", "Premier League"),
        ("wrong key", "ODDS_API_KEY", "two words"),
    ],
)
def test_settings(tmp_path: Path, case: str, variable: str, value: str) -> None:
    env = {f"BET_INTEL_{variable}": value}
    ran = bet_intel("up", "--port", "0", "--data-dir", str(tmp_path / "data"), env=env)
    assert_refused(ran, MATRIX["settings"][case])
    assert value not in ran.err
    assert not (tmp_path / "data").exists(), "nothing was started"
