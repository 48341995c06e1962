"""Results and odds in the format of football-data.co.uk, as it is found in the wild."""

import numpy as np
import pytest

from bet_intel.compose.backtest.football_csv import Football, UnreadableError
from bet_intel.compose.backtest.sample import Sample
from fixtures.football import HEADER, ROWS, csv


def read(text: str | bytes) -> Football:
    football = Football()
    football.read("E0.csv", text.encode() if isinstance(text, str) else text)
    return football


def h2h(football: Football) -> Sample:
    return next(sample for sample in football.samples() if sample.market == "h2h")


def test_matches_are_read_with_every_price_and_their_result() -> None:
    sample = h2h(read(csv()))
    assert (sample.size, sample.bookmakers, sample.outcomes) == (3, ("bet365", "pinnacle"), ("home", "draw", "away"))
    assert sample.opening.by_book[:, 1, 0].tolist() == [1.15, 9.59, 18.05]
    assert sample.closing.by_book[:, 1, 0].tolist() == [1.14, 10.43, 19.63]
    assert np.isnan(sample.closing.by_book[:, 0]).all()
    assert sample.opening.best[:, 1].tolist() == [13, 7, 1.29]
    assert sample.truth.tolist() == [[1, 0, 0], [0, 0, 1], [0, 1, 0]]


def semicolons(text: str) -> str:
    return text.replace(",", ";").replace(".", ",")


@pytest.mark.parametrize(
    "data",
    [
        csv().encode(),
        b"\xef\xbb\xbf" + csv().encode(),
        csv().replace("\n", "\r\n").encode(),
        semicolons(csv()).encode(),
        csv().replace("/2019", "/19").encode(),
        csv().replace("09/08/2019", "2019-08-09").encode(),
        csv().replace("Norwich", "Nürnberg").encode("cp1252"),
        (csv() + ",,,,,,,,,,,,,,,,,,,\n\n").encode(),
        ("\n \n" + csv()).encode(),
        ("\n;;;;\n" + semicolons(csv())).encode(),
        csv().removesuffix("\n").encode(),
    ],
    ids=[
        "plain",
        "BOM",
        "CRLF",
        "semicolons",
        "short years",
        "ISO date",
        "cp1252",
        "empty rows",
        "empty rows first",
        "empty rows and semicolons",
        "no last line break",
    ],
)
def test_every_dialect_says_the_same(data: bytes) -> None:
    football, plain = read(data), read(csv())
    np.testing.assert_array_equal(h2h(football).opening.by_book, h2h(plain).opening.by_book)
    np.testing.assert_array_equal(h2h(football).truth, h2h(plain).truth)
    assert football.rejected == []


@pytest.mark.parametrize(("over", "under"), [("{}>2.5", "{}<2.5"), ("{}_2_5", "{}_2_5_1")])
def test_totals_under_both_names(over: str, under: str) -> None:
    names = [name.format(code) for code in ("B365", "P", "PC", "MaxC") for name in (over, under)]
    header = "Div,Date,HomeTeam,AwayTeam,FTHG,FTAG,B365CAHH," + ",".join(names)
    football = read(csv("E0,09/08/2019,Liverpool,Norwich,2,1,1.9,1.4,3.0,1.41,3.1,1.34,3.44,1.36,3.76", header=header))
    (sample,) = football.samples()
    assert (sample.market, sample.bookmakers) == ("totals 2.5", ("bet365", "pinnacle"))
    assert sample.opening.by_book[..., 0].tolist() == [[1.4, 1.41], [3.0, 3.1]]
    assert sample.closing.by_book[:, 1, 0].tolist() == [1.34, 3.44]
    assert sample.closing.best[:, 0].tolist() == [1.36, 3.76]
    assert sample.truth.tolist() == [[1], [0]]


def test_a_file_without_pinnacle_is_read_and_one_book_may_be_missing_in_a_row() -> None:
    header = "Div,Date,HomeTeam,AwayTeam,FTHG,FTAG,VCH,VCD,VCA,VCCH,VCCD,VCCA"
    sample = h2h(read(csv("E0,09/08/2019,A,B,0,0,2,3.4,4,,,", header=header)))
    assert sample.bookmakers == ("betvictor",)
    assert sample.opening.by_book[:, 0, 0].tolist() == [2, 3.4, 4]
    assert np.isnan(sample.closing.by_book).all()


