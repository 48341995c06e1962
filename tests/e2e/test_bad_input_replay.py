"""Bad input in a recording: `bet-intel up --source replay:FILE` names it and plays the rest, or says why it cannot."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.bad_input_matrix import (
    MATRIX,
    Named,
    Refused,
    Taken,
    TakenPort,
    age,
    assert_piece,
    assert_refused,
    cells,
    good_is_shown,
)
from fixtures.bad_input import GOOD, line, recording, truncated_gz
from fixtures.command import Ran, bet_intel
from fixtures.system import System, data_folder, running

pytestmark = pytest.mark.e2e
by_replay = pytest.mark.xdist_group("bad input by replay")


@pytest.fixture(scope="module")
def replayed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    path = recording(tmp_path_factory.mktemp("recorded") / "bad.jsonl.gz")
    with data_folder() as folder, running(folder, "--source", f"replay:{path}", "--speed", "max") as system:
        system.until_ready()
        system.until_played(60)
        yield system


def up(path: Path, *more: str, port: int = 0) -> Ran:
    return bet_intel("up", "--source", f"replay:{path}", "--port", str(port), *more)


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
