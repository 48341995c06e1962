"""What a backtest takes from recordings: the order of answers, who had started, and what stood at the start."""

import itertools
import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bet_intel.compose.backtest.closings import starts
from bet_intel.compose.backtest.files import answers, looked_through
from bet_intel.compose.backtest.recorded import Recorded
from bet_intel.compose.backtest.study import Question, study
from bet_intel.ev_engine.domain.profile import STARTING, Profile
from bet_intel.odds import Method
from fixtures.odds_payloads import AWAY, HOME, bookmaker, event, market

START = datetime(2026, 2, 1, 18, tzinfo=UTC)
Line = tuple[datetime, list[Any]]


def at(minutes: float) -> datetime:
    """So many minutes after the start."""
    return START + timedelta(minutes=minutes)


def told(*markets: Any, when: datetime, start: datetime = START, id: str = "abc", **members: Any) -> dict[str, Any]:
    """A match as four bookmakers tell it; the last of them pays more for the first outcome."""
    books = [bookmaker(key, *markets, last_update=when.isoformat()) for key in ("alpha", "beta", "gamma")]
    better = [
        {**one, "outcomes": [{**one["outcomes"][0], "price": one["outcomes"][0]["price"] * 1.1}, *one["outcomes"][1:]]}
        for one in markets
    ]
    books.append(bookmaker("soft", *better, last_update=when.isoformat()))
    return event(*books, id=id, commence_time=start.isoformat(), **members)


def h2h(home: float = 1.95, away: float = 1.95) -> dict[str, Any]:
    return market("h2h", (HOME, home), (AWAY, away))


def total(line: float, over: float = 1.95, under: float = 1.95) -> dict[str, Any]:
    return market("totals", ("Over", over, line), ("Under", under, line))


def written(path: Path, lines: Iterable[Line]) -> Path:
    path.write_text("".join(json.dumps({"captured_at": at.isoformat(), "response": one}) + "\n" for at, one in lines))
    return path


def played(paths: Sequence[Path]) -> tuple[Recorded, int]:
    recordings = [looked_through(path) for path in paths]
    begun = starts(answers(recordings))
    found = Recorded(STARTING["consensus"], 0.02, begun.by_event)
    for answer in answers(recordings):
        found.take(answer)
    return found, begun.not_started


def of(folder: Path, *lines: Line) -> Recorded:
    return played([written(folder / "one.jsonl", lines)])[0]


def drifting(minutes: Sequence[float]) -> list[Line]:
    """The home side is ever likelier, from .40 on by .05 in each answer."""
    fair = [0.40 + 0.05 * number for number in range(len(minutes))]
    return [
        (at(m), [told(h2h(1.0 / (1.04 * p), 1.0 / (1.04 * (1.0 - p))), when=at(m))])
        for m, p in zip(minutes, fair, strict=True)
    ]


def test_the_order_of_files_makes_no_difference_nor_do_files_of_the_same_hours(tmp_path: Path) -> None:
    lines = drifting([-120, -90, -60, -30, -1, 20])
    whole = written(tmp_path / "whole.jsonl", lines)
    cut = [written(tmp_path / "z.jsonl", lines[:3]), written(tmp_path / "a.jsonl", lines[3:])]
    by_turns = [written(tmp_path / "odd.jsonl", lines[1::2]), written(tmp_path / "even.jsonl", lines[::2])]
    expected = [answer.as_of for answer in answers([looked_through(whole)])]
    bets = played([whole])[0].bets("h2h", 2, 10, 1)
    assert bets.judged > 0
    for files in (cut, by_turns):
        for order in itertools.permutations(files):
            assert [answer.as_of for answer in answers([looked_through(path) for path in order])] == expected
            assert played(order)[0].bets("h2h", 2, 10, 1) == bets
    # A file that is given twice is the same answers.
    assert played([whole, whole])[0].bets("h2h", 2, 10, 1) == bets


def test_files_are_open_only_while_their_hours_last(tmp_path: Path) -> None:
    paths = [written(tmp_path / f"{m}.jsonl", drifting([m, m + 1])) for m in (-40, -30, -20, -10)]
    recordings = [looked_through(path) for path in paths]
    opened = []
    for _ in answers(recordings):
        names = {Path(f"/proc/self/fd/{fd.name}").resolve().name for fd in Path("/proc/self/fd").iterdir()}
        opened.append(len(names & {path.name for path in paths}))
    assert max(opened) == 1