@pytest.mark.parametrize(
    "left", ["E0,09/08/2019,20:00,Liv", ROWS[0][: ROWS[0].index("8.05")], ROWS[0][: -len(",19.63")]]
)
def test_a_last_row_that_is_cut_is_not_read(left: str) -> None:
    """The 1 of 18.05 would be no price; the 2 of 23.63 would."""
    football = read(csv(ROWS[2], left).removesuffix("\n"))
    ((where, reason),) = football.rejected
    assert where == "E0.csv, line 3"
    columns = left.count(",") + 1
    assert reason == f"the file ends without a line break after {columns} of 20 columns: it may be cut there"
    assert len(football.matches) == 1


def test_rows_without_their_last_cells_are_read_where_they_end_with_a_line_break() -> None:
    short = ROWS[0].removesuffix(",1.14,10.43,19.63")
    football = read(csv(short, ROWS[1]))
    assert football.rejected == []
    assert np.isnan(h2h(football).closing.by_book[:, :, 0]).all()


def test_lines_are_counted_as_an_editor_counts_them() -> None:
    football = read("\n\n" + csv(ROWS[0], "", ROWS[1].replace(",0,5,", ",,,")))
    assert football.rejected == [("E0.csv, line 6", "no result")]


def test_what_cannot_be_read_is_rejected_with_its_place() -> None:
    bad = (
        ROWS[0].replace("09/08/2019", "yesterday"),
        ROWS[1].replace(",0,5,", ",,,"),
        ROWS[2].replace("1.95", "0.42").replace("3.57", "many").replace("3.65", "0"),
    )
    football = read(csv(*bad))
    assert [(one.where, one.reason) for one in football.rejected] == [
        ("E0.csv, line 2", "no teams, or no date"),
        ("E0.csv, line 3", "no result"),
        ("E0.csv, line 4", "bet365: '0.42' is not a decimal price"),
        ("E0.csv, line 4", "pinnacle: 'many' is not a decimal price"),
    ]
    assert np.isnan(h2h(football).opening.best[:, 0]).tolist() == [False, True, False]


@pytest.mark.parametrize("text", ["", "hello\n", "Date,HomeTeam,AwayTeam,FTHG,FTAG\n", csv(header="a,b,c")])
def test_another_format_is_refused_with_what_is_missing(text: str) -> None:
    with pytest.raises(UnreadableError, match="has no column for"):
        read(text)


def test_what_is_no_csv_is_told_with_its_line() -> None:
    with pytest.raises(UnreadableError, match="cannot be read as CSV at line 2: field larger"):
        read(f"{csv().splitlines()[0]}\n{'x' * 200_000}\n")


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        # Until the end of the file: the line it began at is what to look at.
        (
            ROWS[1].replace("West", '"West'),
            r"at line 3: unexpected end of data \(read until line 4: is a quote left open",
        ),
        (ROWS[1].replace("West Ham", '"West" Ham'), "at line 3: ',' expected after '\"'"),
    ],
)
def test_a_quote_that_is_left_open_does_not_swallow_the_rest(broken: str, told: str) -> None:
    with pytest.raises(UnreadableError, match=told):
        read(csv(ROWS[0], broken, ROWS[2]))


def test_quotes_that_close_in_another_row_take_no_match_unseen() -> None:
    football = read(csv(ROWS[0], ROWS[1].replace("West", '"West'), ROWS[2].replace("Sheffield United", 'Sheffield"')))
    assert len(football.matches) == 1
    reason = "goes on to line 4: a cell has a line break in it, or a quote is left open"
    assert football.rejected == [("E0.csv, line 3", reason)]


def test_quoted_cells_are_read() -> None:
    assert read(csv(ROWS[0].replace("Liverpool", '"Liverpool"').replace("1.15", '"1,15"'))).rejected == []


def test_a_price_with_a_bare_decimal_comma_is_not_taken_for_two() -> None:
    football = read(csv(*ROWS, ROWS[0].replace("Norwich", "Leeds").replace(",1.15,9.59,", ",1,15,9,59,")))
    assert football.rejected == [("E0.csv, line 5", "22 cells under 20 columns: quote a cell with a comma in it")]
    assert len(football.matches) == 3


