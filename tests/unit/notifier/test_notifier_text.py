"""The line that a person reads, from the message on."""

import pytest

from bet_intel.notifier.domain.text import alert_line
from bet_intel.notifier.wire import opportunity_set
from bet_intel.shared.messaging import TerminalError
from fixtures.opportunities import Open, envelope, message, updated


def test_an_alert_is_one_readable_line() -> None:
    heard = opportunity_set(message(Open()))
    line = "+5.2 % Harbour City at 2.45 (DraftKings), fair 2.33, h2h, Harbour City v Riverside, starts 19:05 UTC"
    assert alert_line(heard.event, heard.opportunities[0], heard.as_of) == line


@pytest.mark.parametrize(
    ("one", "bet", "market"),
    [
        (Open(market="totals", outcome="Over", line=8.5), "+5.2 % Over 8.5 at", "totals"),
        (Open(market="spreads", line=-1.5), "+5.2 % Harbour City -1.5 at", "spreads"),
        (Open(market="spreads", outcome="Riverside", line=-1.5, period="h1"), "+5.2 % Riverside +1.5 at", "spreads h1"),
        (Open(market="spreads", outcome="Riverside", line=0.0), "+5.2 % Riverside +0 at", "spreads"),
        (Open(market="hits", subject="A. Batter", outcome="Over", line=1.5), "+5.2 % A. Batter Over 1.5 at", "hits"),
        (Open(side=1, ev=0.11), "+11.0 % lay Harbour City at", "h2h"),
    ],
)
def test_an_alert_names_the_bet_as_a_bettor_would(one: Open, bet: str, market: str) -> None:
    heard = opportunity_set(message(one))
    line = alert_line(heard.event, heard.opportunities[0], heard.as_of)
    assert line.startswith(bet)
    assert f", {market}, Harbour City v Riverside, " in line


def test_a_start_on_another_day_is_named_with_its_day() -> None:
    body = updated(Open())
    body.event.commence_time_us += 24 * 3600 * 1_000_000
    heard = opportunity_set(envelope(body, "1"))
    assert alert_line(heard.event, heard.opportunities[0], heard.as_of).endswith("starts 3 May 19:05 UTC")


def test_an_outright_is_named_by_its_competition() -> None:
    heard = opportunity_set(envelope(updated(Open(market="outrights"), outright=True), "1"))
    assert alert_line(heard.event, heard.opportunities[0], heard.as_of).endswith("outrights, MLB, starts 19:05 UTC")


def test_every_opportunity_of_kind_ev_is_read() -> None:
    heard = opportunity_set(message(Open("a"), Open("b", kind="arbitrage"), Open("c", ev=0.01, opening=3), revision=9))
    assert [(one.id, one.ev, one.opening) for one in heard.opportunities] == [("a", 0.052, 1), ("c", 0.01, 3)]
    assert (heard.event.id, heard.revision) == ("simulator:1", 9)


def test_a_message_that_cannot_be_decoded_says_so() -> None:
    body = updated(Open())
    broken = updated(Open())
    broken.opportunities.ev = b"\0" * 7
    nameless = updated(Open())
    nameless.event.id = ""
    unfair = updated(Open(fair=0.0))
    outside = updated(Open(side=2))
    opportunity_set(envelope(body, "sound"))
    for one in (broken, nameless, unfair, outside):
        with pytest.raises(TerminalError, match=r"opportunities\.updated\.v1 broken cannot be decoded"):
            opportunity_set(envelope(one, "broken"))
