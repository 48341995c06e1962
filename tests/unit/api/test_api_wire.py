"""What the gateway reads in the messages it is sent."""

import math
from datetime import timedelta

import pytest

from bet_intel.api import wire, wire_values
from bet_intel.api.domain.model import MarketKey, Quote
from bet_intel.api.working import SetWorking
from bet_intel.events.v1.odds_changed_pb2 import OddsChanged
from bet_intel.shared.columns import fill
from bet_intel.shared.times import to_us
from fixtures.api_messages import AS_OF, CLOSED, Market, Match, Offer, odds_changed, opportunities_updated

H2H = MarketKey("h2h", "full", None, "")


def test_changed_market_brings_its_board_and_the_rest_their_freshness() -> None:
    unchanged = Market("totals", 8.5, revision=3)
    update = wire.odds_update(odds_changed(Market(), unchanged, revision=5).data)
    assert [(change.key, change.revision) for change in update.changes] == [(H2H, 5)]
    assert update.changes[0].board.quotes == [
        Quote("alpha", "Harbour City", "back", 2.2, None),
        Quote("beta", "Harbour City", "back", 2.1, None),
    ]
    ages = {"alpha": to_us(AS_OF - timedelta(seconds=30)), "beta": to_us(AS_OF - timedelta(seconds=60))}
    assert [(fresh.key, fresh.revision, fresh.last_updates) for fresh in update.freshness] == [
        (H2H, 5, ages),
        (MarketKey("totals", "full", 8.5, ""), 3, ages),
    ]


def test_lay_price_is_not_taken_for_a_back_price() -> None:
    update = wire.odds_update(odds_changed(Market(), lay=True).data)
    assert {quote.side for quote in update.changes[0].board.quotes} == {"lay"}


@pytest.mark.parametrize(
    ("markets", "closed"),
    [((Market(status=CLOSED),), True), ((Market(status=CLOSED), Market("totals", 8.5)), False), ((), False)],
)
def test_event_is_closed_when_all_its_markets_are(markets: tuple[Market, ...], closed: bool) -> None:
    assert wire.odds_update(odds_changed(*markets).data).closed is closed


def test_outright_has_no_sides() -> None:
    update = wire.odds_update(odds_changed(Market(), match=Match(home="", away="")).data)
    assert (update.event.home, update.event.away) == (None, None)


@pytest.mark.parametrize("data", [b"\xff\xff", odds_changed(Market()).data[:-3]])
def test_undecodable_message_is_refused(data: bytes) -> None:
    with pytest.raises(wire.WireError):
        wire.odds_update(data)


@pytest.mark.parametrize(("status", "side"), [(9, 0), (1, 7)])
def test_unknown_code_is_refused(status: int, side: int) -> None:
    body = OddsChanged.FromString(odds_changed(Market()).data)
    body.markets.status = bytes([status])
    body.quotes.side = bytes([side, side])
    with pytest.raises(wire.WireError):
        wire.odds_update(body.SerializeToString())


def test_opportunity_carries_its_market_and_its_bookmakers_last_update() -> None:
    offer = Offer(market="totals", line=8.5, bookmaker="gamma")
    (opportunity,) = wire.opportunity_set(opportunities_updated(offer, revision=4).data).opportunities
    assert (opportunity.market, opportunity.line, opportunity.category) == ("totals", 8.5, "main")
    assert opportunity.last_update == AS_OF - timedelta(seconds=90)
    assert opportunity.consensus == pytest.approx(0.481)
    assert (opportunity.fair, opportunity.revision, opportunity.stake_limit) == (0.48, 4, None)


def test_working_tells_both_pools_apart() -> None:
    message = opportunities_updated(Offer(bookmaker="beta"), Offer("other", market="totals", line=8.5))
    working = SetWorking(message.data).opportunity("opportunity-1")
    weights = {b.bookmaker: (b.consensus_weight, b.leave_one_out_weight, b.judged) for b in working.bookmakers}
    assert weights == {
        "alpha": (0.25, 0.5, False),
        "beta": (0.25, 0.0, True),
        "gamma": (0.25, 0.5, False),
        "delta": (0.25, 0.0, False),
    }
    assert [b.bookmaker for b in working.bookmakers if b.leave_one_out_outlier] == ["delta"]
    assert working.leave_one_out.books_used == 2
    assert working.leave_one_out.fair_probability == 0.48
    assert [(gate.gate, gate.passed, gate.value, gate.bound) for gate in working.gates] == [
        ("fresh", True, 30.0, 600.0),
        ("dispersion", True, 0.02, 0.2),
    ]


def test_working_knows_only_its_own_opportunities() -> None:
    with pytest.raises(KeyError):
        SetWorking(opportunities_updated(Offer()).data).opportunity("another")


def test_unpriced_market_gives_its_reason() -> None:
    fair = SetWorking(opportunities_updated(unpriced=["h2h"]).data).fair_markets("consensus")
    assert fair[H2H].not_computable == "too_few_books"
    assert fair[H2H].dispersion is None
    assert SetWorking(opportunities_updated(unpriced=["h2h"]).data).fair_markets("sharp") == {}


def test_row_that_points_nowhere_is_refused() -> None:
    body = OddsChanged.FromString(odds_changed(Market()).data)
    fill(body.books, market=[4], bookmaker=[0], last_update_us=[1])
    with pytest.raises(wire.WireError, match="points outside markets"):
        wire.odds_update(body.SerializeToString())


def test_absent_numbers_are_none() -> None:
    assert wire_values.number(math.nan) is None
    assert wire_values.time(0) is None
