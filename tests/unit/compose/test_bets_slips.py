"""Bets in a CSV file, as the gateway is given them."""

from typing import Any

import pytest

from bet_intel.compose.bets.slips import read_slips
from bet_intel.compose.commands.errors import CommandError

HEADER = "Date,League,Home,Away,Start,Market,Selection,Point,Book,Odds,Stake,Payout"
ROW = "2026-04-16T12:00:00Z,MLB,Harbour City,Riverside,2026-04-16T23:05:00+00:00,h2h,home,,Pinnacle,2.10,10,21.00"


def bodies(*rows: str, header: str = HEADER, american: bool = False) -> list[dict[str, Any]]:
    slips, refused = read_slips("bets.csv", "\n".join((header, *rows)).encode(), american=american)
    assert refused == []
    return [slip.body for slip in slips]


def reasons(*rows: str, american: bool = False) -> list[str]:
    slips, refused = read_slips("bets.csv", "\n".join((HEADER, *rows)).encode(), american=american)
    assert slips == []
    return [one.reason for one in refused]


def test_money_may_have_a_decimal_comma() -> None:
    (body,) = bodies(ROW.replace("10,21.00", '"10,5","21,05"'))
    assert (body["stake"], body["returned"]) == ("10.5", "21.05")


def test_a_row_is_a_bet() -> None:
    (body,) = bodies(ROW, "")
    reference = body.pop("reference")
    assert reference.startswith("import-")
    assert body == {
        "league": "MLB",
        "home": "Harbour City",
        "away": "Riverside",
        "commence_time": "2026-04-16T23:05:00+00:00",
        "placed_at": "2026-04-16T12:00:00+00:00",
        "market": "h2h",
        "outcome": "home",
        "bookmaker": "pinnacle",
        "price": 2.1,
        "stake": "10",
        "returned": "21.00",
    }


def test_semicolons_decimal_commas_and_a_byte_order_mark() -> None:
    text = "\ufeff" + HEADER.replace(",", ";") + "\n" + ROW.replace(",", ";").replace("2.10", "2,10")
    (slip,), refused = read_slips("bets.csv", text.encode(), american=False)
    assert (slip.body["price"], refused) == (2.1, [])


def test_the_same_bet_has_the_same_reference_and_a_second_one_another() -> None:
    (first,), (again, second) = bodies(ROW), bodies(ROW, ROW)
    assert first["reference"] == again["reference"] != second["reference"]
    (named,) = bodies("s-7," + ROW, header="Bet ID," + HEADER)
    assert named["reference"] == "s-7"


@pytest.mark.parametrize(
    ("market", "outcome", "point", "line"),
    [
        ("spreads", "home", "+1.5", 1.5),
        ("spreads", "Riverside", "-1.5", 1.5),
        ("alternate_spreads", "away", "1,5", -1.5),
        ("spreads", "HARBOUR CÍTY", "-1.5", -1.5),
        ("totals", "over", "8.5", 8.5),
    ],
)
def test_a_point_is_the_bets_own_and_becomes_the_home_sides_line(
    market: str, outcome: str, point: str, line: float
) -> None:
    row = ROW.replace(",h2h,home,,", f',{market},{outcome},"{point}",')
    (body,) = bodies(row)
    assert (body["line"], body["outcome"]) == (line, "Over" if outcome == "over" else outcome)


def test_empty_cells_beyond_the_header_say_nothing() -> None:
    (body,) = bodies(ROW + ",,", header=HEADER + ",")
    assert (body["stake"], body["returned"]) == ("10", "21.00")
    _, (refused,) = read_slips("bets.csv", f"{HEADER},\n{ROW},5\n".encode(), american=False)
    assert "13 cells under 12 columns" in refused.reason


@pytest.mark.parametrize(
    ("market", "outcome", "line", "point"),
    [("totals", "over", "8.5", "8.5"), ("spreads", "away", "1.5", "-1.5"), ("spreads", "someone", "1.5", "-1.5")],
)
def test_a_line_and_a_point_say_the_same_or_neither_is_taken(market: str, outcome: str, line: str, point: str) -> None:
    header = "bookmaker,market,outcome,price,stake,event_id,line,point\n"
    row = f"alpha,{market},{outcome},2.1,10,e,{line},"
    (slip,), refused = read_slips("f", f"{header}{row}{point}\n".encode(), american=False)
    assert (slip.body["line"], refused) == (float(line), [])
    slips, (other,) = read_slips("f", f"{header}{row}9\n".encode(), american=False)
    assert slips == []
    assert f"line {line} and point 9 are not of one bet" in other.reason


def test_american_odds_are_taken_when_they_are_announced_and_never_read_as_decimal_ones() -> None:
    rows = ROW.replace("2.10", "+150"), ROW.replace("2.10", "-110")
    assert [body["price"] for body in bodies(*rows, american=True)] == [2.5, pytest.approx(1.9090909)]
    assert ["--american" in reason for reason in reasons(*rows)] == [True, True]