def test_empty_cells_beyond_the_header_say_nothing() -> None:
    assert read(csv(ROWS[0] + ",,,")).rejected == []


@pytest.mark.parametrize("goals", ["1e400", "inf", "nan", "1e30", "-1", "1.5", "1_0", "1000"])
def test_goals_that_are_none_are_no_result(goals: str) -> None:
    football = read(csv(ROWS[0].replace(",4,1,", f",{goals},1,"), ROWS[1]))
    assert football.rejected == [("E0.csv, line 2", "no result")]
    assert h2h(football).size == 1


def test_a_price_is_not_written_with_an_underscore() -> None:
    (rejected,) = read(csv(ROWS[0].replace("1.15", "1_15"))).rejected
    assert rejected.reason == "pinnacle: '1_15' is not a decimal price"


@pytest.mark.parametrize("text", ["+150", "-110", "+1.95", "-1.95", "+0"])
def test_a_price_has_no_sign(text: str) -> None:
    football = read(csv(ROWS[0].replace("1.16", text), ROWS[1]))
    assert football.rejected == [("E0.csv, line 2", f"best: {text!r} has a sign, and is no decimal price")]
    assert np.isnan(h2h(football).opening.best[0]).tolist() == [True, False]
    # The sides that are decimal are read.
    assert h2h(football).opening.best[1:].tolist() == [[10, 7], [23, 1.29]]


def test_beside_american_odds_a_large_number_may_be_one() -> None:
    """Spreadsheets drop the plus of +240; where nothing is American, 240 is a long shot."""
    football = read(csv(ROWS[0].replace("1.16,10,23", "-625,240,23"), ROWS[1].replace("13,7,", "130,7,")))
    assert [one.reason for one in football.rejected] == [
        "best: '-625' has a sign, and is no decimal price",
        "best: '240' stands beside American odds",
        "best: '130' stands beside American odds",
    ]
    assert h2h(read(csv(ROWS[0].replace("23", "240")))).opening.best[2].tolist() == [240]


@pytest.mark.parametrize("prices", ["-625,+900,+2200", "-625,900,2200", "-110,,0", "-625.5,900,+2200"])
def test_a_bookmaker_whose_prices_are_american_is_told_as_a_whole(prices: str) -> None:
    others = (ROWS[1].replace("13,7,1.29", "1200,600,-345"), ROWS[2].replace("2.06,3.65,4", "106,265,300"))
    first = prices.split(",")[0]
    with pytest.raises(
        UnreadableError, match=rf"E0.csv tells the prices of best as American odds, {first} .* MaxH: convert MaxH, MaxD"
    ):
        read(csv(ROWS[0].replace("1.16,10,23", prices), *others))


@pytest.mark.parametrize(
    ("old", "new", "twins"),
    [
        ("B365H", "PSH", "PSH and PSH"),
        ("B365H", "BbMxH", "BbMxH and MaxH"),
        ("B365H,B365D", "B365>2.5,B365_2_5", "B365>2.5 and B365_2_5"),
        ("Time", "Home", "Home and HomeTeam"),
        ("Time", "FTHG", "FTHG and FTHG"),
    ],
)
def test_of_two_columns_for_one_thing_neither_is_taken(old: str, new: str, twins: str) -> None:
    with pytest.raises(UnreadableError, match=f"has the columns {twins}, which tell the same"):
        read(csv().replace(old, new, 1))


def test_a_match_is_one_however_many_files_have_it() -> None:
    football = read(csv())
    football.read("again.csv", csv(ROWS[1].replace("10/08/2019", "2019-08-10"), header=HEADER).encode())
    assert len(football.matches) == 3
    assert football.rejected == [("again.csv, line 2", "the match of E0.csv, line 3 again")]


def test_a_file_that_is_given_twice_has_its_matches_once() -> None:
    football = read(csv())
    football.read("E0.csv", csv().encode())
    assert len(football.matches) == 3
    assert football.rejected[0] == ("E0.csv, line 2", "the match of E0.csv, line 2 again")
    assert len(football.rejected) == 3
