"""Bad input given to a command or a setting: a message that names the thing and the remedy."""

import re
from pathlib import Path

import pytest

from e2e.bad_input_matrix import CASES, MATRIX, PRICE, WAYS, Named, Refused, TakenPort, age, assert_refused, cells
from fixtures.bad_input import (
    ERROR_ANSWERS,
    GOOD,
    GOOD_ID,
    PIECES,
    error_answer,
    fifty_megabytes,
    line,
    response,
    truncated_gz,
)
from fixtures.command import bet_intel

pytestmark = pytest.mark.e2e

DOCUMENT = Path(__file__).parents[2] / "docs/operations/bad-input.md"

CONTENTS = {
    "malformed JSON": b'[{"id": "x", ',
    "absent file": b"",
    "truncated gz": truncated_gz(),
    "5xx": b"<html>502 Bad Gateway</html>",
    "half a body": response(GOOD)[:200],
    **{case: error_answer(case) for case in ERROR_ANSWERS},
    **{case: response(piece.event, GOOD) for case, piece in PIECES.items()},
}


def test_the_document_has_each_cell() -> None:
    rows = re.findall(r"^\| ([^|]+) \| (.*) \|$", DOCUMENT.read_text(), re.MULTILINE)
    shown = {case.strip(): [cell.strip() != "–" for cell in cells.split(" | ")] for case, cells in rows}
    assert shown.pop("case") == [True] * len(WAYS)
    assert shown == {case: [case in MATRIX[way] for way in WAYS] for case in CASES}
    assert list(MATRIX) == list(WAYS)


@pytest.mark.parametrize("way", ["price FILE", "price -"])
@pytest.mark.parametrize("case", sorted(PRICE))
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
