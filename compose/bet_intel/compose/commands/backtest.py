"""`bet-intel backtest`: how good fair prices were, and what betting by them would have been worth."""

import math
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter, validators

from bet_intel.compose.backtest.closings import starts
from bet_intel.compose.backtest.files import answers, csv_bytes, is_csv, looked_through
from bet_intel.compose.backtest.football_csv import Football, Rejected, UnreadableError
from bet_intel.compose.backtest.plot import NoPlottingLibraryError, draw, require_library
from bet_intel.compose.backtest.recorded import Recorded
from bet_intel.compose.backtest.report import MarketReport, Rejection, Report
from bet_intel.compose.backtest.sample import Sample
from bet_intel.compose.backtest.showing import show
from bet_intel.compose.backtest.study import Question, Step, steps, study
from bet_intel.compose.commands.errors import CommandError, UsageError
from bet_intel.compose.commands.output import complain, print_json
from bet_intel.compose.pricing.profiles import named_profile
from bet_intel.ev_engine.domain.profile import CONSENSUS
from bet_intel.odds import Method
from bet_intel.odds_ingest.domain.quotes import Answer

_REFERENCE = "pinnacle"
_STARTS, _ANSWERS = "starts", "answers"
_SHARE = validators.Number(gte=0, lt=1)


