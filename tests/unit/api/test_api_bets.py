"""Which event a bet was on, and what the closing lines say of it."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from bet_intel.api.domain.bets import NO_MARKET, Bet, Clv, clv, matching, outcome_of
from bet_intel.api.domain.model import EventFacts
from bet_intel.api.wire_closing import closing_lines
from fixtures.api_messages import START
from fixtures.closing_messages import NOT_CLOSED, UNFAIR, Line, closing_line_fixed, h2h

PLACED = START - timedelta(hours=3)


def event(id: str = "e", home: str = "Harbour City", away: str = "Riverside", **members: str) -> EventFacts:
    facts = {"provider": "p", "sport": "baseball", "league": "baseball_mlb", "league_title": "MLB"} | members
    return EventFacts(id=id, home=home, away=away, commence_time=START, **facts)


def bet(market: str = "h2h", outcome: str = "Harbour City", line: float | None = None, **members: Any) -> Bet:
    usual = Bet(
        "id", "local", None, PLACED, PLACED, "made_up:1", None, "baseball", "baseball_mlb", "Harbour City", "Riverside",
        START, market, "full", line, "", outcome, "alpha", 2.1, Decimal(10), None, "",
    )  # fmt: skip
    return usual._replace(**members)


def judged(placed: Bet, *lines: Line, voided: bool = False) -> Clv:
    told = closing_lines(closing_line_fixed(*lines, revision=4, voided=voided).data)
    return clv(placed, told, "consensus")


def spread(line: float, home: float = 1.9, category: str = "main") -> Line:
    return "spreads", line, category, {"Harbour City": (0.5, (home, 1.92)), "Riverside": (0.5, (1.9, 1.92))}


def total(line: float, market: str = "totals", category: str = "main") -> Line:
    return market, line, category, {"Over": (0.48, (1.95, 1.9)), "Under": (0.52, (1.85, 1.9))}


def test_raw_by_the_same_bookmaker_and_no_vig_by_the_fair_price() -> None:
    found = judged(bet(), h2h(1.95, 0.5))
    assert found == Clv(4, 2.1 / 1.95 - 1, 2.1 * 0.5 - 1, 1.95, 0.5, None, None, None, "main", found.fixed_at)
    assert judged(bet(bookmaker="beta"), h2h()).raw == pytest.approx(2.1 / 1.9 - 1)


def test_a_market_that_has_not_closed_gives_neither_points_nor_clv() -> None:
    found = judged(bet("spreads", line=1.5), h2h(), NOT_CLOSED)
    assert (found.reason, found.points, found.raw, found.no_vig) == (NO_MARKET, None, None, None)


def test_a_lay_is_a_bet_on_the_other_side_of_the_price() -> None:
    # Laid at 2.1: the liability of 1.10 wins 1, odds of 2.1/1.1. The last lay price was 2.0, which is 2.0/1.0.
    lines = closing_lines(closing_line_fixed(h2h(1.95, 0.5), revision=4).data)
    (market,) = lines.markets
    outcomes = [one._replace(prices=[price._replace(lay=2.0) for price in one.prices]) for one in market.outcomes]
    told = msgspec.structs.replace(lines, markets=[market._replace(outcomes=outcomes)])
    found = clv(bet(side="lay"), told, "consensus")
    assert found.closing_price == 2.0
    assert found.raw == pytest.approx((2.1 / 1.1) / (2.0 / 1.0) - 1)
    assert found.no_vig == pytest.approx((2.1 / 1.1) * 0.5 - 1)
    # Who lays shorter than the close has beaten it, who lays longer has not.
    assert (clv(bet(side="lay", price=1.9), told, "consensus").raw or 0) > 0 > (found.raw or 0)


def test_by_the_worst_case_a_lay_is_held_against_the_higher_end_of_the_band() -> None:
    lines = closing_lines(closing_line_fixed(h2h(1.95, 0.5), revision=4).data)
    (market,) = lines.markets
    told = msgspec.structs.replace(lines, markets=[market._replace(method="worst_case")])
    found = clv(bet(side="lay"), told, "consensus")
    assert found.closing_fair == pytest.approx(0.51)
    assert found.no_vig == pytest.approx((2.1 / 1.1) * 0.49 - 1)
    assert clv(bet(), told, "consensus").closing_fair == 0.5


def test_points_of_a_lay_count_the_other_way_round() -> None:
    backed, laid = (judged(bet("totals", "Over", 8.5, side=side), total(9.0)) for side in ("back", "lay"))
    assert (backed.points, laid.points) == (0.5, -0.5)
    assert judged(bet("totals", "Over", 9.0, side="lay"), total(9.0)).raw is None  # nobody told a last lay price


def test_a_bookmaker_that_had_gone_leaves_the_fair_price() -> None:
    found = judged(bet(bookmaker="gone"), h2h(1.95, 0.5))
    assert (found.raw, found.reason) == (None, None)
    assert found.no_vig == pytest.approx(0.05)


@pytest.mark.parametrize(
    ("outcome", "line", "close", "points"),
    [
        ("Harbour City", 1.5, 1.0, 0.5),
        ("Harbour City", -1.5, -2.0, 0.5),
        ("Harbour City", 1.0, 1.5, -0.5),
        ("Riverside", -1.5, -1.0, 0.5),
        ("riverside", 1.5, 1.0, -0.5),
    ],
)
def test_points_are_compared_for_the_side_of_the_bet(outcome: str, line: float, close: float, points: float) -> None:
    found = judged(bet("spreads", outcome, line), spread(close))
    assert (found.closing_line, found.points) == (close, points)
    # A price of another line is no closing price.
    assert (found.raw, found.no_vig, found.reason) == (None, None, "line_not_offered")


@pytest.mark.parametrize(("outcome", "line", "points"), [("Over", 8.0, 0.5), ("Under", 9.0, 0.5), ("Under", 8.0, -0.5)])
def test_points_of_totals(outcome: str, line: float, points: float) -> None:
    assert judged(bet("totals", outcome, line), total(8.5)).points == points


@pytest.mark.parametrize("line", [8.5, 9.5])
def test_an_alternate_is_no_points_from_the_main_line(line: float) -> None:
    # How far it was from the main line when it was bet on is not known: what it is at the close is no movement.
    close = total(9.5), total(8.5, "alternate_totals", "alternate")
    found = judged(bet("alternate_totals", "Over", line), *close)
    assert (found.points, found.closing_line, found.closing_price) == (None, 9.5, 1.95)
    assert judged(bet("totals", "Over", line), *close).points == 9.5 - line


def test_the_main_line_of_alternates_is_none_of_them_where_there_is_another() -> None:
    close = total(9.5), total(8.5, "alternate_totals", "alternate")
    found = judged(bet("alternate_totals", "Over", 8.5), *close)
    assert (found.closing_line, found.category) == (9.5, "alternate")
    # Where no line is the main one, an alternate is so only among alternates.
    props = total(9.5, category="prop"), total(8.5, "alternate_totals", "prop")
    assert judged(bet("alternate_totals", "Over", 8.5), *reversed(props)).closing_line == 9.5


def test_a_line_that_closed_under_the_other_name_has_its_price() -> None:
    found = judged(bet("totals", "Over", 8.5), total(9.5), total(8.5, "alternate_totals", "alternate"))
    assert (found.points, found.closing_price, found.reason) == (1.0, 1.95, None)
    both = (total(8.5, "alternate_totals", "alternate"), ("totals", 8.5, "main", {"Over": (0.5, (1.7, 1.8))}))
    assert judged(bet("totals", "Over", 8.5), *both).closing_price == 1.7
    assert judged(bet("alternate_totals", "Over", 8.5), *both).closing_price == 1.95


def test_an_alternate_whose_name_says_so_at_its_end_is_a_line_of_the_same_market() -> None:
    alternate = total(8.5, "player_points_alternate", "prop")
    found = judged(bet("player_points", "Over", 8.5), alternate)
    assert (found.closing_price, found.reason) == (1.95, None)
    # Of props no line is the main one: it is none of the alternates where there is another.
    close = alternate, total(9.5, "player_points", "prop")
    assert judged(bet("player_points_alternate", "Over", 8.5), *close).closing_line == 9.5


@pytest.mark.parametrize("side", ["back", "lay"])
@pytest.mark.parametrize("outcome", ["Over", "Under"])
def test_where_the_line_did_not_move_there_are_no_points_of_either_sign(outcome: str, side: str) -> None:
    assert str(judged(bet("totals", outcome, 8.5, side=side), total(8.5)).points) == "0.0"


def test_a_line_that_is_still_offered_has_its_price_and_the_main_line_its_points() -> None:
    found = judged(bet("spreads", line=1.5), spread(1.5, 1.8, "alternate"), spread(1.0))
    assert (found.points, found.closing_price) == (0.5, 1.8)
    assert found.raw == pytest.approx(2.1 / 1.8 - 1)


@pytest.mark.parametrize(
    ("placed", "lines", "voided", "reason"),
    [
        (bet(), (), True, "start_has_moved"),
        (bet("totals", "Over", 8.5), (h2h(),), False, "market_not_offered"),
        (bet(period="h1"), (h2h(),), False, "market_not_offered"),
        (bet(outcome="Draw"), (h2h(),), False, "outcome_not_offered"),
        (bet("totals", "Over", 8.5), (UNFAIR,), False, "no_fair_price"),
    ],
)
def test_why_there_is_none(placed: Bet, lines: tuple[Line, ...], voided: bool, reason: str) -> None:
    found = judged(placed, *lines, voided=voided)
    assert (found.no_vig, found.reason, found.revision) == (None, reason, 4)


def test_without_closing_lines_it_says_so() -> None:
    assert clv(bet(), None, "consensus") == Clv(reason="not_closed")
    assert clv(bet(event_id=None), None, "consensus") == Clv(reason="not_matched")


EVENTS = [
    event(),
    event("2", "Atlético Madrid", "St. Pauli"),
    event("3", "Riverside", "Oldtown"),
    event("4", league="baseball_npb", league_title="NPB"),
]


@pytest.mark.parametrize(
    ("league", "home", "away", "id"),
    [
        ("baseball_mlb", "Harbour City", "Riverside", "e"),
        ("mlb", "HARBOUR CITY", "riverside", "e"),
        ("MLB", "Atletico Madrid", "St Pauli", "2"),
        ("NPB", "Harbour City", "Riverside", "4"),
    ],
)
def test_names_are_the_same_but_for_case_accents_and_punctuation(league: str, home: str, away: str, id: str) -> None:
    found = matching(league, home, away, START, EVENTS)
    assert (found.event and found.event.id, found.reason) == (id, None)


@pytest.mark.parametrize(
    ("league", "home", "away", "reason"),
    [
        ("NFL", "Harbour City", "Riverside", "no event of this league"),
        ("MLB", "Harbour", "Riverside", "no event of these teams"),
        ("MLB", "Riverside", "Harbour City", "the other way round"),
        ("MLB", "Riverside", "Oldtown FC", "no event of these teams"),
    ],
)
def test_nothing_is_guessed(league: str, home: str, away: str, reason: str) -> None:
    found = matching(league, home, away, START, EVENTS)
    assert found.event is None
    assert reason in (found.reason or "")


@pytest.mark.parametrize(
    ("known", "written"),
    [
        ("Bodø/Glimt", "Bodo/Glimt"),
        ("Śląsk Wrocław", "Slask Wroclaw"),
        ("Brøndby IF", "BRONDBY IF"),
        ("Kasımpaşa", "Kasimpasa"),
        ("KASIMPAŞA", "Kasımpaşa"),
        ("İstanbulspor", "Istanbulspor"),
        ("Đà Nẵng", "Da Nang"),
        ("Preußen Münster", "Preussen Munster"),
        ("Næstved", "Naestved"),
        ("Þór Akureyri", "ÞÓR AKUREYRI"),
    ],
)
def test_letters_that_are_written_without_their_accents_are_the_same(known: str, written: str) -> None:
    here = event(home=known)
    assert matching("MLB", written, "Riverside", START, [here]).event == here
    assert outcome_of(here, written) == known


def test_of_two_games_of_one_day_that_is_taken_whose_start_is_the_bets() -> None:
    games = [event(), msgspec.structs.replace(event("second"), commence_time=START + timedelta(hours=6))]
    for game in games:
        found = matching("MLB", "Harbour City", "Riverside", game.commence_time, games)
        assert (found.event, found.reason) == (game, None)
    between = matching("MLB", "Harbour City", "Riverside", START + timedelta(hours=1), games)
    twice = matching("MLB", "Harbour City", "Riverside", START, [event(), event("again")])
    assert (between.event, twice.event) == (None, None)
    assert all("several events" in (found.reason or "") for found in (between, twice))


def test_outcomes_have_the_names_of_the_board() -> None:
    assert [outcome_of(event(), name) for name in ("home", "Away", "harbour city", "Draw", "Over")] == [
        "Harbour City", "Riverside", "Harbour City", "Draw", "Over",
    ]  # fmt: skip