def test_a_minus_sign_is_one_however_it_is_printed() -> None:
    row = ROW.replace("2.10", "\N{MINUS SIGN}110").replace("h2h,home,,", "spreads,home,\N{MINUS SIGN}1.5,")
    (body,) = bodies(row, american=True)
    assert (body["price"], body["line"]) == (pytest.approx(1.9090909), -1.5)
    assert "--american" in reasons(row)[0]


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("2.10", "many", "price 'many' is not a number"),
        ("2.10", "", "no price"),
        ("10,21.00", "ten,21.00", "stake 'ten' is not a number"),
        ("T12:00:00Z", "T12:00:00", "has no zone"),
        ("2026-04-16T12:00:00Z", "yesterday", "is not a time"),
        ("h2h,home,,", "spreads,someone,1.5,", "could be either side's"),
        ("2.10", "0.9", "is not a decimal price"),
        ("2.10", "nan", "price 'nan' is not a finite number"),
        ("2.10", "inf", "price 'inf' is not a finite number"),
        ("h2h,home,,", "totals,over,nan,", "point 'nan' is not a finite number"),
        ("10,21.00", "nan,21.00", "stake 'nan' is not a finite number"),
        ("10,21.00", '"1,000",21.00', "stake '1,000' could be thousands or thousandths"),
        ("10,21.00", '10,"2,100"', "returned '2,100' could be thousands or thousandths"),
        ("2.10", "2,10", "13 cells under 12 columns"),
        ("2.10,10,21.00", "2,10,10,50,21.00", "14 cells under 12 columns"),
        ("2.10", "1_50", "price '1_50' is not a number"),
        ("10,21.00", "1_0,21.00", "stake '1_0' is not a number"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_reason(before: str, after: str, said: str) -> None:
    (reason,) = reasons(ROW.replace(before, after))
    assert said in reason


@pytest.mark.parametrize("header", ["", "a,b", HEADER.replace("Start", "When"), HEADER.replace("Stake", "Money")])
def test_a_column_that_is_needed_and_missing_is_named(header: str) -> None:
    with pytest.raises(CommandError, match="has no column for"):
        read_slips("bets.csv", f"{header}\n{ROW}".encode(), american=False)


@pytest.mark.parametrize(("said", "side"), [("lay", "lay"), ("L", "lay"), ("Back", "back"), ("", None)])
def test_a_bet_may_be_a_lay(said: str, side: str | None) -> None:
    header = "bookmaker,market,outcome,side,price,stake,event_id"
    (slip,), refused = read_slips("f", f"{header}\nsmarkets,h2h,home,{said},2.1,10,e\n".encode(), american=False)
    assert (slip.body.get("side"), refused) == (side, [])


def test_a_side_that_is_none_is_refused() -> None:
    data = b"bookmaker,market,outcome,side,price,stake,event_id\nsmarkets,h2h,home,against,2.1,10,e\n"
    slips, (refused,) = read_slips("f", data, american=False)
    assert slips == []
    assert "neither back nor lay" in refused.reason


def test_a_whole_number_that_may_be_american_odds_is_refused_and_how_to_write_it_said() -> None:
    (said,) = reasons(ROW.replace("2.10", "150"))
    assert "150.0" in said
    assert "+150 with --american" in said
    assert bodies(ROW.replace("2.10", "150.0"))[0]["price"] == 150.0
    assert bodies(ROW.replace("2.10", "99"))[0]["price"] == 99.0
    assert bodies(ROW.replace("2.10", "150"), american=True)[0]["price"] == 2.5


def test_of_two_columns_for_one_thing_neither_is_taken_for_the_other() -> None:
    with pytest.raises(CommandError, match="placed_at and date, which both tell placed_at"):
        read_slips("bets.csv", b"bookmaker,market,outcome,price,stake,event_id,placed_at,date\n", american=False)


def test_what_is_no_csv_is_told_with_its_line() -> None:
    text = f'{HEADER}\n{ROW}\n"{"x" * 200_000}"\n'
    with pytest.raises(CommandError, match=r"bets\.csv cannot be read as CSV at line 3: field larger"):
        read_slips("bets.csv", text.encode(), american=False)


def test_a_quote_that_is_left_open_is_told_and_takes_no_bet_with_it() -> None:
    text = "\n".join((HEADER, ROW, ROW.replace("MLB", '"MLB'), ROW, ROW))
    with pytest.raises(CommandError, match=r"at line 3: .*is a quote left open there"):
        read_slips("bets.csv", text.encode(), american=False)


def test_lines_are_those_of_the_file() -> None:
    note = ROW.replace("Harbour City", '"Harbour\nCity"')
    bad = ROW.replace("2.10", "many")
    slips, refused = read_slips("f", "\n".join(("", ",,", HEADER, note, "", bad, ROW)).encode(), american=False)
    assert [slip.where for slip in slips] == ["f, line 4", "f, line 8"]
    assert [one.where for one in refused] == ["f, line 7"]


@pytest.mark.parametrize("before", ["\n", "\r\n\r\n", ";;;\n", "  \n"])
def test_lines_before_the_header_that_say_nothing_are_passed_over(before: str) -> None:
    text = before + HEADER.replace(",", ";") + "\n" + ROW.replace(",", ";")
    (slip,), refused = read_slips("f", text.encode(), american=False)
    assert (slip.body["price"], refused) == (2.1, [])