def backtest_command(
    *files: str,
    method: Method | None = None,
    profile: Annotated[tuple[str, ...], Parameter(negative=())] = (CONSENSUS,),
    reference: str = _REFERENCE,
    min_ev: float = 0.02,
    errors: Annotated[float, Parameter(validator=_SHARE)] = 0.0,
    resamples: Annotated[int, Parameter(validator=validators.Number(gte=10, lte=100_000))] = 1000,
    seed: Annotated[int, Parameter(validator=validators.Number(gte=0))] = 1,
    plot: str | None = None,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """Score fair prices on results or on recordings.

    Parameters
    ----------
    files:
        `.csv` files in the format of football-data.co.uk, or recordings (`.jsonl`, `.json`, `.gz`); all of one kind.
    method:
        How the margin of the reference is removed for value bets (default: the profile's).
    profile:
        `consensus`, `sharp` or `conservative` as the environment sets it, or a .json file with a profile. May be given
        several times.
    reference:
        The bookmaker that pools are compared with and value bets are judged by, where results are known.
    min_ev:
        Least EV of a value bet: 0.02 is 2 %.
    errors:
        Share of the quotes that is made wrong, in four ways one after another, to see what that does to a pool.
    resamples:
        How often matches are drawn anew for the 95 % intervals.
    seed:
        Of the random numbers: with the same one the answer is the same.
    plot:
        Write the calibration plot to this .png file.
    json:
        Print the whole report as JSON.
    """
    if not files:
        raise UsageError("which files? Give .csv files in the format of football-data.co.uk, or recordings")
    if plot is not None and not plot.lower().endswith(".png"):
        raise UsageError(f"--plot is {plot!r}: name a .png file")
    if plot is not None and not Path(plot).expanduser().parent.is_dir():
        raise CommandError(f"--plot is {plot!r}: there is no such folder")
    if not -1 <= min_ev < math.inf:
        raise UsageError(f"--min-ev is {min_ev:g}: give an EV per unit staked, 0.01 for 1 %")
    profiles = {name: named_profile(name) for name in profile}
    first = next(iter(profiles.values()))
    question = Question(profiles, reference, method or first.method, min_ev, errors, resamples, seed)
    try:
        if plot is not None:
            require_library()
    except NoPlottingLibraryError as error:
        raise CommandError(str(error)) from error
    paths = [Path(file).expanduser() for file in files]
    if all(is_csv(path) for path in paths):
        markets, not_started, rejected = _of_results(paths, question)
    elif any(is_csv(path) for path in paths):
        raise UsageError("results (.csv) and recordings are backtests of their own: give one kind at a time")
    else:
        markets, not_started, rejected = _of_recordings(paths, question)
    report = Report(list(files), resamples, seed, markets, not_started, [Rejection(*one) for one in rejected])
    if json:
        print_json(report)
    else:
        show(report)
    return 0 if plot is None or _plotted(markets, Path(plot).expanduser()) else 1


def _of_results(paths: Sequence[Path], question: Question) -> tuple[list[MarketReport], int, list[Rejected]]:
    football = Football()
    for path in paths:
        try:
            football.read(str(path), csv_bytes(path))
        except UnreadableError as error:
            raise CommandError(str(error)) from error
    samples = football.samples()
    if not football.matches:
        first = f" ({football.rejected[0].where}: {football.rejected[0].reason})" if football.rejected else ""
        raise CommandError(f"there is no match with a result in these files{first}")
    _check_reference(question.reference, samples)
    with _progress({sample.market: steps(question) for sample in samples}) as step_of:
        reports = [study(sample, question, None, step_of(sample.market)) for sample in samples]
    return reports, 0, football.rejected


def _of_recordings(paths: Sequence[Path], question: Question) -> tuple[list[MarketReport], int, list[Rejected]]:
    recordings = [looked_through(path) for path in paths]
    rejected: list[Rejected] = []
    count = sum(len(recording.contents.snapshots) for recording in recordings)
    with _progress({_STARTS: count, _ANSWERS: count}) as step_of:
        begun = starts(_counted(answers(recordings), step_of(_STARTS)))
        recorded = Recorded(next(iter(question.profiles.values())), question.min_ev, begun.by_event)
        for answer in _counted(answers(recordings), step_of(_ANSWERS)):
            rejected += [Rejected(*one) for one in answer.rejections]
            recorded.take(answer)
    samples = recorded.samples()
    if not samples:
        later = f" ({begun.not_started:,} events had not started when they end)" if begun.not_started else ""
        raise CommandError(f"no market in these recordings has a fair price at its start{later}: nothing can be scored")
    _check_reference(question.reference, samples)
    with _progress({_name(sample.market, len(sample.outcomes)): steps(question) for sample in samples}) as step_of:
        reports = []
        for sample in samples:
            outcomes = len(sample.outcomes)
            bets = recorded.bets(sample.market, outcomes, question.resamples, question.seed)
            reports.append(study(sample, question, bets, step_of(_name(sample.market, outcomes))))
    return reports, begun.not_started, rejected


def _counted(answers: Iterable[Answer], step: Step) -> Iterator[Answer]:
    for answer in answers:
        yield answer
        step(1)


def _name(market: str, outcomes: int) -> str:
    return f"{market} ({outcomes} outcomes)"


@contextmanager
def _progress(totals: Mapping[str, int]) -> Iterator[Callable[[str], Step]]:
    """A bar for each of `totals` on standard error, where that is a terminal."""
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(file=sys.stderr), transient=True, disable=not sys.stderr.isatty()) as bars:
        tasks = {name: bars.add_task(name, total=total) for name, total in totals.items()}

        def step_of(name: str) -> Step:
            return lambda count: bars.advance(tasks[name], count)

        yield step_of


def _check_reference(reference: str, samples: Sequence[Sample]) -> None:
    """Say that nothing is compared with the reference where it has no prices.

    Raises:
        UsageError: and it was chosen, which is more likely mistyped.
    """
    books = sorted({book for sample in samples for book in sample.bookmakers})
    if reference in books:
        return
    there = f"no prices of {reference} in these files"
    if reference != _REFERENCE:
        raise UsageError(f"--reference: there are {there}; there are those of {', '.join(books) or 'no bookmaker'}")
    complain(f"there are {there}: nothing is compared with it, and there are no value bets by it (--reference)")


def _plotted(markets: Sequence[MarketReport], path: Path) -> bool:
    """Whether it could be written; the report is shown already."""
    try:
        draw(markets, path)
    except OSError as error:
        complain(f"the plot cannot be written to {path} ({error.strerror or error})")
        return False
    return True
