"""The table of the best opportunities that `bet-intel up` shows on a terminal."""

from rich import box
from rich.table import Table
from rich.text import Text

from bet_intel.api.answers import Opportunity, OpportunityList

BEST = 10
"""The most opportunities in it."""

_OTHER_LINES = 12  # of the terminal that are left for everything else
_LEAST = 3
_ECHO = 4  # columns in which the terminal can show ^C without a line more, which would spoil the next drawing
_STYLES = {"take": "bold green", "suspect": "yellow"}


def table_of(opportunities: OpportunityList, width: int, height: int) -> Table:
    """The first of these, as many as a terminal of `height` lines has room for."""
    shown = opportunities.data[: max(_LEAST, height - _OTHER_LINES)]
    title = "best opportunities" if shown else "no opportunity with an EV of 1 % or more"
    if opportunities.as_of is not None:
        title += f", as of {opportunities.as_of:%Y-%m-%d %H:%M:%S} UTC"
    table = Table(
        title=title, title_justify="left", title_style="", box=box.SIMPLE_HEAD, width=width - _ECHO, show_edge=False
    )
    for name, right in (("EV", True), ("class", False)):
        table.add_column(name, justify="right" if right else "left", no_wrap=True)
    for name, ratio in (("event", 5), ("market", 4), ("outcome", 4), ("bookmaker", 3)):
        table.add_column(name, ratio=ratio, no_wrap=True, overflow="ellipsis")
    for name in ("price", "fair", "age"):
        table.add_column(name, justify="right", no_wrap=True)
    for opportunity in shown:
        table.add_row(*_cells(opportunity), style=_STYLES.get(opportunity.class_, ""))
    return table


def _cells(one: Opportunity) -> list[Text]:
    event, age = one.event, one.price_age_seconds
    cells = (
        f"{100 * one.ev:+.1f} %",
        one.class_,
        f"{event.home} v {event.away}" if event.home else event.league_title,
        _market(one),
        one.outcome,
        one.bookmaker.title if one.side == "back" else f"{one.bookmaker.title} ({one.side})",
        f"{one.price:.2f}",
        f"{one.fair_odds:.2f}",
        "?" if age is None else f"{age:.0f} s",
    )
    return [Text(cell) for cell in cells]


def _market(one: Opportunity) -> str:
    market = one.market
    parts = [
        market.market,
        "" if market.period == "full" else market.period,
        "" if market.line is None else f"{market.line:g}",
        market.subject or "",
    ]
    return " ".join(part for part in parts if part)
