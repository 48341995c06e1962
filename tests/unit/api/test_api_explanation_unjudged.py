"""Prices that no fair price is held against: the reason that the engine gave, and prices of another market."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from bet_intel.api.domain.explanation import explain
from bet_intel.api.domain.model import MarketKey
from bet_intel.api.domain.working import Band, PriceWorking
from bet_intel.api.working import SetWorking
from bet_intel.compose.pricing.reporting import Wanted, event_report
from bet_intel.ev_engine.domain.boards import Board
from bet_intel.ev_engine.domain.pricing import price
from bet_intel.ev_engine.domain.profile import STARTING, Bookmaker
from fixtures.combination_messages import FAIR, Engine
from fixtures.engine_boards import AS_OF, H2H, board, boards

EVEN = {"Away": 1.91, "Home": 1.91}
DRAWN = {"Away": 2.1, "Draw": 60.0, "Home": 1.9}
WITH_A_DRAW = board({**FAIR, "low": DRAWN}, {"low": {"Away": 2.3, "Draw": 80.0, "Home": 2.2}})
"""Six bookmakers without a draw, and low with one."""
HOURS = 7200.0


def reported(one: Board) -> list[tuple[str, str, str]]:
    """Bookmaker, reason and last sentence of every price of the home side that `bet-intel price` lists as refused."""
    (priced,) = price([boards({H2H: one})], STARTING["consensus"])
    event = event_report(priced, Wanted(0.0, ("take", "marginal", "suspect"), explained=True))
    (line,) = event.markets[0].lines
    (home,) = (outcome for outcome in line.outcomes if outcome.outcome == "Home")
    return [(each.bookmaker, each.reason, each.explanation[-1]) for each in home.refused]


@pytest.mark.parametrize(
    ("books", "ages", "reasons"),
    [
        ({"old": EVEN, "new": EVEN}, {"old": HOURS}, {"new": "reference_stale"}),
        ({"old": EVEN, "half": {"Home": 1.9}}, {"old": HOURS}, {"half": "reference_stale", "old": "incomplete_market"}),
        # Neither says more than the other what the market is (ADR 124).
        ({"new": EVEN, "other": {"Draw": 3.4, "No draw": 1.3}}, {}, {"new": "incomplete_market"}),
        ({"new": EVEN, "free": {"Away": 2.2, "Home": 2.2}}, {}, {"new": "no_overround"}),
        ({"new": EVEN}, {}, {"new": "reference_missing"}),
    ],
)
def test_the_sentence_has_the_reason_that_the_engine_gave(
    books: Mapping[str, Mapping[str, float]], ages: Mapping[str, float], reasons: Mapping[str, str]
) -> None:
    told = {book: (reason, said) for book, reason, said in reported(board(books, ages=ages))}
    for book, reason in reasons.items():
        assert told[book][0] == reason
        assert told[book][1].startswith("It cannot be judged: ")
        assert told[book][1].endswith(f" ({reason}).")


@pytest.mark.parametrize("ages", [{}, {"a": HOURS}])
def test_the_only_sharp_bookmaker_is_judged_by_nobody_and_the_sentence_says_why(ages: Mapping[str, float]) -> None:
    one = board({**FAIR, "pinnacle": {"Away": 1.85, "Home": 2.03}}, ages=ages)
    found = SetWorking(Engine().tells({H2H: one}).data).price(MarketKey(*H2H), "Home", "pinnacle", "sharp")
    assert found is not None
    assert (found.verdict, found.reason) == ("not_judged", "not_asked")
    assert explain(found)[-1] == (
        "It cannot be judged: this profile asks sharper bookmakers alone, and no other of these gives it a fair price "
        "(not_asked)."
    )


def asked(outcome: str, bookmaker: str, side: str = "back") -> PriceWorking:
    told = SetWorking(Engine().tells({H2H: WITH_A_DRAW}).data)
    found = told.price(MarketKey(*H2H), outcome, bookmaker, "consensus", side)
    assert found is not None
    return found


@pytest.mark.parametrize(("outcome", "offered"), DRAWN.items())
def test_a_price_of_another_market_is_told_as_one(outcome: str, offered: float) -> None:
    found = asked(outcome, "low")
    assert (found.price, found.verdict, found.reason) == (offered, "not_judged", "different_outcomes")
    # What others think of the market is of another bet.
    assert (found.fair_probability, found.consensus_probability, found.ev, found.gates) == (None, None, None, [])
    assert found.band == Band(None, None)
    assert not any(one.leave_one_out_weight for one in found.bookmakers)
    assert explain(found) == [
        f"Low offers {offered:.2f} on {outcome} (h2h) in Harbour City v Riverside, 0 s old as of {AS_OF:%F %T} UTC.",
        (
            "It is not judged: most bookmakers price other outcomes under this name (Away; Home), and it is a price of "
            "another market (different_outcomes)."
        ),
    ]


def test_who_does_not_offer_an_outcome_that_another_market_has_offers_no_price() -> None:
    assert explain(asked("Draw", "a")) == ["A offers no price on Draw (h2h)."]
    told = SetWorking(Engine().tells({H2H: WITH_A_DRAW}).data)
    assert told.price(MarketKey(*H2H), "Neither", "low", "consensus") is None


def test_the_others_are_judged_as_without_it() -> None:
    found = asked("Home", "a")
    assert found.verdict == "no_ev"
    assert "Not asked: Low, because it prices other outcomes under this name." in explain(found)


def test_every_profile_tells_it_after_its_own_commission() -> None:
    """Profiles that share a pool tell it once."""
    profiles = [
        STARTING["consensus"],
        replace(STARTING["consensus"], name="charged", bookmakers={"low": Bookmaker(commission=0.05)}),
    ]
    told = SetWorking(Engine(*profiles).tells({H2H: WITH_A_DRAW}).data)
    for name, net in (("consensus", 60.0), ("charged", 57.05)):
        found = told.price(MarketKey(*H2H), "Draw", "low", name)
        assert found is not None
        assert (found.verdict, found.price) == ("not_judged", 60.0)
        assert found.net_price == pytest.approx(net)


def test_a_lay_of_another_market_is_told_as_one() -> None:
    for outcome, offered in (("Draw", 80.0), ("Home", 2.2)):
        found = asked(outcome, "low", "lay")
        assert (found.price, found.verdict, found.reason) == (offered, "not_judged", "different_outcomes")
        assert f"Low can be laid at {offered:.2f}" in explain(found)[0]
