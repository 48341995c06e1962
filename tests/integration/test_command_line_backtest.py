"""`bet-intel backtest` as it is called."""

import io
import json
import sys
from pathlib import Path

import pytest

from bet_intel.compose.cli import run
from fixtures.command import bet_intel, response, written
from fixtures.football import csv


def test_results_are_scored_and_drawn(tmp_path: Path) -> None:
    file, plot = written(tmp_path, csv().encode(), "E0.csv"), tmp_path / "calibration.png"
    ran = bet_intel("backtest", file, "--method", "shin", "--min-ev", "0", "--plot", str(plot), "--json")
    assert ran.code == 0, ran.err
    (market,) = ran.answer["markets"]
    assert (market["market"], market["markets"], market["judged_by"]) == ("h2h", 3, "result")
    pinnacle = [one for one in market["scores"] if one["name"] == "pinnacle" and one["moment"] == "closing"]
    assert {one["method"] for one in pinnacle} >= {"power", "shin", "multiplicative"}
    assert all(one["log_loss"]["low"] <= one["log_loss"]["value"] <= one["log_loss"]["high"] for one in pinnacle)
    assert market["value_bets"]["bets"] > 0
    assert plot.read_bytes().startswith(b"\x89PNG")
    assert bet_intel("backtest", file, "--method", "shin", "--min-ev", "0", "--json").answer == ran.answer


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("stream", "shown"), [(Terminal, True), (io.StringIO, False)])
def test_a_bar_shows_how_far_it_is_on_a_terminal_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stream: type[io.StringIO], shown: bool
) -> None:
    file, errors = written(tmp_path, csv().encode(), "E0.csv"), stream()
    monkeypatch.setattr(sys, "stderr", errors)
    monkeypatch.setenv("TERM", "xterm")
    assert run(["backtest", file, "--json"]) == 0
    assert ("h2h" in errors.getvalue() and "%" in errors.getvalue()) == shown
    assert shown or errors.getvalue() == ""


def test_the_table_names_what_was_rejected(tmp_path: Path) -> None:
    file = written(tmp_path, csv().replace(",4,1,", ",,,").encode(), "E0.csv")
    ran = bet_intel("backtest", file, "--errors", "0.02")
    assert (ran.code, ran.err) == (0, "")
    assert "2 markets, judged by results" in ran.out
    assert "sides swapped" in ran.out
    assert f"{file}, line 2: no result" in ran.out


def recording(folder: Path, *captured_at: str, name: str = "one.jsonl") -> str:
    """One match, told of at each of these times."""
    lines = [json.dumps({"captured_at": at, "response": response()}) for at in captured_at]
    return written(folder, "\n".join(lines).encode(), name)


BEFORE, AFTER = "2026-01-31T12:00:00Z", "2026-01-31T15:30:00Z"


def test_a_recording_is_judged_by_its_start(tmp_path: Path) -> None:
    ran = bet_intel("backtest", recording(tmp_path, BEFORE, AFTER), "--min-ev", "0", "--json")
    assert ran.code == 0, ran.err
    (market,) = ran.answer["markets"]
    assert (market["market"], market["markets"], market["judged_by"]) == ("h2h", 1, "closing")
    bets = market["value_bets"]
    assert bets["bets"] == bets["judged"] == 1
    # Nothing moved: what it was worth at first sight it is worth at the start.
    assert bets["closing_ev"]["value"] == pytest.approx(bets["ev"]["value"])
    assert bets["raw_clv"]["value"] == 0.0
    # One match says nothing of how far others are from it.
    assert bets["ev"]["low"] is bets["ev"]["high"] is None
    shown = bet_intel("backtest", recording(tmp_path, BEFORE, AFTER), "--min-ev", "0").out
    assert "1 bets on 1 matches, of which 1 have a fair closing price" in shown
    assert "…" not in shown


def test_what_had_not_started_is_left_out_and_counted(tmp_path: Path) -> None:
    later = response(id="later", commence_time="2026-02-02T00:00:00Z")
    lines = [json.dumps({"captured_at": at, "response": response() + later}) for at in (BEFORE, AFTER)]
    file = written(tmp_path, "\n".join(lines).encode(), "two.jsonl")
    ran = bet_intel("backtest", file, "--json")
    assert [market["markets"] for market in ran.answer["markets"]] == [1]
    assert ran.answer["not_started"] == 1
    assert "\n1 events had not started when the recordings end: they are left out" in bet_intel("backtest", file).out


def test_where_nothing_has_started_that_is_said(tmp_path: Path) -> None:
    ran = bet_intel("backtest", recording(tmp_path, BEFORE, BEFORE))
    assert ran.code == 1
    assert "no market in these recordings has a fair price at its start (1 events had not started" in ran.err


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ((), 2, "which files?"),
        (("results.csv",), 1, "cannot be read"),
        (("results.csv", "recording.jsonl"), 2, "one kind at a time"),
        (("recording.txt",), 1, "a backtest takes .csv files, and recordings"),
        (("results.csv", "--plot", "plot.gif"), 2, "name a .png file"),
        (("results.csv", "--errors", "2"), 2, "Must be < 1"),
        (("results.csv", "--errors", "nan"), 2, "--errors"),
        (("results.csv", "--min-ev", "nan"), 2, "--min-ev is nan"),
        (("results.csv", "--min-ev", "inf"), 2, "--min-ev is inf"),
        (("results.csv", "--plot", "missing/plot.png"), 1, "there is no such folder"),
    ],
)
def test_asked_wrongly(
    arguments: tuple[str, ...],
    code: int,
    said: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["backtest", *arguments]) == code
    assert said in capsys.readouterr().err


def test_without_the_plotting_library_it_is_named(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    file = written(tmp_path, csv().encode(), "E0.csv")
    assert run(["backtest", file, "--plot", str(tmp_path / "plot.png")]) == 1
    assert "pip install 'bet-intel[plot]'" in capsys.readouterr().err


def test_a_reference_without_prices_is_refused_or_where_nobody_chose_it_missed(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = written(tmp_path, csv().encode(), "E0.csv")
    assert run(["backtest", file, "--reference", "pinacle"]) == 2
    assert "no prices of pinacle in these files; there are those of bet365, pinnacle" in capsys.readouterr().err
    without = written(tmp_path, csv().replace("PS", "WH").encode(), "without.csv")
    assert run(["backtest", without, "--json"]) == 0
    assert "there are no prices of pinnacle in these files" in capsys.readouterr().err


def test_a_plot_that_cannot_be_written_leaves_the_report(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file, plot = written(tmp_path, csv().encode(), "E0.csv"), tmp_path / "plot.png"
    plot.mkdir()
    assert run(["backtest", file, "--plot", str(plot)]) == 1
    told = capsys.readouterr()
    assert "judged by results" in told.out
    assert "the plot cannot be written" in told.err
