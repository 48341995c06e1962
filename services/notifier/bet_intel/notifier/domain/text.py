"""An alert in one line."""

from dataclasses import replace
from datetime import datetime

from bet_intel.notifier.domain.opportunities import Opportunity, Side, SportingEvent


def alert_line(event: SportingEvent, opportunity: Opportunity, as_of: datetime) -> str:
    """`+5.2 % Harbour City at 2.45 (DraftKings), fair 2.33, h2h, Harbour City v Riverside, starts 19:05 UTC`.

    The day of the start is named where it is not that of `as_of`. Odds are decimal, rounded to cents.
    """
    if opportunity.legs:
        return _combined(event, opportunity, as_of)
    offer = f"{_selection(event, opportunity)} at {opportunity.price:.2f} ({opportunity.bookmaker_title})"
    parts = [
        f"{opportunity.ev * 100:+.1f} % {offer}",
        f"fair {1 / opportunity.fair:.2f}",
        _market(opportunity),
        _match(event),
        f"starts {_start(event.commence_time, as_of)}",
    ]
    return ", ".join(parts)


def _combined(event: SportingEvent, opportunity: Opportunity, as_of: datetime) -> str:
    """`+3.5 % arbitrage: Riverside at 2.06 (Low) with 50 %, Harbour City at 2.08 (High) with 50 %, h2h, …`"""
    bets = [
        f"{_selection(event, replace(opportunity, outcome=leg.outcome, line=leg.line, side=leg.side))} at "
        f"{leg.price:.2f} ({leg.bookmaker_title}) with {leg.share:.0%}".replace("%", " %")
        for leg in opportunity.legs
    ]
    starts = f"starts {_start(event.commence_time, as_of)}"
    parts = [*bets, _market(opportunity), _match(event), starts]
    return f"{opportunity.ev * 100:+.1f} % {opportunity.kind}: {', '.join(parts)}"


def _selection(event: SportingEvent, opportunity: Opportunity) -> str:
    words = ["lay"] if opportunity.side is Side.LAY else []
    if opportunity.subject and opportunity.subject != opportunity.outcome:
        words.append(opportunity.subject)
    words.append(opportunity.outcome)
    if opportunity.line is not None:
        words.append(_point(event, opportunity, opportunity.line))
    return " ".join(words)


def _point(event: SportingEvent, opportunity: Opportunity, line: float) -> str:
    if "spread" not in opportunity.market:
        return f"{line:g}"
    # 0 − line, for −line would be −0 at a line of nought.
    return f"{0 - line if opportunity.outcome == event.away else line:+g}"


def _market(opportunity: Opportunity) -> str:
    return opportunity.market if opportunity.period == "full" else f"{opportunity.market} {opportunity.period}"


def _match(event: SportingEvent) -> str:
    return f"{event.home} v {event.away}" if event.home else event.league_title


def _start(commence_time: datetime, as_of: datetime) -> str:
    pattern = "%H:%M UTC" if commence_time.date() == as_of.date() else "%-d %b %H:%M UTC"
    return commence_time.strftime(pattern)
