"""By what a bet of a file is known when it is imported again, and by what two bets are two."""

from collections.abc import Sequence

import pytest

from bet_intel.compose.bets.slips import read_slips

HEADER = "placed,league,home,away,start,market,outcome,point,book,odds,stake,returned,note"
ROW = "2026-04-16T12:00:00Z,MLB,Harbour City,Riverside,2026-04-16T23:05:00Z,spreads,home,-1.5,Pinnacle,2.10,10,,"


def references(*rows: str, header: str = HEADER, american: bool = False) -> Sequence[str]:
    slips, refused = read_slips("bets.csv", "\n".join((header, *rows)).encode(), american=american)
    assert refused == []
    return [slip.body["reference"] for slip in slips]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("10,,", "10,21.00,"),
        ("10,,", "10,,a late price"),
        ("2.10", "2.1"),
        (",10,", ",10.00,"),
        ("MLB,Harbour City", "mlb ,harbour  city"),
        ("23:05:00Z", "23:05:00+00:00"),
        ("T12:00:00Z", "T14:00:00+02:00"),
        (",home,", ",Harbour City,"),
        ("-1.5", "-1.50"),
        ("Pinnacle", " pinnacle "),
    ],
)
def test_what_is_filled_in_or_written_otherwise_leaves_it_the_same_bet(before: str, after: str) -> None:
    assert references(ROW.replace(before, after)) == references(ROW)


def test_columns_that_come_or_go_leave_it_the_same_bet() -> None:
    fewer = references(ROW.removesuffix(",,"), header=HEADER.removesuffix(",returned,note"))
    more = references(f"{ROW},Ann,full,back,", header=f"{HEADER},who,period,side,subject")
    line = references(ROW, header=HEADER.replace("point", "line"))
    (semicolons,) = references(
        ROW.replace(",", ";").replace("2.10", "2,1").replace("-1.5", "-1,5"), header=HEADER.replace(",", ";")
    )
    american = references(ROW.replace("2.10", "+110"), american=True)
    assert [*fewer, *more, *line, semicolons, *american] == [*references(ROW)] * 5


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("2.10", "2.11"),
        (",10,", ",11,"),
        (",home,-1.5", ",away,1.5"),
        ("-1.5", "-2.5"),
        ("Pinnacle", "alpha"),
        ("Riverside", "Oldtown"),
        ("T23:05", "T17:05"),
        ("T12:00", "T12:01"),
    ],
)
def test_what_is_another_bet_has_another_reference(before: str, after: str) -> None:
    assert references(ROW.replace(before, after)) != references(ROW)


@pytest.mark.parametrize("second", [ROW, ROW.replace("10,,", "10 ,,"), ROW.replace("2.10", "2.1"), f"{ROW},"])
def test_two_bets_that_are_alike_are_two_however_they_are_written(second: str) -> None:
    both = references(ROW, second, header=HEADER + ",")
    assert len({*both}) == 2
    # Each is known again.
    assert references(second, ROW, header=HEADER + ",") == both


@pytest.mark.parametrize("column", ["Ticket", "Slip", "Bet ID", "bet_number", "Reference"])
def test_the_number_of_a_ticket_is_the_name_of_a_bet(column: str) -> None:
    rows = [f"{number},{ROW}" for number in (1001, 1002)]
    assert references(*rows, header=f"{column},{HEADER}") == ["1001", "1002"]
    # One that has none is known by what it is.
    assert references(f",{ROW}", header=f"{column},{HEADER}") == references(ROW)
