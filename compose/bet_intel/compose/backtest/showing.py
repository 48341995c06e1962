"""The tables of `bet-intel backtest`."""

from collections.abc import Iterable

from bet_intel.compose.backtest.report import Figure, MarketReport, Report, Score, ValueBets
from bet_intel.compose.commands.output import percent, print_table

_REJECTED_SHOWN = 5
_NUMBERS = ("markets", "log loss", "95 %", "Brier", "Brier 95 %", "difference")


def show(report: Report) -> None:
    for market in report.markets:
        _market(market)
    if report.not_started:
        print(f"\n{report.not_started:,} events had not started when the recordings end: they are left out")
    if report.rejected:
        print(f"\n{len(report.rejected):,} rejected, such as:")
        for one in report.rejected[:_REJECTED_SHOWN]:
            print(f"  {one.where}: {one.reason}")


def _market(report: MarketReport) -> None:
    judged = "by results" if report.judged_by == "result" else "by the consensus at the start"
    of = "" if report.matches == report.markets else f" of {report.matches:,} matches"
    print(f"\n{report.market} ({report.outcomes} outcomes): {report.markets:,} markets{of}, judged {judged}")
    if report.unclosed:
        print(f"{report.unclosed:,} more have no consensus at the start, and are not scored")
    by_method = [one for one in report.scores if one.name == report.reference]
    methods = {one.method for one in report.scores if one.kind == "profile"}
    by_name = [one for one in report.scores if one.method in methods]
    if by_method:
        print(f"\n{report.reference} by method")
        _scores(by_method)
    if by_name:
        print(f"\nbookmakers and profiles ({', '.join(sorted(methods))})")
        _scores(by_name)
    if report.differences:
        print(f"\nlog loss of a profile less that of {report.reference}, on the markets that have both")
        print_table(
            ("profile", "moment", "error", "markets", "difference", "95 %"),
            (
                (one.profile, one.moment, one.error, f"{one.markets:,}", _plain(one.log_loss), _interval(one.log_loss))
                for one in report.differences
            ),
            right=_NUMBERS,
        )
    if report.value_bets is not None:
        _bets(report.value_bets)


def _scores(scores: Iterable[Score]) -> None:
    print_table(
        ("of", "method", "moment", "markets", "log loss", "95 %", "Brier", "Brier 95 %"),
        (
            (
                one.name,
                one.method,
                one.moment,
                f"{one.markets:,}",
                _plain(one.log_loss),
                _interval(one.log_loss),
                _plain(one.brier),
                _interval(one.brier),
            )
            for one in scores
        ),
        right=_NUMBERS,
    )


def _bets(bets: ValueBets) -> None:
    print(f"\nvalue bets: {bets.rule}")
    print(f"  {bets.bets:,} bets on {bets.matches:,} matches, of which {bets.judged:,} have a fair closing price")
    if bets.bets:
        beat = "" if bets.beat_the_close is None else f"  {bets.beat_the_close:.0%} beat the close"
        print(f"  EV {_share(bets.ev)}")
        print(f"  closing EV (no-vig CLV) {_share(bets.closing_ev)}{beat}")
        print(f"  raw CLV {_share(bets.raw_clv)}")
        if bets.roi.value is not None:
            print(f"  profit per unit staked {_share(bets.roi)}: noise, judge by the closing EV")


def _plain(figure: Figure) -> str:
    return "" if figure.value is None else f"{figure.value:.5f}"


def _interval(figure: Figure) -> str:
    return "" if figure.low is None or figure.high is None else f"{figure.low:.5f} … {figure.high:.5f}"


def _share(figure: Figure) -> str:
    interval = "" if figure.low is None else f" ({percent(figure.low)} … {percent(figure.high)})"
    return f"{percent(figure.value)}{interval}"