def test_who_has_not_started_when_the_recordings_end_is_left_out_and_counted(tmp_path: Path) -> None:
    def both(when: datetime, start: datetime) -> Line:
        return when, [told(h2h(), when=when), told(h2h(), when=when, start=start, id="later")]

    # The other one was to start as well, and has been put off.
    file = written(tmp_path / "one.jsonl", [both(at(-60), at(10)), both(at(-5), at(300)), both(at(20), at(300))])
    found, not_started = played([file])
    assert not_started == 1
    assert [sample.size for sample in found.samples()] == [1]
    assert found.bets("h2h", 2, 10, 1).bets == 1


@pytest.mark.parametrize(
    ("corrected", "fair"),
    [
        # The second answer was before the start by what was told then, not by what was told last.
        (at(-8), 0.40),
        (at(-3), 0.45),
        # And the third one after it.
        (at(6), 0.50),
    ],
)
def test_what_stood_at_the_start_is_held_against_the_start_as_told_last(
    tmp_path: Path, corrected: datetime, fair: float
) -> None:
    found = of(tmp_path, *drifting([-20, -5, 3]), (at(15), [told(h2h(), when=at(15), start=corrected)]))
    (closed,) = found.last.values()
    assert closed.fair.consensus[closed.board.outcomes.index(HOME)] == pytest.approx(fair, abs=0.02)


@pytest.mark.parametrize(("gone", "closed"), [(-31, False), (-30, True), (-10, True), (1, True)])
def test_what_was_gone_long_before_the_start_has_not_closed(tmp_path: Path, gone: float, closed: bool) -> None:
    other = told(h2h(), when=at(gone), id="other", start=at(9000))
    found = of(tmp_path, (at(-60), [told(h2h(), when=at(-60))]), (at(gone), [other]), (at(30), [other]))
    assert bool(found.samples()) == closed
    bets = found.bets("h2h", 2, 10, 1)
    assert (bets.bets, bets.judged) == (1, int(closed))


def test_another_league_withdraws_nothing(tmp_path: Path) -> None:
    other = told(h2h(), when=at(-50), id="other", sport_key="icehockey_nhl")
    found = of(tmp_path, (at(-60), [told(h2h(), when=at(-60))]), (at(-50), [other]), (at(30), [other]))
    assert [sample.size for sample in found.samples()] == [2]


def test_a_line_that_went_while_another_was_offered_has_not_closed(tmp_path: Path) -> None:
    first, then = ((at(m), [told(total(line), when=at(m))]) for m, line in ((-20, 8.5), (-5, 9.0)))
    (sample,) = of(tmp_path, first, then, (at(30), [])).samples()
    assert (sample.size, sample.unclosed) == (1, 1)


def test_lines_and_bets_of_one_match_are_drawn_together(tmp_path: Path) -> None:
    """One match says nothing of the spread between matches, however many lines it has."""
    lines = [total(7.5, 1.5, 2.8), total(8.5), total(9.5, 2.6, 1.57)]
    found = of(tmp_path, (at(-20), [told(*lines, when=at(-20))]), (at(30), []))
    (sample,) = found.samples()
    question = Question({"consensus": Profile()}, "alpha", Method.POWER, 0.02, 0.0, resamples=20, seed=1)
    bets = found.bets("totals", 2, 20, 1)
    report = study(sample, question, bets, lambda _: None)
    assert (report.markets, report.matches, bets.matches) == (3, 1, 1)
    assert bets.bets > 1
    for figure in (*(one.log_loss for one in report.scores if one.markets), bets.ev, bets.closing_ev):
        assert figure.value is not None
        assert figure.low is figure.high is None


def test_matches_are_told_apart(tmp_path: Path) -> None:
    both = [told(h2h(), when=at(-20)), told(h2h(1.6, 2.5), when=at(-20), id="other")]
    found = of(tmp_path, (at(-20), both), (at(30), []))
    bets = found.bets("h2h", 2, 200, 1)
    assert [np.unique(sample.matches).size for sample in found.samples()] == [2]
    assert (bets.bets, bets.matches) == (2, 2)
    assert bets.closing_ev.low != bets.closing_ev.high
