"""The report of `bet-intel price` for a person: a table, the best first, and what is not in it."""

from collections.abc import Sequence

from bet_intel.compose.commands.output import complain, odds, percent, print_table, printable
from bet_intel.compose.pricing.report import Band, Best, Event, Line, Market, Opportunity, Outcome, Report
from bet_intel.compose.pricing.reporting import outcomes
from bet_intel.ev_engine.domain.lines import STANDING_STAKE

_SHOWN_REJECTIONS = 5
_COLUMNS = (
    *("EV", "worst", "class", "price", "bookmaker", "outcome", "market", "event"),
    *("fair", "by method", "books", "age"),
)
_ALL_COLUMNS = (
    *("outcome", "market", "event", "fair", "by method", "books"),
    *("best price", "bookmaker", "EV", "verdict", "age"),
)
_RIGHT = ("EV", "worst", "price", "fair", "by method", "books", "best price", "age")

_Place = tuple[Event, Market, Line, Outcome]


def show(report: Report, *, everything: bool) -> None:
    """Print opportunities, or with `everything` every outcome, and a summary."""
    places = list(outcomes(report.events))
    if everything:
        ranked = sorted(places, key=lambda place: -_best_ev(place[3]))
        print_table(_ALL_COLUMNS, (_outcome_row(*place) for place in ranked), right=_RIGHT)
    else:
        found = [(*place, one) for place in places for one in place[3].opportunities]
        if found:
            found.sort(key=lambda row: -(row[4].ev or 0.0))
            print_table(_COLUMNS, (_opportunity_row(*row) for row in found), right=_RIGHT)
            for *_, one in found:
                if one.explanation:
                    print(printable(" ".join(one.explanation)), end="\n\n")
    for sentence in _summary(report):
        print(printable(sentence))
    for rejection in report.rejections[:_SHOWN_REJECTIONS]:
        complain(f"not read: {rejection.where}: {rejection.reason}")
    more = len(report.rejections) - _SHOWN_REJECTIONS
    if more > 0:
        complain(f"not read: {more} more pieces; --json lists them all")


def _best_ev(outcome: Outcome) -> float:
    best = outcome.best
    return best.ev if best is not None and best.ev is not None else float("-inf")


def _opportunity_row(event: Event, market: Market, line: Line, outcome: Outcome, one: Opportunity) -> Sequence[str]:
    return (
        percent(one.ev),
        percent(one.ev_worst),
        one.class_,
        odds(one.price),
        one.title,
        ("lay " if one.side == "lay" else "") + _outcome_name(line, outcome),
        _market_name(market, line),
        event.title,
        odds(one.leave_one_out_fair_odds),
        _by_method(one.band),
        str(one.books_used),
        _age(one.age_seconds),
    )


def _outcome_row(event: Event, market: Market, line: Line, outcome: Outcome) -> Sequence[str]:
    best = outcome.best
    verdict = _verdict(best)
    # What other lines judge has a class without a fair price of its own.
    if outcome.not_computable is not None and (best is None or best.class_ is None):
        verdict = outcome.not_computable.reason
    return (
        _outcome_name(line, outcome),
        _market_name(market, line),
        event.title,
        odds(outcome.fair_odds),
        _by_method(outcome.band),
        str(outcome.books_used),
        odds(best.price if best else None),
        best.title if best else "",
        percent(best.ev if best else None),
        verdict,
        _age(best.age_seconds if best else None),
    )


def _verdict(best: Best | None) -> str:
    return "" if best is None else best.refused or best.class_ or ""


def _outcome_name(line: Line, outcome: Outcome) -> str:
    return f"{line.subject} {outcome.outcome}" if line.subject else outcome.outcome


def _market_name(market: Market, line: Line) -> str:
    parts = [market.market]
    if market.period != "full":
        parts.append(market.period)
    if line.line is not None:
        parts.append(f"{line.line:g}")
    return " ".join(parts)


def _by_method(band: Band | None) -> str:
    """The band as odds, which is how the columns beside it are read."""
    return "" if band is None else f"{odds(1 / band.high)}–{odds(1 / band.low)}"


def _age(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:.0f} s"


def _summary(report: Report) -> list[str]:
    counts, taken = report.summary, report.input
    where = f", line {taken.line}" if taken.line is not None else ""
    where += f" of {taken.lines}" if where and taken.lines is not None else ""
    if report.as_of is None:
        return [f"{taken.name}{where}: {counts.events} events and no price."]
    source = "as asked" if report.as_of_from == "as_of" else f"from {report.as_of_from}"
    found = counts.opportunities
    shown = f"of class {' or '.join(report.classes)} with EV of at least {percent(report.min_ev)}"
    sentences = [
        f"{taken.name}{where}: {counts.events} events, {counts.prices:,} prices.",
        f"As of {report.as_of:%Y-%m-%d %H:%M:%S} UTC ({source}), profile {report.profile}, method {report.method}.",
        f"Lines priced: {counts.lines_priced} of {counts.lines}{_reasons(counts.not_computable)}.",
        f"Opportunities: {_counts(found)}; shown {counts.shown}, {shown}.",
    ]
    standing = sum(
        one.ev_per == STANDING_STAKE for _, _, _, outcome in outcomes(report.events) for one in outcome.opportunities
    )
    if standing:
        sentences.append(
            f"The EV of {standing} shown is per unit of stake that stands: no other line tells how often theirs is "
            "returned."
        )
    if counts.refused:
        sentences.append(f"Prices that were refused or cannot be judged{_reasons(counts.refused)}.")
    return sentences


def _reasons(counts: dict[str, int]) -> str:
    return f": {_counts(counts)}" if counts else ""


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{number} {what}" for what, number in counts.items())
